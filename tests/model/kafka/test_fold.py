"""Looks, one after another, as facts: only news, and every number with what it needs to be known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from agent.model.facts import Sample, Setting, Sighting
from agent.model.kafka.facts import Fold
from agent.model.kafka.look import (
    UNSEEN,
    Committed,
    Group,
    Look,
    Member,
    Producer,
    Segments,
    TopicAbout,
    Topics,
    Transaction,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
SEEN = {"start": 0, "stable": None}


def look(
    seconds: float,
    ends: list[int],
    committed: list[int] | None = None,
    *,
    ages: list[float] | None = None,
    starts: list[int] | None = None,
    stable: list[int] | None = None,
    first: list[float] | None = None,
    about: TopicAbout | None = None,
    group: Group | None = None,
    **more: Any,
) -> Look:
    """One topic and one group, so many seconds after the start; ages are in seconds."""
    count = len(ends)
    rows = Segments.of([("orders", list(range(count)))])
    done = Segments.of([(("billing", "orders"), list(range(count)))])
    nothing = np.full(count, np.nan)
    topics = Topics(
        rows,
        np.array(starts or [0] * count),
        np.array(ends),
        np.array(stable or ends),
        np.array(first) if first else nothing,
        {"orders": about or TopicAbout()},
    )
    told = None
    if committed is not None:
        told = Committed(done, np.array(committed), np.array(ages) if ages else nothing.copy())
    groups = None if committed is None and group is None else {"billing": group or Group()}
    return Look("prod", START + timedelta(seconds=seconds), topics=topics, groups=groups, committed=told, **more)


def samples(fold: Fold, one: Look) -> dict[str, float]:
    """What was told of the group on the topic, and of the topic as `topic.<name>`."""
    found = [fact for fact in fold.facts(one) if isinstance(fact, Sample)]
    return {("topic." if f.subject.kind == "topic" else "") + f.name: f.value for f in found}


def test_what_does_not_change_is_told_again_after_five_minutes_and_not_before() -> None:
    fold = Fold()
    assert samples(fold, look(0, [10], [10]))["lag"] == 0
    for seconds in range(30, 300, 30):
        assert set(samples(fold, look(seconds, [10], [10]))) == {"looks"}
    again = samples(fold, look(300, [10], [10]))
    assert (again["lag"], again["committed"], again["topic.produced"]) == (0, 10, 10)
    assert "lag" not in samples(fold, look(330, [20], [20])), "it is still none"


def test_what_was_told_is_told_anew_where_it_did_not_arrive() -> None:
    fold = Fold()
    samples(fold, look(0, [10], [5], ages=[9]))
    fold.retell()
    assert samples(fold, look(30, [10], [5], ages=[9]))["lag"] == 5


def test_seams_are_sighted_again_every_five_minutes() -> None:
    fold = Fold()
    keys = [len([f for f in fold.facts(look(30 * n, [1], [1])) if isinstance(f, Sighting)]) for n in range(12)]
    assert keys == [3, *[0] * 9, 3, 0]


def test_losses_are_counted_from_the_log_start() -> None:
    assert samples(Fold(), look(0, [50, 50], [10, 45], starts=[30, 40]))["lost"] == 20
    assert samples(Fold(), look(0, [50, 50], [30, 45], starts=[30, 40]))["lost"] == 0
    assert "lost" not in samples(Fold(), look(0, [50], [10], starts=[UNSEEN]))


def test_retention_left_is_that_of_the_partition_nearest_to_deletion() -> None:
    kept = TopicAbout(settings={"retention.ms": "3600000", "cleanup.policy": "delete"})
    told = samples(Fold(), look(0, [50, 50], [10, 20], ages=[600, 2700], about=kept))
    assert (told["retention_left_seconds"], told["retention_used"]) == (900, 0.75)
    done = samples(Fold(), look(0, [50], [50], about=kept))
    assert (done["retention_left_seconds"], "retention_used" in done) == (3600, False)
    compacted = TopicAbout(settings={"retention.ms": "3600000", "cleanup.policy": "compact"})
    assert "retention_left_seconds" not in samples(Fold(), look(0, [50], [10], ages=[600], about=compacted))


def test_size_deletes_sooner_only_where_it_is_limited() -> None:
    first = [(START - timedelta(minutes=20)).timestamp()]
    by_time = TopicAbout(settings={"retention.ms": "3600000"})
    by_size = TopicAbout(settings={"retention.ms": "3600000", "retention.bytes": "1000000"})
    asked = {"ages": [600.0], "starts": [5], "first": first}
    assert samples(Fold(), look(0, [50], [10], about=by_time, **asked))["retention_left_seconds"] == 3000
    assert samples(Fold(), look(0, [50], [10], about=by_size, **asked))["retention_left_seconds"] == 600
    endless = TopicAbout(settings={"retention.ms": "-1", "retention.bytes": "1000000"})
    assert samples(Fold(), look(0, [50], [10], about=endless, **asked))["retention_left_seconds"] == 600


def members(*names: str, target: bool = False) -> Group:
    parts = frozenset({("orders", 0)})
    return Group(
        state="Stable",
        members=tuple(Member(name, "c", None, parts, parts | {("orders", 1)} if target else None) for name in names),
    )


def test_rebalances_are_counted_by_epoch_or_else_by_who_came_and_went() -> None:
    fold = Fold()
    assert "rebalances" not in samples(fold, look(0, [1], [1], group=members("a", "b")))
    assert "rebalances" not in samples(fold, look(30, [1], [1], group=members("a", "b")))
    told = samples(fold, look(60, [1], [1], group=members("a", "c")))
    assert (told["rebalances"], told["joined"]) == (1, 1)
    by_epoch = Fold()
    samples(by_epoch, look(0, [1], [1], group=Group(epoch=7)))
    assert samples(by_epoch, look(30, [1], [1], group=Group(epoch=11)))["rebalances"] == 4


def test_a_group_is_unstable_where_it_says_so_or_a_member_has_not_what_it_is_to_have() -> None:
    assert samples(Fold(), look(0, [1], [1], group=members("a")))["unstable"] == 0
    assert samples(Fold(), look(0, [1], [1], group=members("a", target=True)))["unstable"] == 1
    assert samples(Fold(), look(0, [1], [1], group=Group(state="PreparingRebalance")))["unstable"] == 1
    assert samples(Fold(), look(0, [1], [1], group=Group(state="Empty")))["unstable"] == 0
    assert "unstable" not in samples(Fold(), look(0, [1], [1]))


def test_partitions_that_no_member_has_are_orphaned() -> None:
    assert samples(Fold(), look(0, [9, 9], [1, 1], group=members("a")))["orphaned"] == 1
    assert "orphaned" not in samples(Fold(), look(0, [9], [1], group=members("a")))
    assert "orphaned" not in samples(Fold(), look(0, [9, 9], [1, 1], group=Group(state="Empty", members=())))


def test_the_longest_pause_between_commits_is_told_and_an_ordinary_one_twice_a_day() -> None:
    fold, told = Fold(), dict[int, float]()
    done = 0
    for minute in range(0, 24 * 60, 10):
        done += 0 if 300 <= minute < 400 else 1
        found = samples(fold, look(60 * minute, [1000], [done]))
        if "commit_gap_seconds" in found:
            told[minute] = found["commit_gap_seconds"]
    assert told[10] == 600
    assert told[400] == 6600, "a hundred minutes, and the look before"
    assert len(told) <= 4


def test_what_waits_behind_an_open_transaction_is_told_with_how_long() -> None:
    fold = Fold()
    assert samples(fold, look(0, [9], [5]))["topic.held_seconds"] == 0
    for seconds in (30, 60, 90):
        told = samples(fold, look(seconds, [9 + seconds], [5], stable=[9]))
    assert (told["topic.held_messages"], told["topic.held_seconds"]) == (90, 60)
    assert samples(fold, look(120, [200], [5], stable=[200]))["topic.held_seconds"] == 0


def test_an_open_transaction_is_named_while_it_is_open() -> None:
    fold = Fold()
    one = Transaction("pay-1", "Ongoing", 9, START - timedelta(seconds=40), 60, (("orders", 0),))
    facts = list(fold.facts(look(0, [9], transactions=(one,))))
    named = {f.name: f.value for f in facts if isinstance(f, Setting)}
    assert named["transaction"] == "pay-1 (Ongoing, producer 9, timeout 60 s)"
    assert samples(Fold(), look(0, [9], transactions=(one,)))["topic.transaction_seconds"] == 40
    after = {f.name: f.value for f in fold.facts(look(30, [9], transactions=())) if isinstance(f, Setting)}
    assert after["transaction"] is None


def test_who_writes_without_idempotence_is_known_from_the_second_look_on() -> None:
    def about(seconds: float) -> TopicAbout:
        at = START + timedelta(seconds=seconds)
        return TopicAbout(producers={0: (Producer(7, 0, at),), 1: ()})

    fold = Fold()
    assert samples(fold, look(0, [5, 5], about=about(0)))["topic.producers"] == 1
    told = samples(fold, look(300, [9, 9], about=about(290)))
    assert (told["topic.written_partitions"], told["topic.plain_partitions"]) == (2, 1)
    idle = samples(fold, look(600, [9, 9], about=about(290)))
    assert (idle["topic.written_partitions"], idle["topic.plain_partitions"]) == (0, 0)


def test_a_stamp_that_says_less_than_we_saw_is_corrected_and_told() -> None:
    fold = Fold()
    samples(fold, look(0, [5], [5]))
    samples(fold, look(60, [50], [5], ages=[0]))
    told = samples(fold, look(300, [60], [5], ages=[0]))
    assert told["age_seconds"] >= 240
    assert told["stamp_skew_seconds"] == 240
    assert samples(fold, look(330, [60], [60]))["stamp_skew_seconds"] == 0


def test_settings_tell_whether_somebody_set_them_on_the_topic() -> None:
    about = TopicAbout(settings={"retention.ms": "1", "cleanup.policy": "delete"}, own=frozenset({"retention.ms"}))
    told = {f.name: f.source for f in Fold().facts(look(0, [1], about=about)) if isinstance(f, Setting)}
    assert (told["retention.ms"], told["cleanup.policy"]) == ("kafka, set on the topic", "kafka")
