"""Everything that is no window: measures as chunks, settings and runs as change rows, aliases."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from agent.model.facts import Alias, Run, RunState, Sample, Setting
from agent.model.seam import Component, SeamKey, SubjectRef
from agent.model.subjects import Series
from agent.store import chunks, schema
from agent.store.codec import dumps, subject_text
from agent.store.engine import Database
from agent.store.types import micros

DAY = 86_400


def subject_ids(
    database: Database, connection: Connection, subjects: Iterable[SubjectRef], known: dict[SubjectRef, int]
) -> None:
    """Numbers of subjects, new ones inserted; `known` is filled."""
    fresh = {subject: subject_text(subject) for subject in subjects if subject not in known}
    if not fresh:
        return
    sql = f"INSERT INTO subjects (key) VALUES ({database.mark}) ON CONFLICT (key) DO NOTHING"  # noqa: S608
    connection.exec_driver_sql(sql, [(text,) for text in fresh.values()])
    table = schema.subjects
    for subject, text in fresh.items():
        known[subject] = connection.execute(select(table.c.id).where(table.c.key == text)).scalar_one()


Place = tuple[int, str, int]  #: subject, name, day
MOST_CHUNKS = 20_000  #: chunks of today that are kept at hand: one source is read by one agent, which holds its lease


def add_samples(
    database: Database,
    connection: Connection,
    samples: Sequence[Sample],
    known: dict[SubjectRef, int],
    at_hand: dict[Place, bytes],
) -> dict[Place, bytes]:
    """Append samples to their chunks; return the chunks as they are now, for the next call."""
    subject_ids(database, connection, (sample.subject for sample in samples), known)
    grouped: dict[tuple[int, str, int], list[tuple[int, float]]] = defaultdict(list)
    for sample in samples:
        second = int(sample.at.timestamp())
        grouped[known[sample.subject], sample.name, second // DAY * DAY].append((second % DAY, sample.value))
    mark = database.mark
    where = f"subject = {mark} AND name = {mark} AND day = {mark}"
    rows = []
    for place, values in grouped.items():
        chunk = at_hand.get(place)
        if chunk is None:
            found = connection.exec_driver_sql(f"SELECT chunk FROM measures WHERE {where}", place).scalar()  # noqa: S608
            chunk = bytes(found) if found is not None else None
        for second, value in sorted(values):
            chunk = chunks.append(chunk, second, value)
        rows.append((*place, chunk))
    if rows:
        sql = (
            f"INSERT INTO measures (subject, name, day, chunk) VALUES ({database.marks(4)}) "  # noqa: S608
            "ON CONFLICT (subject, name, day) DO UPDATE SET chunk = excluded.chunk"
        )
        connection.exec_driver_sql(sql, rows)
    written = {(subject, name, day): chunk for subject, name, day, chunk in rows if chunk is not None}
    return written if len(at_hand) > MOST_CHUNKS else {**at_hand, **written}


def series(
    connection: Connection, names: Sequence[str], start: datetime, end: datetime, subjects: Sequence[int] | None = None
) -> dict[tuple[int, str], Series]:
    """Measures by subject number and name over [start, end]."""
    low, high = start.timestamp(), end.timestamp()
    table = schema.measures
    query = select(table).where(
        table.c.name.in_(names), table.c.day >= int(low) // DAY * DAY, table.c.day <= int(high) // DAY * DAY
    )
    if subjects is not None:
        query = query.where(table.c.subject.in_(subjects))
    parts: dict[tuple[int, str], list[tuple[int, Any, Any]]] = defaultdict(list)
    for row in connection.execute(query):
        seconds, values = chunks.read(bytes(row.chunk))
        times = seconds + row.day
        kept = (times >= low) & (times <= high)
        if kept.any():
            parts[row.subject, row.name].append((row.day, times[kept], values[kept]))
    found = {}
    for place, days in parts.items():
        days.sort(key=lambda part: part[0])
        times = tuple(float(at) for _, part, _ in days for at in part.tolist())
        found[place] = Series(times, tuple(value for _, _, part in days for value in part.tolist()))
    return found


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


_SEEN_AGAIN = timedelta(minutes=10)


def add_settings(connection: Connection, settings: Iterable[Setting]) -> int:
    """Keep settings as change rows: a value that is the same only moves its `seen`. Returns how many changed."""
    table = schema.settings
    changed = 0
    for setting in settings:
        where = (table.c.component == str(setting.component)) & (table.c.name == setting.name[:256])
        last = connection.execute(select(table).where(where).order_by(table.c.since.desc()).limit(1)).first()
        if last is not None and setting.at < last.since:
            continue
        if last is not None and last.value == setting.value:
            if setting.at - last.seen >= _SEEN_AGAIN:
                connection.execute(table.update().where(where & (table.c.since == last.since)).values(seen=setting.at))
            continue
        changed += 1
        if last is not None and last.since == setting.at:
            connection.execute(table.delete().where(where & (table.c.since == last.since)))
        connection.execute(
            table.insert().values(
                component=str(setting.component),
                name=setting.name[:256],
                since=setting.at,
                value=setting.value,
                source=setting.source,
                seen=setting.at,
            )
        )
    return changed


def settings_as_of(connection: Connection, as_of: datetime) -> dict[Component, dict[str, str]]:
    """Every setting in force at an instant."""
    table = schema.settings
    found: dict[Component, dict[str, str]] = defaultdict(dict)
    query = select(table.c.component, table.c.name, table.c.value).where(table.c.since <= as_of).order_by(table.c.since)
    for component, name, value in connection.execute(query):
        place = found[Component.parse(component)]
        place.pop(name, None)
        if value is not None:
            place[name] = value
    return dict(found)


def setting_history(connection: Connection, component: Component, since: datetime) -> list[Setting]:
    """What changed on a component since an instant, oldest first."""
    table = schema.settings
    query = select(table).where(table.c.component == str(component), table.c.since >= since).order_by(table.c.since)
    return [Setting(component, row.name, row.value, row.since, row.source) for row in connection.execute(query)]


def add_runs(connection: Connection, runs: Iterable[Run]) -> None:
    """Keep runs; a later fact of a run replaces the one before."""
    table = schema.runs
    for run in runs:
        where = (table.c.job == str(run.job)) & (table.c.run == run.run)
        connection.execute(table.delete().where(where))
        connection.execute(
            table.insert().values(
                job=str(run.job),
                run=run.run,
                state=run.state.value,
                started=run.started,
                ended=run.ended,
                body=dumps({"attempt": run.attempt, "exit_code": run.exit_code, "source": run.source}),
            )
        )


def runs_of(connection: Connection, job: Component) -> list[Run]:
    """The runs of a job, oldest first."""
    table = schema.runs
    query = select(table).where(table.c.job == str(job)).order_by(table.c.started)
    return [Run(job, row.run, RunState(row.state), row.started, row.ended) for row in connection.execute(query)]


class Canonical:
    """Names as they are read: what was found to be one thing has one name."""

    def __init__(self, aliases: Mapping[Component, Component]) -> None:
        self._aliases = aliases

    def component(self, component: Component) -> Component:
        """The name that stands for a component now; chains are followed, circles are not."""
        seen = {component}
        while component in self._aliases:
            component = self._aliases[component]
            if component in seen:
                break
            seen.add(component)
        return component

    def key(self, key: SeamKey | Component) -> SeamKey | Component:
        """The same for a seam."""
        if isinstance(key, SeamKey):
            return SeamKey(key.kind, self.component(key.source), self.component(key.target))
        return self.component(key)

    def subject(self, subject: SubjectRef) -> SubjectRef:
        """The same for a subject: its own component, and those among its labels."""
        own = subject
        if subject.kind != "seam":
            found = self.component(Component(subject.kind, subject.name))
            own = SubjectRef(found.kind, found.name)
        labels = tuple((name, self._label(name, value)) for name, value in subject.labels)
        return SubjectRef(own.kind, own.name, labels)

    def _label(self, name: str, value: str) -> str:
        if name in ("source", "target"):
            return str(self.component(Component.parse(value)))
        return self.component(Component("topic", value)).name if name == "topic" else value


def aliases(connection: Connection) -> list[Alias]:
    """Every alias in force, oldest first."""
    table = schema.aliases
    rows = connection.execute(select(table).where(table.c.undone.is_(None)).order_by(table.c.at, table.c.old))
    return [Alias(Component.parse(row.old), Component.parse(row.new), row.at, row.reason) for row in rows]


def add_alias(connection: Connection, alias: Alias) -> bool:
    """Join two names; an alias to itself undoes the one before. False where nothing changed."""
    table = schema.aliases
    before = connection.execute(select(table).where(table.c.old == str(alias.old))).first()
    if alias.old == alias.new:
        return undo_alias(connection, alias.old, alias.at)
    if before is not None and before.new == str(alias.new) and before.undone is None:
        return False
    connection.execute(table.delete().where(table.c.old == str(alias.old)))
    connection.execute(
        table.insert().values(old=str(alias.old), new=str(alias.new), at=alias.at, reason=alias.reason, undone=None)
    )
    return True


def undo_alias(connection: Connection, old: Component, at: datetime) -> bool:
    """Part two names again."""
    table = schema.aliases
    where = (table.c.old == str(old)) & table.c.undone.is_(None)
    return connection.execute(table.update().where(where).values(undone=at)).rowcount > 0


def prune(database: Database, connection: Connection, now: datetime, limit: int) -> int:
    """Delete at most `limit` rows of what is too old of each kind; how many went."""
    gone = 0
    mark = database.mark
    old_day = int((now - timedelta(days=35)).timestamp()) // DAY * DAY
    week = int((now - timedelta(days=9)).timestamp())
    year = micros(now - timedelta(days=400))
    for table, keys, where, bound in (
        ("measures", "subject, name, day", "day < ", old_day),
        ("deliveries", "seam, partition, operation, day, writer", "day < ", week),
        ("settings", "component, name, since", "seen < ", year),
        ("runs", "job, run", "ended < ", year),
    ):
        sql = (
            f"DELETE FROM {table} WHERE ({keys}) IN "  # noqa: S608
            f"(SELECT {keys} FROM {table} WHERE {where}{mark} LIMIT {int(limit)})"
        )
        gone += connection.exec_driver_sql(sql, (bound,)).rowcount
    return gone


def utc(seconds: float) -> datetime:
    """A UTC time of Unix seconds."""
    return datetime.fromtimestamp(seconds, tz=UTC)
