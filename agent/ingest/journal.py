"""The journal: what was acknowledged, on disk before the sender hears of it. A file of its own, never the store's.

Each record has a gap-free sequence and a CRC. What is broken is set aside under another name and said; no start ever
needs a person to delete a file.
"""

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from agent.ingest import reserve, salvage
from agent.ingest.aggregator import Record
from agent.ingest.faults import Fault, damaged, fault_of
from agent.ingest.highwater import HighWater
from agent.ingest.salvage import Recovered

_BUSY_SECONDS = 5.0
_LOOK_SECONDS = 0.02  #: a commit that is under way knows by then whether it waits for another process
_FLUSHES_KEPT = 8 * 24 * 60  #: minutes for which the time of a flush is known: what tells when a lost one was


class JournalFullError(Exception):
    """The disk is full; the reserve was released so that old records can go."""


class JournalBusyError(Exception):
    """Another process holds the file (a backup, a copy): nothing is wrong with it, try again."""


class JournalBrokenError(Exception):
    """Writing failed in a way after which the file cannot be trusted: stop, and start again from it."""


class JournalUnusableError(Exception):
    """The file cannot be opened, and is left as it is; says what happened, to what, and what to do."""


class Journal:
    """Appends records durably; hands unflushed ones back at start; forgets those that the store has."""

    synchronous = "FULL"  #: anything less loses acknowledged records with the power; the tests' control sets less

    def __init__(
        self,
        path: Path,
        *,
        reserve_bytes: int = reserve.RESERVE_BYTES,
        max_bytes: int = 256 << 20,
        busy_seconds: float = _BUSY_SECONDS,
    ) -> None:
        self.path, self.max_bytes, self._busy_seconds = path, max_bytes, busy_seconds
        self._reserve_bytes = reserve_bytes
        self._suspect = path.with_name(path.name + ".suspect")  #: left by a run that found the file damaged
        self._high = HighWater(path.with_name(path.name + ".seq"))
        self._connection: sqlite3.Connection | None = None
        self._turn = threading.Lock()  #: one thread at a time uses the connection
        self._waits = False  #: another process had the file when we last wanted to write
        self.sequence = 0
        self.bytes_held = 0
        self.records_held = 0

    def open(self, flushed: int) -> Recovered:
        """Open or create the file; return what it holds beyond the store's sequence `flushed`.

        Raise JournalUnusableError where the disk, a right or another process is in the way: the file stays as it is.
        """
        try:
            return self._open(flushed)
        except (sqlite3.Error, OSError) as problem:
            self.close()
            if fault_of(problem) is not Fault.BUSY:
                self.release_reserve()
        try:
            return self._open(flushed)
        except (sqlite3.Error, OSError) as problem:
            self.close()
            raise JournalUnusableError(_unusable(self.path, problem)) from problem

    def _open(self, flushed: int) -> Recovered:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        salvage.adopt(self.path)
        there = self.path.exists()
        found = self._found(flushed)
        if found.lost and there:
            self.close()
            found = salvage.exchange(self.path, found)
            self._suspect.unlink(missing_ok=True)
            self._connect()
        self.sequence = max([flushed, found.floor, *(sequence for sequence, _ in found.records)])
        self._high.write(self.sequence)
        self._measure()
        with suppress(OSError):
            self.refill_reserve()
        return found

    def _found(self, flushed: int) -> Recovered:
        try:
            found = salvage.read(self._connect(), self.path, flushed)
        except sqlite3.DatabaseError as problem:
            if not damaged(problem, self.path):
                raise
            found = Recovered(lost=(f"the journal could not be read ({problem})",), reached=flushed)
        lost = list(found.lost)
        high, reached = self._high.read(), max(flushed, found.reached)
        cut = max(0, high - reached)
        if cut:
            lost.append(salvage.missing(reached + 1, high))
        if self._suspect.exists() and not lost:
            lost.append("the journal's file was found damaged while it was written; every record of it could be read")
        return replace(found, lost=tuple(lost), missing=found.missing + cut)

    def _connect(self) -> sqlite3.Connection:
        timeout = self._busy_seconds
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=timeout)
        self._connection = connection
        for pragma in ("journal_mode=WAL", f"synchronous={self.synchronous}", "mmap_size=0", "wal_autocheckpoint=2000"):
            connection.execute(f"PRAGMA {pragma}")
        for statement in salvage.SCHEMA:
            connection.execute(statement)
        return connection

    def _measure(self) -> None:
        assert self._connection is not None  # noqa: S101  # only while it is open
        held = self._connection.execute("SELECT coalesce(sum(length(body)), 0), count(*) FROM records").fetchone()
        self.bytes_held, self.records_held = int(held[0]), int(held[1])

    @property
    def full(self) -> bool:
        """Over its budget: nothing more is taken until the store has caught up."""
        return self.bytes_held >= self.max_bytes

    def held_elsewhere(self) -> bool:
        """Whether another process has the file now, so that a commit would wait, or waits; answers within 20 ms."""
        if self._turn.acquire(timeout=_LOOK_SECONDS):  # else a commit is under way, and `_waits` tells of it
            try:
                self._look()
            finally:
                self._turn.release()
        return self._waits

    def _look(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):  # a fault of the disk is met, and told, by the next commit
                if self._begun(self._connection):
                    self._connection.execute("ROLLBACK")

    def _begun(self, connection: sqlite3.Connection) -> bool:
        """Take the file's one place to write if it is free; raise sqlite3.Error for anything but another holder."""
        connection.execute("PRAGMA busy_timeout=0")
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._waits = False
        except sqlite3.OperationalError as problem:
            if fault_of(problem) is not Fault.BUSY:
                raise
            self._waits = True
        finally:
            connection.execute(f"PRAGMA busy_timeout={round(self._busy_seconds * 1000)}")
        return not self._waits

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Take the one place to write; where another process has it, that is known at once, and then waited for."""
        if not self._begun(connection):
            connection.execute("BEGIN IMMEDIATE")
            self._waits = False

    def append(self, records: Sequence[Record], digests: Sequence[tuple[bytes, int]]) -> int:
        """Write records in one durable transaction; return the last one's sequence.

        Raise JournalFullError when the disk is full, JournalBusyError when another process holds the file,
        JournalBrokenError when it cannot be trusted any more. After each nothing of the transaction is kept.
        """
        bodies = [record.pack() for record in records]
        with self._turn:
            return self._append(records, bodies, digests)

    def _append(self, records: Sequence[Record], bodies: Sequence[bytes], digests: Sequence[tuple[bytes, int]]) -> int:
        if self._connection is None:
            msg = "the journal is closed"
            raise JournalBrokenError(msg)
        connection, sequence = self._connection, self.sequence
        try:
            self._begin(connection)
            for record, body in zip(records, bodies, strict=True):
                sequence += 1
                salvage.insert(connection, sequence, body)
                first = _operations(connection) if record.operations else 0
                salvage.write_names(connection, record.names, list(enumerate(record.operations, start=first + 1)))
            connection.executemany("INSERT OR IGNORE INTO digests VALUES (?, ?)", digests)
            connection.execute("COMMIT")
        except sqlite3.Error as problem:
            self._undo(connection, problem)
        self._high.write(sequence)
        self.sequence = sequence
        self.bytes_held += sum(map(len, bodies))
        self.records_held += len(bodies)
        return sequence

    def _undo(self, connection: sqlite3.Connection, problem: sqlite3.Error) -> NoReturn:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        fault = Fault.OTHER if connection.in_transaction else fault_of(problem)
        if fault is Fault.FULL:
            self.release_reserve()
            msg = f"the disk under {self.path} is full"
            raise JournalFullError(msg) from problem
        if fault is Fault.BUSY:
            msg = f"another process holds {self.path} ({problem})"
            raise JournalBusyError(msg) from problem
        if fault is Fault.DAMAGED:
            with suppress(OSError):
                self._suspect.touch()
        msg = f"writing {self.path} failed ({problem})"
        raise JournalBrokenError(msg) from problem

    def forget(self, sequence: int, digests_before: int, now: int = 0) -> None:
        """Drop records that the store has, and digests older than their horizon (Unix seconds, as `now`; 0: not known).

        Raise as `append` does; what could not be dropped may be dropped later.
        """
        with self._turn:
            self._forget(sequence, digests_before, now)

    def _forget(self, sequence: int, digests_before: int, now: int) -> None:
        if self._connection is None:
            return
        connection = self._connection
        try:
            self._begin(connection)
            connection.execute("DELETE FROM records WHERE seq <= ?", (sequence,))
            connection.execute("DELETE FROM gaps WHERE last <= ?", (sequence,))
            connection.execute("DELETE FROM digests WHERE at < ?", (digests_before,))
            connection.execute("INSERT OR REPLACE INTO floor VALUES (1, ?)", (sequence,))
            if now:
                connection.execute("INSERT OR REPLACE INTO flushes VALUES (?, ?)", (now // 60, sequence))
                connection.execute("DELETE FROM flushes WHERE minute < ?", (now // 60 - _FLUSHES_KEPT,))
            connection.execute("COMMIT")
            self._measure()
        except sqlite3.Error as problem:
            self._undo(connection, problem)

    def release_reserve(self) -> None:
        """Give the reserve back to the file system, so that old records can be deleted on a full disk."""
        reserve.release_reserve(self.path)
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def refill_reserve(self) -> None:
        """Preallocate the reserve again; raise OSError while the disk has no room for it."""
        reserve.refill_reserve(self.path, self._reserve_bytes)

    def close(self) -> None:
        """Close the file."""
        self._high.close()
        with self._turn:
            if self._connection is not None:
                with suppress(sqlite3.Error), closing(self._connection):
                    pass
                self._connection = None


def _operations(connection: sqlite3.Connection) -> int:
    (most,) = connection.execute("SELECT coalesce(max(number), 0) FROM operations").fetchone()
    return int(most)


def _unusable(path: Path, problem: Exception) -> str:
    if fault_of(problem) is Fault.BUSY:
        return f"The journal {path} is held by another process ({problem}). Let that finish, and start again."
    full = fault_of(problem) is Fault.FULL
    cure = "Free space on its disk" if full else "Look at its disk and at the rights of its folder"
    return f"The journal {path} cannot be opened ({problem}). {cure}, and start again: the file was left as it is."
