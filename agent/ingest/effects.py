"""Deliveries and their side effects: what came twice, what was written twice, what was cut off.

Effects end, and arrive, before the span of the delivery that caused them; so they wait for it, through bridges of
internal spans, in both orders.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from agent.ingest.index import GUARDED, Operations, ShapeIndex
from agent.ingest.offsets import Offsets, day_of
from agent.ingest.pairing import own_keys, parent_keys
from agent.ingest.partitions import Handover, Partitions
from agent.ingest.restarts import Produced, Restarts
from agent.ingest.table import Found, Generation, SpanKeys, SpanTable
from agent.ingest.windows import Parts, cells
from agent.model.columns import I64, Flags, Role, SpanColumns
from agent.model.facts import Column

SECONDS = 60.0
CAPACITY = 50_000
_HOPS = 8
_MOST_OPS = 6
_MOST_WRITES, _MOST_KNOWN = 16, 100_000  #: side effects that are told of a group, and remembered of all

# columns of a handler's row
_SLOT, _PARTITION, _OFFSET, _IDENT, _MINUTE, _ERROR, _DUPLICATE, _STATE, _REWRITTEN, _WATCHED, _COUNT = range(11)
_OPS = 11
_HANDLER_WIDTH = _OPS + _MOST_OPS
_NONE, _GUARDED, _EFFECTFUL = 0, 1, 2
# columns of an effect's row
_OP, _SERVICE, _END, _INSTANCE, _GONE = range(5)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A duplicate kept as evidence."""

    slot: int
    partition: int
    offset: int
    trace: str
    span: str
    end: int  #: Unix ns
    earlier: tuple[str, int] | None
    written: bool = False


@dataclass(slots=True)
class Orphan:
    """Effects whose delivery never came, under a receive root of their own service."""

    service: int
    instance: int
    trace: str
    span: str
    end: int
    mix: int


@dataclass(frozen=True, slots=True)
class Met:
    """Duplicates, cut-off deliveries, and by slot of a group: dead-letter publishes and side effects."""

    repeats: list[Repeat]
    cut: list[tuple[Orphan, Handover]]
    dead_letters: list[tuple[int, int]]
    writes: list[tuple[int, int]]


class Effects:
    """Joins effects with deliveries; counts redeliveries, rewrites, guarded and cut-off ones."""

    def __init__(self, index: ShapeIndex, operations: Operations, produced: Produced, capacity: int = CAPACITY) -> None:
        self._index, self._operations = index, operations
        self.offsets, self.partitions = Offsets(), Partitions()
        self.restarts = Restarts(self.offsets, self.partitions, produced)
        self._handlers = SpanTable(capacity, _HANDLER_WIDTH, SECONDS)
        self._bridges = SpanTable(capacity, 1, SECONDS)
        self._waiting = SpanTable(capacity, 5, SECONDS)
        self._receives = SpanTable(capacity // 4, 1, 3 * SECONDS)
        self._last_seen = np.zeros(0, np.int64)  #: Unix ns, by instance
        self._orphans: list[Orphan] = []
        self.repeats: list[Repeat] = []
        self.cut: list[tuple[Orphan, Handover]] = []
        self.dead_letters: set[tuple[int, int]] = set()  #: (slot of the group, operation that published)
        self.writes: set[tuple[int, int]] = set()  #: (slot of the group, a side effect it was seen to have), once each
        self._known_writes: set[int] = set()  #: both numbers in one
        self._writes_told: Counter[int] = Counter()
        self._unguarded = np.zeros(1, dtype=bool)

    @property
    def open(self) -> int:
        """Effects that wait for their delivery."""
        return len(self._waiting)

    @property
    def evicted(self) -> int:
        """Rows forgotten for want of room."""
        tables = (self._handlers, self._bridges, self._waiting, self._receives)
        return sum(table.evicted for table in tables)

    def age(self, now: datetime) -> None:
        """Begin new generations where the young ones are of age; `settle` then decides what the oldest held."""
        for table in (self._handlers, self._bridges, self._waiting, self._receives):
            table.rotate(now.timestamp())

    def fold(self, columns: SpanColumns, minute: I64, now: datetime) -> Parts:
        """The deltas that one batch's deliveries and effects add."""
        self.age(now)
        names = self._operations.names
        if len(self._unguarded) != len(names):
            self._unguarded = np.array([not name.endswith(GUARDED) for name in names])
        parts: Parts = []
        role = self._index.role[columns.shape]
        mine = self._index.consumer[self._index.service[columns.shape]]
        if mine.any():
            parts += self._deliveries(columns, np.flatnonzero((role == Role.CONSUME) & mine), minute, now)
            self._roots(columns, np.flatnonzero((role == Role.RECEIVE) & mine), now)
            parts += self._bridge(columns, np.flatnonzero(mine & (columns.parent != 0) & _inner(role)), now)
            wanted = mine & (columns.parent != 0) & ~columns.error & (self._index.operation[columns.shape] > 0)
            parts += self._effects(columns, np.flatnonzero(wanted), now)
            self._watch(columns, np.flatnonzero(mine))
        return parts + self.settle(now)

    def settle(self, now: datetime, *, all_elapsed: bool = False) -> Parts:
        """Look at what has waited long enough; with `all_elapsed`, at everything."""
        tables = (self._handlers, self._bridges, self._waiting, self._receives)
        if all_elapsed:
            self._waiting.expire_all(now.timestamp())
        for generation in self._waiting.take_expired():
            self._strand(generation)
        for table in tables:
            table.take_expired()
        parts = self._interrupted()
        self.partitions.forget(now)
        return parts

    def _deliveries(self, columns: SpanColumns, rows: I64, minute: I64, now: datetime) -> Parts:
        if not len(rows):
            return []
        data = np.zeros((len(rows), _HANDLER_WIDTH), dtype=np.int64)
        data[:, _SLOT] = self._index.slot[columns.shape[rows]]
        data[:, _PARTITION], data[:, _OFFSET] = columns.partition[rows], columns.offset[rows]
        data[:, _IDENT] = columns.ident[rows].view(np.int64)
        data[:, _MINUTE], data[:, _ERROR] = minute[rows], columns.error[rows]
        good = ~columns.error[rows]
        seen = self._seen(data, np.flatnonzero(good), np.zeros(len(rows), np.int64))
        if seen.any():
            offsets = np.where(good, data[:, _OFFSET], -1)
            known = (data[:, _SLOT], data[:, _PARTITION], offsets, data[:, _MINUTE])
            seen = self.restarts.among(columns, rows, known, seen)
        data[:, _DUPLICATE] = seen
        self._evidence(columns, rows, data, good)
        self._handlers.add(own_keys(columns, rows), data, now.timestamp())
        parts = cells(data[:, _SLOT], data[:, _MINUTE], {Column.DUPLICATES: seen.astype(np.int64)})
        return parts + self._late(own_keys(columns, rows), now)

    def _seen(self, data: I64, rows: I64, operations: I64) -> Flags:
        """Which of some handlers' identities were there before, for one operation each (0: the delivery itself)."""
        seen = np.zeros(len(data), dtype=bool)
        by_offset = rows[data[rows, _OFFSET] >= 0]
        if len(by_offset):
            here = data[by_offset]
            places = np.stack([here[:, _SLOT], here[:, _PARTITION], operations[by_offset]], axis=1)
            seen[by_offset] = self.offsets.seen(places, here[:, _OFFSET], day_of(here[:, _MINUTE]))
        for row in rows[(data[rows, _OFFSET] < 0) & (data[rows, _IDENT] != 0)].tolist():
            seen[row] = self.offsets.seen_id(int(data[row, _SLOT]), int(operations[row]), int(data[row, _IDENT]))
        return seen

    def _evidence(self, columns: SpanColumns, rows: I64, data: I64, good: Flags) -> None:
        """Keep the last deliveries of each partition, tell duplicates, and follow who holds the partition."""
        known = np.flatnonzero(good & (data[:, _OFFSET] >= 0))
        known = known[np.argsort(columns.end[rows[known]], kind="stable")]
        partitions = self.partitions
        slots, numbers_ = data[known, _SLOT].tolist(), data[known, _PARTITION].tolist()
        numbers = partitions.numbers(list(zip(slots, numbers_, strict=True)))
        known, numbers = known[numbers >= 0], numbers[numbers >= 0]
        spans, offsets = rows[known], data[known, _OFFSET]
        for at in np.flatnonzero(data[known, _DUPLICATE]).tolist():
            self._repeat(columns, int(spans[at]), data[known[at]], int(numbers[at]))
        for number in partitions.turned(numbers, columns.instance[spans]):
            here = numbers == number
            turns = (columns.instance[spans[here]], offsets[here], columns.end[spans[here]])
            partitions.follow(number, zip(*(part.tolist() for part in turns), strict=True))
            self._wanted(columns, rows, data, known[here], number)
        traces = np.stack([columns.trace_hi[spans], columns.trace_lo[spans]], axis=1)
        partitions.keep(numbers, offsets, traces, columns.end[spans])

    def _repeat(self, columns: SpanColumns, row: int, delivery: I64, number: int) -> None:
        if len(self.repeats) < 1000:
            slot, partition, offset = delivery[[_SLOT, _PARTITION, _OFFSET]].tolist()
            earlier = self.partitions.earlier(number, offset)
            span, end = f"{int(columns.span[row]):016x}", int(columns.end[row])
            self.repeats.append(Repeat(slot, partition, offset, _trace(columns, row), span, end, earlier))

    def _wanted(self, columns: SpanColumns, rows: I64, data: I64, here: I64, number: int) -> None:
        """Mark the deliveries that a handover waits for."""
        for handover in self.partitions.wanting(number):
            for at in here[data[here, _OFFSET] == handover.wanted].tolist():
                row = int(rows[at])
                if int(columns.instance[row]) == handover.old:
                    continue
                key = (int(columns.trace_hi[row]), int(columns.trace_lo[row]), int(columns.span[row]))
                handover.taken, handover.minute = (int(columns.end[row]), *key), int(data[at, _MINUTE])
                data[at, _WATCHED] = 1
                break

    def _roots(self, columns: SpanColumns, rows: I64, now: datetime) -> None:
        if len(rows):
            services = self._index.service[columns.shape[rows]]
            keys = SpanKeys(columns.trace_hi[rows], columns.trace_lo[rows], services.astype(np.uint64))
            once = np.unique(np.stack([keys.hi, keys.lo, keys.span]), axis=1, return_index=True)[1]
            fresh = once[~self._receives.find(keys.take(once)).hit]  # one of a trace and service says it all
            self._receives.add(keys.take(fresh), services[fresh].reshape(-1, 1), now.timestamp())

    def _bridge(self, columns: SpanColumns, rows: I64, now: datetime) -> Parts:
        if not len(rows):
            return []
        keys = own_keys(columns, rows)
        self._bridges.add(keys, columns.parent[rows].view(np.int64).reshape(-1, 1), now.timestamp())
        return self._late(keys, now)

    def _effects(self, columns: SpanColumns, rows: I64, now: datetime) -> Parts:
        if not len(rows):
            return []
        shapes = columns.shape[rows]
        parts = (self._index.operation[shapes], self._index.service[shapes], columns.end[rows], columns.instance[rows])
        data = np.stack([*(np.asarray(part, np.int64) for part in parts), np.zeros(len(rows), np.int64)], axis=1)
        return self._resolve(parent_keys(columns, rows), data, now)

    def _late(self, keys: SpanKeys, now: datetime) -> Parts:
        """Effects that waited for one of these spans go on from it."""
        query, found = self._waiting.find_all(keys)
        alive = found.get(_GONE) == 0
        query, found = query[alive], found.only(alive)
        if not len(query):
            return []
        data = np.stack([found.get(column) for column in range(5)], axis=1)
        found.put(_GONE, 1)
        return self._resolve(keys.take(query), data, now)

    def _resolve(self, keys: SpanKeys, data: I64, now: datetime) -> Parts:
        """Climb from each effect's parent to a delivery; what finds none waits at the first span not seen yet."""
        parts: Parts = []
        for _ in range(_HOPS):
            found = self._handlers.find(keys)
            if found.hit.any():
                parts += self._attach(found.only(found.hit), data[found.hit, _OP])
            keys, data = keys.take(~found.hit), data[~found.hit]
            up = self._bridges.find(keys)
            if not up.hit.any():
                break
            self._waiting.add(keys.take(~up.hit), data[~up.hit], now.timestamp())
            keys = keys.take(up.hit)
            keys = SpanKeys(keys.hi, keys.lo, up.only(up.hit).get(0).view(np.uint64))
            data = data[up.hit]
        if len(keys):
            self._waiting.add(keys, data, now.timestamp())
        return parts

    def _attach(self, handlers: Found, operations: I64) -> Parts:
        parts: Parts = []
        while len(operations):
            _, first = np.unique(handlers.identity(), return_index=True)
            parts += self._attach_one_each(handlers.only(first), operations[first])
            rest = np.ones(len(operations), dtype=bool)
            rest[first] = False
            handlers, operations = handlers.only(rest), operations[rest]
        return parts

    def _attach_one_each(self, handlers: Found, operations: I64) -> Parts:
        known = np.stack([handlers.get(_OPS + number) for number in range(_MOST_OPS)], axis=1)
        count = handlers.get(_COUNT)
        fresh = ~(known == operations[:, None]).any(axis=1) & (count < _MOST_OPS)
        handlers, operations, count = handlers.only(fresh), operations[fresh], count[fresh]
        for number in range(_MOST_OPS):
            here = count == number
            handlers.only(here).put(_OPS + number, operations[here])
        handlers.put(_COUNT, count + 1)
        self._note_writes(handlers.get(_SLOT), operations)
        failed = handlers.get(_ERROR) == 1
        self._note_dead_letters(handlers.only(failed), operations[failed])
        return self._written(handlers.only(~failed), operations[~failed])

    def _note_writes(self, slots: I64, operations: I64) -> None:
        pairs = {*np.unique((slots << 32) | operations).tolist()}
        for pair in sorted(pairs - self._known_writes):
            slot, operation = divmod(pair, 1 << 32)
            if len(self._known_writes) < _MOST_KNOWN:
                self._known_writes.add(pair)
            if self._writes_told[slot] < _MOST_WRITES:
                self._writes_told[slot] += 1
                self.writes.add((slot, operation))

    def _note_dead_letters(self, handlers: Found, operations: I64) -> None:
        for slot, operation in zip(handlers.get(_SLOT).tolist(), operations.tolist(), strict=True):
            if self._operations.names[operation].startswith("publish ") and len(self.dead_letters) < 10_000:
                self.dead_letters.add((slot, operation))

    def _written(self, handlers: Found, operations: I64) -> Parts:
        if not len(operations):
            return []
        data = np.stack([handlers.get(column) for column in range(_COUNT + 1)], axis=1)
        unguarded, state = self._unguarded[operations], data[:, _STATE]
        becomes = np.where(unguarded, _EFFECTFUL, np.maximum(state, _GUARDED))
        handlers.put(_STATE, becomes)
        seen = self._seen(data, np.flatnonzero(unguarded), operations)
        rewritten = seen & (data[:, _DUPLICATE] == 1) & (data[:, _REWRITTEN] == 0)
        handlers.only(rewritten).put(_REWRITTEN, 1)
        self._watched(handlers, data, operations)
        values = {
            Column.EFFECTFUL: ((becomes == _EFFECTFUL) & (state != _EFFECTFUL)).astype(np.int64),
            Column.GUARDED: (becomes == _GUARDED).astype(np.int64) - (state == _GUARDED),
            Column.REWRITTEN: rewritten.astype(np.int64),
        }
        return cells(data[:, _SLOT], data[:, _MINUTE], values)

    def _watched(self, handlers: Found, data: I64, operations: I64) -> None:
        mix = self._index.mix if len(self._index.mix) > int(operations.max()) else self._operations.mix()
        for at in np.flatnonzero(data[:, _WATCHED]).tolist():
            slot, partition, offset = data[at, [_SLOT, _PARTITION, _OFFSET]].tolist()
            for handover in self.partitions.at_offset((slot, partition), offset):
                handover.mix = _wrapped(handover.mix + int(mix[operations[at]]))

    def _watch(self, columns: SpanColumns, rows: I64) -> None:
        """Remember when each instance of a consumer was last heard of."""
        instances, ends = columns.instance[rows], columns.end[rows]
        if (most := int(instances.max())) >= len(self._last_seen):
            grown = np.zeros(2 * most + 64, np.int64)
            grown[: len(self._last_seen)] = self._last_seen
            self._last_seen = grown
        np.maximum.at(self._last_seen, instances, ends)

    def _strand(self, generation: Generation) -> None:
        """Effects whose delivery never came: by trace and missing span, if their trace has a receive root."""
        rows = np.flatnonzero(generation.data[: generation.size, _GONE] == 0)
        keys = generation.keys(rows)
        services = generation.data[rows, _SERVICE]
        roots = self._receives.find(SpanKeys(keys.hi, keys.lo, services.astype(np.uint64)))
        rows, keys = rows[roots.hit], keys.take(roots.hit)
        stranded: dict[tuple[int, int, int], set[int]] = {}
        last: dict[tuple[int, int, int], tuple[int, int, int]] = {}
        for at, row in enumerate(rows.tolist()):
            key = (int(keys.hi[at]), int(keys.lo[at]), int(keys.span[at]))
            operation, service, end, instance, _ = generation.data[row].tolist()
            stranded.setdefault(key, set()).add(operation)
            last[key] = (service, instance, max(end, last.get(key, (0, 0, 0))[2]))
        mix = self._operations.mix()
        for key, operations in stranded.items():
            service, instance, end = last[key]
            total = _wrapped(sum(int(mix[operation]) for operation in operations))
            orphan = Orphan(service, instance, f"{key[0]:016x}{key[1]:016x}", f"{key[2]:016x}", end, total)
            self._orphans = [*self._orphans[-999:], orphan]

    def _interrupted(self) -> Parts:
        """Stranded effects that the next instance had again on the next unseen offset (inferred)."""
        parts: Parts = []
        for orphan in list(self._orphans):
            for handover in self.partitions.handovers:
                if self._continues(orphan, handover):
                    handover.used = True
                    self._orphans.remove(orphan)
                    self.cut.append((orphan, handover))
                    one = np.ones(1, np.int64)
                    parts += cells(one * handover.slot, one * handover.minute, {Column.INTERRUPTED: one})
                    break
        return parts

    def _continues(self, orphan: Orphan, handover: Handover) -> bool:
        if handover.used or handover.taken is None or not orphan.instance or orphan.instance != handover.old:
            return False
        ended = self._last_seen[orphan.instance] < handover.taken[0]
        return ended and orphan.end < handover.taken[0] and handover.mix == orphan.mix

    def take_evidence(self) -> Met:
        """What was met since the last call."""
        met = Met(self.repeats, self.cut, sorted(self.dead_letters), sorted(self.writes))
        self.repeats, self.cut, self.dead_letters, self.writes = [], [], set(), set()
        return met


def _inner(role: I64) -> Flags:
    return np.asarray((role != Role.CONSUME) & (role != Role.SERVE), dtype=bool)


def _wrapped(number: int) -> int:
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >= 1 << 63 else number


def _trace(columns: SpanColumns, row: int) -> str:
    return f"{int(columns.trace_hi[row]):016x}{int(columns.trace_lo[row]):016x}"
