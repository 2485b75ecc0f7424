"""While a cluster is watched and the time is not over, rules say until when to wait, and not to let it be watched."""

from dataclasses import replace
from datetime import timedelta

import pytest

import rules
from agent.engine import catalogue
from agent.engine.stories import AS_OF
from agent.model.seam import group, topic
from agent.model.series import Series
from agent.model.subjects import Backlog
from agent.model.things import Topic
from agent.model.verdict import Outcome, Reason
from rules.backlog import LOOK, more_looks, whole_from

BY_ID = {rule.id: rule for rule in catalogue.discover(rules)}


def backlog(minutes: int, ago: int = 0) -> Backlog:
    """Looked at every 30 s for some minutes, up to a time ago; it falls back by 1,000 a minute."""
    now = AS_OF.timestamp() - 60 * ago
    times = tuple(now - 30 * back for back in reversed(range(2 * minutes + 1)))
    rising = Series(times, tuple(90_000.0 + 500 * number for number in range(len(times))))
    return Backlog(
        as_of=AS_OF, observed_for=timedelta(minutes=minutes), group=group("billing", "prod"),
        topic=topic("orders", "prod"), partitions=6, state="Stable", members=Series(times, (3.0,) * len(times)),
        lag=rising, age=rising, committed=Series(times, (500.0,) * len(times)), produced=rising,
        looks=Series(times, (1.0,) * len(times)),
    )  # fmt: skip


@pytest.mark.parametrize("minutes", [0, 1, 5, 14, 19])
def test_a_rising_lag_is_judged_20_minutes_after_the_first_look(minutes: int) -> None:
    rule = BY_ID["LAG-01"]
    verdict = rule.judge(backlog(minutes), rule.defaults)
    clock = AS_OF + timedelta(minutes=20 - minutes)
    assert verdict.outcome is Outcome.BLIND
    assert verdict.reason is Reason.LEARNING
    assert verdict.learn == (f"wait: it takes 20 min of looks, and there are as many by {clock:%H:%M} UTC",)
    assert verdict.show["judged from"] == clock.isoformat()
    assert verdict.show["unread messages"] == 90_000 + 1_000 * minutes


def test_after_20_minutes_it_is_judged_and_waits_for_nothing() -> None:
    rule = BY_ID["LAG-01"]
    verdict = rule.judge(backlog(20), rule.defaults)
    assert verdict.outcome is Outcome.FAILS
    assert "judged from" not in verdict.show


def test_where_no_look_comes_any_more_somebody_has_to_look() -> None:
    assert whole_from(backlog(5, ago=4), timedelta(minutes=20)) is None
    assert more_looks(backlog(5, ago=4), timedelta(minutes=20)) == LOOK


def test_a_gap_begins_the_wait_anew() -> None:
    early, late = backlog(5, ago=10).looks, backlog(5).looks
    seen = replace(backlog(5), looks=Series((*early.times, *late.times), (*early.values, *late.values)))
    assert whole_from(seen, timedelta(minutes=20)) == AS_OF + timedelta(minutes=15)


@pytest.mark.parametrize("rule_id", ["LAG-05", "LAG-06", "GRW-02"])
def test_no_rule_asks_for_looks_that_come_already(rule_id: str) -> None:
    rule = BY_ID[rule_id]
    verdict = rule.judge(backlog(3), rule.defaults)
    assert LOOK not in verdict.learn


def test_a_group_that_is_far_behind_is_not_said_to_keep_up() -> None:
    rule, seen = BY_ID["LAG-01"], backlog(60)
    flat = replace(seen, lag=Series(seen.looks.times, (90_000.0,) * 121), committed=seen.produced)
    verdict = rule.judge(flat, rule.defaults)
    assert verdict.outcome is Outcome.MEETS
    assert verdict.says == (
        "prod/billing is 90,000 messages (41.7 h) behind prod/orders, and was not seen to fall back further."
    )


@pytest.mark.parametrize(("days", "hints"), [(5, 1), (40, 2)])
def test_a_topic_that_is_watched_for_less_than_a_month_only_waits_for_the_month(days: int, hints: int) -> None:
    seen = Topic(
        as_of=AS_OF,
        observed_for=timedelta(days=days),
        topic=topic("orders", "prod"),
        listed=days < 30,
        read_lately=None,
    )
    told = BY_ID["GOV-07"].judge(seen, BY_ID["GOV-07"].defaults)
    assert told.outcome is Outcome.BLIND
    if days < 30:
        assert [hint.partition(":")[0] for hint in told.learn] == [f"wait until {(AS_OF + timedelta(25)).date()}"]
    else:
        assert any("without a pause" in hint for hint in told.learn)
    assert len(told.learn) == hints
