"""What proves a verdict: exemplars, at most three of a kind, and the ranges of offsets that a consumer processed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, select

from agent.model.facts import Exemplar, ExemplarKind
from agent.model.flush import Delivered, Key, WindowDelta
from agent.model.seam import SeamKey
from agent.store import schema
from agent.store.codec import plain
from agent.store.engine import Database
from agent.store.names import key_of, parts
from agent.store.types import micros

_KEPT_EXEMPLARS = 3  #: of one seam and kind, the newest
_KEPT_RANGES = 4096
_NAME = 512


def keep_exemplars(
    database: Database, connection: Connection, windows: Sequence[WindowDelta], ids: Mapping[Key, int]
) -> None:
    """Keep the newest exemplars of each seam and kind."""
    fresh: dict[tuple[int, str], list[Exemplar]] = defaultdict(list)
    for window in windows:
        for exemplar in window.exemplars:
            fresh[ids[window.key], exemplar.kind.value].append(exemplar)
    if not fresh:
        return
    kept = _kept(connection, {seam for seam, _ in fresh})
    gone, rows = [], []
    for (seam, kind), found in fresh.items():
        before = kept.get((seam, kind), [])
        everything = {(e.trace[:32], e.span[:16]): e for e in (*before, *found)}.values()
        newest = sorted(everything, key=lambda e: (e.at, e.trace, e.span), reverse=True)[:_KEPT_EXEMPLARS]
        if newest == before:
            continue
        gone.append((seam, kind))
        rows += [
            (seam, kind, place, plain(e.trace)[:32], plain(e.span)[:16], micros(e.at), plain(e.note))
            for place, e in enumerate(newest)
        ]
    if rows:
        mark = database.mark
        connection.exec_driver_sql(f"DELETE FROM exemplars WHERE seam = {mark} AND kind = {mark}", gone)  # noqa: S608
        sql = (
            f"INSERT INTO exemplars (seam, kind, place, trace, span, at, note) "  # noqa: S608
            f"VALUES ({database.marks(7)})"
        )
        connection.exec_driver_sql(sql, rows)


def _kept(connection: Connection, seams: set[int]) -> dict[tuple[int, str], list[Exemplar]]:
    table = schema.exemplars
    kept: dict[tuple[int, str], list[Exemplar]] = defaultdict(list)
    for part in parts(sorted(seams)):
        for row in connection.execute(select(table).where(table.c.seam.in_(part)).order_by(table.c.place)):
            kept[row.seam, row.kind].append(_exemplar(row))
    return kept


def _exemplar(row: Any) -> Exemplar:
    return Exemplar(ExemplarKind(row.kind), row.trace, row.span, row.at, row.note)


def exemplars(connection: Connection, seams: Sequence[int]) -> tuple[Exemplar, ...]:
    """The exemplars of some seam numbers, newest first."""
    table = schema.exemplars
    order = (table.c.at.desc(), table.c.trace, table.c.span)
    rows = connection.execute(select(table).where(table.c.seam.in_(seams)).order_by(*order))
    return tuple(_exemplar(row) for row in rows)


_Place = tuple[int, int, str, int]  #: seam, partition, operation, day


def add_delivered(
    database: Database, connection: Connection, delivered: Sequence[Delivered], slot: int, ids: Mapping[Key, int]
) -> None:
    """Add ranges to what the same writer has of the same seam, partition, operation and day."""
    added: dict[_Place, list[list[int]]] = defaultdict(list)
    for one in delivered:
        place = (ids[one.key], one.partition, plain(one.operation)[:_NAME], int(one.day.timestamp()))
        added[place] += map(list, one.ranges)
    if not added:
        return
    by_day: dict[int, set[int]] = defaultdict(set)
    for seam, _, _, day in added:
        by_day[day].add(seam)
    for day, seams in by_day.items():
        for place, ranges in _stored(connection, seams, day, slot):
            if place in added:
                added[place] += ranges
    sql = (
        f"INSERT INTO deliveries (seam, partition, operation, day, writer, ranges) "  # noqa: S608
        f"VALUES ({database.marks(6)}) "
        "ON CONFLICT (seam, partition, operation, day, writer) DO UPDATE SET ranges = excluded.ranges"
    )
    rows = [(*place, slot, orjson.dumps(coalesced(ranges))) for place, ranges in added.items()]
    connection.exec_driver_sql(sql, rows)


def _stored(connection: Connection, seams: set[int], day: int, slot: int) -> Iterator[tuple[_Place, list[list[int]]]]:
    table = schema.deliveries
    for part in parts(sorted(seams)):
        where = (table.c.seam.in_(part), table.c.day == day, table.c.writer == slot)
        for row in connection.execute(select(table).where(*where)):
            yield (row.seam, row.partition, row.operation, row.day), orjson.loads(row.ranges)


def coalesced(ranges: Sequence[Sequence[int]]) -> list[list[int]]:
    """Sorted, with what touches or overlaps as one; the highest 4,096 of them."""
    merged: list[list[int]] = []
    for start, end in sorted(map(tuple, ranges)):
        if merged and start <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged[-_KEPT_RANGES:]


def delivered_since(connection: Connection, day: datetime) -> Iterator[Delivered]:
    """What consumers processed since a day, under the names that their writers use."""
    table, seams = schema.deliveries, schema.seams
    query = select(table, seams.c.kind, seams.c.source, seams.c.target).join(seams, seams.c.id == table.c.seam)
    for row in connection.execute(query.where(table.c.day >= int(day.timestamp()))):
        at = datetime.fromtimestamp(row.day, tz=UTC)
        ranges = tuple((first, last) for first, last in orjson.loads(row.ranges))
        key = key_of(row)
        if isinstance(key, SeamKey):
            yield Delivered(key, row.partition, row.operation, at, ranges)
