"""Delivered offsets as sorted closed ranges: millions of messages in a few numbers."""

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np

from agent.model.columns import I64

MOST_RANGES = 4096  #: per set; beyond it the lowest offsets are forgotten


class RangeSet:
    """A set of offsets as disjoint, sorted, closed ranges. Offsets mostly come in order: a step of O(1)."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    def __contains__(self, offset: int) -> bool:
        if not self._ends or offset > self._ends[-1]:
            return False
        at = bisect_right(self._starts, offset) - 1
        return at >= 0 and offset <= self._ends[at]

    def add(self, start: int, end: int) -> None:
        """Add one closed range."""
        starts, ends = self._starts, self._ends
        if not ends or start > ends[-1] + 1:
            starts.append(start)
            ends.append(end)
            if len(starts) > MOST_RANGES:
                del starts[0], ends[0]
            return
        if start >= starts[-1]:
            ends[-1] = max(ends[-1], end)
            return
        low = bisect_right(ends, start - 2)  # the first range that ends at start - 1 or later touches it
        high = bisect_right(starts, end + 1)
        if low < high:
            start, end = min(start, starts[low]), max(end, ends[high - 1])
        starts[low:high], ends[low:high] = [start], [end]
        if len(starts) > MOST_RANGES:
            del starts[0], ends[0]


def runs(offsets: I64) -> tuple[I64, I64]:
    """Offsets in any order, repeated or not, as the starts and ends of their runs."""
    unique = np.unique(offsets)
    breaks = np.flatnonzero(np.diff(unique) > 1)
    starts = unique[np.concatenate([[0], breaks + 1])] if len(unique) else unique
    ends = unique[np.concatenate([breaks, [len(unique) - 1]])] if len(unique) else unique
    return starts, ends
