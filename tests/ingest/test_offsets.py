"""Delivered offsets by arrays, held against a set."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.ingest.offsets import DAY_NUMBER, FIRST, LAST, OPERATION, PARTITION, SLOT, Offsets
from agent.model.columns import I64

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
