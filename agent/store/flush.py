"""The flush: one batch of one writer, applied once, in one transaction. Late facts make what is rolled up due again."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import orjson
from sqlalchemy import Connection, select

from agent.model.facts import Tier
from agent.model.flush import Flush, Key, WindowDelta
from agent.store import evidence, names, schema, tiers
from agent.store.engine import Database, StoreError
from agent.store.rows import COLUMNS, Row, add, add_stored, empty, packed, upsert
from agent.store.tiers import COARSE, Tiers

_MANY = 50  #: windows of one minute from which on reading the whole minute is cheaper than reading each
_MINUTE = timedelta(minutes=1)

Place = tuple[int, int]  #: seam, start


class SequenceGapError(StoreError):
    """A flush does not follow the one before: records are missing."""


def flush(database: Database, batch: Flush, known: dict[Key, int]) -> bool:
    """Apply a flush once; False where it was applied before. Raise SequenceGapError where one before is missing."""
    with database.write() as connection:
        slot = _take_turn(connection, batch)
        if slot is None:
            return False
        ids = dict(known)
        names.seam_ids(database, connection, _seen(batch), ids)
        state = tiers.read(connection)
        rows = _summed(batch.windows, ids)
        gone = [place for place in rows if place[1] < state.pruned[Tier.MINUTE]]
        late = {place: rows.pop(place) for place in gone}
        _merge(database, connection, rows, slot)
        upsert(database, connection, Tier.MINUTE, [(*place, slot, *packed(row)) for place, row in rows.items()])
        _add_to_past(database, connection, late, state)
        _mark_late(connection, [*rows, *late], state)
        names.touch(database, connection, _spans(batch, ids))
        names.add_sightings(database, connection, batch.sightings, ids)
        evidence.keep_exemplars(database, connection, batch.windows, ids)
        evidence.add_delivered(database, connection, batch.delivered, slot, ids)
    known.update(ids)
    return True


def _take_turn(connection: Connection, batch: Flush) -> int | None:
    """Move the writer's sequence on and return its slot; None where it is there already."""
    table = schema.writers
    found = connection.execute(select(table.c.slot, table.c.sequence).where(table.c.writer == batch.writer)).first()
    if found is None:
        connection.execute(table.insert().values(writer=batch.writer, sequence=0))
        return _take_turn(connection, batch)
    if found.sequence >= batch.sequence > batch.previous:
        return None
    values = {"sequence": batch.sequence} | ({"watermark": batch.watermark} if batch.watermark else {})
    where = (table.c.slot == found.slot) & (table.c.sequence == batch.previous)
    if not connection.execute(table.update().where(where).values(**values)).rowcount:
        msg = f"the store has {batch.writer} up to {found.sequence:,}, and is given what follows {batch.previous:,}"
        raise SequenceGapError(msg)
    return int(found.slot)


def _seen(batch: Flush) -> Iterable[tuple[Key, datetime]]:
    yield from ((window.key, window.minute) for window in batch.windows)
    yield from ((sighting.key, sighting.at) for sighting in batch.sightings)
    # A delivery knows its day only. Its seam has been seen before, or is seen at the latest with what came along.
    latest = max((window.minute for window in batch.windows), default=batch.watermark)
    yield from ((delivered.key, latest or delivered.day) for delivered in batch.delivered)


def _spans(batch: Flush, ids: Mapping[Key, int]) -> dict[int, tuple[datetime, datetime]]:
    """When each seam was crossed first and last. A window tells the minute only; of the last one we take the end, or
    the moment of the drain where that came before: a seam that was crossed a second ago is not a minute old."""
    seen: dict[int, tuple[datetime, datetime]] = {}
    for window in batch.windows:
        seam, at = ids[window.key], window.minute
        until = max(at, min(at + _MINUTE, batch.drained or at))
        first, last = seen.get(seam, (at, until))
        seen[seam] = (min(first, at), max(last, until))
    return seen


def _summed(deltas: Iterable[WindowDelta], ids: Mapping[Key, int]) -> dict[Place, Row]:
    rows: dict[Place, Row] = {}
    for delta in deltas:
        place = (ids[delta.key], tiers.floor(int(delta.minute.timestamp()), Tier.MINUTE))
        row = rows.get(place)
        if row is None:
            row = rows[place] = empty()
        add(row, delta.values, delta.duration.items(), delta.queue.items())
    return rows


def _merge(database: Database, connection: Connection, rows: Mapping[Place, Row], slot: int) -> None:
    """Add what the table has to the rows of one writer."""
    by_minute: dict[int, list[int]] = defaultdict(list)
    for seam, start in rows:
        by_minute[start].append(seam)
    mark = database.mark
    head = f"SELECT seam, {COLUMNS}, duration, queue FROM windows_1m WHERE"  # noqa: S608
    for start, seams in by_minute.items():
        if len(seams) > _MANY:
            found = connection.exec_driver_sql(f"{head} start = {mark} AND writer = {mark}", (start, slot))
        else:
            marks = database.marks(len(seams))
            where = f"seam IN ({marks}) AND start = {mark} AND writer = {mark}"
            found = connection.exec_driver_sql(f"{head} {where}", (*seams, start, slot))
        for seam, *values, duration, queue in found:
            if (seam, start) in rows:
                add_stored(rows[seam, start], values, duration, queue)


def _add_to_past(database: Database, connection: Connection, late: Mapping[Place, Row], state: Tiers) -> None:
    """Facts of a time whose minutes are deleted go into the finest tier that is left."""
    into: dict[Tier, dict[Place, Row]] = defaultdict(dict)
    for (seam, start), (values, duration, queue) in late.items():
        tier = state.holds(start)
        if tier is not None:
            row = into[tier].setdefault((seam, tiers.floor(start, tier)), empty())
            add(row, values, duration.items(), queue.items())
    mark = database.mark
    for tier, rows in into.items():
        sql = (
            f"SELECT {COLUMNS}, duration, queue FROM windows_{tier.value} "  # noqa: S608
            f"WHERE seam = {mark} AND start = {mark}"
        )
        for place, row in rows.items():
            for *values, longest, queue_ in connection.exec_driver_sql(sql, place):
                add_stored(row, values, longest, queue_)
        upsert(database, connection, tier, [(*place, *packed(row)) for place, row in rows.items()])


def _mark_late(connection: Connection, places: Iterable[Place], state: Tiers) -> None:
    """What falls into an interval that is rolled up already makes that interval due again, in every coarser tier."""
    due: dict[tuple[Tier, int], set[int]] = defaultdict(set)
    for seam, start in places:
        for tier in COARSE:
            closed = start < max(state.rolled[tier], state.rolling[tier])
            if closed and start >= state.pruned[tiers.finer(tier)]:
                due[tier, tiers.floor(start, tier)].add(seam)
    table = schema.dirty
    for (tier, start), seams in due.items():
        where = (table.c.tier == tier.value) & (table.c.start == start)
        before = connection.execute(select(table.c.seams, table.c.version).where(where)).first()
        merged = sorted(seams.union(orjson.loads(before.seams) if before else ()))
        values = {"seams": orjson.dumps(merged).decode(), "version": before.version + 1 if before else 1}
        if before:
            connection.execute(table.update().where(where).values(**values))
        else:
            connection.execute(table.insert().values(tier=tier.value, start=start, **values))


def ensure_writer(connection: Connection, writer: str) -> int:
    """Make a writer known; the sequence that the store has of it."""
    table = schema.writers
    found = connection.execute(select(table.c.sequence).where(table.c.writer == writer)).scalar_one_or_none()
    if found is None:
        connection.execute(table.insert().values(writer=writer, sequence=0))
    return int(found or 0)


def watermark(connection: Connection, since: datetime) -> datetime | None:
    """What every writer has passed that passed `since`; one that fell behind is gone, and tells of the past."""
    table = schema.writers
    marks = connection.execute(select(table.c.watermark).where(table.c.watermark >= since)).scalars().all()
    return min((mark for mark in marks if mark is not None), default=None)
