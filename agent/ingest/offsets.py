"""What each consumer has processed: offsets by partition and side effect, and ids that are no offsets."""

from collections import OrderedDict
from datetime import UTC, datetime

import numpy as np

from agent.ingest.ranges import RangeSet, joined
from agent.model.columns import I64, Flags

HORIZON_DAYS = 7  #: a redelivery later than that is not told from a first one
MOST_SETS = 65_536  #: of a place and a day, 700 bytes each: 1,000 topics of 64 partitions, and days before as they fit
MOST_HELD = 1_000_000  #: ranges of all sets together; who reads in order has one
MOST_IDS = 100_000  #: ids that are no offsets, per generation
DAY = 86_400

Place = tuple[int, int, int]  #: slot, partition, operation

#: ranges that were added, one row each: slot, partition, operation, day since 1970, first and last offset
SLOT, PARTITION, OPERATION, DAY_NUMBER, FIRST, LAST = range(6)
_PACKED = np.dtype(
    [("slot", "<u4"), ("partition", "<i4"), ("operation", "<u4"), ("day", "<i4"), ("first", "<i8"), ("last", "<i8")]
)
ROW_BYTES = _PACKED.itemsize


class Offsets:
    """Sorted ranges by place and day; remembers what was added since the journal asked last."""

    def __init__(self) -> None:
        #: by place, the one that was used longest ago first, and by day
        self._sets: OrderedDict[Place, dict[int, RangeSet]] = OrderedDict()
        self._days_held = self._ranges_held = 0
        self.forgotten = 0  #: days of places, and ranges of others, for which there was no room
        self._ids: tuple[set[tuple[int, int, int]], set[tuple[int, int, int]]] = (set(), set())
        self._fresh: dict[tuple[int, int, int, int], list[tuple[int, int]]] = {}
        #: by slot, partition and offset: the last other day on which what was there before had been delivered
        self.across: dict[tuple[int, int, int], int] = {}

    def __len__(self) -> int:
        return len(self._sets)

    def restore(self, added: I64) -> None:
        """Put back rows that a journal or the store remembers."""
        for slot, partition, operation, day, first, last in added.tolist():
            place = (slot, partition, operation)
            known = self._days(place, day)
            before = len(known[day])
            known[day].add(first, last)
            self._weigh(place, known[day], before)

    def seen(self, places: I64, offsets: I64, days: I64) -> Flags:
        """Add offsets at their places, (n, 3) of slot, partition, operation, on their days since 1970.

        Say for each whether it was there before, earlier ones of the same call included.
        """
        found = np.zeros(len(offsets), dtype=bool)
        if not len(offsets):
            return found
        order = np.lexsort((days, places[:, 2], places[:, 1], places[:, 0]))
        where, on, at = places[order], days[order], offsets[order]
        same = (where[1:] == where[:-1]).all(axis=1) & (on[1:] == on[:-1])
        starts = np.flatnonzero(np.concatenate([[True], ~same]))
        steady = np.add.reduceat(np.concatenate([[0], (at[1:] - at[:-1] != 1) & same]), starts) == 0
        ends = [*starts[1:].tolist(), len(at)]
        firsts = (where[starts].tolist(), on[starts].tolist(), at[starts].tolist(), steady.tolist())
        for start, end, place, day, first, in_order in zip(starts.tolist(), ends, *firsts, strict=True):
            if not (in_order and self._went_on((place[0], place[1], place[2]), day, first, first + end - start - 1)):
                rows = order[start:end]
                found[rows] = self._each((place[0], place[1], place[2]), day, offsets[rows].tolist())
        return found

    def _went_on(self, place: Place, day: int, first: int, last: int) -> bool:
        """Add a run that lies beyond all that the place has had; False where it does not, and nothing was added."""
        known = self._sets.get(place)
        if known is None or day not in known:
            known = self._days(place, day)
        else:
            self._sets.move_to_end(place)
        if any(ranges.last >= first for ranges in known.values()):
            return False
        before = len(known[day])
        known[day].add(first, last)
        self._weigh(place, known[day], before)
        self._fresh.setdefault((*place, day), []).append((first, last))
        return True

    def _each(self, place: Place, day: int, offsets: list[int]) -> list[bool]:
        """One by one: some of them may have been there before."""
        known = self._days(place, day)
        held = len(known[day])
        found, fresh = [], []
        for offset in offsets:
            before = known[day].take(offset)
            if not before and len(known) > 1:
                other = max(
                    (number for number, ranges in known.items() if number != day and offset in ranges), default=-1
                )
                before = other >= 0
                if before and not place[2]:
                    self.across[place[0], place[1], offset] = other
            if not before:
                fresh.append((offset, offset))
            found.append(before)
        self._weigh(place, known[day], held)
        if fresh:
            self._fresh.setdefault((*place, day), []).extend(fresh)
        return found

    def _days(self, place: Place, day: int) -> dict[int, RangeSet]:
        """The sets of a place, that of one day among them; those beyond the horizon are forgotten."""
        days = self._sets.get(place)
        if days is None:
            days = self._sets[place] = {}
        self._sets.move_to_end(place)
        for number in [number for number in days if number <= day - HORIZON_DAYS]:
            self._release(days.pop(number))
        if day not in days:
            days[day] = RangeSet()
            self._days_held += 1
            self._make_room(place)
        return days

    def _weigh(self, used: Place, ranges: RangeSet, before: int) -> None:
        """Count what has come to a set, and what it forgot for that."""
        self._ranges_held += len(ranges) - before
        self.forgotten += ranges.forgotten
        ranges.forgotten = 0
        self._make_room(used)

    def _make_room(self, used: Place) -> None:
        """Forget what was used longest ago, but never the place in use: first the oldest day of one that has several,
        so that more places than fit for a week do not drive each other out altogether."""
        while (self._days_held > MOST_SETS or self._ranges_held > MOST_HELD) and len(self._sets) > 1:
            place, days = self._sets.popitem(last=False)
            if place == used:
                self._sets[place] = days
                continue
            self._release(days.pop(min(days)))
            self.forgotten += 1
            if days:
                self._sets[place] = days

    def _release(self, *sets: RangeSet) -> None:
        self._days_held -= len(sets)
        self._ranges_held -= sum(map(len, sets))

    def forget(self, partition: tuple[int, int]) -> None:
        """What was delivered of a partition (slot and number) before is no more: the topic was made anew."""
        for place in [place for place in self._sets if place[:2] == partition]:
            self._release(*self._sets.pop(place).values())

    def seen_id(self, slot: int, operation: int, ident: int) -> bool:
        """The same for an id that is no offset; the last 100,000 to 200,000 are known."""
        young, old = self._ids
        key = (slot, operation, ident)
        known = key in young or key in old
        young.add(key)
        if len(young) >= MOST_IDS:
            self._ids = (set(), young)
        return known

    def take_fresh(self) -> I64:
        """What was added since the last call: (n, 6)."""
        fresh, self._fresh = self._fresh, {}
        rows = [(*place, *run) for place, found in fresh.items() for run in joined(found)]
        return np.array(rows, np.int64).reshape(-1, 6)


def pack(added: I64) -> bytes:
    """Rows as bytes, 32 each."""
    packed = np.empty(len(added), _PACKED)
    for column, name in enumerate(_PACKED.names or ()):
        packed[name] = added[:, column]
    return packed.tobytes()


def unpack(blob: bytes) -> I64:
    """Read what `pack` wrote; raise ValueError where it is none."""
    packed = np.frombuffer(blob, _PACKED)
    return np.stack([packed[name].astype(np.int64) for name in _PACKED.names or ()], axis=1)


def nothing_added() -> I64:
    """No row."""
    return np.zeros((0, 6), np.int64)


def day_of(minute: I64) -> I64:
    """Days since 1970 of Unix minutes."""
    return np.asarray(minute * 60 // DAY)


def day_start(day: int) -> datetime:
    """Midnight UTC of a day since 1970."""
    return datetime.fromtimestamp(day * DAY, tz=UTC)
