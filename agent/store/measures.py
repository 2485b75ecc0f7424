"""Measures: one chunk of samples a subject, name and day. Appended to, merged within ten seconds, never averaged."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, select

from agent.model.facts import Merge, Sample
from agent.model.seam import SubjectRef
from agent.model.series import Series
from agent.store import chunks, schema
from agent.store.engine import Database
from agent.store.names import parts, subject_ids

DAY = 86_400
_NAME = 64

Place = tuple[int, str, int]  #: subject, name, day
MOST_CHUNKS = 20_000  #: chunks of today that are kept at hand
_OWNER = "measures:at hand"


class Measures:
    """Writes samples, with the chunks it wrote last at hand: so a sample costs one upsert and no read."""

    def __init__(self) -> None:
        self._me = uuid4().hex
        self._subjects: dict[SubjectRef, int] = {}
        self._at_hand: dict[Place, bytes] = {}

    def add(self, database: Database, connection: Connection, samples: Sequence[Sample]) -> "Measures":
        """Write samples; the writer to go on with once the transaction is kept."""
        after = Measures()
        after._me, after._subjects, at_hand = self._me, dict(self._subjects), self._at_hand
        if not samples:
            after._at_hand = at_hand
            return after
        if not _still_mine(connection, self._me):
            at_hand = {}  # another process wrote meanwhile: what is at hand may be old
        subject_ids(database, connection, (sample.subject for sample in samples), after._subjects)
        grouped = _grouped(samples, after._subjects)
        stored = _stored(connection, [place for place in grouped if place not in at_hand])
        rows = []
        for place, values in grouped.items():
            before = at_hand.get(place) or stored.get(place)
            chunk = before
            for second, value, merge in values:
                chunk = chunks.append(chunk, second, value, merge)
            if chunk is not None and chunk != before:
                rows.append((*place, chunk))
        if rows:
            sql = (
                f"INSERT INTO measures (subject, name, day, chunk) VALUES ({database.marks(4)}) "  # noqa: S608
                "ON CONFLICT (subject, name, day) DO UPDATE SET chunk = excluded.chunk"
            )
            connection.exec_driver_sql(sql, rows)
        written = {(subject, name, day): chunk for subject, name, day, chunk in rows}
        after._at_hand = written if len(at_hand) > MOST_CHUNKS else {**at_hand, **written}
        return after


def _still_mine(connection: Connection, me: str) -> bool:
    """True where nobody else wrote samples since; from now on it is `me`."""
    table = schema.meta
    last = connection.execute(select(table.c.value).where(table.c.key == _OWNER)).scalar_one_or_none()
    if last is None:
        connection.execute(table.insert().values(key=_OWNER, value=me))
    elif last != me:
        connection.execute(table.update().where(table.c.key == _OWNER).values(value=me))
    return last == me


def _grouped(
    samples: Iterable[Sample], subjects: Mapping[SubjectRef, int]
) -> dict[Place, list[tuple[int, float, Merge]]]:
    grouped: dict[Place, list[tuple[int, float, Merge]]] = defaultdict(list)
    for sample in samples:
        second = int(sample.at.timestamp())
        place = (subjects[sample.subject], sample.name[:_NAME], second // DAY * DAY)
        grouped[place].append((second % DAY, sample.value, sample.merge))
    for values in grouped.values():
        values.sort(key=lambda one: one[0])
    return grouped


def _stored(connection: Connection, places: Sequence[Place]) -> dict[Place, bytes]:
    """The chunks of some places, read a day and a name at a time."""
    wanted: dict[tuple[str, int], list[int]] = defaultdict(list)
    for subject, name, day in places:
        wanted[name, day].append(subject)
    table = schema.measures
    found: dict[Place, bytes] = {}
    for (name, day), subjects in wanted.items():
        for part in parts(subjects):
            where = (table.c.subject.in_(part), table.c.name == name, table.c.day == day)
            rows = connection.execute(select(table.c.subject, table.c.chunk).where(*where))
            found |= {(row.subject, name, day): bytes(row.chunk) for row in rows}
    return found


def series(
    connection: Connection, names: Sequence[str], start: datetime, end: datetime, subjects: Sequence[int] | None = None
) -> dict[tuple[int, str], Series]:
    """Measures by subject number and name over [start, end]; of every subject where none are given."""
    if subjects is not None and not subjects:
        return {}
    low, high = start.timestamp(), end.timestamp()
    table = schema.measures
    days = list(range(int(low) // DAY * DAY, int(high) // DAY * DAY + 1, DAY))
    query = select(table).where(table.c.name.in_(names), table.c.day >= days[0], table.c.day <= days[-1])
    if subjects is not None:
        query = query.where(table.c.subject.in_(subjects))
    found: dict[tuple[int, str], list[tuple[int, Any, Any]]] = defaultdict(list)
    for row in connection.execute(query):
        seconds, values = chunks.read(bytes(row.chunk))
        times = seconds + row.day
        kept = (times >= low) & (times <= high)
        if kept.any():
            found[row.subject, row.name].append((row.day, times[kept], values[kept]))
    return {place: _joined(sorted(one, key=lambda part: part[0])) for place, one in found.items()}


def last_values(
    connection: Connection, subjects: Sequence[int], prefix: str, start: datetime, end: datetime
) -> dict[str, float]:
    """The newest value within [start, end] of each measure of some subjects whose name begins with a prefix."""
    low, high = start.timestamp(), end.timestamp()
    table = schema.measures
    first = int(low) // DAY * DAY
    beyond = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    newest: dict[str, tuple[float, float]] = {}
    for subject in subjects:
        where = (table.c.subject == subject, table.c.name >= prefix, table.c.name < beyond, table.c.day >= first)
        for row in connection.execute(select(table.c.name, table.c.day, table.c.chunk).where(*where)):
            seconds, values = chunks.read(bytes(row.chunk))
            times = seconds + row.day
            kept = (times >= low) & (times <= high)
            if kept.any():
                told = (float(times[kept][-1]), float(values[kept][-1]))
                newest[row.name] = max(newest.get(row.name, told), told)
    return {name: value for name, (_, value) in newest.items()}


def _joined(days: Sequence[tuple[int, Any, Any]]) -> Series:
    times = tuple(float(at) for _, part, _ in days for at in part.tolist())
    return Series(times, tuple(value for _, _, part in days for value in part.tolist()))


def merged(one: Series, other: Series) -> Series:
    """Two names of one subject: both series in order; at one second the first stays."""
    points = dict(zip(other.times, other.values, strict=True)) | dict(zip(one.times, one.values, strict=True))
    times = tuple(sorted(points))
    return Series(times, tuple(points[at] for at in times))
