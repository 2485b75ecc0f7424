"""What changed when: settings of topics, groups, brokers and client metrics, and rights, each with its value before."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, exists, func, or_, select

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
    """Which changes: between two instants, of some kinds, one cluster, some components; those before a cursor."""

    since: datetime
    until: datetime
    kinds: tuple[str, ...] = KINDS
    cluster: str = ""
    components: tuple[Component, ...] = ()  #: all where none is named
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
            size = most if asked.components else _ROWS
            while len(found) < most:
                query = _query(asked.kinds, bool(asked.components), bool(asked.cluster), at is not None)
                rows = connection.execute(query, _given(asked, at, size)).all()
                for row in rows:
                    if not row.had and row.name == "id" and not _new(connection, row, listed):
                        continue
                    found.append(_change(row))
                if len(rows) < size:
                    break
                at = (micros(rows[-1].since), rows[-1].place, rows[-1].name)
        return found[:most]

    def in_force(self, component: Component) -> Mapping[str, InForce]:
        """The settings of a component as they are now, each with where it comes from; none that is unset."""
        with self.database.read() as connection:
            rows = connection.execute(_in_force(), {"place": digest(str(component))})
            return {one.name: InForce(one.value, one.since, one.source) for one in rows}

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


@lru_cache(maxsize=1)
def _in_force() -> Any:
    row, newer = schema.settings.alias("s"), schema.settings.alias("o")
    later = and_(newer.c.place == row.c.place, newer.c.name == row.c.name, newer.c.since > row.c.since)
    where = (row.c.place == bindparam("place"), row.c.value.is_not(None), ~exists().where(later))
    return select(row.c.name, row.c.value, row.c.since, row.c.source).where(*where, ~_starts(row.c.name, LATEST))


@lru_cache(maxsize=64)
def _query(kinds: tuple[str, ...], placed: bool, clustered: bool, paged: bool) -> Any:
    """The question in SQL, made once for each of its shapes: to make it takes longer than to answer it."""
    row, old = schema.settings.alias("s"), schema.settings.alias("o")
    before = and_(old.c.place == row.c.place, old.c.name == row.c.name, old.c.since < row.c.since)
    last = select(old.c.value).where(before).order_by(old.c.since.desc()).limit(1).scalar_subquery()
    given = and_(before, old.c.value.is_not(None))
    earlier = select(old.c.value).where(given).order_by(old.c.since.desc()).limit(1).scalar_subquery()
    had, every = exists().where(before), _kinds(row)
    kind = case(*((condition, name) for name, condition in every.items()))
    anchor = case(*((every[name], value) for name, value in _ANCHORS.items()))
    read = exists().where(and_(old.c.place == row.c.place, old.c.name == anchor, old.c.since < row.c.since))
    columns = (row.c.place, row.c.component, row.c.name, row.c.since, row.c.value, row.c.source)
    when = and_(row.c.since >= bindparam("since"), row.c.since < bindparam("until"))
    where = [when, or_(*(every[name] for name in kinds)), or_(had, read, row.c.name == "id")]
    if placed:
        where.append(row.c.place.in_(bindparam("places", expanding=True)))
    if clustered:
        mine = (func.substr(row.c.component, 1, bindparam("long")) == bindparam(name) for name in ("topics", "groups"))
        where.append(or_(*mine, row.c.place == bindparam("cluster")))
    if paged:
        named = and_(row.c.place == bindparam("place"), row.c.name < bindparam("name"))
        same = and_(row.c.since == bindparam("at"), or_(row.c.place < bindparam("place"), named))
        where.append(or_(row.c.since < bindparam("at"), same))
    order = (row.c.since.desc(), row.c.place.desc(), row.c.name.desc())
    found = select(*columns, kind.label("kind"), last.label("before"), earlier.label("earlier"), had.label("had"))
    return found.where(*where).order_by(*order).limit(bindparam("most"))


def _given(asked: Asked, at: tuple[int, str, str] | None, most: int) -> dict[str, Any]:
    """What is put into the question."""
    found: dict[str, Any] = {"since": asked.since, "until": asked.until, "most": most}
    if asked.components:
        found["places"] = [digest(str(component)) for component in asked.components]
    if asked.cluster:
        topics = f"topic:{asked.cluster}/"
        found |= {"long": len(topics), "topics": topics, "groups": f"group:{asked.cluster}/"}
        found["cluster"] = digest(str(source("kafka", asked.cluster)))
    if at is not None:
        found |= {"at": moment(at[0]), "place": at[1], "name": at[2]}
    return found


def _starts(column: Any, text: str) -> ColumnElement[bool]:
    """Not LIKE: names may hold its signs, and case counts."""
    found: ColumnElement[bool] = func.substr(column, 1, len(text)) == text
    return found


def _kinds(row: Any) -> dict[str, ColumnElement[bool]]:
    name, of_source = row.c.name, _starts(row.c.component, _SOURCE)
    return {
        "topic": and_(_starts(row.c.component, "topic:"), name.not_in(_STATE_OF_TOPIC), ~_starts(name, "sampled.")),
        "group": and_(_starts(row.c.component, "group:"), or_(name.in_(_OF_GROUP), _starts(name, "config."))),
        "broker": and_(of_source, or_(name == "brokers", _starts(name, "broker."))),
        "client metrics": and_(of_source, _starts(name, "client_metrics.")),
        "rights": and_(of_source, name == "acls"),
    }


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
