"""What each consumer has processed: offsets by partition and side effect, and the last few deliveries as evidence."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from agent.ingest.ranges import RangeSet, runs
from agent.model.columns import I64

HORIZON_DAYS = 7  #: a redelivery later than that is not told from a first one
MOST_IDS = 100_000  #: ids that are no offsets, per generation
RECENT = 128  #: deliveries a partition keeps as evidence
MOST_HANDOVERS = 4  #: a partition remembers
MOST_PARTITIONS = 2_000  #: partitions that keep evidence
DAY = 86_400

Place = tuple[int, int, int]  #: slot, partition, operation


@dataclass(slots=True)
class Added:
    """Ranges added to one place on one day."""

    place: Place
    day: int  #: days since 1970
    starts: I64
    ends: I64


class Offsets:
    """Sorted ranges by place and day; remembers what was added since the journal asked last."""

    def __init__(self) -> None:
        self._sets: dict[Place, dict[int, RangeSet]] = {}
        self._ids: tuple[set[tuple[int, int, int]], set[tuple[int, int, int]]] = (set(), set())
        self.fresh: list[Added] = []

    def restore(self, added: Added) -> None:
        """Put back what a journal or the store remembers."""
        ranges = self._sets.setdefault(added.place, {}).setdefault(added.day, RangeSet())
        for start, end in zip(added.starts.tolist(), added.ends.tolist(), strict=True):
            ranges.add(start, end)

    def seen(self, place: Place, offsets: I64, day: int) -> npt.NDArray[np.bool_]:
        """Add offsets, and say for each whether it was there before, earlier ones of the same call included."""
        days = self._sets.setdefault(place, {})
        for number in [number for number in days if number <= day - HORIZON_DAYS]:
            del days[number]
        today = days.setdefault(day, RangeSet())
        others = [ranges for number, ranges in days.items() if number != day]
        found, fresh = [], []
        for offset in offsets.tolist():
            known = offset in today or any(offset in ranges for ranges in others)
            found.append(known)
            if not known:
                today.add(offset, offset)
                fresh.append(offset)
        if fresh:
            starts, ends = runs(np.array(fresh, np.int64)) if len(fresh) > 1 else (np.array(fresh), np.array(fresh))
            self.fresh.append(Added(place, day, starts, ends))
        return np.array(found, dtype=bool)

    def seen_id(self, slot: int, operation: int, ident: int) -> bool:
        """The same for an id that is no offset; the last 100,000 to 200,000 are known."""
        young, old = self._ids
        key = (slot, operation, ident)
        known = key in young or key in old
        young.add(key)
        if len(young) >= MOST_IDS:
            self._ids = (set(), young)
        return known

    def take_fresh(self) -> list[Added]:
        """What was added since the last call."""
        fresh, self.fresh = self.fresh, []
        return fresh

    def __len__(self) -> int:
        return len(self._sets)


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


@dataclass(slots=True)
class Partition:
    """The last deliveries of one partition to one group."""

    instance: int = 0
    highest: int = -1
    offsets: I64 = field(default_factory=lambda: np.full(RECENT, -1, np.int64))
    traces: "npt.NDArray[np.uint64]" = field(default_factory=lambda: np.zeros((RECENT, 3), np.uint64))
    ends: I64 = field(default_factory=lambda: np.zeros(RECENT, np.int64))

    def earlier(self, offset: int) -> tuple[str, int] | None:
        """Trace and end (ns) of the kept delivery of an offset."""
        at = offset % RECENT
        if self.offsets[at] != offset:
            return None
        return f"{int(self.traces[at, 0]):016x}{int(self.traces[at, 1]):016x}", int(self.ends[at])

    def keep(self, offsets: I64, traces: "npt.NDArray[np.uint64]", ends: I64) -> None:
        """Keep deliveries as evidence, newest over oldest."""
        at = offsets % RECENT
        self.offsets[at], self.traces[at], self.ends[at] = offsets, traces, ends


class Partitions:
    """Evidence by (slot, partition), and handovers between instances that wait for their next offset."""

    WAIT = timedelta(minutes=15)

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Partition] = {}
        self.handovers: list[Handover] = []
        self._by_place: dict[tuple[int, int], list[Handover]] = {}

    def at(self, slot: int, partition: int) -> Partition | None:
        """The evidence of a partition, or None over the bound."""
        known = self._known.get((slot, partition))
        if known is None and len(self._known) < MOST_PARTITIONS:
            known = self._known[slot, partition] = Partition()
        return known

    def follow(self, slot: int, partition: int, place: Partition, rows: "list[tuple[int, int, int]]") -> None:
        """Take (instance, offset, end) in order of time; note where the instance changes."""
        for instance, offset, end in rows:
            if instance and place.instance and instance != place.instance:
                self._note(Handover(slot, partition, place.instance, place.highest + 1, end))
                place.highest = offset
            place.instance = instance or place.instance
            place.highest = max(place.highest, offset)

    def wanting(self, slot: int, partition: int) -> Iterator[Handover]:
        """Handovers of a partition whose next offset has not come yet."""
        return (h for h in self._by_place.get((slot, partition), ()) if h.taken is None)

    def forget(self, now: datetime) -> None:
        """Drop handovers that have waited long enough."""
        oldest = (now - self.WAIT).timestamp() * 1e9
        if not self.handovers or self.handovers[0].at >= oldest:
            return
        self.handovers = [handover for handover in self.handovers if handover.at >= oldest]
        self._by_place = {}
        for handover in self.handovers:
            self._by_place.setdefault((handover.slot, handover.partition), []).append(handover)

    def _note(self, handover: Handover) -> None:
        """Keep the last few of a partition: one that flaps between instances is not restarting."""
        places = self._by_place.setdefault((handover.slot, handover.partition), [])
        if len(places) >= MOST_HANDOVERS:
            self.handovers.remove(places.pop(0))
        places.append(handover)
        self.handovers.append(handover)

    def at_offset(self, slot: int, partition: int, offset: int) -> Iterator[Handover]:
        """Handovers whose next offset was delivered, at that offset."""
        found = self._by_place.get((slot, partition), ())
        return (handover for handover in found if handover.wanted == offset and handover.taken is not None)


def day_of(minute: int) -> int:
    """Days since 1970 of a Unix minute."""
    return minute * 60 // DAY


def day_start(day: int) -> datetime:
    """Midnight UTC of a day since 1970."""
    return datetime.fromtimestamp(day * DAY, tz=UTC)
