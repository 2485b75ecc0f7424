"""Windows: flushed once by writer and sequence, rolled up by tier, summed exactly over any span of minutes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, select

from agent.model.facts import Exemplar, ExemplarKind, Sighting, Tier
from agent.model.flush import Delivered, Flush, Key, WindowDelta
from agent.model.histogram import Histogram
from agent.store import schema
from agent.store.codec import key_text
from agent.store.engine import Database, StoreError
from agent.store.types import micros

FIELDS = schema.FIELDS
_SUMS = ", ".join(f"sum({field})" for field in FIELDS)
COLUMNS = ", ".join(FIELDS)
ORDER = (Tier.DAY, Tier.HOUR, Tier.TEN, Tier.MINUTE)
_KEPT_EXEMPLARS = 3


class SequenceGapError(StoreError):
    """A flush does not follow the one before: records are missing."""


def seam_ids(
    database: Database, connection: Connection, seen: Iterable[tuple[Key, datetime]], known: dict[str, int]
) -> dict[str, int]:
    """Numbers of seams by key, new ones inserted; `known` is a cache that is filled."""
    first: dict[str, tuple[Key, datetime]] = {}
    for key, at in seen:
        text = key_text(key)
        if text not in known and (text not in first or at < first[text][1]):
            first[text] = (key, at)
    if first:
        sql = (
            f"INSERT INTO seams (key, kind, source, target, first_seen, last_seen, attributes) "  # noqa: S608
            f"VALUES ({database.marks(7)}) ON CONFLICT (key) DO NOTHING"
        )
        rows = [(text, *_parts(key), micros(at), micros(at), "{}") for text, (key, at) in first.items()]
        connection.exec_driver_sql(sql, rows)
        table = schema.seams
        for text in first:
            known[text] = connection.execute(select(table.c.id).where(table.c.key == text)).scalar_one()
    return known


def _parts(key: Key) -> tuple[str, str, str]:
    source, target = getattr(key, "source", None), getattr(key, "target", None)
    return (key.kind, str(source), str(target)) if source is not None else ("component", str(key), "")


def flush(database: Database, batch: Flush, known: dict[str, int]) -> bool:
    """Apply a flush once; False where it was applied before. Raise SequenceGapError where one before is missing."""
    with database.write() as connection:
        found = connection.exec_driver_sql(
            f"SELECT slot, sequence FROM writers WHERE writer = {database.mark}",  # noqa: S608
            (batch.writer,),
        ).one()
        slot, sequence = int(found[0]), int(found[1])
        if sequence >= batch.sequence and batch.sequence > batch.previous:
            return False
        if sequence != batch.previous:
            msg = f"the store has {batch.writer} up to {sequence:,}, and is given what follows {batch.previous:,}"
            raise SequenceGapError(msg)
        fresh = dict(known)
        seam_ids(database, connection, ((w.key, w.minute) for w in batch.windows), fresh)
        seam_ids(database, connection, ((s.key, s.at) for s in batch.sightings), fresh)
        seam_ids(database, connection, ((d.key, d.day) for d in batch.delivered), fresh)
        _add_windows(database, connection, batch.windows, slot, fresh)
        _touch(database, connection, batch, fresh)
        _keep_exemplars(database, connection, batch.windows, fresh)
        _add_delivered(database, connection, batch.delivered, slot, fresh)
        connection.exec_driver_sql(
            f"UPDATE writers SET sequence = {database.mark}, watermark = {database.mark} "  # noqa: S608
            f"WHERE slot = {database.mark}",
            (batch.sequence, micros(batch.watermark) if batch.watermark else None, slot),
        )
    known.update(fresh)
    return True


def _add_windows(
    database: Database, connection: Connection, deltas: Sequence[WindowDelta], slot: int, ids: Mapping[str, int]
) -> None:
    if not deltas:
        return
    rows: dict[tuple[int, int], tuple[list[int], dict[int, int], dict[int, int]]] = {}
    for delta in deltas:
        place = (ids[key_text(delta.key)], int(delta.minute.timestamp()))
        row = rows.setdefault(place, ([0] * len(FIELDS), {}, {}))
        for number, value in enumerate(delta.values):
            row[0][number] += value
        for target, source in ((row[1], delta.duration), (row[2], delta.queue)):
            for bucket, count in source.items():
                target[bucket] = target.get(bucket, 0) + count
    _merge_existing(database, connection, rows, slot)
    upsert(
        database, connection, "windows_1m", [(seam, start, slot, *packed(row)) for (seam, start), row in rows.items()]
    )
    _mark_late(database, connection, rows)


Row = tuple[list[int], dict[int, int], dict[int, int]]


def packed(row: Row) -> tuple[Any, ...]:
    """A row's values as the tables hold them."""
    return (*row[0], Histogram.of(row[1]).pack() or None, Histogram.of(row[2]).pack() or None)


def _merge_existing(database: Database, connection: Connection, rows: dict[tuple[int, int], Row], slot: int) -> None:
    by_minute: dict[int, int] = defaultdict(int)
    for _, start in rows:
        by_minute[start] += 1
    for start, count in by_minute.items():
        if count > 50:
            _merge_minute(database, connection, rows, slot, start)
        else:
            for seam in [seam for seam, at in rows if at == start]:
                _merge_rows(connection.exec_driver_sql(_one_row(database), (seam, start, slot)), rows, start)


def _one_row(database: Database) -> str:
    mark = database.mark
    where = f"seam = {mark} AND start = {mark} AND writer = {mark}"
    return f"SELECT seam, {COLUMNS}, duration, queue FROM windows_1m WHERE {where}"  # noqa: S608


def _merge_minute(
    database: Database, connection: Connection, rows: dict[tuple[int, int], Row], slot: int, start: int
) -> None:
    mark = database.mark
    sql = f"SELECT seam, {COLUMNS}, duration, queue FROM windows_1m WHERE start = {mark} AND writer = {mark}"  # noqa: S608
    _merge_rows(connection.exec_driver_sql(sql, (start, slot)), rows, start)


def _merge_rows(found: Iterable[Any], rows: dict[tuple[int, int], Row], start: int) -> None:
    for seam, *values, duration, queue in found:
        row = rows.get((seam, start))
        if row is None:
            continue
        for number, value in enumerate(values):
            row[0][number] += value
        for target, blob in ((row[1], duration), (row[2], queue)):
            for bucket, count in Histogram.unpack(blob).counts:
                target[bucket] = target.get(bucket, 0) + count


def upsert(database: Database, connection: Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    """Write whole rows of one window table, over what was there."""
    if not rows:
        return
    writer = ["writer"] if table == "windows_1m" else []
    names = ["seam", "start", *writer, *FIELDS, "duration", "queue"]
    sets = ", ".join(f"{name} = excluded.{name}" for name in (*FIELDS, "duration", "queue"))
    sql = (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({database.marks(len(names))}) "  # noqa: S608
        f"ON CONFLICT ({', '.join(['seam', 'start', *writer])}) DO UPDATE SET {sets}"
    )
    connection.exec_driver_sql(sql, rows)


def rolled_to(connection: Connection) -> dict[Tier, int]:
    """Unix seconds up to which each tier is complete; 0 for none."""
    table = schema.meta
    rows = connection.execute(select(table.c.key, table.c.value).where(table.c.key.startswith("rolled:")))
    found: dict[str, str] = {key: value for key, value in rows}  # noqa: C416  # rows are not pairs to mypy
    return {tier: int(found.get(f"rolled:{tier.value}", 0)) for tier in ORDER}


def _mark_late(database: Database, connection: Connection, rows: Mapping[tuple[int, int], Row]) -> None:
    """What falls into an interval that is rolled up already makes that interval due again, in every tier."""
    rolled = rolled_to(connection)
    due: dict[tuple[str, int], set[int]] = defaultdict(set)
    for seam, start in rows:
        for tier in (Tier.TEN, Tier.HOUR, Tier.DAY):
            if start < rolled[tier]:
                due[tier.value, start // tier.seconds * tier.seconds].add(seam)
    for (tier_name, start), seams in due.items():
        table = schema.rollups
        where = (table.c.tier == tier_name) & (table.c.start == start)
        before = connection.execute(select(table.c.seams).where(where)).scalar_one_or_none()
        merged = sorted(seams.union(orjson.loads(before) if before else ()))
        connection.execute(table.delete().where(where))
        connection.execute(table.insert().values(tier=tier_name, start=start, seams=orjson.dumps(merged).decode()))


def _touch(database: Database, connection: Connection, batch: Flush, ids: Mapping[str, int]) -> None:
    last: dict[int, datetime] = {}
    for window in batch.windows:
        seam = ids[key_text(window.key)]
        last[seam] = max(window.minute, last.get(seam, window.minute))
    mark = database.mark
    sql = f"UPDATE seams SET last_seen = {mark} WHERE id = {mark} AND last_seen < {mark}"  # noqa: S608
    if last:
        connection.exec_driver_sql(sql, [(micros(at), seam, micros(at)) for seam, at in last.items()])
    add_sightings(connection, batch.sightings, ids)


def add_sightings(connection: Connection, sightings: Iterable[Sighting], ids: Mapping[str, int]) -> None:
    """Merge attributes into seams: several services, scopes or operations of one seam stand side by side."""
    table = schema.seams
    merged: dict[int, dict[str, str]] = {}
    for sighting in sightings:
        seam = ids[key_text(sighting.key)]
        if seam not in merged:
            text = connection.execute(select(table.c.attributes).where(table.c.id == seam)).scalar_one()
            merged[seam] = orjson.loads(text)
        for name, value in sighting.attributes.items():
            merged[seam][name] = joined(merged[seam].get(name), value)
    for seam, attributes in merged.items():
        text = orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS).decode()
        connection.execute(table.update().where(table.c.id == seam).values(attributes=text))


_MOST_JOINED = 16
_CAPABILITIES = ("true", "false")


def joined(before: str | None, value: str) -> str:
    """Two values of one attribute side by side; of a capability, the weaker."""
    if not before or before == value:
        return value
    if value in _CAPABILITIES:  # two instruments on one seam: what one of them cannot, is not seen whole
        return "false"
    parts = before.split("|")
    return before if value in parts or len(parts) >= _MOST_JOINED else f"{before}|{value}"


def _keep_exemplars(
    database: Database, connection: Connection, windows: Sequence[WindowDelta], ids: Mapping[str, int]
) -> None:
    fresh: dict[tuple[int, str], list[Exemplar]] = defaultdict(list)
    for window in windows:
        for exemplar in window.exemplars:
            fresh[ids[key_text(window.key)], exemplar.kind.value].append(exemplar)
    table = schema.exemplars
    for (seam, kind), found in fresh.items():
        where = (table.c.seam == seam) & (table.c.kind == kind)
        kept = [_exemplar(row) for row in connection.execute(select(table).where(where).order_by(table.c.place))]
        everything = sorted({(e.trace, e.span): e for e in (*kept, *found)}.values(), key=lambda e: e.at, reverse=True)
        connection.execute(table.delete().where(where))
        rows = [
            {"seam": seam, "kind": kind, "place": place, "trace": e.trace, "span": e.span, "at": e.at, "note": e.note}
            for place, e in enumerate(everything[:_KEPT_EXEMPLARS])
        ]
        connection.execute(table.insert(), rows)


def _exemplar(row: Any) -> Exemplar:
    return Exemplar(ExemplarKind(row.kind), row.trace, row.span, row.at, row.note)


def exemplars(connection: Connection, seams: Sequence[int]) -> tuple[Exemplar, ...]:
    """The exemplars of some seam numbers, newest first."""
    table = schema.exemplars
    rows = connection.execute(select(table).where(table.c.seam.in_(seams)).order_by(table.c.at.desc()))
    return tuple(_exemplar(row) for row in rows)


def _add_delivered(
    database: Database, connection: Connection, delivered: Sequence[Delivered], slot: int, ids: Mapping[str, int]
) -> None:
    table = schema.deliveries
    for found in delivered:
        place = {
            "seam": ids[key_text(found.key)],
            "partition": found.partition,
            "operation": found.operation[:512],
            "day": int(found.day.timestamp()),
            "writer": slot,
        }
        where = [table.c[name] == value for name, value in place.items()]
        before = connection.execute(select(table.c.ranges).where(*where)).scalar_one_or_none()
        ranges = _coalesced([*(orjson.loads(before) if before else []), *map(list, found.ranges)])
        if before is not None:
            connection.execute(table.update().where(*where).values(ranges=orjson.dumps(ranges)))
        else:
            connection.execute(table.insert().values(**place, ranges=orjson.dumps(ranges)))


def _coalesced(ranges: list[list[int]]) -> list[list[int]]:
    merged: list[list[int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged[-4096:]


def delivered_since(connection: Connection, day: datetime) -> Iterator[tuple[int, Any]]:
    """Seam number and row of every delivery range since a day."""
    table = schema.deliveries
    for row in connection.execute(select(table).where(table.c.day >= int(day.timestamp()))):
        yield row.seam, row


def delivered_of(key: Any, row: Any) -> Delivered:
    """One row as a value."""
    day = datetime.fromtimestamp(row.day, tz=UTC)
    return Delivered(key, row.partition, row.operation, day, tuple((a, b) for a, b in orjson.loads(row.ranges)))


Piece = tuple[Tier, int, int]


def pieces(start: int, end: int, rolled: Mapping[Tier, int]) -> list[Piece]:
    """Split [start, end), Unix seconds, into the coarsest tiers that are complete, the rest into minutes."""
    return _cover(start, end, rolled, 0)


def _cover(start: int, end: int, rolled: Mapping[Tier, int], level: int) -> list[Piece]:
    if start >= end:
        return []
    tier = ORDER[level]
    if tier is Tier.MINUTE:
        return [(tier, start, end)]
    low = -(-start // tier.seconds) * tier.seconds
    high = min(end // tier.seconds * tier.seconds, rolled[tier])
    if high <= low:
        return _cover(start, end, rolled, level + 1)
    before, after = _cover(start, low, rolled, level + 1), _cover(high, end, rolled, level + 1)
    return [*before, (tier, low, high), *after]


def aligned(start: datetime, end: datetime) -> tuple[int, int]:
    """Whole minutes; the far end of a long span is widened to a tier that is still kept there."""
    low, high = int(start.timestamp()) // 60 * 60, int(end.timestamp()) // 60 * 60
    reach = end - start
    if reach > Tier.TEN.kept - timedelta(days=1):
        low = low // 3600 * 3600
    elif reach > Tier.MINUTE.kept - timedelta(hours=12):
        low = low // 600 * 600
    return low, high


def sums(database: Database, connection: Connection, start: datetime, end: datetime) -> dict[int, list[int]]:
    """Columns summed over [start, end) by seam number."""
    mark = database.mark
    totals: dict[int, list[int]] = {}
    for tier, low, high in pieces(*aligned(start, end), rolled_to(connection)):
        sql = (
            f"SELECT seam, {_SUMS} FROM windows_{tier.value} WHERE start >= {mark} AND start < {mark} "  # noqa: S608
            "GROUP BY seam"
        )
        for seam, *values in connection.exec_driver_sql(sql, (low, high)):
            before = totals.get(seam)
            numbers = [int(value) for value in values]
            totals[seam] = numbers if before is None else [a + b for a, b in zip(before, numbers, strict=True)]
    return totals


def rows_between(
    database: Database, connection: Connection, seams: Sequence[int], tier: Tier, start: int, end: int
) -> list[Any]:
    """Rows of some seams in one tier, oldest first."""
    if not seams:
        return []
    mark = database.mark
    marks = ", ".join([mark] * len(seams))
    sql = (
        f"SELECT seam, start, {COLUMNS}, duration, queue FROM windows_{tier.value} "  # noqa: S608
        f"WHERE seam IN ({marks}) AND start >= {mark} AND start < {mark} ORDER BY start"
    )
    return list(connection.exec_driver_sql(sql, (*seams, start, end)))
