"""The one aggregator: columns in, deltas out. Pure but for its own bounded memory; it never writes."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson

from agent.ingest import delta, offsets
from agent.ingest.effects import Effects
from agent.ingest.evidence import Evidence
from agent.ingest.index import Operations, ShapeIndex, Slots
from agent.ingest.offsets import day_start
from agent.ingest.pairing import Pairing
from agent.ingest.windows import crossings
from agent.model.columns import I64, U64, Shapes, SpanColumns
from agent.model.facts import Alias, Column, Exemplar, Sighting
from agent.model.flush import Delivered, Flush, Key, WindowDelta
from agent.model.seam import Component, SeamKey

BACK, AHEAD = timedelta(hours=48), timedelta(minutes=2)
LATE = timedelta(minutes=2)  #: later than that is folded and counted as late, never judged again


@dataclass(frozen=True, slots=True)
class Record:
    """What one commit adds: enough to rebuild all that was acknowledged with it."""

    keys: U64
    values: I64
    names: list[tuple[int, Key]]
    operations: list[str]  #: numbered since the record before, in order
    added: I64  #: delivered ranges, rows as `agent.ingest.offsets` names their columns
    spans: int
    open: int  #: pairs and effects that still wait: what a crash would lose

    def pack(self) -> bytes:
        """As bytes for the journal."""
        meta = {
            "names": [[slot, _key_out(key)] for slot, key in self.names],
            "operations": self.operations,
            "added": len(self.added),
            "spans": self.spans,
            "open": self.open,
        }
        head = orjson.dumps({name: value for name, value in meta.items() if value})
        parts = (len(head).to_bytes(4, "little"), head, offsets.pack(self.added), delta.pack(self.keys, self.values))
        return b"".join(parts)

    @staticmethod
    def unpack(body: bytes) -> "Record":
        """Read what `pack` wrote; raise ValueError where it is none."""
        size = int.from_bytes(body[:4], "little")
        meta = orjson.loads(body[4 : 4 + size])
        at = 4 + size + meta.get("added", 0) * offsets.ROW_BYTES
        added = offsets.unpack(body[4 + size : at])
        keys, values = delta.unpack(body[at:])
        names = [(slot, key_in(key)) for slot, key in meta.get("names", [])]
        spans, still_open = meta.get("spans", 0), meta.get("open", 0)
        return Record(keys, values, names, meta.get("operations", []), added, spans, still_open)


def _key_out(key: Key) -> list[str]:
    return [key.kind, str(key.source), str(key.target)] if isinstance(key, SeamKey) else [str(key)]


def key_in(parts: list[str]) -> Key:
    """A seam or component as the journal writes it."""
    if len(parts) == 1:
        return Component.parse(parts[0])
    return SeamKey(parts[0], Component.parse(parts[1]), Component.parse(parts[2]))


@dataclass(slots=True)
class Counters:
    """What was taken and what was lost, by reason."""

    received: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    late: int = 0
    displaced: int = 0  #: placed by arrival, because their own time was out of range


class Aggregator:
    """Folds batches of spans into deltas, and hands them on in flushes."""

    def __init__(self, shapes: Shapes, *, most_seams: int = 20_000, per_service: int = 400) -> None:
        self.slots = Slots(most_seams, per_service)
        self.operations = Operations()
        self.index = ShapeIndex(shapes, self.slots, self.operations)
        self.pairing = Pairing(self.index, self.slots)
        self.effects = Effects(self.index, self.operations, self.pairing.produced)
        self.evidence = Evidence()
        self.counters = Counters()
        self._tally = delta.Tally()
        self._told_operations = 1
        self._added: list[I64] = []
        self._newest = datetime.fromtimestamp(0, tz=UTC)

    @property
    def open(self) -> int:
        """Pairs and effects that still wait for their other side."""
        return self.pairing.open + self.effects.open

    def lost(self) -> Counter[str]:
        """What was dropped, had no room, or was placed elsewhere since the start: spans or names, by reason."""
        found = Counter(self.counters.dropped)
        found["late"] += self.counters.late
        found["placed by arrival"] += self.counters.displaced
        for kind, count in self.pairing.evicted.items():
            found[f"no room to pair ({kind})"] += count
        found["no room for effects"] += self.effects.evicted
        found["no room for deliveries"] += self.effects.offsets.forgotten
        found["no room for evidence"] += self.effects.partitions.refused
        found["partitions begun anew"] += self.effects.restarts.count
        found["seam limit"] += self.slots.overflowed.total()
        found["side effect limit"] += self.operations.refused
        return +found

    def fold(self, columns: SpanColumns, arrived: datetime) -> Record:
        """Fold one batch. The record counts only once it is given to `take`: after the journal has it."""
        self.index.refresh(columns.shape)
        self.counters.received += columns.received
        self.counters.dropped.update(columns.dropped)
        minute = self._minutes(columns, arrived)
        parts = crossings(columns, self.index, minute)
        if len(columns):
            parts += self.pairing.fold(columns, minute, arrived)
            parts += self.effects.fold(columns, minute, arrived)
            self.evidence.look(columns, self.index)
            self._newest = max(self._newest, arrived)
        return self._record(parts, columns.received)

    def age(self, now: datetime) -> Record:
        """Decide what has waited for its time, also where nothing comes any more; count it as a fold's record."""
        self.pairing.age(now)
        self.effects.age(now)
        return self._record(self.effects.settle(now), 0)

    def settle(self, now: datetime) -> Record:
        """Every wait counts as elapsed: what is still open is decided now."""
        return self._record(self.effects.settle(now, all_elapsed=True), 0)

    def _record(self, parts: list[tuple[U64, I64]], spans: int) -> Record:
        keys, values = delta.summed(parts)
        operations = self.operations.names[self._told_operations :]
        self._told_operations = len(self.operations.names)
        added = self.effects.offsets.take_fresh()
        return Record(keys, values, self.slots.take_fresh(), operations, added, spans, self.open)

    def _minutes(self, columns: SpanColumns, arrived: datetime) -> I64:
        """Unix minutes of the spans' ends; of their arrival where they end too far back or ahead."""
        now = int(arrived.timestamp() * 1e9)
        end = columns.end
        outside = (end < now - int(BACK.total_seconds() * 1e9)) | (end > now + int(AHEAD.total_seconds() * 1e9))
        self.counters.displaced += int(outside.sum())
        self.counters.late += int(((end < now - int(LATE.total_seconds() * 1e9)) & ~outside).sum())
        return np.asarray(np.where(outside, now, end) // 60_000_000_000)

    def take(self, record: Record) -> None:
        """Count a record that the journal has."""
        self._tally.add(record.keys, record.values)
        self._tally.compact(beyond=500_000)
        if len(record.added):
            self._added.append(record.added)

    def restore(self, record: Record) -> None:
        """Put a record back that was journalled before this start."""
        self.restore_names(record.names, record.operations)
        self.effects.offsets.restore(record.added)
        self.take(record)

    def restore_names(self, names: list[tuple[int, Key]], operations: list[str]) -> None:
        """Put the dictionaries back."""
        for slot, key in names:
            self.slots.restore(slot, key)
        for name in operations:
            self.operations.number(name)
        self._told_operations = len(self.operations.names)

    def restore_delivered(self, delivered: Delivered) -> None:
        """Put back what the store remembers of deliveries."""
        slot = self.slots.slot(delivered.key, "")
        operation = self.operations.number(delivered.operation)
        place = (slot, delivered.partition, operation, int(delivered.day.timestamp()) // offsets.DAY)
        self.effects.offsets.restore(np.array([(*place, *pair) for pair in delivered.ranges], np.int64).reshape(-1, 6))

    def take_aliases(self) -> list[Alias]:
        """Keys found to be one since the last call."""
        return self.pairing.take_aliases()

    def drain(self, writer: str, previous: int, sequence: int) -> Flush:
        """All that was taken since the last drain, for the store."""
        keys, values = self._tally.drain()
        met = self.effects.take_evidence()
        self.evidence.repeats(met.repeats)
        self.evidence.cut(met.cut)
        exemplars = self.evidence.drain(self.slots.keys, self.operations.names, self._newest)
        sightings = self.index.take_sightings(self._newest)
        sightings += [self._dead_letters(slot, operation) for slot, operation in met.dead_letters]
        sightings += [self._writes(slot, operation) for slot, operation in met.writes]
        return Flush(
            writer=writer,
            previous=previous,
            sequence=sequence,
            windows=tuple(_windows(self.slots.keys, keys, values, exemplars)),
            delivered=tuple(self._delivered()),
            sightings=tuple(sightings),
            watermark=self._newest - LATE,
        )

    def _dead_letters(self, slot: int, operation: int) -> Sighting:
        topic = self.operations.names[operation].removeprefix("publish ")
        return Sighting(self.slots.keys[slot], self._newest, {"dead_letters": topic})

    def _writes(self, slot: int, operation: int) -> Sighting:
        """A side effect of a group; the store joins them with `|`, so that the names hold none."""
        name = self.operations.names[operation].replace("|", "/")
        return Sighting(self.slots.keys[slot], self._newest, {"writes": name})

    def _delivered(self) -> list[Delivered]:
        by_place: dict[tuple[int, int, int, int], list[tuple[int, int]]] = {}
        for added in self._added:
            for *place, first, last in added.tolist():
                by_place.setdefault(tuple(place), []).append((first, last))
        self._added = []
        found = []
        for (slot, partition, operation, day), ranges in by_place.items():
            key = self.slots.keys[slot]
            if isinstance(key, SeamKey):
                name = self.operations.names[operation]
                found.append(Delivered(key, partition, name, day_start(day), tuple(sorted(ranges))))
        return found


def _windows(keys: list[Key], packed: U64, values: I64, exemplars: dict[int, list[Exemplar]]) -> list[WindowDelta]:
    if not len(packed):
        return []
    slot, minute, field_ = delta.split(packed)
    starts = np.flatnonzero(np.concatenate([[True], (packed[1:] >> np.uint64(16)) != (packed[:-1] >> np.uint64(16))]))
    ends = [*starts[1:].tolist(), len(packed)]
    last_of_slot = {int(slot[start]): int(start) for start in starts.tolist()}
    windows = []
    for start, end in zip(starts.tolist(), ends, strict=True):
        number = int(slot[start])
        if number >= len(keys):
            continue
        row, duration, queue = [0] * len(Column), {}, {}
        for code, value in zip(field_[start:end].tolist(), values[start:end].tolist(), strict=True):
            if code < delta.DURATION:
                row[code] = value
            elif code < delta.QUEUE:
                duration[code - delta.DURATION] = value
            else:
                queue[code - delta.QUEUE] = value
        shown = tuple(exemplars.get(number, ())) if last_of_slot[number] == start else ()
        at = datetime.fromtimestamp(int(minute[start]) * 60, tz=UTC)
        windows.append(WindowDelta(keys[number], at, tuple(row), duration, queue, shown))
    return windows
