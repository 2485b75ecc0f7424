"""One group on one topic as the last look saw it."""

from datetime import UTC, datetime, timedelta

import numpy as np

from agent.model.kafka.look import UNSEEN, Committed, Group, Look, Member, Segments, Topics
from agent.model.kafka.now import GroupNow, group_now

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def look(
    seconds: float, ends: list[int], done: list[int] | None, members: tuple[Member, ...] | None = None, **more: str
) -> Look:
    rows = Segments.of([("clicks", [0]), ("orders", list(range(len(ends))))])
    count = len(ends) + 1
    nothing = np.full(count, UNSEEN)
    topics = Topics(rows, nothing, np.array([7, *ends]), nothing, np.full(count, np.nan))
    committed = None
    if done is not None:
        ages = np.array([5.0] + [np.nan] * (len(done) - 1))
        committed = Committed(Segments.of([(("billing", "orders"), list(range(len(done))))]), np.array(done), ages)
    groups = {"billing": Group(protocol="consumer", state="Stable", coordinator=2, members=members)}
    at = NOON + timedelta(seconds=seconds)
    return Look("prod", at, topics=topics, groups=groups, committed=committed, refused=more)


def member(name: str, *numbers: int, target: tuple[int, ...] | None = None, instance: str | None = None) -> Member:
    places = frozenset(("orders", number) for number in numbers) | {("clicks", 0)}
    wanted = None if target is None else frozenset(("orders", number) for number in target)
    return Member("m", client=name, instance=instance, assigned=places, target=wanted)


def now(*looks: Look, moved: list[float] | None = None) -> GroupNow:
    before = looks[0] if len(looks) > 1 else None
    found = group_now(looks[-1], before, None if moved is None else np.array(moved), "billing", "orders")
    assert found is not None
    return found


def test_lag_age_rates_and_who_reads_each_partition() -> None:
    members = member("web", 0), member("web", 1, instance="two", target=(1, 2))
    found = now(
        look(0, [100, 100], [90, 50]), look(100, [300, 100], [90, 60], members), moved=[-np.inf, NOON.timestamp()]
    )
    zero, one = found.partitions
    assert (zero.lag, zero.age, zero.written, zero.read, zero.moved, zero.member) == (210, 5.0, 2.0, 0.0, None, "web")
    assert (one.lag, one.age, one.written, one.read, one.moved, one.member) == (40, None, 0.0, 0.1, NOON, "two")
    assert (found.protocol, found.state, found.coordinator) == ("consumer", "Stable", 2)
    assert [(m.name, m.partitions, m.target, m.static) for m in found.members or ()] == [
        ("web", (0,), None, False),
        ("two", (1,), (1, 2), True),
    ]


def test_members_of_one_client_are_told_apart() -> None:
    found = now(look(0, [5, 5], [1, 1], (member("web", 0), member("web", 1))))
    assert [one.member for one in found.partitions] == ["web", "web (2)"]


def test_what_was_not_seen_is_not_none() -> None:
    found = now(look(0, [5, 5], [1, UNSEEN], None, groups="the right Describe Group is missing"))
    assert found.members is None
    assert found.refused == "the right Describe Group is missing"
    assert [(one.lag, one.written, one.read, one.member) for one in found.partitions] == [(4, None, None, None)]


def test_offsets_that_went_back_have_no_rate() -> None:
    [one] = now(look(0, [100], [90]), look(100, [10], [5])).partitions
    assert (one.lag, one.written, one.read) == (5, None, None)


def test_a_group_that_reads_without_a_commit_has_its_members_and_one_that_does_not_is_not_there() -> None:
    found = now(look(0, [5, 5], None, (member("web", 1),)))
    assert [(one.number, one.lag, one.member) for one in found.partitions] == [(0, None, None), (1, None, "web")]
    assert group_now(look(0, [5], None, (member("web"),)), None, None, "billing", "orders") is None
    assert group_now(look(0, [5], [1]), None, None, "billing", "elsewhere") is None
