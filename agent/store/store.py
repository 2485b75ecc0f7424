"""The store as the rest sees it: one object, methods named after the question."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, select

from agent.model.facts import Alias, Exemplar, Run, Sample, Setting, Sighting, Tier, Window
from agent.model.finding import Change, Finding, Said
from agent.model.flush import Delivered, Flush
from agent.model.histogram import Histogram
from agent.model.seam import Component, SeamKey, SubjectRef
from agent.model.subjects import NO_SERIES, Series
from agent.model.verdict import Outcome, Verdict
from agent.store import facts, findings, rollup, schema, windows
from agent.store.codec import subject_of
from agent.store.engine import Database, check
from agent.store.findings import Event, VerdictRow
from agent.store.notes import Notes, SourceRow

Key = SeamKey | Component
_MOST_POINTS = 300
_MOST_SIGHTED = 100_000


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
        check(database, create=create)
    except BaseException:
        database.close()
        raise
    return Store(database)


class Store(Notes):
    """Reads and writes; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._seams: dict[str, int] = {}
        self._subjects: dict[SubjectRef, int] = {}
        self._verdicts = findings.Verdicts()
        self._keys: dict[int, Key] = {}
        self._told = facts.Told()
        self._chunks: dict[facts.Place, bytes] = {}
        self._sighted: set[tuple[Key, tuple[tuple[str, str], ...]]] = set()

    @property
    def path(self) -> Path | None:
        """The SQLite file, or None."""
        return self.database.path

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    # -- writers and windows

    def ensure_writer(self, writer: str) -> int:
        """Make a writer known; return the sequence that the store has of it."""
        table = schema.writers
        with self.database.write() as connection:
            found = connection.execute(select(table.c.sequence).where(table.c.writer == writer)).scalar_one_or_none()
            if found is None:
                connection.execute(table.insert().values(writer=writer, sequence=0))
            return int(found or 0)

    def writer_sequence(self, writer: str) -> int:
        """The sequence up to which a writer's records are here."""
        table = schema.writers
        with self.database.read() as connection:
            found = connection.execute(select(table.c.sequence).where(table.c.writer == writer)).scalar_one_or_none()
        return int(found or 0)

    def flush(self, batch: Flush) -> bool:
        """Apply a flush once; False where it was applied before. Raise SequenceGapError where one is missing."""
        return windows.flush(self.database, batch, self._seams)

    def record(
        self,
        samples: Sequence[Sample] = (),
        settings: Iterable[Setting] = (),
        runs: Iterable[Run] = (),
        sightings: Sequence[Sighting] = (),
    ) -> None:
        """Keep what a pull collector saw; doing it twice changes nothing."""
        news = self._told.news(settings)
        fresh = [s for s in sightings if (s.key, tuple(s.attributes.items())) not in self._sighted]
        with self.database.write() as connection:
            known = dict(self._subjects)
            chunks = facts.add_samples(self.database, connection, samples, known, self._chunks)
            facts.add_settings(connection, news)
            facts.add_runs(connection, runs)
            seams = windows.seam_ids(self.database, connection, ((s.key, s.at) for s in fresh), dict(self._seams))
            windows.add_sightings(connection, [s for s in fresh if s.attributes], seams)
        self._subjects, self._seams, self._chunks = known, seams, chunks
        self._told.keep(news)
        if len(self._sighted) > _MOST_SIGHTED:
            self._sighted.clear()
        self._sighted.update((s.key, tuple(s.attributes.items())) for s in fresh)

    def roll_up(self, now: datetime) -> bool:
        """One interval of one tier; True while there is more. Intervals close when every writer has passed them."""
        with self.database.read() as connection:
            passed = windows_passed(connection)
        return rollup.roll_up(self.database, min(now, passed) if passed else now)

    def prune(self, now: datetime, limit: int = 2000) -> bool:
        """Delete a bounded number of rows that are too old; True while there is more."""
        gone = 0
        mark = self.database.mark
        with self.database.write() as connection:
            rolled = windows.rolled_to(connection)
            for tier in Tier:
                bound = int((now - tier.kept).timestamp())
                coarser = {Tier.MINUTE: Tier.TEN, Tier.TEN: Tier.HOUR, Tier.HOUR: Tier.DAY}.get(tier)
                bound = min(bound, rolled[coarser]) if coarser else bound
                keys = "seam, start, writer" if tier is Tier.MINUTE else "seam, start"
                sql = (
                    f"DELETE FROM windows_{tier.value} WHERE ({keys}) IN "  # noqa: S608
                    f"(SELECT {keys} FROM windows_{tier.value} WHERE start < {mark} LIMIT {int(limit)})"
                )
                gone += connection.exec_driver_sql(sql, (bound,)).rowcount
            gone += facts.prune(self.database, connection, now, limit)
        return gone >= limit

    # -- seams and windows, read through aliases

    def _names(self, connection: Connection) -> facts.Canonical:
        return facts.Canonical({alias.old: alias.new for alias in facts.aliases(connection)})

    def seams(self, kinds: Sequence[str] | None = None) -> list[SeamRow]:
        """Every seam and component, under the name that stands for it now."""
        table = schema.seams
        query = select(table).order_by(table.c.id)
        if kinds is not None:
            query = query.where(table.c.kind.in_(kinds))
        with self.database.read() as connection:
            names = self._names(connection)
            rows = connection.execute(query).all()
        found: dict[Key, SeamRow] = {}
        for row in rows:
            key = names.key(self._key(row))
            one = SeamRow(key, row.first_seen, row.last_seen, orjson.loads(row.attributes), (row.id,))
            found[key] = _joined(found[key], one) if key in found else one
        return list(found.values())

    def _key(self, row: Any) -> Key:
        """A row's own name; a number never changes its name."""
        known = self._keys.get(row.id)
        if known is None:
            known = self._keys[row.id] = _key(row)
        return known

    def _by_id(self, connection: Connection) -> dict[int, Key]:
        names = self._names(connection)
        return {row.id: names.key(self._key(row)) for row in connection.execute(select(schema.seams)).all()}

    def sums(self, start: datetime, end: datetime) -> dict[Key, tuple[int, ...]]:
        """Window columns summed over [start, end), whole minutes, by seam."""
        with self.database.read() as connection:
            totals = windows.sums(self.database, connection, start, end)
            keys = self._by_id(connection)
        found: dict[Key, tuple[int, ...]] = {}
        for seam, values in totals.items():
            key = keys[seam]
            before = found.get(key)
            found[key] = tuple(values) if before is None else tuple(map(int.__add__, before, values))
        return found

    def keys(self) -> list[Key]:
        """Every seam and component, under the name that stands for it now."""
        with self.database.read() as connection:
            return list(dict.fromkeys(self._by_id(connection).values()))

    def _ids_of(self, connection: Connection, keys: Sequence[Key]) -> dict[int, Key]:
        wanted = set(keys)
        return {seam: key for seam, key in self._by_id(connection).items() if key in wanted}

    def windows(self, key: Key, start: datetime, end: datetime, tier: Tier | None = None) -> list[Window]:
        """One seam's windows over [start, end), oldest first; without a tier the finest with at most 300 points."""
        with self.database.read() as connection:
            ids = sorted(self._ids_of(connection, [key]))
            rolled = windows.rolled_to(connection)
            low, high = windows.aligned(start, end)
            chosen = tier or next((t for t in Tier if (high - low) // t.seconds <= _MOST_POINTS), Tier.DAY)
            found: dict[int, list[Any]] = {}
            split = min(high, rolled[chosen]) if chosen is not Tier.MINUTE else low
            pieces = [(chosen, low // chosen.seconds * chosen.seconds, split), (Tier.MINUTE, max(low, split), high)]
            for piece, first, last in pieces:
                if last > first:
                    for _, at, *values in windows.rows_between(self.database, connection, ids, piece, first, last):
                        found.setdefault(at // chosen.seconds * chosen.seconds, []).append(values)
        return [_window(key, at, chosen, rows) for at, rows in sorted(found.items())]

    def histograms_between(
        self, keys: Sequence[Key], start: datetime, end: datetime
    ) -> dict[Key, tuple[Histogram, Histogram]]:
        """Duration and queue histograms summed over [start, end) by seam."""
        found: dict[Key, tuple[list[Histogram], list[Histogram]]] = {}
        with self.database.read() as connection:
            ids = self._ids_of(connection, keys)
            for tier, low, high in windows.pieces(*windows.aligned(start, end), windows.rolled_to(connection)):
                for seam, _, *values in windows.rows_between(self.database, connection, list(ids), tier, low, high):
                    duration, queue = found.setdefault(ids[seam], ([], []))
                    duration.append(Histogram.unpack(values[-2]))
                    queue.append(Histogram.unpack(values[-1]))
        return {key: (Histogram.total(parts[0]), Histogram.total(parts[1])) for key, parts in found.items()}

    def exemplars(self, key: Key) -> tuple[Exemplar, ...]:
        """The spans kept as evidence of a seam, newest first."""
        with self.database.read() as connection:
            return windows.exemplars(connection, sorted(self._ids_of(connection, [key])))

    def delivered_since(self, day: datetime) -> Iterator[Delivered]:
        """What consumers processed since a day, under the names that their writers use."""
        with self.database.read() as connection:
            keys = {row.id: self._key(row) for row in connection.execute(select(schema.seams)).all()}
            rows = list(windows.delivered_since(connection, day))
        for seam, row in rows:
            yield windows.delivered_of(keys[seam], row)

    # -- measures, settings, runs

    def series(self, subject: SubjectRef, name: str, start: datetime, end: datetime) -> Series:
        """One measure of one subject over [start, end]."""
        return self.series_of([name], start, end).get((subject, name), NO_SERIES)

    def series_of(self, names: Sequence[str], start: datetime, end: datetime) -> dict[tuple[SubjectRef, str], Series]:
        """Measures of every subject over [start, end]."""
        with self.database.read() as connection:
            found = facts.series(connection, names, start, end)
            keys = {row.id: row.key for row in connection.execute(select(schema.subjects)).all()}
            canonical = self._names(connection)
        return {(canonical.subject(subject_of(keys[seam])), name): one for (seam, name), one in found.items()}

    def settings_as_of(self, as_of: datetime) -> dict[Component, dict[str, str]]:
        """Every setting in force at an instant."""
        with self.database.read() as connection:
            return facts.settings_as_of(connection, as_of)

    def setting_history(self, component: Component, since: datetime) -> list[Setting]:
        """What changed on a component since an instant, oldest first."""
        with self.database.read() as connection:
            return facts.setting_history(connection, component, since)

    def runs_of(self, job: Component) -> list[Run]:
        """The runs of a job, oldest first."""
        with self.database.read() as connection:
            return facts.runs_of(connection, job)

    # -- aliases

    def aliases(self) -> list[Alias]:
        """Every alias in force, oldest first."""
        with self.database.read() as connection:
            return facts.aliases(connection)

    def add_alias(self, alias: Alias) -> None:
        """Join two names (to itself: part them again); findings move along and keep the oldest fingerprint."""
        with self.database.write() as connection:
            if facts.add_alias(connection, alias):
                findings.move(connection, self._names(connection), alias.at)

    def undo_alias(self, old: Component, at: datetime) -> bool:
        """Part two names again; False where they were not joined."""
        with self.database.write() as connection:
            return facts.undo_alias(connection, old, at)

    # -- findings and verdicts

    def finding(self, fingerprint: str) -> Finding | None:
        """One finding."""
        with self.database.read() as connection:
            return findings.get(connection, fingerprint)

    def findings(
        self,
        signals: Sequence[str] | None = None,
        rule: str | None = None,
        owner: str | None = None,
        subject: SubjectRef | None = None,
    ) -> list[Finding]:
        """Findings, the newest opened first."""
        with self.database.read() as connection:
            return findings.find(connection, signals=signals, rule=rule, owner=owner, subject=subject)

    def finding_events(self, fingerprint: str) -> list[Event]:
        """What happened to a finding, newest first."""
        with self.database.read() as connection:
            return findings.history(connection, fingerprint)

    def save_findings(self, steps: Iterable[tuple[Finding, Change | None, datetime]]) -> list[Finding]:
        """Write next states in one transaction; return those that another writer was quicker with."""
        with self.database.write() as connection:
            return findings.save(connection, steps)

    def say(self, fingerprint: str, said: Said, at: datetime) -> Finding | None:
        """Set what a person says of a finding; None where there is none."""
        with self.database.write() as connection:
            return findings.say(connection, fingerprint, said, at)

    def save_verdicts(
        self,
        at: datetime,
        rows: Sequence[tuple[str, SubjectRef, Verdict]],
        counts: Mapping[tuple[str, Outcome], int],
    ) -> None:
        """Keep one round's verdicts; only what changed is written."""
        with self.database.write() as connection:
            self._verdicts.save(connection, self.database.mark, at, rows, counts)

    def verdicts(
        self, rule: str | None = None, subject: SubjectRef | None = None, outcome: Outcome | None = None
    ) -> list[VerdictRow]:
        """Verdicts of the last round."""
        with self.database.read() as connection:
            return findings.verdicts(connection, rule=rule, subject=subject, outcome=outcome)

    def outcomes(self) -> list[tuple[str, SubjectRef, Outcome]]:
        """Rule, subject and outcome of every verdict of the last round, without its claims."""
        with self.database.read() as connection:
            return findings.outcomes(connection)

    def verdict_counts(self) -> dict[tuple[str, Outcome], int]:
        """Verdicts of the last round by rule and outcome."""
        with self.database.read() as connection:
            return findings.counts(connection)


def windows_passed(connection: Connection) -> datetime | None:
    """What every writer has passed, less the lateness that is waited for."""
    found = rollup.watermark(connection)
    return found - timedelta(minutes=1) if found else None


def _key(row: Any) -> Key:
    if row.kind == "component":
        return Component.parse(row.source)
    return SeamKey(row.kind, Component.parse(row.source), Component.parse(row.target))


def _joined(one: SeamRow, other: SeamRow) -> SeamRow:
    attributes = dict(one.attributes)
    for name, value in other.attributes.items():
        attributes[name] = windows.joined(attributes.get(name), value)
    first, last = min(one.first_seen, other.first_seen), max(one.last_seen, other.last_seen)
    return SeamRow(one.key, first, last, attributes, (*one.ids, *other.ids))


def _window(key: Key, at: int, tier: Tier, rows: list[Any]) -> Window:
    values = [0] * len(windows.FIELDS)
    duration, queue = [], []
    for row in rows:
        for number in range(len(values)):
            values[number] += int(row[number])
        duration.append(Histogram.unpack(row[-2]))
        queue.append(Histogram.unpack(row[-1]))
    start = datetime.fromtimestamp(at, tz=UTC)
    return Window(key, start, tier, tuple(values), Histogram.total(duration), Histogram.total(queue))


__all__ = ["SeamRow", "SourceRow", "Store", "open_store"]
