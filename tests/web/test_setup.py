"""How a seam's ends are set up, and what changed when: on its page and in the API."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.model import seam
from agent.model.facts import Setting, Sighting
from agent.model.kafka.now import GroupNow, MemberNow, PartitionNow
from agent.model.seam import Component
from agent.store.settings import Changed
from agent.store.store import Store
from agent.web.setup import change, setup, words
from tests.web.test_states import client

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ORDERS, BILLING = seam.topic("orders", "prod"), seam.group("billing", "prod")
CLUSTER = seam.source("kafka", "prod")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("retention.ms", "604800000", "7 d"),
        ("retention.ms", "-1", "for ever"),
        ("retention.ms", "9223372036854775807", "for ever"),
        ("retention.ms", None, "not set"),
        ("broker.offsets.retention.minutes", "10080", "7 d"),
        ("max.message.bytes", "1048588", "1 MiB"),
        ("retention.bytes", "-1", "no limit"),
        ("segment.bytes", "1073741824", "1 GiB"),
        ("cleanup.policy", "compact,delete", "compact,delete"),
        ("partitions", "1200", "1,200"),
        ("client_metrics.all", "x" * 500, "x" * 59 + "…"),
        ("min.insync.replicas", "", ""),
    ],
)
def test_values_as_people_write_them(name: str, value: str | None, told: str) -> None:
    assert words(name, value) == told


def changed(component: Component, name: str, before: str | None, value: str | None) -> str:
    found = change(Changed(component, name, before, value, NOW - timedelta(hours=2), "kafka"), NOW)
    assert found.hot
    return f"{found.what}: {found.how}"


def test_changes_in_words() -> None:
    assert changed(ORDERS, "retention.ms", "259200000", "604800000") == "retention.ms: 3 d → 7 d"
    assert changed(ORDERS, "id", "a", "b") == "id: made anew"
    assert changed(BILLING, "config.consumer.session.timeout.ms", None, "45000") == (
        "consumer.session.timeout.ms: not set → 45 s"
    )
    assert changed(CLUSTER, "broker.num.partitions", "1", "6") == "num.partitions of the brokers: 1 → 6"
    rules = "Allow User:a Read Topic:orders from *"
    assert changed(CLUSTER, "acls", rules, f"{rules}\nAllow User:b Read Topic:x from *\nAllow User:c All Topic:y") == (
        "acls of the brokers: + Allow User:b Read Topic:x from * and 1 more"
    )


def put(store: Store, ago: timedelta, component: Component, **values: str) -> None:
    told = [Setting(component, name.replace("_", "."), value, NOW - ago, "kafka") for name, value in values.items()]
    store.record(settings=told)


def filled(store: Store) -> None:
    key = seam.consumes(ORDERS, BILLING)
    store.record(sightings=[Sighting(key, NOW - timedelta(days=40)), Sighting(ORDERS, NOW - timedelta(days=40))])
    for days, kept in ((40, "259200000"), (20, "604800000")):
        put(store, timedelta(days=days), ORDERS, retention_ms=kept, partitions="6")
        put(store, timedelta(days=days), BILLING, protocol="classic" if days == 40 else "consumer", state=f"s{days}")
    put(store, timedelta(days=3), BILLING, config_consumer_session_timeout_ms="45000")
    put(store, timedelta(days=3), BILLING, config_share_session_timeout_ms="1000")


def test_the_page_has_what_is_in_force_of_its_protocol_and_what_changed(store: Store) -> None:
    filled(store)
    found = setup(store, seam.consumes(ORDERS, BILLING), NOW)
    assert [(row.name, row.value) for row in found.rows] == [
        ("retention.ms", "7 d"),
        ("cleanup.policy", "not observable"),
        ("min.insync.replicas", "not observable"),
        ("partitions", "6"),
        ("replication", "not observable"),
        ("protocol", "consumer"),
        ("consumer.session.timeout.ms", "45 s"),
    ]
    assert [(one.what, one.how) for one in found.log] == [
        ("protocol", "classic → consumer"),
        ("retention.ms", "3 d → 7 d"),
    ]
    other = seam.calls(seam.service("a"), seam.service("b"))
    assert setup(store, other, NOW).rows == ()


def test_the_api_says_what_changed_when(store: Store) -> None:
    filled(store)
    pages = client(store)
    found = pages.get("/api/v1/changes", params={"since": "2026-11-01T00:00:00Z", "until": "2026-11-28T12:00:00Z"})
    assert [(one["about"], one["name"], one["before"], one["value"]) for one in found.json()] == [
        ("group:prod/billing", "protocol", "classic", "consumer"),
        ("topic:prod/orders", "retention.ms", "259200000", "604800000"),
    ]
    assert found.json()[0]["at"] == "2026-11-08T12:00:00Z"
    asked = {"since": "2026-11-01T00:00:00", "until": "2026-11-28T12:00:00Z"}
    assert len(pages.get("/api/v1/changes", params={**asked, "kind": "topic"}).json()) == 1
    assert len(pages.get("/api/v1/changes", params={**asked, "about": "group:prod/billing"}).json()) == 1
    assert pages.get("/api/v1/changes", params={**asked, "page": 1}).json() == []
    wrong = pages.get("/api/v1/changes", params={"about": "prod/orders"})
    assert wrong.status_code == 422
    assert "kind:name" in wrong.text
    assert pages.get("/api/v1/changes", params={"since": "yesterday"}).status_code == 422


def test_times_at_the_ends_of_the_calendar_are_answered_or_refused(store: Store) -> None:
    filled(store)
    pages = client(store)
    for there in (
        {"until": "0001-01-01T00:00:00Z"},
        {"since": "0001-01-01T00:00:00Z"},
        {"until": "9999-12-31T23:59:59Z"},
    ):
        assert pages.get("/api/v1/changes", params=there).status_code == 200
    for beyond in ({"since": "0001-01-01T00:00:00+14:00"}, {"until": "9999-12-31T23:59:59-14:00"}):
        found = pages.get("/api/v1/changes", params=beyond)
        assert found.status_code == 422
        assert "outside the years 1 to 9999" in found.text


def test_a_seam_s_page_has_its_members_and_settings(store: Store) -> None:
    filled(store)
    live = GroupNow(
        NOW, "consumer", "Stable", 2, (MemberNow("web <1>", (0,)),), (PartitionNow(0, 50, 3.0, member="web <1>"),)
    )
    pages = client(store, groups=lambda *names: live if names == ("prod", "billing", "orders") else None)
    [found] = pages.get("/api/v1/seams").json()
    html = pages.get(f"/seams/{found['id']}").text
    assert '<h2 id="h-mem">Members and partitions</h2><span class="note">1 of 1 member reading, consumer' in html
    assert "web &lt;1&gt;" in html
    assert "3 d → 7 d" in html
    assert '<dt>retention.ms</dt><dd class="wrap num">7 d</dd>' in html
    bare = client(store).get(f"/seams/{found['id']}").text
    assert "Members and partitions" not in bare, "nobody watches the broker"
