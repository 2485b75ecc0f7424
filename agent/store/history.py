"""What changed when: settings of topics, groups, brokers and client metrics, and rights, each with its value before."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select

from agent.model.facts import LATEST
from agent.model.seam import Component, source
from agent.store import schema
from agent.store.codec import digest
from agent.store.engine import Database
from agent.store.settings import latest
from agent.store.types import micros, moment

KINDS = ("topic", "group", "broker", "client metrics", "rights")
MOST = 500  #: changes in one answer
_ROWS = 1_000  #: read at a time
_SOURCE = "source:kafka/"
#: Of a topic: how it is at the moment, and no setting of it.
_STATE_OF_TOPIC = ("in_sync", "offline", "transaction")
_OF_GROUP = ("protocol", "assignor")
#: A setting that was read from the first look on, by the kind of those that are told only while somebody has set them.
_ANCHORS = {"topic": "cleanup.policy", "broker": "broker.min.insync.replicas", "client metrics": "client_metrics"}
_CURSOR = re.compile(r"(\d{1,16})~([0-9a-f]{16,32})~(.{1,256})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that got another value. None: unset, or not there."""

    kind: str  #: one of `KINDS`
    component: Component
    name: str
    at: datetime  #: of the look that saw it first
    before: str | None
    after: str | None
    source: str  #: who told it, and where the new value comes from
    earlier: str | None = None  #: the last value before it that was not None
    cursor: str = ""  #: for the page that follows it


@dataclass(frozen=True, slots=True)
class InForce:
    """One setting as it is."""

    value: str
    since: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Which changes: between two instants, of one kind, one cluster, one component; those before a cursor."""

    since: datetime
    until: datetime
    kind: str = ""
    cluster: str = ""
    component: Component | None = None
    before: str = ""


class History:
    """The part of the store that tells how settings were."""

    database: Database

    def changes(self, asked: Asked, most: int = 100) -> list[Change]:
        """What changed, newest first, at most `most` (and `MOST`); raise ValueError for a cursor that is none."""
        most = max(1, min(most, MOST))
        found: list[Change] = []
        with self.database.read() as connection:
            listed: dict[Component, datetime | None] = {}
            at = _cursor(asked.before)
            while len(found) < most:
                rows = connection.execute(_query(asked, at).limit(_ROWS)).all()
                for row in rows:
                    if not row.had and row.name == "id" and not _new(connection, row, listed):
                        continue
                    found.append(_change(row))
                if len(rows) < _ROWS:
                    break
                at = (micros(rows[-1].since), rows[-1].place, rows[-1].name)
        return found[:most]

    def in_force(self, component: Component) -> Mapping[str, InForce]:
        """The settings of a component as they are now, each with where it comes from; none that is unset."""
        row, newer = schema.settings.alias("s"), schema.settings.alias("o")
        later = and_(newer.c.place == row.c.place, newer.c.name == row.c.name, newer.c.since > row.c.since)
        where = (row.c.place == digest(str(component)), row.c.value.is_not(None), ~exists().where(later))
        query = select(row.c.name, row.c.value, row.c.since, row.c.source).where(*where, ~_starts(row.c.name, LATEST))
        with self.database.read() as connection:
            return {one.name: InForce(one.value, one.since, one.source) for one in connection.execute(query)}

    def latest(self, component: Component, name: str) -> tuple[str, datetime] | None:
        """A setting of which no history is kept, and when it was seen so; None where it never was."""
        with self.database.read() as connection:
            return latest(connection, component, name)


def _cursor(text: str) -> tuple[int, str, str] | None:
    if not text:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        msg = "This is no cursor. Take the one that the page before has in `next`."
        raise ValueError(msg)
    return int(found[1]), found[2], found[3]


def _query(asked: Asked, at: tuple[int, str, str] | None) -> Any:
    row, old = schema.settings.alias("s"), schema.settings.alias("o")
    before = and_(old.c.place == row.c.place, old.c.name == row.c.name, old.c.since < row.c.since)
    last = select(old.c.value).where(before).order_by(old.c.since.desc()).limit(1).scalar_subquery()
    given = and_(before, old.c.value.is_not(None))
    earlier = select(old.c.value).where(given).order_by(old.c.since.desc()).limit(1).scalar_subquery()
    had = exists().where(before)
    kind = case(*((condition, name) for name, condition in _kinds(row).items()))
    anchor = case(*((kind == name, value) for name, value in _ANCHORS.items()))
    read = exists().where(and_(old.c.place == row.c.place, old.c.name == anchor, old.c.since < row.c.since))
    columns = (row.c.place, row.c.component, row.c.name, row.c.since, row.c.value, row.c.source)
    where = [
        row.c.since >= asked.since,
        row.c.since < asked.until,
        _kind(asked, row),
        or_(had, read, row.c.name == "id"),
    ]
    if asked.component is not None:
        where.append(row.c.place == digest(str(asked.component)))
    if asked.cluster:
        where.append(or_(*(_starts(row.c.component, start) for start in _of_cluster(asked.cluster)), _is(row, asked)))
    if at is not None:
        where.append(_before(row, *at))
    order = (row.c.since.desc(), row.c.place.desc(), row.c.name.desc())
    found = select(*columns, kind.label("kind"), last.label("before"), earlier.label("earlier"), had.label("had"))
    return found.where(*where).order_by(*order)


def _before(row: Any, since: int, place: str, name: str) -> ColumnElement[bool]:
    named = and_(row.c.place == place, row.c.name < name)
    return or_(row.c.since < moment(since), and_(row.c.since == moment(since), or_(row.c.place < place, named)))


def _of_cluster(cluster: str) -> tuple[str, ...]:
    return (f"topic:{cluster}/", f"group:{cluster}/")


def _is(row: Any, asked: Asked) -> ColumnElement[bool]:
    found: ColumnElement[bool] = row.c.place == digest(str(source("kafka", asked.cluster)))
    return found


def _starts(column: Any, text: str) -> ColumnElement[bool]:
    """Not LIKE: names may hold its signs, and case counts."""
    found: ColumnElement[bool] = func.substr(column, 1, len(text)) == text
    return found


def _kinds(row: Any) -> dict[str, ColumnElement[bool]]:
    name, of_source = row.c.name, _starts(row.c.component, _SOURCE)
    return {
        "topic": and_(_starts(row.c.component, "topic:"), name.not_in(_STATE_OF_TOPIC)),
        "group": and_(_starts(row.c.component, "group:"), or_(name.in_(_OF_GROUP), _starts(name, "config."))),
        "broker": and_(of_source, or_(name == "brokers", _starts(name, "broker."))),
        "client metrics": and_(of_source, _starts(name, "client_metrics.")),
        "rights": and_(of_source, name == "acls"),
    }


def _kind(asked: Asked, row: Any) -> ColumnElement[bool]:
    kinds = _kinds(row)
    return kinds[asked.kind] if asked.kind else or_(*kinds.values())


def _new(connection: Connection, row: Any, listed: dict[Component, datetime | None]) -> bool:
    """A topic that an earlier look at its cluster did not list."""
    cluster = source("kafka", Component.parse(row.component).name.partition("/")[0])
    if cluster not in listed:
        table = schema.settings
        where = (table.c.place == digest(str(cluster)), table.c.name == "topics_listed")
        listed[cluster] = connection.execute(select(func.min(table.c.since)).where(*where)).scalar()
    first = listed[cluster]
    return first is not None and first < row.since


def _change(row: Any) -> Change:
    cursor = f"{micros(row.since)}~{row.place}~{row.name}"
    component = Component.parse(row.component)
    told = (row.before, row.value, row.source, row.earlier, cursor)
    return Change(row.kind, component, row.name, row.since, *told)
