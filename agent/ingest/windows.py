"""Crossings into window deltas: counts, errors, durations, by arrays."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from agent.ingest import delta
from agent.ingest.index import ShapeIndex
from agent.model.columns import I64, U64, Role, SpanColumns
from agent.model.facts import Column
from agent.model.histogram import bucket_of

Parts = list[tuple[U64, I64]]


def cells(slot: I64, minute: I64, columns: Mapping[Column, I64], duration: I64 | None = None) -> Parts:
    """Deltas of rows: each column's values by (slot, minute), and a count in the bucket of each duration (ns)."""
    if not len(slot):
        return []
    packed = delta.codes(slot, minute, 0)
    unique, inverse = np.unique(packed, return_inverse=True)
    parts: Parts = []
    for column, values in columns.items():
        sums = np.bincount(inverse, weights=values, minlength=len(unique)).astype(np.int64)
        used = np.flatnonzero(sums)
        if len(used):
            parts.append((unique[used] | np.uint64(int(column)), sums[used]))
    if duration is not None:
        parts.append(bucketed(packed, delta.DURATION, duration))
    return parts


def bucketed(packed: U64, base: int, duration: I64, weight: int = 1) -> tuple[U64, I64]:
    """One count (or `weight`) in the histogram bucket of each duration (ns) of each cell."""
    keys = packed | (bucket_of(duration) + base).astype(np.uint64)
    unique, counts = np.unique(keys, return_counts=True)
    return unique, counts.astype(np.int64) * weight


def crossings(columns: SpanColumns, index: ShapeIndex, minute: I64) -> Parts:
    """What each span adds to the seams (and the route) of its own shape, with no wait for its other side."""
    slot, rows = _expanded(columns, index)
    if not len(rows):
        return []
    role = index.role[columns.shape[rows]]
    weight = np.where((role == Role.CONSUME) | (role == Role.PUBLISH), columns.messages[rows], 1).astype(np.int64)
    duration = columns.end[rows] - columns.start[rows]
    values = {
        Column.COUNT: weight,
        Column.ERRORS: weight * columns.error[rows],
        Column.DURATION_US: duration // 1000,
        Column.BYTES: columns.size[rows],
    }
    tied = _ties(columns)
    arriving = (role == Role.CONSUME) | (role == Role.SERVE)
    values[Column.ROOTS] = (arriving & ~tied[rows]).astype(np.int64)
    values[Column.LINKED] = (arriving & tied[rows]).astype(np.int64)
    leaving = (role == Role.PUBLISH) | (role == Role.CALL)
    values[Column.DETACHED] = (leaving & (columns.parent[rows] == 0)).astype(np.int64)
    known = (columns.offset[rows] >= 0) | (columns.ident[rows] != 0)
    values[Column.IDENTIFIED] = (known & (role == Role.CONSUME)).astype(np.int64)
    if index.sampling:
        values[Column.SAMPLED] = weight * index.sampled[columns.shape[rows]]
    return cells(slot, minute[rows], values, duration)


def _expanded(columns: SpanColumns, index: ShapeIndex) -> tuple[I64, I64]:
    """Slots and rows: a span whose shape crosses several seams stands once for each."""
    slot = index.slot[columns.shape]
    rows = np.flatnonzero(slot >= 0)
    slots = slot[rows]
    if index.extra:
        more = [(extra, row) for row in rows.tolist() for extra in index.extra.get(int(columns.shape[row]), ())]
        if more:
            slots = np.concatenate([slots, np.array([pair[0] for pair in more], np.int64)])
            rows = np.concatenate([rows, np.array([pair[1] for pair in more], np.int64)])
    return slots, rows


def _ties(columns: SpanColumns) -> npt.NDArray[np.bool_]:
    """Which spans continue another's work: a parent in another process, or a link.

    A local parent is a tie only where the sender does not say that it is local.
    """
    tied: npt.NDArray[np.bool_] = (columns.parent != 0) & (columns.remote != 0)
    tied[columns.links.row] = True
    return tied
