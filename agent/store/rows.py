"""Rows of the window tables as Python holds them: columns, and histograms as bucket -> count."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection

from agent.model.facts import Tier
from agent.model.histogram import Histogram
from agent.store import schema
from agent.store.engine import Database
from agent.store.names import parts

FIELDS = schema.FIELDS
COLUMNS = ", ".join(FIELDS)
_MOST = 1 << 47  #: of one cell: 400 days of it still fit into 63 bits
_MOST_COUNT = (1 << 31) - 1  #: of one bucket, as `Histogram.pack` writes it

Row = tuple[list[int], dict[int, int], dict[int, int]]


def empty() -> Row:
    """A row of zeros."""
    return [0] * len(FIELDS), {}, {}


def add(row: Row, values: Sequence[int], duration: Iterable[tuple[int, int]], queue: Iterable[tuple[int, int]]) -> None:
    """Add columns and histograms to a row."""
    columns = row[0]
    for number, value in enumerate(values):
        columns[number] += value
    for target, counts in ((row[1], duration), (row[2], queue)):
        for bucket, count in counts:
            target[bucket] = target.get(bucket, 0) + count


def add_stored(row: Row, values: Sequence[int], duration: bytes | None, queue: bytes | None) -> None:
    """Add what a table holds to a row."""
    add(row, values, Histogram.unpack(duration).counts, Histogram.unpack(queue).counts)


def packed(row: Row, most: int = _MOST * 1440) -> tuple[Any, ...]:
    """A row's values as the tables hold them, bounded: one absurd number must not make every later flush fail."""
    columns = [value if -most < value < most else max(-most, min(most, value)) for value in row[0]]
    return (*columns, _blob(row[1]), _blob(row[2]))


def _blob(counts: dict[int, int]) -> bytes | None:
    if not counts:
        return None
    bounded = {bucket: max(-_MOST_COUNT, min(_MOST_COUNT, count)) for bucket, count in counts.items()}
    return Histogram.of(bounded).pack() or None


def total(blobs: list[bytes]) -> dict[int, int]:
    """Packed histograms summed, as bucket -> count."""
    if not blobs:
        return {}
    pairs = np.frombuffer(b"".join(blobs), dtype="<i4").reshape(-1, 2).astype(np.int64)
    buckets, places = np.unique(pairs[:, 0], return_inverse=True)
    counts = np.zeros(len(buckets), np.int64)
    np.add.at(counts, places, pairs[:, 1])
    return dict(zip(buckets.tolist(), counts.tolist(), strict=True))


def columns_of(tier: Tier) -> tuple[str, ...]:
    """The columns of a tier's table, in the order in which `upsert` takes them."""
    writer = ("writer",) if tier is Tier.MINUTE else ()
    return ("seam", "start", *writer, *FIELDS, "duration", "queue")


def upsert(database: Database, connection: Connection, tier: Tier, rows: list[tuple[Any, ...]]) -> None:
    """Write whole rows of one tier, over what was there."""
    if not rows:
        return
    names = columns_of(tier)
    keys = names[: names.index(FIELDS[0])]
    sets = ", ".join(f"{name} = excluded.{name}" for name in names[len(keys) :])
    head, tail = f"INSERT INTO windows_{tier.value} ({', '.join(names)})", f"ON CONFLICT ({', '.join(keys)})"
    if database.sqlite:
        sql = f"{head} VALUES ({database.marks(len(names))}) {tail} DO UPDATE SET {sets}"
        connection.exec_driver_sql(sql, rows)
        return
    types = {"seam": "int", "writer": "int", "duration": "bytea", "queue": "bytea"}
    arrays = ", ".join(f"%s::{types.get(name, 'bigint')}[]" for name in names)
    sql = f"{head} SELECT * FROM unnest({arrays}) {tail} DO UPDATE SET {sets}"  # noqa: S608
    for part in parts(rows, 2000):
        connection.exec_driver_sql(sql, tuple(map(list, zip(*part, strict=True))))
