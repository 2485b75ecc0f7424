"""What changed when, as a page and as JSON: filtered, paged, in words; bad questions are refused with what is right."""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from agent.store.store import Store
from agent.web import site
from agent.web.history import value
from tests.web.test_brokers import START, client, keep, look
from tests.web.test_site import NOW, RULES, status
from tests.web.test_states import title

pytestmark = pytest.mark.slow
WEEK, DAY = "604800000", "86400000"


def test_an_estate_in_which_nothing_is_watched_or_changed_says_which(store: Store) -> None:
    alone = TestClient(site(store, RULES, clock=lambda: NOW, status=status), base_url="http://127.0.0.1:8740")
    assert title(alone.get("/changes").text) == "No cluster is watched: what changed in settings is not seen"
    keep(store, look(0, [5]), look(1, [5]))
    html = client(store).get("/changes").text
    assert title(html) == "Nothing changed in 7 days"
    assert "What is read at the first look is no change" in html


def test_a_change_is_told_with_was_and_is_on_the_page_and_in_json(store: Store) -> None:
    keep(store, look(0, [5]), look(2, [5], settings={"retention.ms": DAY}))
    pages = client(store)
    html = pages.get("/changes").text
    assert re.match(r"1 setting changed in 7 days, the last \d+ min ago", title(html))
    assert "Topic orders, cluster prod" in html
    assert '<td class="s wrap hide">7 d</td><td class="wrap hide">1 d</td>' in html
    [told] = pages.get("/api/v1/changes").json()["changes"]
    assert told == {
        "kind": "topic",
        "component": "topic:prod/orders",
        "name": "retention.ms",
        "at": (START + timedelta(minutes=2)).isoformat().replace("+00:00", "Z"),
        "before": WEEK,
        "after": DAY,
        "source": "kafka, set on the topic",
    }


def test_rights_that_came_and_went_are_listed_line_by_line(store: Store) -> None:
    many = tuple(f"Allow User:u{number} Read Topic:orders from *" for number in range(8))
    keep(store, look(0, [5], acls=("Allow User:<b> Read Topic:x from *",)), look(2, [5], acls=many))
    html = client(store).get("/changes?kind=rights").text
    assert html.count('<small class="mono">+ Allow User:u') == 5
    assert "\N{MINUS SIGN} Allow User:&lt;b&gt; Read Topic:x from *" in html
    assert "<small>and 3 more</small>" in html


def test_pages_and_their_json_follow_each_other(store: Store) -> None:
    settings = [{f"s{number:03}.ms": str(turn) for number in range(60)} for turn in (1, 2)]
    keep(store, look(0, [5], settings=settings[0]), look(2, [5], settings=settings[1]))  # type: ignore[arg-type]
    pages = client(store)
    first = pages.get("/changes").text
    assert title(first).startswith("More than 50 settings changed")
    [older] = re.findall(r'<a class="btn" href="(\?[^"]+)">Older</a>', first)
    second = pages.get(f"/changes{older}".replace("&amp;", "&")).text
    names = [re.findall(r"(s\d{3})\.<wbr>ms", text) for text in (first, second)]
    assert [len(found) for found in names] == [50, 10]
    assert not {*names[0]} & {*names[1]}
    told, found = pages.get("/api/v1/changes?most=40").json(), []
    found += told["changes"]
    while told["next"]:
        told = pages.get("/api/v1/changes", params={"most": 40, "before": told["next"]}).json()
        found += told["changes"]
    assert len({one["name"] for one in found}) == len(found) == 60


def test_changes_are_chosen_by_kind_cluster_component_and_time(store: Store) -> None:
    keep(store, look(0, [5], brokers=3), look(2, [5], settings={"retention.ms": DAY}, brokers=2))
    pages = client(store)

    def names(**asked: str) -> list[str]:
        return sorted(one["name"] for one in pages.get("/api/v1/changes", params=asked).json()["changes"])

    assert names() == ["brokers", "retention.ms"]
    assert names(kind="broker") == ["brokers"]
    assert names(component="topic:prod/orders") == ["retention.ms"]
    assert names(cluster="other") == []
    at = START + timedelta(minutes=2)
    assert names(until=at.isoformat()) == []
    assert names(since=at.isoformat()) == ["brokers", "retention.ms"]
    assert names(since=at.replace(tzinfo=None).isoformat()) == ["brokers", "retention.ms"], "without a zone: UTC"
    assert "Show every change" in pages.get("/changes?kind=group").text


@pytest.mark.parametrize(
    "bad", ["kind=topics", "component=orders", "before=5", "since=yesterday", "most=0", "most=100000", "range=1h"]
)
def test_a_question_that_means_nothing_is_refused_with_what_is_wrong(store: Store, bad: str) -> None:
    pages, key = client(store), bad.partition("=")[0]
    if key != "range":
        answer = pages.get(f"/api/v1/changes?{bad}")
        assert answer.status_code == 422
        assert key in answer.json()["what"]
    if key in ("kind", "component", "before", "range"):
        assert pages.get(f"/changes?{bad}").status_code == 422


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("retention.ms", WEEK, "7 d"),
        ("retention.ms", "-1", "no limit"),
        ("segment.ms", str(2**63 - 1), "no limit"),
        ("linger.ms", "5", "5 ms"),
        ("retention.bytes", "1073741824", "1 GiB"),
        ("max.message.bytes", "1048588", "1 MiB"),
        ("segment.bytes", "100", "100 B"),
        ("broker.offsets.retention.minutes", "10080", "7 d"),
        ("broker.log.retention.hours", "168", "7 d"),
        ("partitions", "1000", "1,000"),
        ("cleanup.policy", "compact,delete", "compact,delete"),
        ("cleanup.policy", "", "empty"),
        ("follower.replication.throttled.replicas", None, "not set"),
        ("retention.ms", "9" * 30, "9" * 30),
        ("x", "y" * 300, "y" * 119 + "…"),
    ],
)
def test_values_are_told_in_their_unit(name: str, text: str | None, told: str) -> None:
    assert value(name, text) == told


def test_two_values_that_are_rounded_alike_are_told_whole(store: Store) -> None:
    keep(
        store, look(0, [5], settings={"segment.bytes": "2000000"}), look(2, [5], settings={"segment.bytes": "2000100"})
    )
    html = client(store).get("/changes").text
    assert '<td class="s wrap hide">2000000</td><td class="wrap hide">2000100</td>' in html
