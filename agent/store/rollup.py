"""Roll-ups: each tier summed from the finer one, interval by interval; and what is too old goes. Short transactions."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection, select

from agent.model.facts import Tier
from agent.store import schema, tiers
from agent.store.engine import Database
from agent.store.names import parts
from agent.store.rows import FIELDS, packed, total, upsert
from agent.store.tiers import COARSE, Tiers

ROLLUP_ROWS = 400  #: rows a roll-up writes in one transaction: 10 to 30 ms
_SUMS = ", ".join(f"sum({field})" for field in FIELDS)


@dataclass(frozen=True, slots=True)
class _Task:
    """One interval of one tier to be summed."""

    tier: Tier
    start: int
    version: int  #: of what made it due again; 0 for one that closes
    only: tuple[int, ...]  #: the seams to do again; empty for all


def roll_up(database: Database, until: datetime) -> bool:
    """Do one interval of one tier: first what late facts made due again, then the next closed one. False when done.

    A process may die, or another one do the same, between any two of its transactions: sums stay right.
    """
    with database.read() as connection:
        if _next(connection, tiers.read(connection), until) is None:
            return False
    with database.write() as connection:
        task = _next(connection, tiers.read(connection), until)
        if task is None:
            return False
        end = task.start + task.tier.seconds
        if not task.version and end > tiers.read(connection).rolling[task.tier]:
            tiers.move(connection, "rolling", task.tier, end)  # from now on what falls into it comes late
    rows = _summed(database, task)
    for part in parts(rows, ROLLUP_ROWS):
        with database.write() as connection:
            if not _stands(connection, task):
                return True
            upsert(database, connection, task.tier, part)
    with database.write() as connection:
        if _stands(connection, task):
            _finish(connection, task, until)
    return True


def _next(connection: Connection, state: Tiers, until: datetime) -> _Task | None:
    """The next task; every finer tier comes first, so that nothing is summed from what is due again."""
    table = schema.dirty
    for tier in COARSE:
        again = [start for of, start in state.dirty if of is tier]
        if again:
            where = (table.c.tier == tier.value) & (table.c.start == min(again))
            row = connection.execute(select(table).where(where)).one()
            return _Task(tier, int(row.start), int(row.version), tuple(orjson.loads(row.seams)))
        start = state.rolled[tier] or _oldest(connection, tier)
        if start is not None and start + tier.seconds <= _closed(state, tier, until):
            return _Task(tier, start, 0, ())
    return None


def _closed(state: Tiers, tier: Tier, until: datetime) -> int:
    """Up to where a tier could be complete."""
    return int(until.timestamp()) if tier is Tier.TEN else state.rolled[tiers.finer(tier)]


def _oldest(connection: Connection, tier: Tier) -> int | None:
    found = connection.exec_driver_sql(f"SELECT min(start) FROM windows_{tiers.finer(tier).value}").scalar()  # noqa: S608
    return None if found is None else tiers.floor(int(found), tier)


def _stands(connection: Connection, task: _Task) -> bool:
    """False once another process has done the task, or a later fact has made it stale."""
    if task.version:
        table = schema.dirty
        where = (table.c.tier == task.tier.value) & (table.c.start == task.start)
        return connection.execute(select(table.c.version).where(where)).scalar_one_or_none() == task.version
    return tiers.read(connection).rolled[task.tier] in (0, task.start)


def _finish(connection: Connection, task: _Task, until: datetime) -> None:
    if task.version:
        table = schema.dirty
        connection.execute(table.delete().where((table.c.tier == task.tier.value) & (table.c.start == task.start)))
        return
    # Nights without traffic are passed over in one step: up to the next interval that has rows, or is due to get some.
    state, finer = tiers.read(connection), tiers.finer(task.tier)
    end = task.start + task.tier.seconds
    sql = f"SELECT min(start) FROM windows_{finer.value} WHERE start >= {end}"  # noqa: S608
    found = connection.exec_driver_sql(sql).scalar()
    waits = [start for tier, start in state.dirty if tier is finer and start >= end]
    bound = min([max(end, _closed(state, task.tier, until)), *waits, *([] if found is None else [int(found)])])
    tiers.move(connection, "rolled", task.tier, tiers.floor(bound, task.tier))


def _summed(database: Database, task: _Task) -> list[tuple[object, ...]]:
    """The rows of one interval, summed from the finer tier; all of it as of one instant."""
    mark = database.mark
    only = f" AND seam IN ({', '.join(map(str, map(int, task.only)))})" if task.only else ""
    table = f"windows_{tiers.finer(task.tier).value} WHERE start >= {mark} AND start < {mark}{only}"
    span = (task.start, task.start + task.tier.seconds)
    with database.read() as connection:
        sums = connection.exec_driver_sql(f"SELECT seam, {_SUMS} FROM {table} GROUP BY seam", span).all()  # noqa: S608
        blobs = connection.exec_driver_sql(f"SELECT seam, duration, queue FROM {table}", span)  # noqa: S608
        durations: dict[int, list[bytes]] = defaultdict(list)
        queues: dict[int, list[bytes]] = defaultdict(list)
        for seam, duration, queue in blobs:
            if duration:
                durations[seam].append(duration)
            if queue:
                queues[seam].append(queue)
    return [
        (int(seam), task.start, *packed(([int(v) for v in values], total(durations[seam]), total(queues[seam]))))
        for seam, *values in sums
    ]


def prune(database: Database, connection: Connection, tier: Tier, now: datetime, limit: int) -> int:
    """Delete at most `limit` rows of one tier that are too old and rolled up; how many went."""
    state = tiers.read(connection)
    due = min((start for _, start in state.dirty), default=None)
    coarser = next((one for one in COARSE if one.seconds > tier.seconds), None)
    bound = tiers.floor(int((now - tier.kept).timestamp()), coarser or tier)
    if coarser is not None:
        bound = min(bound, state.rolled[coarser], bound if due is None else tiers.floor(due, Tier.DAY))
    if bound > state.pruned[tier]:
        tiers.move(connection, "pruned", tier, bound)
    keys = "seam, start, writer" if tier is Tier.MINUTE else "seam, start"
    sql = (
        f"DELETE FROM windows_{tier.value} WHERE ({keys}) IN "  # noqa: S608
        f"(SELECT {keys} FROM windows_{tier.value} WHERE start < {database.mark} LIMIT {int(limit)})"
    )
    return connection.exec_driver_sql(sql, (max(bound, state.pruned[tier]),)).rowcount
