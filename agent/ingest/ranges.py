"""Delivered offsets as sorted closed ranges: millions of messages in a few numbers."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

MOST_RANGES = 4096  #: per set; beyond it the lowest offsets are forgotten


class RangeSet:
    """A set of offsets as disjoint, sorted, closed ranges. Offsets mostly come in order: a step of O(1)."""

    __slots__ = ("_ends", "_starts", "forgotten")

    def __init__(self) -> None:
        self.forgotten = 0  #: ranges for which there was no room
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    @property
    def last(self) -> int:
        """The highest offset; -1 where there is none."""
        return self._ends[-1] if self._ends else -1

    def __contains__(self, offset: int) -> bool:
        if not self._ends or offset > self._ends[-1]:
            return False
        at = bisect_right(self._starts, offset) - 1
        return at >= 0 and offset <= self._ends[at]

    def take(self, offset: int) -> bool:
        """Add one offset; True where it was there before."""
        ends = self._ends
        if ends:
            last = ends[-1]
            if offset == last + 1:
                ends[-1] = offset
                return False
            if offset <= last and offset in self:
                return True
        self.add(offset, offset)
        return False

    def add(self, start: int, end: int) -> None:
        """Add one closed range."""
        starts, ends = self._starts, self._ends
        if not ends or start > ends[-1] + 1:
            starts.append(start)
            ends.append(end)
        elif start >= starts[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            low = bisect_right(ends, start - 2)  # the first range that ends at start - 1 or later touches it
            high = bisect_right(starts, end + 1)
            if low < high:
                start, end = min(start, starts[low]), max(end, ends[high - 1])
            starts[low:high], ends[low:high] = [start], [end]
        if len(starts) > MOST_RANGES:
            del starts[0], ends[0]
            self.forgotten += 1


def joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Closed ranges in any order, overlapping or not, as disjoint closed ranges in order."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
