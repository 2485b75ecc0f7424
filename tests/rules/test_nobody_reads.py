"""What rules of backlogs say of a group that nobody runs: true of what was seen, also where they clear it."""

from dataclasses import replace
from datetime import timedelta

import pytest

import rules
from agent.engine import catalogue
from agent.engine.stories import AS_OF
from agent.model.rule import Rule
from agent.model.seam import group, topic
from agent.model.series import Series
from agent.model.subjects import Backlog
from agent.model.verdict import Outcome

RULES = [rule for rule in catalogue.discover(rules) if rule.subject is Backlog]
BY_ID = {rule.id: rule for rule in RULES}
TIMES = tuple(AS_OF.timestamp() - 30 * back for back in reversed(range(20)))
HEALTHY = (
    "commits what",
    "has read all",
    "could take more",
    "long before",
    "keeps up",
    "reads on",
    "evenly",
    "is there",
)


def flat(value: float) -> Series:
    """The same at each look of ten minutes."""
    return Series(TIMES, (value,) * len(TIMES))


#: Nobody runs it: it was empty when we came, and 90,000 messages wait.
GONE = Backlog(
    as_of=AS_OF, observed_for=timedelta(minutes=10), group=group("billing", "prod"), topic=topic("orders", "prod"),
    partitions=6, state="Empty", members=flat(0), lag=flat(90_000), age=flat(600), committed=flat(500),
    produced=flat(90_500), looks=flat(1), epochs=flat(3), still=timedelta(minutes=9), arrived=0, arrivals=0,
    retention=timedelta(days=7), retention_left=flat(600_000), retention_used=flat(0.01),
    settings={"cleanup.policy": "delete", "retention.ms": "604800000"}, offsets_kept=timedelta(days=7),
    state_for=timedelta(minutes=10),
)  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_cleared_group_without_members_is_not_said_to_read(rule: Rule) -> None:
    verdict = rule.judge(GONE, rule.defaults)
    assert not [words for words in HEALTHY if words in verdict.says]


@pytest.mark.parametrize("rule_id", ["LAG-04", "LAG-07", "DLQ-05"])
def test_a_cleared_group_without_members_is_said_to_have_none_and_how_much_waits(rule_id: str) -> None:
    verdict = BY_ID[rule_id].judge(GONE, BY_ID[rule_id].defaults)
    assert verdict.outcome is Outcome.MEETS
    assert verdict.says.endswith(", though 90,000 messages wait and it has no member.")


def test_a_group_without_members_is_never_called_stalled_or_well_before_it_was_seen_to_commit() -> None:
    verdict = BY_ID["LAG-02"].judge(GONE, BY_ID["LAG-02"].defaults)
    assert verdict.outcome is Outcome.BLIND
    assert verdict.says == (
        "prod/billing has no member (state Empty), and 90,000 messages wait on prod/orders. Whether it stopped cannot "
        "be judged yet: earlier pause between commits, s: not seen, needs >= 0."
    )
    assert "start the group, or delete it" in verdict.learn[0]


def test_within_a_pause_that_is_normal_a_group_without_members_has_messages_waiting() -> None:
    deploy = replace(
        GONE, observed_for=timedelta(days=9), commit_gap=timedelta(seconds=30), steady=timedelta(hours=1), arrived=9,
        arrivals=9,
    )  # fmt: skip
    verdict = BY_ID["LAG-02"].judge(deploy, BY_ID["LAG-02"].defaults)
    assert verdict.outcome is Outcome.MEETS
    assert verdict.says == (
        "prod/billing has no member, and 90,000 messages wait on prod/orders, for 9 min so far: "
        "10 min would be too long."
    )


def test_the_first_member_of_a_group_without_any_gets_all_partitions() -> None:
    verdict = BY_ID["GRW-02"].judge(GONE, BY_ID["GRW-02"].defaults)
    assert verdict.says == "prod/billing has no member: the first that comes gets all partitions of prod/orders."


@pytest.mark.parametrize("still", [11, 16, 59, 120])
def test_what_is_asked_of_a_group_that_stands_does_not_grow_while_it_stands(still: int) -> None:
    subject = replace(
        GONE, observed_for=timedelta(minutes=still + 5), still=timedelta(minutes=still), lag=Series(
            tuple(AS_OF.timestamp() - 60 * back for back in reversed(range(still + 2))), (90_000.0,) * (still + 2)
        ), steady=timedelta(minutes=5), commit_gap=timedelta(seconds=30), arrived=900, arrivals=9,
    )  # fmt: skip
    assert BY_ID["LAG-02"].judge(subject, BY_ID["LAG-02"].defaults).missing == (
        "min of commits before they stopped: 5.0, needs >= 10.0",
    )
