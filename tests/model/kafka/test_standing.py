"""A partition that stands while others go on: since when, which, and that nothing else looks like it."""

from datetime import UTC, datetime, timedelta

import numpy as np

from agent.model.facts import Sample
from agent.model.kafka.facts import Fold
from agent.model.kafka.look import Committed, Look, Segments, Topics

START = datetime(2026, 6, 1, tzinfo=UTC)


def look(
    minute: float,
    offsets: list[int],
    end: int = 1_000,
    *,
    numbers: list[int] | None = None,
    stable: list[int] | None = None,
) -> Look:
    """One group on one topic, by what it has committed of each partition."""
    count = len(offsets)
    rows = Segments.of([("orders", numbers or range(count))])
    ends, unseen = np.full(count, end), np.full(count, -1)
    last = unseen if stable is None else np.array(stable)
    topics = Topics(rows, np.zeros(count, dtype=np.int64), ends, last, np.full(count, np.nan))
    done = Committed(
        Segments.of([(("billing", "orders"), numbers or range(count))]), np.array(offsets), np.full(count, np.nan)
    )
    return Look("prod", START + timedelta(minutes=minute), topics=topics, committed=done, groups={})


def told(*looks: Look) -> dict[str, float]:
    """The last value of each measure that tells of it."""
    fold, found = Fold(), dict[str, float]()
    for one in looks:
        for fact in fold.facts(one):
            if isinstance(fact, Sample) and (fact.name.startswith("stuck") or fact.name.startswith("moving")):
                found[fact.name] = fact.value
    return found


def test_one_that_stands_while_another_goes_on_is_told() -> None:
    found = told(*(look(minute, [10 * minute, 5, 7]) for minute in range(8)))
    assert found == {"stuck_seconds": 420, "stuck_partition": 1, "stuck_offset": 5, "moving_partitions": 1}


def test_where_all_stand_or_all_go_on_or_nothing_waits_there_is_none() -> None:
    assert told(*(look(minute, [3, 5, 7]) for minute in range(8))) == {}
    assert told(*(look(minute, [minute, 5 + minute, 7 + minute]) for minute in range(8))) == {}
    assert told(*(look(minute, [10 * minute, 1_000]) for minute in range(8))) == {}, "it has read all there is"


def test_what_waits_behind_an_open_transaction_stands_at_no_message() -> None:
    held = [look(minute, [10 * minute, 5], stable=[1_000, 5]) for minute in range(40)]
    assert told(*held) == {}, "whoever reads committed messages cannot go on"
    before = [look(minute, [10 * minute, 5], stable=[1_000, 6]) for minute in range(8)]
    assert told(*before)["stuck_seconds"] == 420, "there is a message before the transaction"
    none = [look(minute, [10 * minute, 5], stable=[1_000, 1_000]) for minute in range(8)]
    assert told(*none)["stuck_seconds"] == 420, "no transaction is open"


def test_what_goes_on_again_is_told_once_and_no_more() -> None:
    stood = [look(minute, [10 * minute, 5]) for minute in range(8)]
    assert told(*stood, look(8, [80, 6]))["stuck_seconds"] == 0
    assert told(*stood, look(8, [80, 6]), look(20, [90, 6]))["stuck_seconds"] == 720, "and stands again"


def test_others_that_went_on_long_ago_do_not_count() -> None:
    assert (
        told(look(0, [0, 5]), look(1, [9, 5]), *(look(minute, [9, 5]) for minute in range(2, 20)))["stuck_seconds"] == 0
    ), "they stand as well by now"


def test_new_partitions_begin_anew_and_the_others_do_too() -> None:
    grown = [look(minute, [10 * minute, 5, 0]) for minute in range(8, 12)]
    assert told(*(look(minute, [10 * minute, 5]) for minute in range(8)), *grown)["stuck_seconds"] <= 240
