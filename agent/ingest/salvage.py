"""Reads a journal, damaged or not: every record that is whole, what is missing, and a sound new file made of it."""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from agent.ingest.aggregator import Record, key_in
from agent.ingest.faults import damaged
from agent.model.flush import Key
from agent.model.seam import SeamKey

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS records (seq INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS names (slot INTEGER PRIMARY KEY, key TEXT NOT NULL, crc INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS operations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, crc INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS digests (digest BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS digests_at ON digests (at)",
    "CREATE TABLE IF NOT EXISTS floor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS gaps (first INTEGER PRIMARY KEY, last INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS flushes (minute INTEGER PRIMARY KEY, seq INTEGER NOT NULL)",
)
MOST_CHECKED = 64 << 20  #: bytes; a file over that is read, but not looked through page by page
_LATEST = 1 << 62


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a journal held when it was opened."""

    records: tuple[tuple[int, Record], ...] = ()
    names: tuple[tuple[int, Key], ...] = ()
    operations: tuple[str, ...] = ()
    digests: dict[bytes, int] = field(default_factory=dict)
    lost: tuple[str, ...] = ()  #: what could not be read, in words
    missing: int = 0  #: records among it, as far as that is known
    set_aside: Path | None = None
    floor: int = 0  #: the store had everything up to it
    reached: int = 0  #: the last sequence that the file knows of
    gaps: tuple[tuple[int, int], ...] = ()  #: sequences that are gone, and were said to be
    flushes: tuple[tuple[int, int], ...] = ()  #: Unix minutes, and the sequence that the store had at the end of each


def read(connection: sqlite3.Connection, path: Path, flushed: int) -> Recovered:
    """Everything beyond the sequence `flushed` that can be read; raise sqlite3.Error where not the file is at fault."""
    return _Reading(connection, path).all(flushed)


class _Reading:
    """One pass over a journal; a table that cannot be read is said, and the others are read."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self._path = connection, path
        self._lost: list[str] = []

    def all(self, flushed: int) -> Recovered:
        floor = max([0, *(row[0] for row in self._rows("SELECT seq FROM floor", "the mark of what the store has"))])
        gaps = tuple(self._rows("SELECT first, last FROM gaps ORDER BY first", "the list of what is gone"))
        after = max(flushed, floor)
        records, new_gaps, reached = self._records(after, gaps)
        names = self._checked("SELECT slot, key, crc FROM names ORDER BY slot", "names")
        operations = self._checked("SELECT number, name, crc FROM operations ORDER BY number", "operations")
        digests = dict(self._rows("SELECT digest, at FROM digests", "the digests of requests"))
        flushes = self._rows("SELECT minute, seq FROM flushes ORDER BY minute", "the times of flushes")
        if unsound := self._unsound():
            self._lost.append(f"the journal's file is damaged ({unsound}), {len(records):,} records could be read")
        return Recovered(
            records=tuple(records),
            names=tuple((number, key_in(orjson.loads(key))) for number, key in names),
            operations=_in_order(operations),
            digests=digests,
            lost=tuple(self._lost),
            missing=sum(last - first + 1 for first, last in new_gaps),
            floor=floor,
            reached=reached,
            gaps=(*gaps, *new_gaps),
            flushes=tuple(flushes),
        )

    def _rows(self, query: str, what: str) -> list[Any]:
        rows: list[Any] = []
        try:
            rows.extend(self._connection.execute(query))
        except sqlite3.DatabaseError as problem:
            self._tell(problem, what)
        return rows

    def _tell(self, problem: sqlite3.DatabaseError, what: str) -> None:
        if not damaged(problem, self._path):
            raise problem
        self._lost.append(f"{what} could not be read to the end ({problem})")

    def _checked(self, query: str, what: str) -> list[tuple[int, str]]:
        good: list[tuple[int, str]] = []
        bad = 0
        try:
            for row in self._connection.execute(query):
                good += [row[:2]] if row == checked(row[:2]) else []
                bad += row != checked(row[:2])
        except sqlite3.DatabaseError as problem:
            self._tell(problem, f"the table of {what}")
        if bad:
            self._lost.append(f"{bad:,} {what} of the journal are damaged")
        return good

    def _stored(self, after: int) -> Iterator[tuple[int, int, bytes]]:
        """Records in order; past a page that cannot be read, those that are reached from the other end."""
        forward = 0
        query = "SELECT seq, crc, body FROM records WHERE seq > ? ORDER BY seq"
        try:
            for row in self._connection.execute(query, (after,)):
                forward = row[0]
                yield row
        except sqlite3.DatabaseError as problem:
            self._tell(problem, "the records")
            backward = []
            with suppress(sqlite3.DatabaseError):
                for row in self._connection.execute(f"{query} DESC", (max(after, forward),)):
                    backward.append(row)  # noqa: PERF402  # what was read before the error is kept
            yield from reversed(backward)

    def _records(
        self, after: int, told: tuple[tuple[int, int], ...]
    ) -> tuple[list[tuple[int, Record]], list[tuple[int, int]], int]:
        """Whole records, the gaps among them, and the last sequence there is."""
        records: list[tuple[int, Record]] = []
        gaps: list[tuple[int, int]] = []
        reached = after
        for sequence, crc, body in self._stored(after):
            if not _told(reached + 1, sequence - 1, told):
                gaps.append((reached + 1, sequence - 1))
                self._lost.append(missing(reached + 1, sequence - 1))
            reached = sequence
            record, trouble = _record(sequence, crc, body)
            if record is not None:
                records.append((sequence, record))
                continue
            gaps.append((sequence, sequence))
            self._lost.append(f"record {sequence:,} {trouble}")
        return records, gaps, reached

    def _unsound(self) -> str:
        """What is wrong with pages that nothing has read yet; empty where nothing is, or the file is too large."""
        try:
            if self._path.stat().st_size <= MOST_CHECKED:
                (told,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
                if told != "ok":
                    return " ".join(str(told).removeprefix("*** in database main ***").split())
            self._try_to_write()
        except sqlite3.DatabaseError as problem:
            if not damaged(problem, self._path):
                raise
            return str(problem)
        return ""

    def _try_to_write(self) -> None:
        """Write to every table, and take it back."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute("INSERT INTO records VALUES (?, 0, x'00')", (_LATEST,))
            self._connection.execute("INSERT INTO digests VALUES (randomblob(17), 0)")
            for table in ("names", "operations"):
                self._connection.execute(f"INSERT INTO {table} VALUES (?, '', 0)", (_LATEST,))  # noqa: S608
            self._connection.execute("INSERT OR REPLACE INTO floor VALUES (1, 0)")
            self._connection.execute("INSERT INTO flushes VALUES (?, 0)", (_LATEST,))
        finally:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def _told(first: int, last: int, told: tuple[tuple[int, int], ...]) -> bool:
    """Whether every sequence of a closed range is known to be gone."""
    for start, end in told:
        first = end + 1 if start <= first <= end else first
    return first > last


def _in_order(operations: list[tuple[int, str]]) -> tuple[str, ...]:
    """Names by their number from 1; a lost one keeps its place, or all after it would be taken for others."""
    names = dict(operations)
    return tuple(names.get(number, f"lost {number}") for number in range(1, max(names, default=0) + 1))


def _record(sequence: int, crc: int, body: bytes) -> tuple[Record | None, str]:
    try:
        if crc != checksum(sequence, body):
            return None, "is damaged"
        return Record.unpack(body), ""
    except (ValueError, TypeError, KeyError):
        return None, "cannot be read"


def missing(first: int, last: int) -> str:
    """Says that records are gone."""
    return f"records {first:,} to {last:,} are missing"


def checksum(sequence: int, body: bytes) -> int:
    """The CRC of a record, bound to its place."""
    return zlib.crc32(body, sequence & 0xFFFFFFFF)


def checked(row: tuple[int, str]) -> tuple[int, str, int]:
    """A row of names or operations with its CRC."""
    return (*row, zlib.crc32(row[1].encode(), row[0] & 0xFFFFFFFF))


def insert(connection: sqlite3.Connection, sequence: int, body: bytes) -> None:
    """Add a record."""
    connection.execute("INSERT INTO records VALUES (?, ?, ?)", (sequence, checksum(sequence, body), body))


def write_names(
    connection: sqlite3.Connection, names: list[tuple[int, Key]], operations: list[tuple[int, str]]
) -> None:
    """Add or replace names."""
    rows = [(slot, orjson.dumps(_key_out(key)).decode()) for slot, key in names]
    connection.executemany("INSERT OR REPLACE INTO names VALUES (?, ?, ?)", [checked(row) for row in rows])
    connection.executemany("INSERT OR REPLACE INTO operations VALUES (?, ?, ?)", [checked(row) for row in operations])


def _key_out(key: Key) -> list[str]:
    return [key.kind, str(key.source), str(key.target)] if isinstance(key, SeamKey) else [str(key)]


def adopt(path: Path) -> None:
    """Finish an exchange that a crash cut off: the old file had its new name, and the new one not yet its place."""
    fresh = path.with_name(path.name + ".new")
    if fresh.exists() and not path.exists():
        _move(path, _aside(path))
        fresh.rename(path)


def exchange(path: Path, found: Recovered) -> Recovered:
    """Make a new file of what was found, under the same sequences, and set the old one aside under another name."""
    fresh = path.with_name(path.name + ".new")
    for leftover in (fresh, fresh.with_name(fresh.name + "-journal")):
        leftover.unlink(missing_ok=True)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute("BEGIN IMMEDIATE")
        _fill(connection, found)
        connection.execute("COMMIT")
    aside = _move(path, _aside(path))
    fresh.rename(path)
    return replace(found, set_aside=aside)


def _fill(connection: sqlite3.Connection, found: Recovered) -> None:
    write_names(connection, list(found.names), list(enumerate(found.operations, start=1)))
    for sequence, record in found.records:
        insert(connection, sequence, record.pack())
    connection.executemany("INSERT OR IGNORE INTO digests VALUES (?, ?)", list(found.digests.items()))
    connection.executemany("INSERT OR REPLACE INTO gaps VALUES (?, ?)", found.gaps)
    connection.executemany("INSERT OR REPLACE INTO flushes VALUES (?, ?)", found.flushes)
    if found.floor:
        connection.execute("INSERT INTO floor VALUES (1, ?)", (found.floor,))


def _aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    return path.with_name(f"{path.name}.damaged-{stamp}")


def _move(path: Path, aside: Path) -> Path | None:
    """Rename a file and what belongs to it; None where there was none."""
    there = path.exists()
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside if there else None
