"""Delivered offsets by arrays, held against a set."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ingest import offsets as module
from agent.ingest.aggregator import Aggregator
from agent.ingest.offsets import DAY_NUMBER, FIRST, LAST, OPERATION, PARTITION, SLOT, Offsets
from agent.model.columns import I64
from tests.ingest.spans import consume

_DELIVERY = st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 1), st.integers(0, 12), st.integers(0, 2))
_RUN = st.tuples(_DELIVERY, st.integers(1, 6)).map(
    lambda one: [(*one[0][:3], one[0][3] + step, one[0][4]) for step in range(one[1])]
)
_BATCH = st.lists(st.one_of(_DELIVERY.map(lambda one: [one]), _RUN), max_size=12).map(
    lambda runs: [delivery for run in runs for delivery in run]
)


def array(batch: list[tuple[int, int, int, int, int]]) -> I64:
    """Deliveries as rows of slot, partition, operation, offset and day."""
    return np.array(batch, np.int64).reshape(-1, 5)


@given(st.lists(_BATCH, max_size=5))
def test_each_delivery_is_seen_once(batches: list[list[tuple[int, int, int, int, int]]]) -> None:
    offsets, known, fresh = Offsets(), set[tuple[int, int, int, int]](), set[tuple[int, int, int, int, int]]()
    for batch in batches:
        rows = array(batch)
        found = offsets.seen(rows[:, :3], rows[:, 3], rows[:, 4]).tolist()
        for one in {delivery[:4] for delivery in batch}:
            at = [number for number, delivery in enumerate(batch) if delivery[:4] == one]
            first = [number for number in at if not found[number]]
            assert len(first) == (one not in known), "the first of equal ones is new, and no other"
            known.add(one)
            fresh.update(batch[number] for number in first)
    told = {
        (row[SLOT], row[PARTITION], row[OPERATION], offset, row[DAY_NUMBER])
        for row in offsets.take_fresh().tolist()
        for offset in range(row[FIRST], row[LAST] + 1)
    }
    assert told == fresh
    assert not len(offsets.take_fresh())


def deliver(offsets: Offsets, *batch: tuple[int, int, int, int, int]) -> list[bool]:
    rows = array(list(batch))
    found: list[bool] = offsets.seen(rows[:, :3], rows[:, 3], rows[:, 4]).tolist()
    return found


def test_places_used_longest_ago_are_forgotten_for_new_ones_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SETS", 10)
    offsets = Offsets()
    for number in range(10):
        assert deliver(offsets, (0, number, 0, 5, 1)) == [False]
    assert deliver(offsets, (0, 0, 0, 5, 1), (0, 1, 0, 6, 1)) == [True, False]  # used: not the oldest any more
    assert offsets.forgotten == 0
    assert deliver(offsets, (0, 10, 0, 5, 1), (0, 11, 0, 5, 1)) == [False, False]
    assert (len(offsets), offsets.forgotten) == (10, 2)
    assert deliver(offsets, *((0, number, 0, 5, 1) for number in (0, 1, 4, 11))) == [True] * 4
    assert deliver(offsets, (0, 2, 0, 5, 1), (0, 3, 0, 5, 1)) == [False, False], "that is what the count tells of"
    assert offsets.forgotten == 4


def test_days_of_one_place_count_each_and_what_is_beyond_the_horizon_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_SETS", 10)
    offsets = Offsets()
    for day in range(40):
        deliver(offsets, (0, 0, 0, day, day), (0, 1, 0, 1, 39))
    assert (offsets.forgotten, offsets._days_held, len(offsets)) == (0, 8, 2)
    offsets.forget((0, 0))
    assert (offsets._days_held, offsets._ranges_held, len(offsets)) == (1, 1, 1)


def test_the_days_before_are_forgotten_first_of_a_round_of_places_that_would_all_fit_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_SETS", 10)
    offsets = Offsets()
    for day in range(3):
        for number in range(8):
            assert deliver(offsets, (0, number, 0, day, day)) == [False]
    assert (len(offsets), offsets._days_held, offsets.forgotten) == (8, 10, 14)
    assert deliver(offsets, *((0, number, 0, 2, 2) for number in range(8))) == [True] * 8, "today is known of each"


@given(st.lists(_BATCH, max_size=8))
def test_what_is_held_is_counted_rightly_and_bounded(batches: list[list[tuple[int, int, int, int, int]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_SETS", 6)
        patch.setattr(module, "MOST_HELD", 9)
        patch.setattr("agent.ingest.ranges.MOST_RANGES", 3)
        offsets, again = Offsets(), Offsets()
        for batch in batches:
            deliver(offsets, *batch)
            again.restore(offsets.take_fresh())
            for one in (offsets, again):
                sets = [ranges for days in one._sets.values() for ranges in days.values()]
                assert (one._days_held, one._ranges_held) == (len(sets), sum(map(len, sets)))
                assert len(one) == 1 or (len(sets) <= 6 and one._ranges_held <= 9)


def test_ranges_for_which_a_set_has_no_room_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.ingest.ranges.MOST_RANGES", 3)
    aggregator = Aggregator([consume()])
    offsets = aggregator.effects.offsets
    deliver(offsets, *((0, 0, 0, offset, 1) for offset in (1, 3, 5)))
    assert aggregator.lost() == {}
    deliver(offsets, *((0, 0, 0, offset, 1) for offset in (7, 9)))
    assert aggregator.lost() == {"no room for deliveries": 2}
    assert deliver(offsets, (0, 0, 0, 5, 1), (0, 0, 0, 9, 1)) == [True, True]
    offsets.restore(np.array([[0, 0, 0, 1, 20, 21]], np.int64))
    assert aggregator.lost() == {"no room for deliveries": 3}


def test_who_reads_many_partitions_in_order_loses_nothing() -> None:
    offsets = Offsets()
    for first in (0, 100):
        batch = [(slot, number, 0, first + step, 1) for slot in range(20) for number in range(64) for step in range(3)]
        assert not any(deliver(offsets, *batch))
    assert (offsets.forgotten, len(offsets)) == (0, 20 * 64)
