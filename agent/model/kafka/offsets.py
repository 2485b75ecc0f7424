"""End offsets over time: from our own samples, how old the oldest unread record of a partition is. Pure, bounded."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.model.kafka.look import UNSEEN, Real, Whole

SAMPLES = 120  #: per topic; thinned when they are full
#: A bracket that thinning leaves is no wider than this share of its age: 120 samples reach back for weeks.
SHARE = 1 / 12
PARTITIONS = 200_000  #: of all topics
IDLE_SECONDS = 86_400.0  #: a topic not seen for so long makes room for a new one


@dataclass(frozen=True, slots=True)
class Bracket:
    """The age of the oldest unread record of some partitions, in seconds: between `least` and `most`; NaN: not known.

    `likely` is what linear interpolation gives: records of one interval between samples are taken as evenly spread.
    Where all samples lie after the record, only `least` is known: it was there when we first looked.
    """

    least: Real
    likely: Real
    most: Real


@dataclass(slots=True)
class _History:
    """Samples of one topic: Unix seconds, and a row of end offsets at each; both ascending."""

    times: list[float] = field(default_factory=list)
    rows: list[Whole] = field(default_factory=list)
    table: npt.NDArray[np.int64] | None = None  #: the rows in one array, made when it is asked for

    def add(self, time: float, ends: Whole) -> None:
        self.table = None
        last = self.rows[-1:]
        same = len(self.rows) > 1 and np.array_equal(last[0], ends) and np.array_equal(self.rows[-2], ends)
        if same:  # of equal rows only first and last
            self.times[-1] = time
            return
        self.times.append(time)
        self.rows.append(last[0] if last and np.array_equal(last[0], ends) else ends)

    def widen(self, partitions: int) -> None:
        """A topic that got more partitions had none of these before."""
        more = partitions - len(self.rows[-1])
        self.rows = [np.concatenate([row, np.full(more, UNSEEN, np.int64)]) for row in self.rows]
        self.table = None

    def thin(self, most: int) -> None:
        """Drop samples whose neighbours are close together for their age: the past is known coarsely, but known."""
        share = SHARE
        while len(self.rows) > most:
            self._thin(share)
            share *= 2
        self.table = None

    def _thin(self, share: float) -> None:
        times, now = self.times, self.times[-1]
        kept = [0]
        for index in range(1, len(times) - 1):
            if times[index + 1] - times[kept[-1]] > share * (now - times[index]):
                kept.append(index)
        kept.append(len(times) - 1)
        self.times, self.rows = [times[index] for index in kept], [self.rows[index] for index in kept]

    def whole(self) -> npt.NDArray[np.int64]:
        """Every sample: one row a time, one column a partition."""
        if self.table is None:
            self.table = np.array(self.rows, dtype=np.int64)
        return self.table


class EndOffsets:
    """(time, end offsets) samples per topic, fed in event-time order. Any hashable names a topic."""

    def __init__(self, samples: int = SAMPLES, partitions: int = PARTITIONS) -> None:
        self._samples, self._most = max(4, samples), partitions
        self._histories: OrderedDict[Hashable, _History] = OrderedDict()
        self._held = 0
        self.late = 0  #: samples out of order, ignored
        self.restarts = 0  #: ends that went back: the topic was recreated or truncated, its history is void
        self.refused = 0  #: samples of topics beyond the bound

    def __len__(self) -> int:
        return self._held

    def feed(self, topic: Hashable, time: float, ends: Whole) -> None:
        """One sample: at `time` (Unix seconds) the next record of partition i would have got the offset `ends[i]`.

        Partitions are told in their order, those that were not seen as UNSEEN; a topic may only get more of them.
        """
        history = self._history(topic, time, len(ends))
        if history is None:
            self.refused += 1
            return
        if history.times and time <= history.times[-1]:
            self.late += 1
            return
        if history.rows:
            if len(ends) > len(history.rows[-1]):
                self._held += len(ends) - len(history.rows[-1])
                history.widen(len(ends))
            if len(ends) < len(history.rows[-1]) or (ends < history.rows[-1])[ends != UNSEEN].any():
                self.restarts += 1
                self._held += len(ends) - len(history.rows[-1])
                history = self._histories[topic] = _History()
        history.add(time, ends)
        if len(history.rows) > self._samples:
            history.thin(self._samples * 3 // 4)

    def _history(self, topic: Hashable, time: float, partitions: int) -> _History | None:
        history = self._histories.get(topic)
        if history is not None:
            self._histories.move_to_end(topic)
            return history
        while self._held + partitions > self._most and self._histories:
            oldest = next(iter(self._histories))
            idle = self._histories[oldest]
            if time - idle.times[-1] < IDLE_SECONDS:
                return None
            self._held -= len(idle.rows[-1])
            del self._histories[oldest]
        if self._held + partitions > self._most:
            return None
        self._held += partitions
        self._histories[topic] = _History()
        return self._histories[topic]

    def written(self, topic: Hashable, since: float) -> Whole | None:
        """How many records each partition got since an instant, as far as it was seen; None for an unknown topic."""
        history = self._histories.get(topic)
        if history is None or not history.rows:
            return None
        before = int(np.searchsorted(history.times, since, side="right")) - 1
        ends = history.rows[max(0, before)]
        return np.where((ends == UNSEEN) | (history.rows[-1] == UNSEEN), 0, history.rows[-1] - ends)

    def age(self, topic: Hashable, partitions: Whole, committed: Whole, now: float) -> Bracket:
        """The age at `now` (Unix seconds) of what each of some partitions has at the offset that is committed."""
        nothing = np.full(len(partitions), np.nan)
        history = self._histories.get(topic)
        if history is None or not history.rows:
            return Bracket(nothing, nothing.copy(), nothing.copy())
        table = history.whole()
        inside = partitions < table.shape[1]
        ends = np.full((table.shape[0], len(partitions)), UNSEEN, np.int64)
        ends[:, inside] = table[:, partitions[inside]]
        return _bracket(np.array(history.times), ends, committed, now)


def _bracket(times: Real, ends: Whole, committed: Whole, now: float) -> Bracket:
    beyond = ends > committed
    unread = beyond.any(axis=0)
    after = beyond.argmax(axis=0)
    column = np.arange(ends.shape[1])
    before = np.maximum(after - 1, 0)
    low = np.where(after > 0, ends[before, column], UNSEEN)
    high = ends[after, column]
    known = unread & (low != UNSEEN)
    caught = ~unread & (ends[-1] != UNSEEN)
    start, end = times[before], times[after]
    with np.errstate(divide="ignore", invalid="ignore"):
        likely = start + (end - start) * (committed - low) / (high - low)

    def aged(at: Real, where: Any) -> Real:
        return np.where(caught, 0.0, np.where(where, np.maximum(0.0, now - at), np.nan))

    return Bracket(aged(end, unread), aged(likely, known), aged(start, known))
