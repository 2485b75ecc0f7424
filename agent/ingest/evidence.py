"""Exemplars: the few spans kept to prove a verdict. Arrays by slot; nothing is kept of the rest."""

from datetime import UTC, datetime

import numpy as np

from agent.ingest.attempts import AttemptsSeen, Failing
from agent.ingest.effects import Orphan, Repeat
from agent.ingest.index import GUARDED, ShapeIndex
from agent.ingest.partitions import Handover
from agent.model.attempts import Attempts
from agent.model.columns import I64, SpanColumns
from agent.model.facts import Exemplar, ExemplarKind
from agent.model.flush import Key

_GROW = 1024
_ONCE_A_MINUTE = (ExemplarKind.SLOWEST, ExemplarKind.WRITE)


class _Best:
    """One span a slot: the one with the highest mark since the last flush."""

    def __init__(self, kind: ExemplarKind) -> None:
        self.kind = kind
        self.mark = np.full(0, -1, dtype=np.int64)
        self.ids = np.zeros((0, 3), dtype=np.uint64)
        self.operation = np.zeros(0, dtype=np.int64)
        self.end = np.zeros(0, dtype=np.int64)

    def offer(self, columns: SpanColumns, rows: I64, slot: I64, mark: I64, operation: I64) -> None:
        """Keep a span where its mark is above the one kept; `slot`, `mark` and `operation` are those of all spans."""
        if not len(rows):
            return
        slot, mark = slot[rows], mark[rows]
        self._grow(int(slot.max()) + 1)
        order = np.argsort(mark, kind="stable")  # of several for one slot, the last assignment wins: the highest
        order = order[mark[order] > self.mark[slot[order]]]
        at, rows = slot[order], rows[order]
        self.mark[at], self.end[at] = mark[order], columns.end[rows]
        self.ids[at, 0], self.ids[at, 1], self.ids[at, 2] = (
            columns.trace_hi[rows],
            columns.trace_lo[rows],
            columns.span[rows],
        )
        self.operation[at] = operation[rows]

    def _grow(self, size: int) -> None:
        if size > len(self.mark):
            more = size - len(self.mark) + _GROW
            self.mark = np.concatenate([self.mark, np.full(more, -1, np.int64)])
            self.ids = np.concatenate([self.ids, np.zeros((more, 3), np.uint64)])
            self.operation = np.concatenate([self.operation, np.zeros(more, np.int64)])
            self.end = np.concatenate([self.end, np.zeros(more, np.int64)])

    def drain(self, operations: list[str]) -> list[tuple[int, Exemplar]]:
        """Everything kept, by slot; empty afterwards."""
        slots = np.flatnonzero(self.mark >= 0)
        kept = [(int(slot), self._exemplar(int(slot), operations)) for slot in slots]
        self.mark[slots] = -1
        return kept

    def _exemplar(self, slot: int, operations: list[str]) -> Exemplar:
        hi, lo, span = (int(part) for part in self.ids[slot])
        note = f"{int(self.mark[slot]) / 1e6:.1f} ms" if self.kind is ExemplarKind.SLOWEST else ""
        note = statement(operations[self.operation[slot]]) if self.kind is ExemplarKind.WRITE else note
        return Exemplar(self.kind, f"{hi:016x}{lo:016x}", f"{span:016x}", moment(int(self.end[slot])), note)


def statement(operation: str) -> str:
    """A write in two words, `INSERT orders`; the table without its server and database, and nothing of its text."""
    verb, _, table = operation.removesuffix(GUARDED).partition(" table:")
    return f"{verb} {table.rpartition('/')[2].partition('.')[2]}" if table else ""


class Evidence:
    """The slowest and the last failed span of each slot, writes by table, duplicates and cut-off deliveries."""

    def __init__(self) -> None:
        self._best = {kind: _Best(kind) for kind in (ExemplarKind.SLOWEST, ExemplarKind.ERROR, ExemplarKind.WRITE)}
        self._told: list[tuple[int, Exemplar]] = []
        self._minute = -1
        self._attempts = AttemptsSeen()

    def look(self, columns: SpanColumns, index: ShapeIndex) -> None:
        """Offer one batch's spans."""
        slot, writes = index.slot[columns.shape], index.writes[columns.shape]
        operation = index.operation[columns.shape]
        crossing = slot >= 0
        for kind, place, rows, mark in (
            (ExemplarKind.SLOWEST, slot, crossing, columns.end - columns.start),
            (ExemplarKind.ERROR, slot, crossing & columns.error, columns.end),
            (ExemplarKind.WRITE, writes, writes >= 0, columns.end),
        ):
            self._best[kind].offer(columns, np.flatnonzero(rows), place, mark, operation)
        self._attempts.look(columns, index)

    def repeats(self, found: list[Repeat]) -> None:
        """Duplicates: what came twice, and when first."""
        for repeat in found:
            note = f"offset {repeat.offset} of partition {repeat.partition}"
            if repeat.earlier:
                trace, end = repeat.earlier
                note += f", first in trace {trace}, {(repeat.end - end) / 1e6:,.0f} ms before"
            kept = Exemplar(ExemplarKind.DUPLICATE, repeat.trace, repeat.span, moment(repeat.end), note)
            self._told.append((repeat.slot, kept))

    def cut(self, found: list[tuple[Orphan, Handover]]) -> None:
        """Deliveries cut off after their writes, with the delivery that wrote the same again."""
        for orphan, handover in found:
            again = f"{handover.taken[1]:016x}{handover.taken[2]:016x}" if handover.taken else ""
            note = f"cut off; offset {handover.wanted} of partition {handover.partition} written again in trace {again}"
            kept = Exemplar(ExemplarKind.ORPHAN, orphan.trace, orphan.span, moment(orphan.end), note)
            self._told.append((handover.slot, kept))

    def drain(self, keys: list[Key], operations: list[str], at: datetime) -> dict[int, list[Exemplar]]:
        """What is kept, by slot. The slowest and the last write of a slot are told once a minute, the rest at once."""
        kept: dict[int, list[Exemplar]] = {}
        minute = int(at.timestamp()) // 60
        quiet = _ONCE_A_MINUTE if minute == self._minute else ()
        self._minute = minute
        for best in (best for kind, best in self._best.items() if kind not in quiet):
            for slot, exemplar in best.drain(operations):
                kept.setdefault(slot, []).append(exemplar)
        self._told += [(place[0], _failing(place[1], one)) for place, one in self._attempts.drain()]
        for slot, exemplar in self._told:
            kept.setdefault(slot, []).append(exemplar)
        self._told = []
        return {slot: found for slot, found in kept.items() if slot < len(keys)}


def _failing(partition: int, one: Failing) -> Exemplar:
    hi, lo, span = one.row
    attempts = Attempts(partition, one.offset, one.count, moment(one.first), moment(one.last))
    return attempts.exemplar(f"{hi:016x}{lo:016x}", f"{span:016x}")


def moment(unix_ns: int) -> datetime:
    """A UTC time, to the microsecond."""
    return datetime.fromtimestamp(unix_ns / 1e9, tz=UTC)
