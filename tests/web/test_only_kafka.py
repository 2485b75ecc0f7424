"""An agent that watches brokers and gets no spans: nothing is called well before it can be judged, no span awaited."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from agent.engine.round import Rounds
from agent.model.declared import Declarations
from agent.model.facts import Run, Sample, Setting, Sighting
from agent.model.kafka.facts import Fold
from agent.model.kafka.look import Committed, Group, Look, Member, Segments, TopicAbout, Topics
from agent.store.store import Store
from agent.web import site
from agent.web.status import CollectorStatus, Status
from tests.web.test_site import RULES

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC).replace(microsecond=0)
SETTLE = timedelta(minutes=2)
TOPICS = ("orders", "parcels", "books")
#: Behind by so many at the first look, of each partition, and read per second; no member where nothing is read.
GROUPS = {"billing": ("orders", 30_000, 0), "shipping": ("parcels", 0, 100), "search": ("books", 0, 100)}


def watched(store: Store, minutes: int, earlier: int = 0) -> None:
    """Three groups, each on a topic of three partitions with 100/s, looked at every 30 s; judged, also minutes before.

    A group without dead letters is a finding once ten minutes lie between.
    """
    start = NOW - SETTLE - timedelta(minutes=minutes)
    store.attach(start)
    fold = Fold()
    for number in range(2 * minutes + 1):
        facts = list(fold.facts(_look(start, 30 * number)))
        kinds: tuple[type, ...] = (Sample, Setting, Run, Sighting)
        store.record(*([one for one in facts if isinstance(one, kind)] for kind in kinds))
    for before in sorted({0, earlier}, reverse=True):
        Rounds(store, RULES, Declarations()).run(NOW - SETTLE - timedelta(minutes=before))


def _look(start: datetime, seconds: int) -> Look:
    end = np.full(9, 100_000 + 100 * seconds, dtype=np.int64)
    zero, none = np.zeros(9, dtype=np.int64), np.full(9, np.nan)
    told: dict[str, str | None] = {"retention.ms": "604800000", "cleanup.policy": "delete", "min.insync.replicas": "2"}
    about = TopicAbout("a", 3, 3, 0, told, frozenset({"retention.ms"}), {"cleanup.policy": "default"})
    rows = Segments.of([(topic, [0, 1, 2]) for topic in TOPICS])
    lag = np.repeat([behind + (0 if read else 100 * seconds) for _, behind, read in GROUPS.values()], 3)
    groups = {name: _group(name, topic, read) for name, (topic, _, read) in GROUPS.items()}
    pairs = Segments.of([((name, topic), [0, 1, 2]) for name, (topic, _, _) in GROUPS.items()])
    return Look(
        "prod",
        start + timedelta(seconds=seconds),
        topics=Topics(rows, zero, end, end, none, dict.fromkeys(TOPICS, about)),
        groups=groups,
        committed=Committed(pairs, end - lag, lag / 100.0),
        broker={"offsets.retention.minutes": "10080"},
    )


def _group(name: str, topic: str, read: int) -> Group:
    if not read:
        return Group("classic", "Empty", members=())
    parts = frozenset((topic, number) for number in range(3))
    return Group("classic", "Stable", 3, "range", 1, (Member("m", f"{name}-1", None, parts, None, "/10.0.0.7"),))


def application(store: Store, *, away: bool = False, sources: bool = True) -> Any:
    """The screens of an agent that asks one cluster, at which no span has come."""
    last = NOW - timedelta(minutes=9) if away else NOW - timedelta(seconds=9)
    state = "stale" if away else "fresh"
    kafka = CollectorStatus("kafka", "prod", state, last, 900, 0.0, {}, {}, "", "", every=30.0, about="3 topics")
    otlp = CollectorStatus("otlp", "OTLP over HTTP", "unused", None, 0, 0.0, {}, {}, "", "X=http://127.0.0.1:4318")
    told = Status(
        "1", NOW - timedelta(minutes=9), NOW - SETTLE, 0.1, (otlp, kafka) if sources else (otlp,),
        addresses={"otlp": "127.0.0.1:4318"},
    )  # fmt: skip
    return site(store, RULES, clock=lambda: NOW, status=lambda: told)


def client(store: Store, **how: bool) -> TestClient:
    return TestClient(application(store, **how), base_url="http://127.0.0.1:8740")


def title(html: str) -> str:
    return re.findall(r"<title>(.*?) · Seamwatch</title>", html)[0]


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def card(html: str, heading: str) -> str:
    found = re.search(rf'<section class="card" aria-labelledby="{heading}">.*?</section>', html, re.DOTALL)
    assert found, heading
    return found[0]


def test_the_first_page_says_from_when_lag_is_judged_and_how_much_waits(store: Store) -> None:
    watched(store, 3)
    pages = client(store)
    until = (NOW + timedelta(minutes=18)).strftime("%H:%M")
    html = pages.get("/").text
    assert re.fullmatch(
        rf"Lag cannot be judged before (\d+ \w+, )?{until}; 144,000 messages wait on orders → billing", title(html)
    )
    assert re.match(rf"Lag cannot be judged before .*{until}", pages.get("/api/v1/now").json()["headline"])
    told = pages.get("/api/v1/now").json()["lag"]
    assert (told[0]["subject"]["name"], told[0]["unread"]) == ("prod/billing", 144_000)
    rows = re.findall(r"<tr><td.*?</tr>", card(html, "h-lag"), re.DOTALL)
    assert [re.findall(r"→ (\w+)|num\">([\d,]+)<", row) for row in rows] == [
        [("billing", ""), ("", "144,000")],
        [("search", ""), ("", "0")],
        [("shipping", ""), ("", "0")],
    ]
    assert f"it is judged from {until} UTC on" in rows[0]


def test_a_finding_that_can_wait_makes_nothing_of_what_cannot_be_judged_well(store: Store) -> None:
    watched(store, 14, earlier=12)
    html = client(store).get("/").text
    assert re.match(r"Lag cannot be judged before .*; 342,000 messages wait on orders → billing$", title(html))
    assert "3 to tidy" in words(html)
    assert "whether any fails is not seen, with 0 spans of it" in words(html)
    assert "Nothing is burning" not in html
    assert re.search(r"orders → billing .*? 342,000 ", words(card(html, "h-lag")))


def test_once_it_is_judged_no_page_waits_for_lag(store: Store) -> None:
    watched(store, 21, earlier=12)
    html = client(store).get("/").text
    assert "Lag cannot be judged" not in html
    assert "billing" in title(html) or "needs a person" in title(html) or "to fix" in title(html)


def test_where_brokers_are_asked_nothing_waits_for_a_span(store: Store) -> None:
    empty = client(store).get("/").text
    assert title(empty) == "Facts are in; no seam can be judged yet"
    watched(store, 3)
    html = client(store).get("/").text
    assert "Waiting for the first span" not in html.split('<details class="card">')[0]
    assert "Last look 9 s ago" in words(card(html, "h-asked"))
    assert "Nothing arriving?" not in html
    assert "Messages lost" in words(card(html, "h-next"))
    assert re.search(r"<span>Look \d\d:\d\d:\d\d UTC</span>", html)
    assert "<span>Span" not in html


def test_where_only_spans_are_taken_the_first_span_is_awaited_as_ever(store: Store) -> None:
    html = client(store, sources=False).get("/").text
    assert title(html) == "Waiting for the first span"
    assert "Point these at us" in html
    assert "<span>Waiting for a span</span>" in html


def test_while_the_only_source_is_away_nothing_is_told_to_be_judgeable(store: Store) -> None:
    store.attach(NOW)
    Rounds(store, RULES, Declarations()).run(NOW - SETTLE)
    html = client(store, away=True).get("/collectors").text
    assert title(html) == "Kafka prod has been silent for 9 min"
    assert "Everything that applies can be judged." not in html
    assert title(client(store, away=True).get("/").text).startswith("Kafka prod has been silent for 9 min")


def test_what_nobody_asked_for_is_told_once_and_is_not_blind(store: Store) -> None:
    watched(store, 3)
    pages = client(store)
    [row] = [row for row in re.findall(r"<tr>.*?</tr>", card(pages.get("/collectors").text, "unseen"), re.DOTALL)
             if "IDM-03" in row or "IDM-04" in row]  # fmt: skip
    assert 'aria-label="Not asked for"' in row
    assert "books, orders, parcels" in words(row)
    assert "IDM-03" in row
    assert "IDM-04" in row
    assert "clusters.prod.sample" in row
    counts = {(rule, outcome.value): number for (rule, outcome), number in store.verdict_counts().items()}
    assert counts["IDM-03", "not_applicable"] == 3
    assert ("IDM-03", "blind") not in counts


def test_without_spans_no_count_of_failures_is_told(store: Store) -> None:
    watched(store, 3)
    pages = client(store)
    [number] = [one["id"] for one in pages.get("/api/v1/seams").json() if "billing" in str(one)]
    html = pages.get(f"/seams/{number}").text
    figures = re.findall(r"<div><dt>(.*?)</dt><dd[^>]*>([^<]*)", html)
    assert dict(figures[:4]) == {
        "Written, 3 h": "54,000",
        "Read, 3 h": "0",
        "Read twice": "not observable here",
        "Failed, 3 h": "not observable here",
    }
    told = words(card(html, "h-v"))
    assert "rising-lag LAG-01" in told
    assert "prod/billing has no member (state Empty), and 144,000 messages wait" in told
    assert "None" not in told
    assert not re.search(r"\b\d+\.0\b", told)


def test_a_rule_s_counts_are_told_on_a_phone_too(store: Store) -> None:
    watched(store, 3)
    html = client(store).get("/rules").text
    [row] = [row for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL) if "LAG-02" in row]
    assert re.search(r'<small class="only">meets 2 · cannot judge 1</small>', row)


def test_a_severity_is_never_broken_in_the_list_of_rules(store: Store) -> None:
    html = client(store).get("/rules").text
    assert '<td class="s tight hide">medium</td>' in html
    assert '<td class="s hide">medium</td>' not in html


def test_what_a_group_reads_stands_in_the_list_where_no_span_tells_of_it(store: Store) -> None:
    watched(store, 20)
    pages = client(store)
    html = pages.get("/seams").text
    rows = dict(re.findall(r'<tr.*?<a href="/seams/\d+">(.*?)</a>(.*?)</tr>', html, re.DOTALL))
    told = {name.split()[-1]: re.search(r"as the broker counts\">(.*?)</td>", cells) for name, cells in rows.items()}
    shown = {name: found[1] if found else None for name, found in told.items()}
    assert shown["billing"] == "none"
    assert shown["shipping"] is not None
    assert 240 < float(shown["shipping"].removesuffix("/s")) <= 300, "of three partitions, 100 a second each"


def test_a_group_that_nobody_is_in_is_not_said_to_need_nothing_and_what_waits_is_of_now(store: Store) -> None:
    watched(store, 5)
    later = [_look(NOW - SETTLE - timedelta(minutes=5), seconds) for seconds in range(0, 421, 30)]
    fold = Fold()
    for look in later:
        facts = list(fold.facts(look))
        store.record([one for one in facts if isinstance(one, Sample)])
    page = words(card(client(store).get("/").text, "h-lag"))
    assert "it has no member: start the group, or delete it if it is given up; it is judged from" in page
    assert "nothing to do: it is judged from" in page, "of those that are read"
    assert f"{3 * (30_000 + 100 * 420):,}" in page, "not as many as when it was judged, two minutes ago"
