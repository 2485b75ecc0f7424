"""The store as the rest sees it: one object, methods named after the question."""

import os
import sys
import threading
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import orjson
from sqlalchemy import func, select

from agent.model.facts import Exemplar, Run, Sample, Setting, Sighting, Tier, Window
from agent.model.flush import Delivered, Flush, Key
from agent.model.histogram import Histogram
from agent.model.seam import Component, SubjectRef
from agent.model.series import NO_SERIES, Series
from agent.store import evidence, flush, measures, names, rollup, schema, settings, stamps, windows
from agent.store.engine import DamagedError, Database, GoneError
from agent.store.judgements import Judgements
from agent.store.notes import SourceRow
from agent.store.revisions import check, set_aside, suspect_of, tells_damage
from agent.store.settings import PRUNED

_MOST_SIGHTED = 100_000
T = TypeVar("T", bound=Hashable)
_LIVE = timedelta(hours=1)  #: a writer whose watermark is older than that is not waited for
_ANEW = "A new store is in its place: what the journal holds goes into it, and judging begins anew."
_LATE = timedelta(minutes=1)  #: behind the watermark, before an interval closes


@dataclass(frozen=True, slots=True)
class SeamRow:
    """One seam or component that exists; `ids` are the store's numbers of all names it has had."""

    key: Key
    first_seen: datetime
    last_seen: datetime
    attributes: Mapping[str, str]
    ids: tuple[int, ...]

    @property
    def id(self) -> int:
        """The oldest of its numbers: stable, for addresses."""
        return min(self.ids)


def open_store(url: str, *, create: bool = True) -> "Store":
    """Open a store; raise StoreError where it cannot be used, with what to do."""
    database = Database(url)
    if database.path is not None and create:
        database.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        check(database, make=create)
    except BaseException:
        database.close()
        raise
    return Store(database)


def start_store(url: str, now: datetime) -> tuple["Store", str]:
    """Open an agent's own store, and say what was done for that: a damaged file is set aside, and a new one made.

    What is said is a sentence a line: the cause, where the file is now, and what goes on.
    """
    try:
        return open_store(url), ""
    except DamagedError as problem:
        path = Database(url).path
        if path is None:
            raise
        aside = set_aside(path, now)
        told = str(problem).partition(" The file is damaged.")[0]
        then = f"It was set aside as {aside}; history before {now.astimezone(UTC):%-d %b, %H:%M} UTC is there."
        return open_store(url), f"{told}\n{then}\n{_ANEW}"


class Store(Judgements):
    """Reads and writes; safe to use from several threads, and beside other processes."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._recording = threading.Lock()
        self._seams: dict[Key, int] = {}
        self._names = names.Known(self._aliases)
        self._attributes: dict[int, Mapping[str, str]] = {}  #: by the hash of their text: seams share them
        self._told = settings.Told()
        self._measures = measures.Measures()
        self._sighted: set[tuple[Key, tuple[tuple[str, str], ...]]] = set()
        self._file = _file_of(database.path)

    @property
    def path(self) -> Path | None:
        """The SQLite file, or None."""
        return self.database.path

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return self.database.place

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def doubt(self, problem: Exception) -> bool:
        """True where a problem says that the file is damaged: it is marked, and the next start looks at all of it."""
        if self.path is None or not tells_damage(problem):
            return False
        suspect_of(self.path).touch()
        return True

    # -- what is written

    def ensure_writer(self, writer: str) -> int:
        """Make a writer known; return the sequence that the store has of it."""
        with self.database.write() as connection:
            return flush.ensure_writer(connection, writer)

    def writer_sequence(self, writer: str) -> int:
        """The sequence up to which a writer's records are here."""
        table = schema.writers
        with self.database.read() as connection:
            found = connection.execute(select(table.c.sequence).where(table.c.writer == writer)).scalar_one_or_none()
        return int(found or 0)

    def reached(self) -> int:
        """The highest sequence of any writer: what a folder that lost its name had reached, at the most."""
        with self.database.read() as connection:
            return int(connection.execute(select(func.max(schema.writers.c.sequence))).scalar() or 0)

    def flush(self, batch: Flush) -> bool:
        """Apply a flush once; False where it was applied before. Raise SequenceGapError where one is missing."""
        return flush.flush(self.database, batch, self._seams)

    def sync(self) -> None:
        """Put on the disk what was committed: SQLite leaves that to its next checkpoint.

        Without it a power cut takes flushes that their writer's journal has dropped by then. Raise OSError; GoneError
        where the file was deleted or another is in its place: what is written since then is nowhere.
        """
        if self.path is None:
            return
        if _file_of(self.path) != self._file:
            raise GoneError(
                f"The store at {self.path} was deleted, or another file is in its place, while it was open."
            )
        try:
            handle = os.open(self.path.with_name(self.path.name + "-wal"), os.O_RDONLY)
        except FileNotFoundError:
            return  # a checkpoint has put everything into the file itself, and synced that
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def record(
        self,
        samples: Sequence[Sample] = (),
        settings: Iterable[Setting] = (),
        runs: Iterable[Run] = (),
        sightings: Sequence[Sighting] = (),
    ) -> None:
        """Keep what a pull collector saw; doing it twice changes nothing."""
        with self._recording:
            news = self._told.news(settings)
            fresh, known = self._fresh(sightings)
            ids = dict(self._seams) if fresh else {}
            with self.database.write() as connection:
                measured = self._measures.add(self.database, connection, samples)
                _add_settings(self.database, connection, news)
                _add_runs(connection, runs)
                names.seam_ids(self.database, connection, ((s.key, s.at) for s in fresh), ids)
                names.add_sightings(self.database, connection, fresh, ids)
                names.touch(self.database, connection, known)
            self._measures = measured
            self._seams.update(ids)
            self._told.keep(news)
            if len(self._sighted) > _MOST_SIGHTED:
                self._sighted.clear()
            self._sighted.update((s.key, tuple(s.attributes.items())) for s in fresh)

    def _fresh(self, sightings: Iterable[Sighting]) -> tuple[list[Sighting], dict[int, tuple[datetime, datetime]]]:
        """What was not told before; and of seams of which all was, by number, when they were seen first and last."""
        fresh: list[Sighting] = []
        known: dict[int, tuple[datetime, datetime]] = {}
        for one in sightings:
            seam = self._seams.get(one.key)
            if seam is None or (one.key, tuple(one.attributes.items())) not in self._sighted:
                fresh.append(one)
            else:
                first, last = known.get(seam, (one.at, one.at))
                known[seam] = (min(first, one.at), max(last, one.at))
        return fresh, known

    def save_stamps(self, cluster: str, marks: Iterable[stamps.Marks], now: datetime) -> None:
        """Keep when records of some partitions of a Kafka cluster were stamped."""
        with self.database.write() as connection:
            stamps.save(self.database, connection, cluster, marks, now)

    def stamps(self, cluster: str) -> list[stamps.Marks]:
        """When records of a Kafka cluster were stamped, as far as that is kept."""
        with self.database.read() as connection:
            return list(stamps.load(connection, cluster))

    def roll_up(self, now: datetime) -> bool:
        """One interval of one tier; True while there is more. It closes when every live writer has passed it."""
        with self.database.read() as connection:
            passed = flush.watermark(connection, now - _LIVE)
        return rollup.roll_up(self.database, min(now, passed - _LATE) if passed else now)

    def prune(self, now: datetime, limit: int = 1000) -> bool:
        """Delete what is too old, at most `limit` rows of a table in one transaction; True while there is more."""
        gone = []
        for tier in Tier:
            with self.database.write() as connection:
                gone.append(rollup.prune(self.database, connection, tier, now, limit))
        for table in PRUNED:
            with self.database.write() as connection:
                gone.append(_prune(self.database, connection, table, now, limit))
        return max(gone) >= limit

    # -- seams and windows, read through aliases

    def seams(self, kinds: Sequence[str] | None = None) -> list[SeamRow]:
        """Every seam and component, under the name that stands for it now."""
        table = schema.seams
        query = select(table.c.id, table.c.first_seen, table.c.last_seen, table.c.attributes).order_by(table.c.id)
        if kinds is not None:
            query = query.where(table.c.kind.in_(kinds))
        with self.database.read() as connection:
            keys = self._names.keys(connection)
            rows = connection.execute(query).all()
        found: dict[Key, SeamRow] = {}
        before, told = self._attributes, dict[int, Mapping[str, str]]()
        for number, first, last, text in rows:
            key = keys[number]
            mark = hash(text)
            attributes = told.get(mark) or told.setdefault(mark, before.get(mark) or _attributes(text))
            one = SeamRow(key, first, last, attributes, (number,))
            found[key] = _joined(found[key], one) if key in found else one
        if kinds is None:
            self._attributes = told  # replaced whole: several threads read it
        return list(found.values())

    def keys(self) -> list[Key]:
        """Every seam and component, under the name that stands for it now."""
        with self.database.read() as connection:
            return list(dict.fromkeys(self._names.keys(connection).values()))

    def sums(
        self,
        start: datetime,
        end: datetime,
        *,
        kinds: Sequence[str] | None = None,
        keys: Iterable[Key] | None = None,
    ) -> Mapping[Key, tuple[int, ...]]:
        """Window columns summed over [start, end), whole minutes, by seam; of some kinds or keys, or of all."""
        with self.database.read() as connection:
            known = self._names.keys(connection) if keys is None else self._names.of(connection, keys)
            if kinds is not None:
                known = {number: key for number, key in known.items() if names.kind_of(key) in kinds}
            return windows.sums(self.database, connection, start, end, known)

    def windows(self, key: Key, start: datetime, end: datetime, tier: Tier | None = None) -> list[Window]:
        """One seam's windows over [start, end), oldest first; without a tier the finest with at most 300 points."""
        with self.database.read() as connection:
            ids = sorted(self._names.of(connection, [key]))
            return windows.windows(self.database, connection, key, ids, start, end, tier)

    def histograms_between(
        self, keys: Sequence[Key], start: datetime, end: datetime
    ) -> dict[Key, tuple[Histogram, Histogram]]:
        """Duration and queue histograms summed over [start, end) by seam."""
        with self.database.read() as connection:
            known = self._names.of(connection, keys)
            return windows.histograms(self.database, connection, start, end, known)

    def histograms_by(self, groups: Mapping[Key, T], start: datetime, end: datetime) -> dict[T, Histogram]:
        """Duration histograms summed over [start, end) and over the seams of each group."""
        with self.database.read() as connection:
            known = self._names.of(connection, groups)
            by_group = {number: groups[key] for number, key in known.items()}
            found = windows.histograms(self.database, connection, start, end, by_group, queues=False)
        return {group: duration for group, (duration, _) in found.items()}

    def exemplars(self, key: Key) -> tuple[Exemplar, ...]:
        """The spans kept as evidence of a seam, newest first."""
        with self.database.read() as connection:
            return evidence.exemplars(connection, sorted(self._names.of(connection, [key])))

    def delivered_since(self, day: datetime) -> Iterator[Delivered]:
        """What consumers processed since a day, under the names that their writers use."""
        with self.database.read() as connection:
            yield from evidence.delivered_since(connection, day)

    # -- measures, settings, runs

    def series(self, subject: SubjectRef, name: str, start: datetime, end: datetime) -> Series:
        """One measure of one subject over [start, end], under whichever of its names it was told."""
        with self.database.read() as connection:
            ids = self._subjects.numbers(connection, subject)
            found = measures.series(connection, [name], start, end, ids)
        one = NO_SERIES
        for _, other in sorted(found.items()):
            one = measures.merged(one, other) if one else other
        return one

    def series_of(self, names: Sequence[str], start: datetime, end: datetime) -> dict[tuple[SubjectRef, str], Series]:
        """Measures of every subject over [start, end], each under the name that stands for it now."""
        with self.database.read() as connection:
            found = measures.series(connection, names, start, end)
            subjects = self._subjects.of(connection)
        series: dict[tuple[SubjectRef, str], Series] = {}
        for (number, name), one in sorted(found.items()):
            place = (subjects[number], name)
            series[place] = measures.merged(series[place], one) if place in series else one
        return series

    def last_values(self, subject: SubjectRef, prefix: str, start: datetime, end: datetime) -> dict[str, float]:
        """The newest value within [start, end] of each measure of a subject whose name begins with a prefix."""
        with self.database.read() as connection:
            ids = self._subjects.numbers(connection, subject)
            return measures.last_values(connection, ids, prefix, start, end)

    def setting(self, component: Component, name: str, as_of: datetime) -> str | None:
        """One setting in force at an instant; None where it was unset or not seen."""
        with self.database.read() as connection:
            return settings.setting(connection, component, name, as_of)

    def settings_as_of(self, as_of: datetime, names: Sequence[str] | None = None) -> dict[Component, dict[str, str]]:
        """Every setting in force at an instant, or those of some names."""
        with self.database.read() as connection:
            return settings.settings_as_of(connection, as_of, names)

    def settings_since(self, name: str, as_of: datetime) -> dict[Component, datetime]:
        """Since when each component has the value of a setting that is in force at an instant."""
        with self.database.read() as connection:
            return settings.settings_since(connection, name, as_of)

    def setting_history(self, component: Component, since: datetime) -> list[Setting]:
        """What changed on a component since an instant, oldest first."""
        with self.database.read() as connection:
            return settings.setting_history(connection, component, since)

    def runs_of(self, job: Component, since: datetime | None = None) -> list[Run]:
        """The runs of a job, oldest first."""
        with self.database.read() as connection:
            return settings.runs_of(connection, job, since)


_add_settings, _add_runs, _prune = settings.add_settings, settings.add_runs, settings.prune


def _file_of(path: Path | None) -> tuple[int, int] | None:
    """Which file is there: its device and number."""
    try:
        found = path.stat() if path else None
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino) if found else None


def _attributes(text: str) -> dict[str, str]:
    """Attributes with one copy of each value: thousands of seams share a scope, a version, a capability."""
    return {name: sys.intern(value) for name, value in orjson.loads(text).items()}


def _joined(one: SeamRow, other: SeamRow) -> SeamRow:
    attributes = dict(one.attributes)
    for name, value in other.attributes.items():
        attributes[name] = names.joined(attributes.get(name), value)
    first, last = min(one.first_seen, other.first_seen), max(one.last_seen, other.last_seen)
    return SeamRow(one.key, first, last, attributes, (*one.ids, *other.ids))


__all__ = ["SeamRow", "SourceRow", "Store", "open_store"]
