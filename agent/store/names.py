"""Names: seams and subjects have numbers, and what was found to be one thing is read under one name."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from uuid import uuid4

import orjson
from sqlalchemy import Connection, select

from agent.model.facts import Alias, Sighting
from agent.model.flush import Key
from agent.model.seam import Component, SeamKey, SubjectRef
from agent.store import schema
from agent.store.codec import digest, key_text, plain, subject_of, subject_text
from agent.store.engine import Database
from agent.store.types import micros

T = TypeVar("T")


def parts(items: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """Lists of at most `size` items: SQLite takes 32,766 placeholders, and a plan is cached by their number."""
    following = iter(items)
    while part := list(islice(following, size)):
        yield part


def _numbers(connection: Connection, table: Any, places: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts(places):
        rows = connection.execute(select(table.c.place, table.c.id).where(table.c.place.in_(part)))
        found |= {place: number for place, number in rows}  # noqa: C416  # rows are not pairs to mypy
    return found


def seam_ids(
    database: Database, connection: Connection, seen: Iterable[tuple[Key, datetime]], known: dict[Key, int]
) -> None:
    """Numbers of seams and components, new ones inserted; `known` is filled."""
    first: dict[Key, datetime] = {}
    for key, at in seen:
        if key not in known and (key not in first or at < first[key]):
            first[key] = at
    if not first:
        return
    texts = {key: key_text(key) for key in first}
    sql = (
        f"INSERT INTO seams (place, key, kind, source, target, first_seen, last_seen, attributes) "  # noqa: S608
        f"VALUES ({database.marks(8)}) ON CONFLICT (place) DO NOTHING"
    )
    places = {key: digest(texts[key]) for key in first}
    rows = [
        (places[key], plain(texts[key]), *map(plain, _ends(key)), micros(at), micros(at), "{}")
        for key, at in first.items()
    ]
    connection.exec_driver_sql(sql, rows)
    numbers = _numbers(connection, schema.seams, places.values())
    known |= {key: numbers[place] for key, place in places.items()}


def _ends(key: Key) -> tuple[str, str, str]:
    if isinstance(key, SeamKey):
        return key.kind, str(key.source), str(key.target)
    return "component", str(key), ""


def key_of(row: Any) -> Key:
    """The key of one row of `seams`."""
    if row.kind == "component":
        return Component.parse(row.source)
    return SeamKey(sys.intern(row.kind), Component.parse(row.source), Component.parse(row.target))


def touch(database: Database, connection: Connection, seen: Mapping[int, tuple[datetime, datetime]]) -> None:
    """Widen the time between first and last seen of seams by number; late facts make a seam older."""
    if not seen:
        return
    mark = database.mark
    sql = (
        f"UPDATE seams SET first_seen = CASE WHEN first_seen > {mark} THEN {mark} ELSE first_seen END, "  # noqa: S608
        f"last_seen = CASE WHEN last_seen < {mark} THEN {mark} ELSE last_seen END "
        f"WHERE id = {mark} AND (first_seen > {mark} OR last_seen < {mark})"
    )
    rows = []
    for seam, (first, last) in sorted(seen.items()):
        low, high = micros(first), micros(last)
        rows.append((low, low, high, high, seam, low, high))
    connection.exec_driver_sql(sql, rows)


def add_sightings(
    database: Database, connection: Connection, sightings: Sequence[Sighting], ids: Mapping[Key, int]
) -> None:
    """Merge attributes into seams: several services, scopes or operations of one seam stand side by side."""
    table = schema.seams
    before: dict[int, str] = {}
    for part in parts({ids[sighting.key] for sighting in sightings if sighting.attributes}):
        rows = connection.execute(select(table.c.id, table.c.attributes).where(table.c.id.in_(part)))
        before |= {number: text for number, text in rows}  # noqa: C416  # rows are not pairs to mypy
    merged: dict[int, dict[str, str]] = {number: orjson.loads(text) for number, text in before.items()}
    seen: dict[int, tuple[datetime, datetime]] = {}
    for sighting in sightings:
        seam = ids[sighting.key]
        first, last = seen.get(seam, (sighting.at, sighting.at))
        seen[seam] = (min(first, sighting.at), max(last, sighting.at))
        for name, value in sighting.attributes.items():
            merged[seam][name] = joined(merged[seam].get(name), value)
    changed = []
    for seam, attributes in merged.items():
        text = orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS).decode()
        if text != before[seam]:
            changed.append((text, seam))
    if changed:
        sql = f"UPDATE seams SET attributes = {database.mark} WHERE id = {database.mark}"  # noqa: S608
        connection.exec_driver_sql(sql, changed)
    touch(database, connection, seen)


_MOST_JOINED = 16
_CAPABILITIES = ("true", "false")


def joined(before: str | None, value: str) -> str:
    """Two values of one attribute side by side; of a capability, the weaker."""
    if not before or before == value:
        return value
    if value in _CAPABILITIES:  # two instruments on one seam: what one of them cannot, is not seen whole
        return "false"
    values = before.split("|")
    return before if value in values or len(values) >= _MOST_JOINED else f"{before}|{value}"


def subject_ids(
    database: Database, connection: Connection, subjects: Iterable[SubjectRef], known: dict[SubjectRef, int]
) -> None:
    """Numbers of subjects, new ones inserted; `known` is filled."""
    fresh = {subject: subject_text(subject) for subject in subjects if subject not in known}
    if not fresh:
        return
    sql = (
        f"INSERT INTO subjects (place, key) VALUES ({database.marks(2)}) "  # noqa: S608
        "ON CONFLICT (place) DO NOTHING"
    )
    places = {subject: digest(text) for subject, text in fresh.items()}
    connection.exec_driver_sql(sql, [(places[subject], text) for subject, text in fresh.items()])
    numbers = _numbers(connection, schema.subjects, places.values())
    known |= {subject: numbers[place] for subject, place in places.items()}


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

    def key(self, key: Key) -> Key:
        """The same for a seam."""
        if isinstance(key, SeamKey):
            return SeamKey(key.kind, self.component(key.source), self.component(key.target))
        return self.component(key)

    def subject(self, subject: SubjectRef) -> SubjectRef:
        """The same for a subject: its own component, and those among its labels."""
        if not self._aliases:
            return subject
        kind, name = subject.kind, subject.name
        if kind != "seam":
            found = self.component(Component(kind, name))
            kind, name = found.kind, found.name
        labels = tuple((label, self._label(label, value)) for label, value in subject.labels)
        return SubjectRef(kind, name, labels)

    def _label(self, name: str, value: str) -> str:
        if name in ("source", "target"):
            return str(self.component(Component.parse(value)))
        return self.component(Component("topic", value)).name if name == "topic" else value


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of the seams: a number never changes its key, only the aliases do."""

    newest: int = 0
    raw: Mapping[int, Key] = field(default_factory=dict)
    names: Canonical | None = None
    keys: Mapping[int, Key] = field(default_factory=dict)
    numbers: Mapping[Key, tuple[int, ...]] = field(default_factory=dict)


class Known:
    """Keys of seams by number, each read once."""

    def __init__(self, aliases: "KnownAliases") -> None:
        self._aliases = aliases
        self._read = _Read()  # replaced whole: several threads read it

    def keys(self, connection: Connection) -> Mapping[int, Key]:
        """Every seam's key under the name that stands for it now."""
        return self._now(connection).keys

    def of(self, connection: Connection, keys: Iterable[Key]) -> dict[int, Key]:
        """The same for some keys: each has the numbers of all names it has had."""
        numbers = self._now(connection).numbers
        return {number: key for key in dict.fromkeys(keys) for number in numbers.get(key, ())}

    def _now(self, connection: Connection) -> _Read:
        table, before = schema.seams, self._read
        columns = (table.c.id, table.c.kind, table.c.source, table.c.target)
        rows = connection.execute(select(*columns).where(table.c.id > before.newest)).all()
        fresh = {int(row.id): key_of(row) for row in rows}
        _, names = self._aliases.now(connection)
        if not fresh and names is before.names:
            return before
        raw = {**before.raw, **fresh}
        renamed = raw if names is not before.names else fresh
        keys = {**before.keys, **{number: names.key(key) for number, key in renamed.items()}}
        numbers: dict[Key, tuple[int, ...]] = {}
        for number, key in keys.items():
            numbers[key] = (*numbers.get(key, ()), number)
        self._read = found = _Read(max(fresh, default=before.newest), raw, names, keys, numbers)
        return found


class KnownSubjects:
    """Subjects by number, each read once."""

    def __init__(self, aliases: "KnownAliases") -> None:
        self._aliases = aliases
        # Both are replaced whole: several threads read them.
        self._read: tuple[int, Mapping[int, SubjectRef]] = (0, {})
        self._named: tuple[object, object, Mapping[int, SubjectRef], Mapping[SubjectRef, tuple[int, ...]]] = (
            0,
            0,
            {},
            {},
        )

    def numbers(self, connection: Connection, subject: SubjectRef) -> tuple[int, ...]:
        """The numbers of a subject, one for each of its names."""
        self.of(connection)
        return self._named[3].get(subject, ())

    def of(self, connection: Connection) -> Mapping[int, SubjectRef]:
        """Every subject under the name that stands for it now."""
        newest, before = self._read
        table = schema.subjects
        rows = connection.execute(select(table.c.id, table.c.key).where(table.c.id > newest)).all()
        if rows:
            before = {**before, **{int(row.id): subject_of(row.key) for row in rows}}
            self._read = (max(before), before)
        found, now = self._aliases.now(connection)
        named = self._named
        if named[0] is before and named[1] is now:
            return named[2]
        after = {number: now.subject(subject) for number, subject in before.items()} if found else before
        numbers: dict[SubjectRef, tuple[int, ...]] = {}
        for number, subject in after.items():
            numbers[subject] = (*numbers.get(subject, ()), number)
        self._named = (before, now, after, numbers)
        return after


def canonical(connection: Connection) -> Canonical:
    """The names as they are read now."""
    return Canonical({alias.old: alias.new for alias in aliases(connection)})


def kind_of(key: Key) -> str:
    """The kind of a seam; `component` for a plain one, as in the table."""
    return key.kind if isinstance(key, SeamKey) else "component"


_ALIASES = "aliases:version"


class KnownAliases:
    """Every alias in force, read again only after one was added or undone, by whichever process."""

    def __init__(self) -> None:
        self._read: tuple[str, tuple[Alias, ...], Canonical] = ("", (), Canonical({}))  # replaced whole

    def now(self, connection: Connection) -> tuple[tuple[Alias, ...], "Canonical"]:
        """The aliases, oldest first, and the names as they are read by them."""
        table = schema.meta
        version = connection.execute(select(table.c.value).where(table.c.key == _ALIASES)).scalar_one_or_none() or ""
        before = self._read
        if before[0] != version:
            found = tuple(aliases(connection))
            before = self._read = (version, found, Canonical({alias.old: alias.new for alias in found}))
        return before[1], before[2]


def _changed(connection: Connection) -> None:
    table, version = schema.meta, uuid4().hex
    if not connection.execute(table.update().where(table.c.key == _ALIASES).values(value=version)).rowcount:
        connection.execute(table.insert().values(key=_ALIASES, value=version))


def aliases(connection: Connection) -> list[Alias]:
    """Every alias in force, oldest first."""
    table = schema.aliases
    rows = connection.execute(select(table).where(table.c.undone.is_(None)).order_by(table.c.at, table.c.old))
    return [Alias(Component.parse(row.old), Component.parse(row.new), row.at, row.reason) for row in rows]


def add_alias(connection: Connection, alias: Alias) -> bool:
    """Join two names; an alias to itself undoes the one before. False where nothing changed."""
    table = schema.aliases
    if alias.old == alias.new:
        return undo_alias(connection, alias.old, alias.at)
    place = digest(str(alias.old))
    before = connection.execute(select(table).where(table.c.place == place)).first()
    if before is not None and before.new == str(alias.new) and before.undone is None:
        return False
    connection.execute(table.delete().where(table.c.place == place))
    connection.execute(
        table.insert().values(
            place=place, old=str(alias.old), new=str(alias.new), at=alias.at, reason=plain(alias.reason), undone=None
        )
    )
    _changed(connection)
    return True


def undo_alias(connection: Connection, old: Component, at: datetime) -> bool:
    """Part two names again; False where they were not joined."""
    table = schema.aliases
    where = (table.c.place == digest(str(old))) & table.c.undone.is_(None)
    undone = connection.execute(table.update().where(where).values(undone=at)).rowcount > 0
    if undone:
        _changed(connection)
    return undone
