"""The last deliveries of each partition to each group, as evidence; and handovers between instances."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from agent.model.columns import I32, I64, U64

RECENT = 64  #: deliveries a partition keeps as evidence
MOST_HANDOVERS = 4  #: a partition remembers
MOST_PARTITIONS = 2_000  #: partitions that keep evidence
_GROW = 64
NONE = -1

Place = tuple[int, int]  #: slot of the consuming seam, partition


@dataclass(slots=True)
class Handover:
    """A partition went from one instance to another: what came first after the last that the old one processed."""

    slot: int
    partition: int
    old: int
    wanted: int  #: the next unseen offset
    at: int  #: Unix ns of the change
    taken: tuple[int, int, int, int] | None = None  #: end, trace hi, lo and span of its delivery by another instance
    minute: int = 0
    mix: int = 0  #: its side effects, added up
    used: bool = False


class Partitions:
    """Evidence by (slot, partition), a row each, and handovers between instances that wait for their next offset."""

    WAIT = timedelta(minutes=15)

    def __init__(self) -> None:
        self._numbers: dict[Place, int] = {}
        self._places: list[Place] = []
        self.instance, self.highest = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._offsets, self._ends = np.zeros((0, RECENT), np.int64), np.zeros((0, RECENT), np.int64)
        self._traces: U64 = np.zeros((0, RECENT, 2), np.uint64)
        self.refused = 0  #: deliveries of partitions over the bound
        self.handovers: list[Handover] = []
        self._waiting: dict[int, list[Handover]] = {}

    def numbers(self, places: Sequence[Place]) -> I64:
        """The row of each place; `NONE` over the bound."""
        known = self._numbers
        for place in places:
            if place in known:
                continue
            if len(known) < MOST_PARTITIONS:
                known[place] = len(known)
                self._places.append(place)
            else:
                self.refused += 1
        if len(known) > len(self.instance):
            self._grow(len(known) + _GROW)
        return np.array([known.get(place, NONE) for place in places], np.int64)

    def _grow(self, size: int) -> None:
        more = size - len(self.instance)
        self.instance = np.concatenate([self.instance, np.zeros(more, np.int64)])
        self.highest = np.concatenate([self.highest, np.full(more, -1, np.int64)])
        self._offsets = np.concatenate([self._offsets, np.full((more, RECENT), -1, np.int64)])
        self._ends = np.concatenate([self._ends, np.zeros((more, RECENT), np.int64)])
        self._traces = np.concatenate([self._traces, np.zeros((more, RECENT, 2), np.uint64)])

    def earlier(self, number: int, offset: int) -> tuple[str, int] | None:
        """Trace and end (ns) of the kept delivery of an offset."""
        at = offset % RECENT
        if self._offsets[number, at] != offset:
            return None
        hi, lo = self._traces[number, at].tolist()
        return f"{hi:016x}{lo:016x}", int(self._ends[number, at])

    def latest(self, place: Place) -> tuple[int, int]:
        """The highest offset of a place and when its delivery ended (ns); -1 and 0 where that is not known."""
        number = self._numbers.get(place, NONE)
        highest = int(self.highest[number]) if number >= 0 else -1
        if highest < 0 or self._offsets[number, highest % RECENT] != highest:
            return -1, 0
        return highest, int(self._ends[number, highest % RECENT])

    def begin(self, place: Place) -> None:
        """Forget what was delivered at a place."""
        number = self._numbers.get(place, NONE)
        if number >= 0:
            self._offsets[number], self._ends[number], self.highest[number] = -1, 0, -1

    def keep(self, numbers: I64, offsets: I64, traces: U64, ends: I64) -> None:
        """Keep deliveries as evidence, newest over oldest: of two in one place the later row stays."""
        at = offsets % RECENT
        self._offsets[numbers, at], self._traces[numbers, at], self._ends[numbers, at] = offsets, traces, ends
        np.maximum.at(self.highest, numbers, offsets)

    def turned(self, numbers: I64, instances: I32) -> list[int]:
        """The rows, of those given, that are new, change hands, or wait for a handover's next offset."""
        odd = set(numbers[instances != self.instance[numbers]].tolist())
        if self.handovers:
            odd.update(number for number in set(numbers.tolist()) if self.wanting(number))
        return sorted(odd)

    def follow(self, number: int, rows: Iterable[tuple[int, int, int]]) -> None:
        """Take a place's (instance, offset, end) in order of time; note where the instance changes."""
        current, highest = int(self.instance[number]), int(self.highest[number])
        for instance, offset, end in rows:
            if instance and current and instance != current:
                self._note(number, Handover(*self._places[number], current, highest + 1, end))
                highest = offset
            current = instance or current
            highest = max(highest, offset)
        self.instance[number], self.highest[number] = current, highest

    def wanting(self, number: int) -> list[Handover]:
        """Handovers of a place whose next offset has not come yet."""
        return [handover for handover in self._waiting.get(number, ()) if handover.taken is None]

    def at_offset(self, place: Place, offset: int) -> list[Handover]:
        """Handovers of a place whose next offset was delivered, at that offset."""
        found = self._waiting.get(self._numbers.get(place, NONE), ())
        return [handover for handover in found if handover.wanted == offset and handover.taken is not None]

    def forget(self, now: datetime) -> None:
        """Drop handovers that have waited long enough."""
        oldest = (now - self.WAIT).timestamp() * 1e9
        if not self.handovers or self.handovers[0].at >= oldest:
            return
        self.handovers = [handover for handover in self.handovers if handover.at >= oldest]
        kept = ((number, [one for one in found if one.at >= oldest]) for number, found in self._waiting.items())
        self._waiting = {number: found for number, found in kept if found}

    def _note(self, number: int, handover: Handover) -> None:
        """Keep the last few of a partition: one that flaps between instances is not restarting."""
        found = self._waiting.setdefault(number, [])
        if len(found) >= MOST_HANDOVERS:
            self.handovers.remove(found.pop(0))
        found.append(handover)
        self.handovers.append(handover)
