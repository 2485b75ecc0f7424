"""Delivered offsets as sorted closed ranges: millions of messages in a few numbers."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from agent.model.columns import I64

MOST_RANGES = 4096  #: per set; beyond it the lowest offsets are forgotten


class RangeSet:
    """A set of offsets kept as disjoint, sorted, closed ranges."""

    def __init__(self) -> None:
        self._starts: I64 = np.zeros(0, dtype=np.int64)
        self._ends: I64 = np.zeros(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts.tolist(), self._ends.tolist(), strict=True)

    def has(self, offsets: I64) -> npt.NDArray[np.bool_]:
        """Which of some offsets are inside."""
        if not len(self._starts):
            return np.zeros(len(offsets), dtype=bool)
        at = np.searchsorted(self._starts, offsets, side="right") - 1
        return np.asarray((at >= 0) & (offsets <= self._ends[np.maximum(at, 0)]))

    def add(self, starts: I64, ends: I64) -> None:
        """Add closed ranges in any order."""
        if not len(starts):
            return
        starts, ends = np.concatenate([self._starts, starts]), np.concatenate([self._ends, ends])
        order = np.argsort(starts, kind="stable")
        starts, reach = starts[order], np.maximum.accumulate(ends[order])
        first = np.concatenate([[True], starts[1:] > reach[:-1] + 1])
        last = np.concatenate([first[1:], [True]])
        self._starts, self._ends = starts[first][-MOST_RANGES:], reach[last][-MOST_RANGES:]


def runs(offsets: I64) -> tuple[I64, I64]:
    """Offsets in any order, repeated or not, as the starts and ends of their runs."""
    unique = np.unique(offsets)
    breaks = np.flatnonzero(np.diff(unique) > 1)
    starts = unique[np.concatenate([[0], breaks + 1])] if len(unique) else unique
    ends = unique[np.concatenate([breaks, [len(unique) - 1]])] if len(unique) else unique
    return starts, ends
