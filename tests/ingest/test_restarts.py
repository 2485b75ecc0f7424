"""Offsets that begin again: of a topic made anew they are first deliveries, of a consumer set back redeliveries."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from agent.ingest.aggregator import Aggregator
from agent.model import seam
from agent.model.columns import Role, Shape
from agent.model.facts import Column
from tests.ingest.spans import AT, SECOND, consume, folded, spans, total

TOPIC = seam.topic("orders", "c")
PUBLISH = Shape("shop", Role.PUBLISH, (seam.publishes(seam.service("shop"), TOPIC),), topic=TOPIC, operation="publish")
BOOK = [PUBLISH, consume()]
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def delivered(
    aggregator: Aggregator, offsets: range, *, at: int, produced: int | None, partition: int = 0, error: bool = False
) -> int:
    """Deliver offsets at a time (ns after the start), each produced at another; how many were duplicates."""
    rows: list[dict[str, Any]] = []
    for offset in offsets:
        trace = {"trace_hi": abs(at) + 1, "trace_lo": offset + 1}
        if produced is not None:
            rows.append({**trace, "shape": 0, "span": 5, "start": produced + offset, "end": produced + offset})
        handled = {"start": at + offset, "end": at + SECOND + offset, "error": error and offset == offsets[-1]}
        identity = {"partition": partition, "offset": offset, "parent": 5, "remote": 1}
        rows.append({**trace, "shape": 1, "span": 6, **handled, **identity})
    flush = folded(aggregator, spans(*rows), at=AT + timedelta(microseconds=at // 1000))
    return total(flush, "group:c/g", Column.DUPLICATES)


@pytest.mark.parametrize("pause", [3 * HOUR, 2 * DAY])
def test_offsets_of_a_topic_made_anew_are_no_redeliveries(pause: int) -> None:
    aggregator = Aggregator(list(BOOK))
    assert delivered(aggregator, range(200), at=0, produced=-SECOND) == 0
    assert delivered(aggregator, range(50), at=pause, produced=pause - SECOND) == 0
    assert aggregator.lost()["partitions begun anew"] == 1
    assert delivered(aggregator, range(50, 100), at=pause + SECOND, produced=None) == 0, "known to be new by now"
    assert delivered(aggregator, range(40, 60), at=pause + 60 * SECOND, produced=pause - SECOND) == 20, "a true one"


def test_a_consumer_that_was_set_back_gets_redeliveries() -> None:
    aggregator = Aggregator(list(BOOK))
    delivered(aggregator, range(200), at=0, produced=-SECOND)
    assert delivered(aggregator, range(50), at=3 * HOUR, produced=-SECOND) == 50
    assert delivered(aggregator, range(50, 60), at=2 * DAY, produced=-SECOND) == 10
    assert "partitions begun anew" not in aggregator.lost()


def test_where_no_producer_was_seen_they_count_as_redelivered() -> None:
    aggregator = Aggregator(list(BOOK))
    delivered(aggregator, range(200), at=0, produced=None)
    assert delivered(aggregator, range(50), at=3 * HOUR, produced=None) == 50


def test_a_clock_that_is_minutes_ahead_makes_no_topic_new() -> None:
    aggregator = Aggregator(list(BOOK))
    delivered(aggregator, range(20), at=0, produced=600 * SECOND)
    assert delivered(aggregator, range(10), at=60 * SECOND, produced=600 * SECOND) == 10


def test_another_partition_keeps_what_it_knows() -> None:
    aggregator = Aggregator(list(BOOK))
    delivered(aggregator, range(20), at=0, produced=-SECOND)
    delivered(aggregator, range(20), at=0, produced=-SECOND, partition=1)
    assert delivered(aggregator, range(20), at=3 * HOUR, produced=3 * HOUR - SECOND) == 0
    assert delivered(aggregator, range(20), at=4 * HOUR, produced=None, partition=1) == 20


def test_a_delivery_that_failed_is_no_delivery_of_the_new_topic_either() -> None:
    aggregator = Aggregator(list(BOOK))
    delivered(aggregator, range(20), at=0, produced=-SECOND)
    assert delivered(aggregator, range(5), at=3 * HOUR, produced=3 * HOUR - SECOND, error=True) == 0
    assert delivered(aggregator, range(4, 5), at=3 * HOUR + SECOND, produced=None) == 0, "tried again, and done"


def test_what_the_store_gives_back_after_a_restart_of_ours_is_told_apart_by_the_day() -> None:
    before = Aggregator(list(BOOK))
    delivered(before, range(200), at=0, produced=-SECOND)
    kept = before.effects.offsets
    rows = [
        (*place, day, *pair) for place, days in kept._sets.items() for day, ranges in days.items() for pair in ranges
    ]
    after = Aggregator(list(BOOK))
    after.index.refresh(np.array([0, 1], np.int32))
    after.effects.offsets.restore(np.array(rows, np.int64))
    assert delivered(after, range(50), at=2 * DAY, produced=2 * DAY - SECOND) == 0
    assert after.lost()["partitions begun anew"] == 1
