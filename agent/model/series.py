"""One measure over time."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """One measure over time: Unix seconds, ascending, and values of the same length."""

    times: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    def since(self, start: float, end: float = float("inf")) -> "Series":
        """The part within [start, end], both in Unix seconds."""
        low, high = bisect_left(self.times, start), bisect_right(self.times, end)
        return Series(self.times[low:high], self.values[low:high])

    def at_or_before(self, instant: float) -> float | None:
        """The last value not later than an instant, or None."""
        index = bisect_right(self.times, instant)
        return self.values[index - 1] if index else None

    @property
    def last(self) -> float | None:
        """The newest value, or None."""
        return self.values[-1] if self.values else None

    @property
    def grown(self) -> float | None:
        """By how much a count grew from the first value to the last; None for none, or where it went back.

        Offsets go back where a topic was made again.
        """
        gone = float(self.values[-1] - self.values[0]) if self.values else -1.0
        return gone if gone >= 0 else None

    def __len__(self) -> int:
        return len(self.times)


NO_SERIES = Series()
