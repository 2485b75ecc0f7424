"""How much is written at a peak, and how much a group was seen to read when it had to: both over five minutes.

What a group can do is only seen while it is behind. Behind, and no nearer or farther, is a delay by design: it reads as
fast as is written an hour ago, and says nothing of what it could. So the age of what waits has to change.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.model.facts import Fact, Merge, Sample
from agent.model.seam import SubjectRef

SPAN = 300.0  #: s of one rate
LONGEST = 900.0  #: s; looks further apart than that say nothing of five minutes
DAY = 86_400.0
SLOTS = int(DAY / SPAN)
MOST = 50_000  #: topics: 1 KiB each; groups on topics: less
LEAST = 12  #: rates of five minutes before there is a peak
PEAK = 95.0  #: percentile of the rates of a day (RULES, GRW-01)
NEWS = 0.05  #: by which a peak has to differ from the one that was told
AGAIN = 6 * 3600.0  #: s after which it is told again
BEHIND, CHANGED = 60.0, 30.0  #: s: how old what waits has to be all along, and by how much that age has to change
BUSY = 0.5  #: of the looks, at least, have to see commits go on
LEAP = 0.5  #: of what was read: more in one look is an offset that was set, not a rate; of few looks, two of them


@dataclass(slots=True)
class _Written:
    """A topic: where the rate under way began, and the rates of a day in a ring, by when they ended."""

    since: float
    total: float
    rates: npt.NDArray[np.float32] = field(default_factory=lambda: np.full(SLOTS, np.nan, np.float32))
    slot: int = -1  #: of the last rate, since 1970
    told: tuple[float, float] | None = None  #: when, and what

    def put(self, now: float, rate: float) -> None:
        """Keep a rate; what was a day ago goes, and slots without one are empty."""
        slot = int(now // SPAN)
        for passed in range(max(self.slot + 1, slot - SLOTS + 1), slot):
            self.rates[passed % SLOTS] = np.nan
        self.rates[slot % SLOTS], self.slot = rate, slot


@dataclass(slots=True)
class _Read:
    """A group on a topic that is behind, since it was seen to be."""

    since: float
    committed: float
    age: float
    last: float  #: committed at the look before
    looks: int = 0
    moved: int = 0  #: looks at which commits had gone on
    largest: float = 0.0  #: by which they went on in one look

    def look(self, committed: float) -> None:
        """Count one look's commits."""
        self.looks += 1
        self.moved += committed > self.last
        self.largest, self.last = max(self.largest, committed - self.last), committed

    @property
    def steady(self) -> bool:
        """It was read all along: neither in few looks, nor by one leap."""
        leap = max(LEAP, 2 / self.looks) * (self.last - self.committed)
        return self.moved >= BUSY * self.looks and self.largest <= leap


class Rates:
    """The topics and groups of looks, one after another."""

    def __init__(self) -> None:
        self._written: dict[SubjectRef, _Written] = {}
        self._read: dict[SubjectRef, _Read] = {}
        self._proven: dict[SubjectRef, tuple[float, float]] = {}  #: when it was told, and what

    def written(self, subject: SubjectRef, at: datetime, total: float) -> Iterator[Fact]:
        """A topic's end offsets, summed: its peak of the last day in records/s, where that is news."""
        now = at.timestamp()
        one = self._written.get(subject)
        if one is None:
            _bound(self._written)
            self._written[subject] = _Written(now, total)
            return
        if total < one.total or not 0 <= now - one.since <= LONGEST:
            one.since, one.total = now, total
            return
        if now - one.since < SPAN:
            return
        one.put(now, (total - one.total) / (now - one.since))
        one.since, one.total = now, total
        kept = one.rates[~np.isnan(one.rates)]
        if len(kept) < LEAST:
            return
        peak = float(np.percentile(kept, PEAK))
        if one.told is None or abs(peak - one.told[1]) > NEWS * one.told[1] or now - one.told[0] >= AGAIN:
            one.told = (now, peak)
            yield Sample(subject, "peak_rate", at, _short(peak))

    def read(self, subject: SubjectRef, at: datetime, committed: float, age: float) -> Iterator[Fact]:
        """A group's commits, summed, and the age of what waits, s: the rate that it proved, where that is news."""
        now, one = at.timestamp(), self._read.get(subject)
        if age < BEHIND:
            self._read.pop(subject, None)
            return
        if one is None or committed < one.last or not 0 <= now - one.since <= LONGEST:
            _bound(self._read)
            self._read[subject] = _Read(now, committed, age, committed)
            return
        one.look(committed)
        if now - one.since < SPAN:
            return
        self._read[subject] = _Read(now, committed, age, committed)
        if not one.steady or abs(age - one.age) < CHANGED:
            return
        rate, told = (committed - one.committed) / (now - one.since), self._proven.get(subject)
        if rate > 0 and (told is None or rate > told[1] or now - told[0] >= DAY):
            _bound(self._proven)
            self._proven[subject] = (now, rate)
            yield Sample(subject, "proven_rate", at, _short(rate), Merge.MAX)


def _bound(known: dict[SubjectRef, Any]) -> None:
    """Begin anew where too much is remembered: groups with names of one run come and never come again."""
    if len(known) >= MOST:
        known.clear()


def _short(rate: float) -> float:
    """Three figures: more would be news each time."""
    return float(f"{rate:.3g}")
