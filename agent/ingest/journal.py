"""The journal: what was acknowledged, on disk before the sender hears of it. A file of its own, never the store's.

Each record has a gap-free sequence and a CRC. What is broken is set aside under another name and said; no start ever
needs a person to delete a file.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import orjson

from agent.ingest.aggregator import Record, key_in
from agent.ingest.faults import Fault, fault_of
from agent.model.flush import Key
from agent.model.seam import SeamKey

RESERVE_BYTES = 16 << 20
_CHUNK = 1 << 16
_BUSY_SECONDS = 5.0


class JournalFullError(Exception):
    """The disk is full; the reserve was released so that old records can go."""


class JournalBusyError(Exception):
    """Another process holds the file (a backup, a copy): nothing is wrong with it, try again."""


class JournalBrokenError(Exception):
    """Writing failed in a way after which the file cannot be trusted: stop, and start again from it."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a journal held when it was opened."""

    records: tuple[tuple[int, Record], ...] = ()
    names: tuple[tuple[int, Key], ...] = ()
    operations: tuple[str, ...] = ()
    digests: dict[bytes, int] = field(default_factory=dict)
    lost: tuple[str, ...] = ()  #: what could not be read, in words
    set_aside: Path | None = None


_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS records (seq INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS names (slot INTEGER PRIMARY KEY, key TEXT NOT NULL, crc INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS operations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, crc INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS digests (digest BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS digests_at ON digests (at)",
    "CREATE TABLE IF NOT EXISTS floor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL)",
)


class Journal:
    """Appends records durably; hands unflushed ones back at start; forgets those that the store has."""

    synchronous = "FULL"  #: anything less loses acknowledged records with the power; the tests' control sets less

    def __init__(
        self,
        path: Path,
        *,
        reserve_bytes: int = RESERVE_BYTES,
        max_bytes: int = 256 << 20,
        busy_seconds: float = _BUSY_SECONDS,
    ) -> None:
        self.path, self.max_bytes, self._busy_seconds = path, max_bytes, busy_seconds
        self._reserve, self._reserve_bytes = path.with_name(path.name + ".reserve"), reserve_bytes
        self._connection: sqlite3.Connection | None = None
        self.sequence = 0
        self.bytes_held = 0
        self.records_held = 0

    def open(self, flushed: int) -> Recovered:
        """Open or create the file; return what it holds beyond the store's sequence `flushed`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            found = self._read(flushed)
        except sqlite3.DatabaseError as problem:
            found = Recovered(lost=(f"the journal could not be read ({problem})",))
        if found.lost:
            found = self._start_over(found)
        self.sequence = max([flushed, *(sequence for sequence, _ in found.records)])
        with suppress(OSError):
            self.refill_reserve()
        return found

    def _read(self, flushed: int) -> Recovered:
        connection = self._connect()
        records, troubles = _records(connection, flushed)
        names, bad_names = _rows(connection, "SELECT slot, key, crc FROM names ORDER BY slot")
        operations, bad_operations = _rows(connection, "SELECT number, name, crc FROM operations ORDER BY number")
        digests = dict(connection.execute("SELECT digest, at FROM digests"))
        if bad_names or bad_operations:
            troubles.append(f"{bad_names + bad_operations} names of the journal are damaged")
        self.bytes_held, self.records_held = sum(size for _, _, size in records), len(records)
        return Recovered(
            tuple((sequence, record) for sequence, record, _ in records),
            tuple((number, key_in(orjson.loads(key))) for number, key in names),
            tuple(name for _, name in operations),
            digests,
            tuple(troubles),
        )

    def _start_over(self, found: Recovered) -> Recovered:
        """Set a damaged file aside and keep what could be read in a new one, under the same sequence numbers."""
        self.close()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        for suffix in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        connection = self._connect()
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            self._write_names(connection, list(found.names), list(enumerate(found.operations, start=1)))
            for sequence, record in found.records:
                self._insert(connection, sequence, record.pack())
            connection.executemany("INSERT OR IGNORE INTO digests VALUES (?, ?)", list(found.digests.items()))
        return Recovered(found.records, found.names, found.operations, found.digests, found.lost, aside)

    def _connect(self) -> sqlite3.Connection:
        timeout = self._busy_seconds
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=timeout)
        self._connection = connection
        for pragma in ("journal_mode=WAL", f"synchronous={self.synchronous}", "mmap_size=0", "wal_autocheckpoint=2000"):
            connection.execute(f"PRAGMA {pragma}")
        for statement in _SCHEMA:
            connection.execute(statement)
        return connection

    @property
    def full(self) -> bool:
        """Over its budget: nothing more is taken until the store has caught up."""
        return self.bytes_held >= self.max_bytes

    def append(self, records: Sequence[Record], digests: Sequence[tuple[bytes, int]]) -> int:
        """Write records in one durable transaction; return the last one's sequence.

        Raise JournalFullError when the disk is full, JournalBusyError when another process holds the file,
        JournalBrokenError when it cannot be trusted any more. After each nothing of the transaction is kept.
        """
        if self._connection is None:
            msg = "the journal is closed"
            raise JournalBrokenError(msg)
        bodies = [record.pack() for record in records]
        connection, sequence = self._connection, self.sequence
        try:
            connection.execute("BEGIN IMMEDIATE")
            for record, body in zip(records, bodies, strict=True):
                sequence += 1
                self._insert(connection, sequence, body)
                first = self._operations(connection) if record.operations else 0
                self._write_names(connection, record.names, list(enumerate(record.operations, start=first + 1)))
            connection.executemany("INSERT OR IGNORE INTO digests VALUES (?, ?)", digests)
            connection.execute("COMMIT")
        except sqlite3.Error as problem:
            self._undo(connection, problem)
        self.sequence = sequence
        self.bytes_held += sum(map(len, bodies))
        self.records_held += len(bodies)
        return sequence

    def _operations(self, connection: sqlite3.Connection) -> int:
        (most,) = connection.execute("SELECT coalesce(max(number), 0) FROM operations").fetchone()
        return int(most)

    def _undo(self, connection: sqlite3.Connection, problem: sqlite3.Error) -> NoReturn:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        fault = Fault.OTHER if connection.in_transaction else fault_of(problem)
        if fault is Fault.BUSY:
            msg = f"another process holds {self.path} ({problem})"
            raise JournalBusyError(msg) from problem
        if fault is Fault.FULL:
            self.release_reserve()
            msg = f"the disk under {self.path} is full"
            raise JournalFullError(msg) from problem
        msg = f"writing {self.path} failed ({problem})"
        raise JournalBrokenError(msg) from problem

    def _insert(self, connection: sqlite3.Connection, sequence: int, body: bytes) -> None:
        crc = zlib.crc32(body, sequence & 0xFFFFFFFF)
        connection.execute("INSERT INTO records VALUES (?, ?, ?)", (sequence, crc, body))

    def _write_names(
        self, connection: sqlite3.Connection, names: list[tuple[int, Key]], operations: list[tuple[int, str]]
    ) -> None:
        rows = [(slot, orjson.dumps(_key_out(key)).decode()) for slot, key in names]
        connection.executemany("INSERT OR REPLACE INTO names VALUES (?, ?, ?)", [_checked(row) for row in rows])
        connection.executemany(
            "INSERT OR REPLACE INTO operations VALUES (?, ?, ?)", [_checked(row) for row in operations]
        )

    def forget(self, sequence: int, digests_before: int) -> None:
        """Drop records that the store has, and digests older than their horizon (Unix seconds)."""
        if self._connection is None:
            return
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM records WHERE seq <= ?", (sequence,))
            connection.execute("DELETE FROM digests WHERE at < ?", (digests_before,))
            connection.execute("INSERT OR REPLACE INTO floor VALUES (1, ?)", (sequence,))
            connection.execute("COMMIT")
            held = connection.execute("SELECT coalesce(sum(length(body)), 0), count(*) FROM records").fetchone()
        except sqlite3.Error as problem:
            self._undo(connection, problem)
        self.bytes_held, self.records_held = int(held[0]), int(held[1])

    def release_reserve(self) -> None:
        """Give the reserve back to the file system, so that old records can be deleted on a full disk."""
        self._reserve.unlink(missing_ok=True)
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def refill_reserve(self) -> None:
        """Preallocate the reserve again; raise OSError while the disk has no room for it."""
        if self._reserve.exists() and self._reserve.stat().st_size == self._reserve_bytes:
            return
        part = self._reserve.with_name(self._reserve.name + ".part")
        try:
            with part.open("wb") as file:
                for start in range(0, self._reserve_bytes, _CHUNK):
                    file.write(b"\0" * min(_CHUNK, self._reserve_bytes - start))
        except OSError:
            part.unlink(missing_ok=True)
            raise
        part.rename(self._reserve)

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            with suppress(sqlite3.Error), closing(self._connection):
                pass
            self._connection = None


def _key_out(key: Key) -> list[str]:
    return [key.kind, str(key.source), str(key.target)] if isinstance(key, SeamKey) else [str(key)]


def _checked(row: tuple[int, str]) -> tuple[int, str, int]:
    return (*row, zlib.crc32(row[1].encode(), row[0] & 0xFFFFFFFF))


def _rows(connection: sqlite3.Connection, query: str) -> tuple[list[tuple[int, str]], int]:
    rows = [(row, row == _checked(row[:2])) for row in connection.execute(query)]
    return [row[:2] for row, good in rows if good], sum(1 for _, good in rows if not good)


def _records(connection: sqlite3.Connection, flushed: int) -> tuple[list[tuple[int, Record, int]], list[str]]:
    """Good records beyond `flushed`, in order, and what is missing or damaged among them."""
    records: list[tuple[int, Record, int]] = []
    lost: list[str] = []
    floor = connection.execute("SELECT seq FROM floor").fetchone()
    expected = max(flushed, floor[0] if floor else 0) + 1
    for sequence, crc, body in _stored(connection, flushed):
        if sequence != expected:
            lost.append(f"records {expected:,} to {sequence - 1:,} are missing")
        expected = sequence + 1
        try:
            if crc != zlib.crc32(body, sequence & 0xFFFFFFFF):
                lost.append(f"record {sequence:,} is damaged")
                continue
            records.append((sequence, Record.unpack(body), len(body)))
        except (ValueError, TypeError, KeyError):
            lost.append(f"record {sequence:,} cannot be read")
    return records, lost


def _stored(connection: sqlite3.Connection, flushed: int) -> Iterator[tuple[int, int, bytes]]:
    yield from connection.execute("SELECT seq, crc, body FROM records WHERE seq > ? ORDER BY seq", (flushed,))
