"""How a seam's ends are set up, and what changed when: on its page and in the API."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.model import seam
from agent.model.facts import Setting, Sighting
from agent.model.seam import Component
from agent.store.settings import Changed
from agent.store.store import Store
from agent.web.setup import change, setup, words

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
