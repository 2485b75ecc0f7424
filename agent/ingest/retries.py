"""Retries in code: a call that follows a failed one to the same callee below the same parent.

Each failure explains one later call at the most: work that fans out after an error is not all retries.
"""

from dataclasses import dataclass

import numpy as np

from agent.model.columns import I64, SpanColumns

SECONDS = 60.0  #: between a failure and its retry
CAPACITY = 20_000  #: parents of failed calls, a generation
_MOST = 64  #: failed calls of one parent


@dataclass(frozen=True, slots=True)
class _Failure:
    trace: tuple[int, int]
    shape: int
    end: int


class Retries:
    """Failed calls by their parent, for a minute or two; bounded."""

    def __init__(self) -> None:
        self._young: dict[int, list[_Failure]] = {}
        self._old: dict[int, list[_Failure]] = {}
        self._born = 0.0
        self.found = False  #: there was a retry; until then nobody need look for its mark
        self.evicted = 0

    def among(self, columns: SpanColumns, rows: I64, now: float) -> I64:
        """1 for each call (rows in any order, those of one batch) that repeats a failed one."""
        found = np.zeros(len(rows), np.int64)
        self._rotate(now)
        parents = columns.parent[rows]
        self._fail(columns, rows[columns.error[rows] & (parents != 0)])
        if not (self._young or self._old):
            return found
        known = self._young.keys() | self._old.keys()
        hits = [at for at, parent in enumerate(parents.tolist()) if parent in known]
        for at in sorted(hits, key=lambda at: int(columns.start[rows[at]])):
            found[at] = self._take(columns, int(rows[at]))
        return found

    def _rotate(self, now: float) -> None:
        if now - self._born >= SECONDS:
            self._old, self._young, self._born = self._young, {}, now

    def _fail(self, columns: SpanColumns, rows: I64) -> None:
        for row in rows.tolist():
            if len(self._young) >= CAPACITY:
                self.evicted += sum(map(len, self._old.values()))
                self._old, self._young = self._young, {}
            failures = self._young.setdefault(int(columns.parent[row]), [])
            trace = (int(columns.trace_hi[row]), int(columns.trace_lo[row]))
            failures.append(_Failure(trace, int(columns.shape[row]), int(columns.end[row])))
            if len(failures) > _MOST:
                del failures[0]
                self.evicted += 1

    def _take(self, columns: SpanColumns, row: int) -> bool:
        """Find the last failure before a call, and use it up."""
        parent, start, shape = int(columns.parent[row]), int(columns.start[row]), int(columns.shape[row])
        trace = (int(columns.trace_hi[row]), int(columns.trace_lo[row]))
        best: tuple[list[_Failure], _Failure] | None = None
        for failures in (self._young.get(parent, []), self._old.get(parent, [])):
            for one in failures:
                fits = one.trace == trace and one.shape == shape and one.end <= start
                if fits and (best is None or one.end > best[1].end):
                    best = (failures, one)
        if best is None:
            return False
        best[0].remove(best[1])
        self.found = True
        return True
