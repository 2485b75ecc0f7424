"""The page of a seam through Kafka: members, partitions, settings and what changed; what is not seen is said."""

import gzip
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from agent.model.facts import Run, Sample, Setting, Sighting
from agent.model.kafka.facts import Fold
from agent.model.kafka.look import Committed, Group, Look, Member, Segments, TopicAbout, Topics
from agent.model.pull import Lack
from agent.model.series import Series
from agent.store.store import Store
from agent.web import site
from agent.web.brokers import time_to_drain
from agent.web.status import CollectorStatus, Status
from tests.web.test_site import AXE, HOSTILE, RULES
from tests.web.test_states import chromium, serving

__all__ = ["chromium"]
pytestmark = pytest.mark.slow

START = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
GRANT = "kafka-acls.sh --bootstrap-server b:9092 --add --allow-principal User:s --operation Describe --group '*'"
LACK = Lack("Describe Group", "LAG-01", GRANT)


def parts(topic: str, *numbers: int) -> frozenset[tuple[str, int]]:
    return frozenset((topic, number) for number in numbers)


def look(
    minutes: float,
    lag: list[int],
    *,
    topic: str = "orders",
    name: str = "billing",
    group: Group | None = None,
    settings: dict[str, str | None] | None = None,
    **more: Any,
) -> Look:
    """A topic of which a group has read all but `lag`, by partition; the first gets three quarters of the writes."""
    count = len(lag)
    rows = Segments.of([(topic, list(range(count)))])
    end = np.full(count, 10_000, dtype=np.int64) + int(minutes * 60)
    end[0] += int(minutes * 60 * 3 * max(1, count - 1))
    nothing, zero = np.full(count, np.nan), np.zeros(count, dtype=np.int64)
    told = {"retention.ms": "604800000", "cleanup.policy": "delete", "min.insync.replicas": "2", **(settings or {})}
    about = TopicAbout("a", 3, 3, 0, told, frozenset({"retention.ms"}), {"cleanup.policy": "default"})
    age = np.array([0.0 if not behind else 5.0 + behind for behind in lag])
    return Look(
        "prod",
        START + timedelta(minutes=minutes),
        topics=Topics(rows, zero, end, end, nothing, {topic: about}),
        groups={name: group or Group("classic", "Stable", members=())},
        committed=Committed(Segments.of([((name, topic), list(range(count)))]), end - np.array(lag), age),
        broker={"offsets.retention.minutes": "10080"},
        **more,
    )


def keep(store: Store, *looks: Look) -> None:
    fold = Fold()
    for one in looks:
        facts = list(fold.facts(one))
        kinds: tuple[type, ...] = (Sample, Setting, Run, Sighting)
        store.record(*([fact for fact in facts if isinstance(fact, kind)] for kind in kinds))


def application(store: Store, *lacks: Lack) -> Any:
    kafka = CollectorStatus("kafka", "prod", "fresh", START, 5, 1.0, {}, {}, "", "", every=30.0, lacks=lacks)
    status = Status("1", START, START, 0.1, (kafka,))
    return site(store, RULES, clock=lambda: START + timedelta(minutes=10), status=lambda: status)


def client(store: Store, *lacks: Lack) -> TestClient:
    return TestClient(application(store, *lacks), base_url="http://127.0.0.1:8740")


def address(pages: TestClient) -> str:
    [number] = [one["id"] for one in pages.get("/api/v1/seams").json() if one["kind"] == "consumes"]
    return f"/seams/{number}"


def card(html: str, heading: str) -> str:
    found = re.search(rf'<section class="card" aria-labelledby="{heading}">.*?</section>', html, re.DOTALL)
    assert found, heading
    return found[0]


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def group() -> Group:
    moving = Member("m-1", "billing-1", "i-1", parts("orders", 0, 1), parts("orders", 0), "/10.0.0.7")
    steady = Member("m-2", "billing-2", None, parts("orders", 2) | parts("books", 0, 1), None, "/10.0.0.8")
    idle = Member("m-3", "billing-3", None, frozenset(), None, "/10.0.0.9")
    return Group("consumer", "Reconciling", 7, "uniform", 2, (idle, steady, moving))


def test_members_are_listed_with_what_they_have_and_those_that_need_a_look_first(store: Store) -> None:
    keep(store, look(0, [5, 0, 0], group=group()))
    pages = client(store)
    html = card(pages.get(address(pages)).text, "h-mem")
    names = re.findall(r"<code>(billing-\d)</code>", html)
    assert names == ["billing-1", "billing-3", "billing-2"]
    marks = re.findall(r'role="img" aria-label="([^"]+)"', html)
    assert marks == ["Moving: it has not what it is to have", "Idle: it has no partition", "Has partitions"]
    text = words(html)
    assert "2 of 3 have partitions" in text
    assert "0 to 1 is to have 0" in text
    assert "2 and 2 of other topics" in text
    assert "static i-1" in text
    assert "10.0.0.7" in text
    assert "Protocol consumer (KIP-848), state reconciling, coordinator broker 2, assignor uniform." in text
    assert "1 member is idle: more members than partitions do no work." in text
    told = pages.get(f"/api/v1{address(pages)}").json()["broker"]
    assert (told["members_in_all"], [one["client"] for one in told["members"]]) == (3, names)


def test_a_group_that_nobody_is_in_is_told_apart_from_one_that_cannot_be_seen(store: Store) -> None:
    keep(store, look(0, [5]))
    pages = client(store)
    assert "The group has no member: nobody reads for it." in pages.get(address(pages)).text


def test_members_that_may_not_be_seen_are_blind_with_the_line_that_gives_the_right(store: Store) -> None:
    keep(store, look(0, [5], group=Group("classic", "Stable")))
    blind = card(client(store, LACK).get(address(client(store))).text, "h-mem")
    assert 'aria-label="Not observable here"' in blind
    assert "the right Describe Group is missing" in blind
    assert GRANT.replace("'", "&#39;") in blind
    unlike = Lack("Read Topic", "IDM-05", "another line")
    other = card(client(store, unlike).get(address(client(store))).text, "h-mem")
    assert "no look has told of them yet" in other
    assert "another line" not in other


def test_what_was_refused_is_the_reason(store: Store) -> None:
    told = look(0, [5], group=Group("classic", "Stable"), refused={"groups": "none is shown: it is denied"})
    keep(store, told)
    html = card(client(store).get(address(client(store))).text, "h-mem")
    assert "Who reads cannot be seen: none is shown: it is denied." in words(html)


def test_members_seen_long_ago_are_not_told_as_now(store: Store) -> None:
    old = replace(look(0, [5], group=group()), at=START - timedelta(hours=3))
    keep(store, old)
    html = words(card(client(store, LACK).get(address(client(store))).text, "h-mem"))
    assert "not seen for 3 h" in html
    assert "The right Describe Group is missing now" in html


def test_a_partition_is_told_with_who_reads_it_at_which_pace_and_when_it_did_last(store: Store) -> None:
    reads = Member("m-1", "billing-1", None, parts("orders", 0, 1))
    stable = Group("classic", "Stable", members=(reads,))
    lags = [[9, 1, 9], [9, 61, 9], [9, 121, 9], [9, 181, 9]]
    keep(store, *(look(n, lag, group=stable) for n, lag in enumerate(lags)))
    html = card(client(store).get(address(client(store))).text, "h-heat")
    rows = {number: words(row).split() for number, row in re.findall(r'class="num">(\d)(.*?)</tr>', html)}
    commit = f"{START + timedelta(minutes=3):%H:%M:%S}"
    assert rows["0"] == ["billing-1", "billing-1", "7/s", "7/s", "9", "14", "s", commit]
    assert rows["1"] == ["billing-1", "billing-1", "1/s", "0/s", "181", "3", "min", "6", "s", "not", "seen", "yet"]
    assert rows["2"] == ["nobody", "nobody", "1/s", "1/s", "9", "14", "s", commit]
    assert html.count('<td class="n num page">0/s') == 1, "what stands while it is written to is red, and nothing else"
    told = client(store).get(f"/api/v1{address(client(store))}").json()["broker"]["partitions"][1]
    assert (told["written_per_second"], told["read_per_second"], told["seconds_since_commit"]) == (1, 0, None)


@pytest.mark.parametrize("state", ["moving", "unseen"])
def test_who_reads_a_partition_is_not_guessed(store: Store, state: str) -> None:
    moving = Group("classic", "Reconciling", members=(Member("m-1", "billing-1", None, None),))
    keep(store, look(0, [9, 9], group=moving if state == "moving" else Group("classic", "Stable")))
    html = words(card(client(store).get(address(client(store))).text, "h-heat"))
    assert html.count("not known") == 2
    assert "nobody" not in html


@pytest.mark.parametrize("count", [1, 6, 60, 1_000])
def test_partitions_are_drawn_and_told_whatever_their_number(store: Store, count: int) -> None:
    lag = [0] * count
    lag[count // 2] = 4_000
    keep(store, look(0, lag), look(1, lag))
    pages = client(store)
    answer = pages.get(address(pages))
    html = card(answer.text, "h-heat")
    assert len(gzip.compress(answer.content)) < 20_000
    says = re.findall(r'<svg class="heat"[^>]*aria-label="([^"]+)"', html)
    if count == 1:
        assert says == [], "one partition needs no picture"
    else:
        assert says == [
            f"{count:,} partitions, 1 with unread messages; partition {count // 2} is furthest behind: "
            "4,000 unread, 1 h 6 min old"
        ]
    rows = re.findall(r'<th scope="row" class="num">(\d+)(?:<small.*?</small>)?</th>(.*?)</tr>', html)
    assert rows[0][0] == str(count // 2)
    assert "4,000" in words(rows[0][1])
    assert len(rows) == min(count, 8)
    told = pages.get(f"/api/v1{address(pages)}").json()["broker"]["partitions"]
    assert len(told) == count
    assert (told[count // 2]["lag"], told[0]["lag"]) == (4_000, 0 if count > 1 else 4_000)


def test_a_partition_that_gets_most_of_the_writes_is_named_and_an_even_topic_names_none(store: Store) -> None:
    keep(store, look(0, [9, 9, 9, 9]), look(5, [9, 9, 9, 9]))
    html = words(card(client(store).get(address(client(store))).text, "h-heat"))
    assert re.search(r"Partition 0 gets \d\d% of what is written; an even part would be 25%\.", html)


def test_what_is_read_to_the_end_is_calm_and_no_gap(store: Store) -> None:
    keep(store, look(0, [0, 0]), look(1, [0, 0]))
    html = card(client(store).get(address(client(store))).text, "h-heat")
    assert "Nothing is unread on any partition." in html
    assert "Not observable" not in html


def test_settings_have_their_source_and_what_changed_is_told_newest_first(store: Store) -> None:
    first, second = look(0, [5]), look(2, [5], settings={"retention.ms": "86400000"})
    third = look(4, [5], settings={"retention.ms": "3600000", "flush.ms": None})
    keep(store, first, second, third)
    html = words(card(client(store).get(address(client(store))).text, "h-conf"))
    assert "retention. ms set on the topic 1 h" in html
    assert "cleanup. policy default delete" in html
    assert html.index("1 d → 1 h") < html.index("7 d → 1 d")


def test_nothing_of_a_hostile_name_is_markup(store: Store) -> None:
    for bad in HOSTILE:
        member = Member("m", bad, bad, parts(bad, 0), parts(bad, 1), bad)
        told = look(0, [5, 7], topic=bad, name=bad, group=Group(bad, bad, 1, bad, 1, (member,)))
        keep(store, told, replace(told, at=told.at + timedelta(minutes=1)))
    pages = client(store)
    for one in pages.get("/api/v1/seams").json():
        html = pages.get(f"/seams/{one['id']}").text
        assert "<script>alert" not in html
        assert "<img" not in html
        assert "onmouseover='" not in html
        assert ">49<" not in html


def series(*points: tuple[float, float]) -> Series:
    return Series(tuple(at for at, _ in points), tuple(value for _, value in points))


def test_time_to_drain_is_what_is_unread_by_what_is_gained() -> None:
    def drain(lag: float, read: float, written: float) -> str:
        return time_to_drain(
            {
                "lag": series((0, 1), (600, lag)),
                "committed": series((0, 0), (600, read)),
                "produced": series((0, 0), (600, written)),
            }
        )

    assert drain(6_000, 1_200, 600) == "1 h 40 min"
    assert drain(6_000, 600, 1_200) == "never at this rate"
    assert drain(10, 600, 600) == "keeps up", "what is at hand is always unread"
    assert drain(0, 600, 600) == "nothing unread"
    assert time_to_drain({}) == "not known"
    assert time_to_drain({"lag": series((0, 5))}) == "not known"
    short = {"lag": series((0, 500)), "committed": series((0, 5)), "produced": series((0, 505))}
    assert time_to_drain(short) == "not known yet"


@pytest.mark.real
def test_the_page_in_chromium_light_and_dark_wide_and_narrow(store: Store, chromium: Any) -> None:
    rng = np.random.default_rng(1)
    wrong = []
    for count in (1, 6, 12, 60, 1_000):
        topic, name = f"orders-{count}", f"billing-{'long.' * 12}{count}"
        told = look(0, rng.integers(0, 900, count).tolist(), topic=topic, name=name, group=group())
        keep(store, told, replace(told, at=told.at + timedelta(minutes=1)))
    keep(store, look(0, [5], topic="dark", name="dark", group=Group("classic", "Stable")))
    app = application(store, LACK)
    pages = TestClient(app, base_url="http://127.0.0.1:8740")
    places = [f"/seams/{one['id']}" for one in pages.get("/api/v1/seams").json()]
    with serving(app) as port:
        for theme, width in (("light", 1440), ("dark", 390), ("dark", 1440), ("light", 390)):
            page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
            for place in (*places, "/changes"):
                page.goto(f"http://127.0.0.1:{port}{place}")
                page.evaluate(AXE.read_text())
                found = page.evaluate("async () => (await axe.run()).violations.map(v => v.id + v.nodes[0].html)")
                wrong += [(theme, width, place, one) for one in found]
                wide = page.evaluate("document.documentElement.scrollWidth")
                wrong += [(theme, width, place, wide)] if wide > width else []
            page.close()
    assert len(places) == 6
    assert wrong == []
