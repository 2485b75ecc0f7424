"""End offsets over time: from our own samples, how old the oldest unread record of a partition is. Pure, bounded."""

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

SAMPLES = 240  #: per partition, 16 B each; thinned when they are full
#: A bracket that thinning leaves is no wider than this share of its age: 240 samples reach back for months.
SHARE = 1 / 16
PARTITIONS = 50_000
IDLE_SECONDS = 86_400.0  #: a partition not seen for so long makes room for a new one


@dataclass(frozen=True, slots=True)
class Bracket:
    """The age of the oldest unread record in seconds: between `least` and `most`.

    `likely` is what linear interpolation gives: records of one interval between samples are taken as evenly spread.
    """

    least: float
    likely: float
    most: float


CAUGHT_UP = Bracket(0.0, 0.0, 0.0)


@dataclass(slots=True)
class _History:
    """Samples of one partition: Unix seconds and end offsets, both ascending; of equal offsets only first and last."""

    times: "array[float]" = field(default_factory=lambda: array("d"))
    ends: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, time: float, end: int) -> None:
        if len(self.ends) > 1 and self.ends[-1] == end == self.ends[-2]:
            self.times[-1] = time
            return
        self.times.append(time)
        self.ends.append(end)

    def thin(self, most: int) -> None:
        """Drop samples whose neighbours are close together for their age: the past is known coarsely, but known."""
        share = SHARE
        while len(self.ends) > most:
            self._thin(share)
            share *= 2

    def _thin(self, share: float) -> None:
        times, now = self.times, self.times[-1]
        kept = [0]
        for index in range(1, len(times) - 1):
            if times[index + 1] - times[kept[-1]] > share * (now - times[index]):
                kept.append(index)
        kept.append(len(times) - 1)
        self.times = array("d", (times[index] for index in kept))
        self.ends = array("q", (self.ends[index] for index in kept))


class EndOffsets:
    """(time, end offset) samples per partition, fed in event-time order. Any hashable names a partition."""

    def __init__(self, samples: int = SAMPLES, partitions: int = PARTITIONS) -> None:
        self._samples, self._partitions = max(4, samples), partitions
        self._histories: OrderedDict[Hashable, _History] = OrderedDict()
        self.late = 0  #: samples out of order, ignored
        self.restarts = 0  #: ends that went back: the topic was recreated or truncated, its history is void
        self.refused = 0  #: samples of partitions beyond the bound

    def __len__(self) -> int:
        return len(self._histories)

    def feed(self, partition: Hashable, time: float, end: int) -> None:
        """One sample: at `time` (Unix seconds) the next record would have got the offset `end`."""
        history = self._history(partition, time)
        if history is None:
            self.refused += 1
            return
        if history.times and time <= history.times[-1]:
            self.late += 1
            return
        if history.ends and end < history.ends[-1]:
            self.restarts += 1
            history = self._histories[partition] = _History()
        history.add(time, end)
        if len(history.ends) > self._samples:
            history.thin(self._samples * 3 // 4)
        self._histories.move_to_end(partition)

    def _history(self, partition: Hashable, time: float) -> _History | None:
        history = self._histories.get(partition)
        if history is not None:
            return history
        if len(self._histories) >= self._partitions:
            oldest, idle = next(iter(self._histories.items()))
            if idle.times and time - idle.times[-1] < IDLE_SECONDS:
                return None
            del self._histories[oldest]
        return self._histories.setdefault(partition, _History())

    def age(self, partition: Hashable, committed: int, now: float) -> Bracket | None:
        """How old the record at the committed offset is at `now`, seconds; None when its arrival was not witnessed.

        It arrived after the last sample whose end was not over it, and not after the next one. Caught up is 0.
        """
        history = self._histories.get(partition)
        if history is None or not history.ends:
            return None
        if committed >= history.ends[-1]:
            return CAUGHT_UP
        after = bisect_right(history.ends, committed)
        if after == 0:
            return None
        start, end = history.times[after - 1], history.times[after]
        low, high = history.ends[after - 1], history.ends[after]
        likely = start + (end - start) * (committed - low) / (high - low)
        return Bracket(max(0.0, now - end), max(0.0, now - likely), max(0.0, now - start))
