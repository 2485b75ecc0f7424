"""Peaks of what is written, and what a group proved to read: only where it had to."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from agent.model import seam
from agent.model.facts import Fact, Sample
from agent.model.kafka.rates import SLOTS, Rates
from agent.model.seam import subject_of

START = datetime(2026, 6, 1, tzinfo=UTC)
TOPIC = subject_of(seam.topic("orders", "prod"))
STEP = 30.0


def values(facts: list[Fact]) -> list[float]:
    return [fact.value for fact in facts if isinstance(fact, Sample)]


def written(
    seconds: float, total: Callable[[float], float], step: float = STEP, rates: Rates | None = None
) -> list[float]:
    rates, found, at = rates or Rates(), list[Fact](), 0.0
    while at <= seconds:
        found += rates.written(TOPIC, START + timedelta(seconds=at), total(at))
        at += step
    return values(found)


def read(
    seconds: float, committed: Callable[[float], float], age: Callable[[float], float], step: float = STEP
) -> list[float]:
    rates, found, at = Rates(), list[Fact](), 0.0
    while at <= seconds:
        found += rates.read(TOPIC, START + timedelta(seconds=at), committed(at), age(at))
        at += step
    return values(found)


def test_a_peak_is_told_after_an_hour_and_again_where_it_changes() -> None:
    assert written(3_000, lambda at: 10 * at) == []
    assert written(3_600, lambda at: 10 * at) == [10]
    assert written(7_200, lambda at: 10 * at) == [10], "no news"
    assert written(7 * 3_600, lambda at: 10 * at) == [10, 10], "again after six hours"
    doubled = written(12_000, lambda at: 10 * at + max(0, at - 3_600) * 10)
    assert doubled[0] == 10
    assert doubled[-1] == 20


def test_a_burst_of_five_minutes_in_a_day_is_no_peak() -> None:
    assert max(written(86_400, lambda at: 10 * at + (30_000 if at > 40_000 else 0))) == 10


def test_a_topic_made_anew_and_a_pause_of_looks_tell_nothing_wrong() -> None:
    assert max(written(7_200, lambda at: 10 * (at % 3_000))) == 10
    assert written(7_200, lambda at: 10 * at, step=1_000) == [], "looks too far apart"


def test_what_is_a_day_old_no_longer_counts() -> None:
    told = written(2.5 * 86_400, lambda at: 100 * min(at, 7_200) + 10 * at)
    assert told[0] == 110
    assert told[-1] == 10


def test_the_ring_has_no_old_rates_after_a_long_pause() -> None:
    rates = Rates()
    written(7_200, lambda at: 100 * at, rates=rates)
    one = rates._written[TOPIC]
    one.put(START.timestamp() + 10 * 86_400, 5.0)
    assert [rate for rate in one.rates.tolist() if rate == rate] == [5.0]
    assert len(one.rates) == SLOTS


def test_a_group_that_catches_up_or_falls_back_proves_what_it_reads() -> None:
    assert read(300, lambda at: 50 * at, lambda at: 2_000 - at) == [50]
    assert read(300, lambda at: 50 * at, lambda at: 100 + at / 5) == [50]


@pytest.mark.parametrize(
    ("why", "committed", "age"),
    [
        ("it keeps up", lambda at: 50 * at, lambda _: 5.0),
        ("it is an hour late by design", lambda at: 50 * at, lambda _: 3_600.0),
        ("it was caught up in between", lambda at: 50 * at, lambda at: 0.0 if at == 150 else 2_000 - at),
        ("it stands, and one commit comes", lambda at: 9_000 if at > 200 else 0, lambda at: 100 + at),
        ("it is set back", lambda at: 50 * (300 - at), lambda at: 100 + at),
        ("nothing is read", lambda _: 7, lambda at: 100 + at),
    ],
)
def test_what_proves_nothing(why: str, committed: Callable[[float], float], age: Callable[[float], float]) -> None:
    assert read(300, committed, age) == [], why


def test_an_offset_that_was_set_ahead_is_no_rate_and_what_is_read_in_few_commits_is() -> None:
    ahead = read(1_800, lambda at: 10 * at + (1e7 if at > 400 else 0), lambda at: 10_000 - at / 4)
    assert ahead == [10], "someone set its offsets while it was behind"
    assert read(300, lambda at: 10 * (at - at % 60), lambda at: 600 + at) == [10], "a commit a minute"
    assert read(300, lambda at: 10 * at, lambda at: 600 + at, step=150) == [10], "two looks"


def test_groups_that_come_once_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.model.kafka.rates.MOST", 100)
    rates = Rates()
    for number in range(1_000):
        subject = subject_of(seam.topic(f"once-{number}", "prod"))
        for at in range(0, 330, 30):
            list(rates.read(subject, START + timedelta(seconds=at), 10.0 * at, 600.0 + at))
    assert max(len(rates._read), len(rates._proven)) <= 100


def test_more_is_told_at_once_and_less_once_a_day() -> None:
    assert read(900, lambda at: 50 * at if at <= 300 else 15_000 + 80 * (at - 300), lambda at: 9_000 - at) == [50, 80]
    assert read(900, lambda at: 80 * at if at <= 300 else 24_000 + 50 * (at - 300), lambda at: 9_000 - at) == [80]
    two_days = read(2 * 86_400, lambda at: 50 * at, lambda at: 900_000 - at)
    assert two_days == [50, 50]
