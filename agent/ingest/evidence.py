"""Exemplars: the few spans kept to prove a verdict. Arrays by slot; nothing is kept of the rest."""

from datetime import UTC, datetime

import numpy as np

from agent.ingest.effects import Orphan, Repeat
from agent.ingest.index import ShapeIndex
from agent.ingest.partitions import Handover
from agent.model.columns import I64, Role, SpanColumns
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
        self.end = np.zeros(0, dtype=np.int64)

    def offer(self, slot: I64, mark: I64, ids: "np.ndarray[tuple[int, int], np.dtype[np.uint64]]", end: I64) -> None:
        """Keep a span where its mark is above the one kept."""
        if not len(slot):
            return
        self._grow(int(slot.max()) + 1)
        order = np.argsort(mark, kind="stable")  # of several for one slot, the last assignment wins: the highest
        order = order[mark[order] > self.mark[slot[order]]]
        at = slot[order]
        self.mark[at], self.ids[at], self.end[at] = mark[order], ids[order], end[order]

    def _grow(self, size: int) -> None:
        if size > len(self.mark):
            more = size - len(self.mark) + _GROW
            self.mark = np.concatenate([self.mark, np.full(more, -1, np.int64)])
            self.ids = np.concatenate([self.ids, np.zeros((more, 3), np.uint64)])
            self.end = np.concatenate([self.end, np.zeros(more, np.int64)])

    def drain(self) -> list[tuple[int, Exemplar]]:
        """Everything kept, by slot; empty afterwards."""
        slots = np.flatnonzero(self.mark >= 0)
        kept = [(int(slot), self._exemplar(int(slot))) for slot in slots]
        self.mark[slots] = -1
        return kept

    def _exemplar(self, slot: int) -> Exemplar:
        hi, lo, span = (int(part) for part in self.ids[slot])
        note = f"{int(self.mark[slot]) / 1e6:.1f} ms" if self.kind is ExemplarKind.SLOWEST else ""
        return Exemplar(self.kind, f"{hi:016x}{lo:016x}", f"{span:016x}", moment(int(self.end[slot])), note)


class Evidence:
    """The slowest and the last failed span of each slot, writes by table, duplicates and cut-off deliveries."""

    def __init__(self) -> None:
        self._best = {kind: _Best(kind) for kind in (ExemplarKind.SLOWEST, ExemplarKind.ERROR, ExemplarKind.WRITE)}
        self._told: list[tuple[int, Exemplar]] = []
        self._minute = -1

    def look(self, columns: SpanColumns, index: ShapeIndex) -> None:
        """Offer one batch's spans."""
        slot = index.slot[columns.shape]
        role = index.role[columns.shape]
        ids = np.stack([columns.trace_hi, columns.trace_lo, columns.span], axis=1)
        duration = columns.end - columns.start
        writes = (role == Role.QUERY) & (index.operation[columns.shape] > 0)
        for kind, rows, mark in (
            (ExemplarKind.SLOWEST, slot >= 0, duration),
            (ExemplarKind.ERROR, (slot >= 0) & columns.error, columns.end),
            (
                ExemplarKind.WRITE,
                (slot >= 0) & writes,
                columns.end,
            ),
        ):
            at = np.flatnonzero(rows)
            self._best[kind].offer(slot[at], mark[at], ids[at], columns.end[at])

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

    def drain(self, keys: list[Key], at: datetime) -> dict[int, list[Exemplar]]:
        """What is kept, by slot. The slowest and the last write of a slot are told once a minute, the rest at once."""
        kept: dict[int, list[Exemplar]] = {}
        minute = int(at.timestamp()) // 60
        quiet = _ONCE_A_MINUTE if minute == self._minute else ()
        self._minute = minute
        for best in (best for kind, best in self._best.items() if kind not in quiet):
            for slot, exemplar in best.drain():
                kept.setdefault(slot, []).append(exemplar)
        for slot, exemplar in self._told:
            kept.setdefault(slot, []).append(exemplar)
        self._told = []
        return {slot: found for slot, found in kept.items() if slot < len(keys)}


def moment(unix_ns: int) -> datetime:
    """A UTC time, to the microsecond."""
    return datetime.fromtimestamp(unix_ns / 1e9, tz=UTC)
