"""Windows as they are read: sums, points and histograms over any span of minutes, each row counted once."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Connection

from agent.model.facts import Tier, Window
from agent.model.flush import Key
from agent.model.histogram import Histogram
from agent.store import tiers
from agent.store.engine import Database
from agent.store.names import parts
from agent.store.rows import COLUMNS, FIELDS, total
from agent.store.tiers import aligned

T = TypeVar("T", bound=Hashable)
MOST_POINTS = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 500  #: rows that are Python objects at a time
_FEW = 400  #: seams up to which they are read one by one, by the primary key


class Sums(Mapping[Key, tuple[int, ...]]):
    """Window columns by key; one array holds them, a third of what a tuple each would take. Made anew at each look."""

    __slots__ = ("_places", "_values")

    def __init__(self, places: Mapping[Key, int], values: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        self._places, self._values = places, values

    def __getitem__(self, key: Key) -> tuple[int, ...]:
        return tuple(self._values[self._places[key]].tolist())

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[Key]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def sums(database: Database, connection: Connection, start: datetime, end: datetime, keys: Mapping[int, Key]) -> Sums:
    """Columns summed over [start, end) of the seams in `keys`, by key; seams of one key are one."""
    numbers: dict[Key, int] = {}
    place_of = np.full(max(keys, default=0) + 1, -1, np.int64)
    for seam, key in keys.items():
        place_of[seam] = numbers.setdefault(key, len(numbers))
    totals = np.zeros((len(numbers), len(FIELDS)), np.int64)
    seen = np.zeros(len(numbers), bool)
    for sql, bounds in _queries(database, list(keys), tiers.read(connection).pieces(*aligned(start, end))):
        for rows in connection.exec_driver_sql(sql, bounds).partitions(_AT_ONCE):
            found = np.array([tuple(row) for row in rows], np.int64)
            seams = found[:, 0]
            known = seams < len(place_of)
            places = place_of[seams[known]]
            wanted = places >= 0
            np.add.at(totals, places[wanted], found[known][wanted, 1:])
            seen[places[wanted]] = True
    kept = {key: number for number, key in enumerate(key for key, number in numbers.items() if seen[number])}
    return Sums(kept, totals[seen])


def _queries(
    database: Database, seams: Sequence[int], pieces: Sequence[tiers.Piece]
) -> list[tuple[str, tuple[int, ...]]]:
    cast = "sum({})" if database.sqlite else "sum({})::bigint"
    columns = ", ".join(cast.format(field) for field in FIELDS)
    mark = database.mark
    # One seek a seam and then rows side by side; by the index on `start` SQLite seeks once a row, 3 times slower.
    every = (
        "seams CROSS JOIN windows_{0} ON windows_{0}.seam = seams.id AND" if database.sqlite else "windows_{0} WHERE"
    )
    queries: list[tuple[str, tuple[int, ...]]] = []
    for tier, low, high in pieces:
        head = f"SELECT seam, {columns} FROM windows_{tier.value} WHERE"  # noqa: S608
        tail = f"start >= {mark} AND start < {mark} GROUP BY seam"
        if len(seams) > _FEW:
            place = every.format(tier.value)
            tail = tail.replace("GROUP BY seam", "GROUP BY seams.id") if database.sqlite else tail
            queries.append((f"SELECT seam, {columns} FROM {place} {tail}", (low, high)))  # noqa: S608
        elif seams:
            queries.append((f"{head} seam IN ({database.marks(len(seams))}) AND {tail}", (*seams, low, high)))
    return queries


def _rows(
    database: Database, connection: Connection, seams: Sequence[int], piece: tiers.Piece, columns: str
) -> list[Any]:
    tier, low, high = piece
    mark = database.mark
    found: list[Any] = []
    for part in parts(seams):
        where = f"seam IN ({database.marks(len(part))}) AND start >= {mark} AND start < {mark}"
        sql = f"SELECT seam, start, {columns} FROM windows_{tier.value} WHERE {where}"  # noqa: S608
        found += connection.exec_driver_sql(sql, (*part, low, high)).all()
    return found


def histograms(
    database: Database,
    connection: Connection,
    start: datetime,
    end: datetime,
    keys: Mapping[int, T],
    *,
    queues: bool = True,
) -> dict[T, tuple[Histogram, Histogram]]:
    """Duration and queue histograms summed over [start, end), by what each seam's number stands for."""
    found: dict[T, tuple[list[bytes], list[bytes]]] = {}
    queue = "queue" if queues else "NULL"
    for piece in tiers.read(connection).pieces(*aligned(start, end)):
        for seam, _, *packed in _rows(database, connection, list(keys), piece, f"duration, {queue}"):
            blobs = found.setdefault(keys[seam], ([], []))
            for target, blob in zip(blobs, packed, strict=True):
                if blob:
                    target.append(blob)
    return {key: (Histogram.of(total(blobs[0])), Histogram.of(total(blobs[1]))) for key, blobs in found.items()}


def tier_for(low: int, high: int) -> Tier:
    """The finest tier with at most 300 points."""
    return next((tier for tier in Tier if (high - low) // tier.seconds <= MOST_POINTS), Tier.DAY)


def windows(  # two ends, two names, and where to read
    database: Database,
    connection: Connection,
    key: Key,
    seams: Sequence[int],
    start: datetime,
    end: datetime,
    tier: Tier | None = None,
) -> list[Window]:
    """Windows of one length over [start, end), oldest first; those not rolled up yet are summed from finer ones."""
    low, high = aligned(start, end)
    chosen = tier or tier_for(low, high)
    low = tiers.floor(low, chosen)
    found: dict[int, tuple[list[int], list[bytes], list[bytes]]] = {}
    for piece in tiers.read(connection).pieces_of(low, high, chosen):
        for _, at, *values, duration, queue in _rows(database, connection, seams, piece, f"{COLUMNS}, duration, queue"):
            place = tiers.floor(at, chosen)
            row = found.setdefault(place, ([0] * len(FIELDS), [], []))
            for number, value in enumerate(values):
                row[0][number] += value
            for target, blob in ((row[1], duration), (row[2], queue)):
                if blob:
                    target.append(blob)
    return [
        Window(
            key,
            _EPOCH + timedelta(seconds=at),
            chosen,
            tuple(values),
            Histogram.of(total(longest)),
            Histogram.of(total(queue)),
        )
        for at, (values, longest, queue) in sorted(found.items())
    ]
