"""Messages that fail again and again: the offset that failed last in each partition, and how often.

A delivery of the partition that goes well, or another offset that fails, begins anew.
"""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from agent.ingest.index import ShapeIndex
from agent.model.columns import I32, I64, Role, SpanColumns

MOST = 10_000  #: partitions, those that failed last
LEAST = 3  #: attempts before they are told
EVERY = 60_000_000_000  #: ns between two times that one is told
_BITS = 32

Place = tuple[int, int]  #: slot and partition


@dataclass(slots=True)
class Failing:
    """Attempts at one offset; times are Unix ns at which they ended."""

    offset: int
    count: int
    first: int
    last: int
    row: tuple[int, int, int] = (0, 0, 0)  #: trace (two halves) and span of the last
    told: int = 0


class AttemptsSeen:
    """The offset that fails in each partition."""

    def __init__(self) -> None:
        self._by: OrderedDict[Place, Failing] = OrderedDict()

    def look(self, columns: SpanColumns, index: ShapeIndex) -> None:
        """Follow one batch's deliveries, in the order in which they ended."""
        consumed = (index.role[columns.shape] == Role.CONSUME) & (columns.offset >= 0)
        rows = np.flatnonzero(consumed & columns.error)
        if not (len(rows) or self._by):
            return
        # what goes well in a partition that fails is of interest, and nothing else that does
        failing = [_codes(index.slot[columns.shape[rows]], columns.partition[rows])]
        failing.append(np.array([(slot << _BITS) | partition for slot, partition in self._by], np.int64))
        well = np.flatnonzero(consumed & ~columns.error)
        there = np.isin(_codes(index.slot[columns.shape[well]], columns.partition[well]), np.concatenate(failing))
        rows = np.concatenate([rows, well[there]])
        if not len(rows):
            return
        rows = rows[np.argsort(columns.end[rows], kind="stable")]
        slots, partitions = index.slot[columns.shape[rows]].tolist(), columns.partition[rows].tolist()
        failed = columns.error[rows].tolist()
        for row, slot, partition, bad in zip(rows.tolist(), slots, partitions, failed, strict=True):
            if bad:
                self._fail((slot, partition), columns, row)
            else:
                self._went_well((slot, partition), int(columns.end[row]))

    def _fail(self, place: Place, columns: SpanColumns, row: int) -> None:
        offset, end = int(columns.offset[row]), int(columns.end[row])
        known = self._by.get(place)
        if known is None or known.offset != offset:
            if known is not None and end < known.last:
                return  # late: what it tells is over
            known = self._by[place] = Failing(offset, 0, end, end)
        known.count += 1
        known.first, known.last = min(known.first, end), max(known.last, end)
        known.row = (int(columns.trace_hi[row]), int(columns.trace_lo[row]), int(columns.span[row]))
        self._by.move_to_end(place)
        if len(self._by) > MOST:
            self._by.popitem(last=False)

    def _went_well(self, place: Place, end: int) -> None:
        known = self._by.get(place)
        if known is not None and end >= known.last:
            del self._by[place]

    def drain(self) -> list[tuple[Place, Failing]]:
        """What is to be told now: each that failed since it was told, once a minute."""
        found = []
        for place, one in self._by.items():
            if one.count >= LEAST and one.last - one.told >= EVERY:
                one.told = one.last
                found.append((place, one))
        return found


def _codes(slot: I64, partition: I32) -> I64:
    """Slot and partition in one number."""
    return np.asarray((slot.astype(np.int64) << _BITS) | partition.astype(np.int64))
