"""Settings and runs of jobs as change rows: what is told again and again costs nothing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, func, select

from agent.model.facts import LATEST, Run, RunState, Setting
from agent.model.kafka.samples import ERRORS, ORIGINS
from agent.model.seam import Component
from agent.store import schema
from agent.store.codec import digest, plain
from agent.store.engine import Database
from agent.store.names import parts
from agent.store.types import micros

_SEEN_AGAIN = timedelta(minutes=10)
_NAME = 256
#: What some records showed holds for so long after it was told last: it is told at each look for as long as it is so.
PASSING, PASSES = (ORIGINS, ERRORS), timedelta(days=7)
MOST_VALUE = 1 << 20  #: characters of a value: rights of a cluster in lines are the longest


class Told:
    """Settings as they were told last, so that one that is told again and again costs nothing."""

    def __init__(self) -> None:
        self._last: dict[tuple[Component, str], Setting] = {}

    def news(self, settings: Iterable[Setting]) -> list[Setting]:
        """Those with another value, or not written for ten minutes."""
        found = []
        for setting in settings:
            last = self._last.get((setting.component, setting.name))
            if last is None or last.value != setting.value or setting.at - last.at >= _SEEN_AGAIN:
                found.append(setting)
        return found

    def keep(self, settings: Iterable[Setting]) -> None:
        """Remember what was written."""
        self._last |= {(setting.component, setting.name): setting for setting in settings}


_Row = dict[str, Any]


def add_settings(database: Database, connection: Connection, settings: Sequence[Setting]) -> int:
    """Keep settings as change rows: a value that is the same only moves its `seen`. Returns how many changed."""
    places = {component: digest(str(component)) for component in {setting.component for setting in settings}}
    last = _last(connection, places.values())
    written: dict[tuple[str, str, int], tuple[Any, ...]] = {}
    changed = 0
    for setting in sorted(settings, key=lambda one: one.at):
        name, at = plain(setting.name)[:_NAME], micros(setting.at)
        value = None if setting.value is None else _cut(plain(setting.value))
        place = places[setting.component]
        before = last.get((place, name))
        since = at
        if before is not None:
            if at < before["seen" if name.startswith(LATEST) else "since"]:
                continue
            if before["value"] == value:
                if at - before["seen"] < _SEEN_AGAIN / timedelta(microseconds=1):
                    continue
                since = before["since"]
            elif name.startswith(LATEST):
                since = before["since"]
        changed += since == at
        last[place, name] = {"since": since, "seen": at, "value": value}
        row = (place, name, since, plain(str(setting.component)), value, plain(setting.source), at)
        written[place, name, since] = row
    if written:
        sql = (
            "INSERT INTO settings (place, name, since, component, value, source, seen) "  # noqa: S608
            f"VALUES ({database.marks(7)}) ON CONFLICT (place, name, since) "
            "DO UPDATE SET value = excluded.value, source = excluded.source, seen = excluded.seen"
        )
        connection.exec_driver_sql(sql, list(written.values()))
    return changed


def _cut(value: str) -> str:
    return value if len(value) <= MOST_VALUE else value[: MOST_VALUE - 1] + "…"


def _last(connection: Connection, places: Iterable[str]) -> dict[tuple[str, str], _Row]:
    """The newest row of every setting of some components."""
    table = schema.settings
    found: dict[tuple[str, str], _Row] = {}
    columns = (table.c.place, table.c.name, table.c.since, table.c.seen, table.c.value)
    for part in parts(places):
        query = select(*columns).where(table.c.place.in_(part)).order_by(table.c.since)
        for place, name, since, seen, value in connection.execute(query):
            found[place, name] = {"since": micros(since), "seen": micros(seen), "value": value}
    return found


def setting(connection: Connection, component: Component, name: str, as_of: datetime) -> str | None:
    """One setting in force at an instant; None where it was unset or not seen."""
    table = schema.settings
    where = (table.c.place == digest(str(component)), table.c.name == plain(name)[:_NAME], table.c.since <= as_of)
    query = select(table.c.value).where(*where).order_by(table.c.since.desc()).limit(1)
    found: str | None = connection.execute(query).scalar()
    return found


def _latest() -> ColumnElement[bool]:
    """Those of which no history is kept: nobody can say what they were at an instant."""
    return schema.settings.c.name.startswith(LATEST, autoescape=True)


def latest(connection: Connection, component: Component, name: str) -> tuple[str, datetime] | None:
    """The last value of a setting and when it was seen so; None where it never was."""
    table = schema.settings
    where = (table.c.place == digest(str(component)), table.c.name == plain(name)[:_NAME])
    row = connection.execute(
        select(table.c.value, table.c.seen).where(*where).order_by(table.c.since.desc()).limit(1)
    ).first()
    return None if row is None or row.value is None else (row.value, row.seen)


def settings_as_of(
    connection: Connection, as_of: datetime, names: Sequence[str] | None = None
) -> dict[Component, dict[str, str]]:
    """Every setting in force at an instant, or those of some names."""
    table = schema.settings
    found: dict[Component, dict[str, str]] = defaultdict(dict)
    columns = (table.c.component, table.c.name, table.c.value, table.c.seen)
    query = select(*columns).where(table.c.since <= as_of, ~_latest()).order_by(table.c.since)
    if names is not None:
        query = query.where(table.c.name.in_([name[:_NAME] for name in names]))
    known: dict[str, Component] = {}
    for component, name, value, seen in connection.execute(query):
        if component not in known:
            known[component] = Component.parse(component)
        place = found[known[component]]
        place.pop(name, None)
        if value is not None and not (name in PASSING and seen < as_of - PASSES):
            place[name] = value
    return dict(found)


def settings_since(connection: Connection, name: str, as_of: datetime) -> dict[Component, datetime]:
    """Since when each component has the value of a setting that is in force at an instant."""
    table = schema.settings
    where = (table.c.name == plain(name)[:_NAME], table.c.since <= as_of)
    query = select(table.c.component, func.max(table.c.since)).where(*where).group_by(table.c.component)
    return {Component.parse(component): since for component, since in connection.execute(query)}


def setting_history(connection: Connection, component: Component, since: datetime) -> list[Setting]:
    """What changed on a component since an instant, oldest first."""
    table = schema.settings
    where = (table.c.place == digest(str(component)), table.c.since >= since, ~_latest())
    rows = connection.execute(select(table).where(*where).order_by(table.c.since, table.c.name))
    return [Setting(component, row.name, row.value, row.since, row.source) for row in rows]


def add_runs(connection: Connection, runs: Iterable[Run]) -> None:
    """Keep runs; a later fact of a run replaces what it knows better, and leaves what it does not know."""
    table = schema.runs
    for run in runs:
        where = (table.c.place == digest(str(run.job))) & (table.c.run == plain(run.run)[:_NAME])
        before = connection.execute(select(table).where(where)).first()
        known = run if before is None else _better(_run(run.job, before), run)
        values = {
            "job": plain(str(run.job)),
            "at": known.ended or known.started or datetime.now(UTC),
            "state": known.state.value,
            "started": known.started,
            "ended": known.ended,
            "body": orjson.dumps({name: getattr(known, name) for name in _BODY}).decode(),
        }
        if before is None:
            key = {"place": digest(str(run.job)), "run": plain(run.run)[:_NAME]}
            connection.execute(table.insert().values(**key, **values))
        elif known != _run(run.job, before):
            connection.execute(table.update().where(where).values(**values))


_BODY = ("attempt", "parent", "exit_code", "rows_in", "rows_out", "source")
_ENDED = (RunState.SUCCEEDED, RunState.FAILED)


def _better(before: Run, run: Run) -> Run:
    def known(name: str) -> Any:
        new = getattr(run, name)
        return getattr(before, name) if new is None else new

    # A start that is told after the end, or that it was lost, does not undo an end that was seen.
    stays = before.state in _ENDED and run.state not in _ENDED and run.attempt <= before.attempt
    return Run(
        job=run.job,
        run=run.run,
        state=before.state if stays else run.state,
        attempt=max(before.attempt, run.attempt),
        source=run.source or before.source,
        **{name: known(name) for name in ("started", "ended", "parent", "exit_code", "rows_in", "rows_out")},
    )


def _run(job: Component, row: Any) -> Run:
    body = orjson.loads(row.body)
    return Run(job, row.run, RunState(row.state), row.started, row.ended, **{name: body[name] for name in _BODY})


def runs_of(connection: Connection, job: Component, since: datetime | None = None) -> list[Run]:
    """The runs of a job, oldest first; of those that ended or began since an instant."""
    table = schema.runs
    query = select(table).where(table.c.place == digest(str(job))).order_by(table.c.at, table.c.run)
    if since is not None:
        query = query.where(table.c.at >= since)
    return [_run(job, row) for row in connection.execute(query)]


DAY = 86_400


def _old(now: datetime) -> Mapping[str, tuple[str, str, int]]:
    """By table: its key, its column of time, and the first instant that is kept."""
    year = micros(now - timedelta(days=400))
    return {
        "measures": ("subject, name, day", "day", int((now - timedelta(days=35)).timestamp()) // DAY * DAY),
        "deliveries": ("seam, partition, operation, day, writer", "day", int((now - timedelta(days=9)).timestamp())),
        "settings": ("place, name, since", "seen", year),
        "runs": ("place, run", "at", year),
        "finding_events": ("id", "at", year),
    }


PRUNED = ("measures", "deliveries", "settings", "runs", "finding_events")


def prune(database: Database, connection: Connection, table: str, now: datetime, limit: int) -> int:
    """Delete at most `limit` rows of one table that are too old; how many went."""
    keys, column, first = _old(now)[table]
    sql = (
        f"DELETE FROM {table} WHERE ({keys}) IN "  # noqa: S608
        f"(SELECT {keys} FROM {table} WHERE {column} < {database.mark} LIMIT {int(limit)})"
    )
    return connection.exec_driver_sql(sql, (first,)).rowcount
