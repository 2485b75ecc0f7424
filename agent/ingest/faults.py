"""What an SQLite error means for a file: wait, make room, set it aside, or stop."""

import sqlite3
from enum import StrEnum
from pathlib import Path

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_DAMAGED = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,  # tables that are not ours
    sqlite3.SQLITE_SCHEMA,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_CONSTRAINT,
}
_MAGIC = b"SQLite format 3\0"


class Fault(StrEnum):
    """What to do about an error."""

    BUSY = "busy"  #: another process holds the file: try again
    FULL = "full"  #: the disk is full: make room, try again
    DAMAGED = "damaged"  #: the file does not hold what was written to it
    OTHER = "other"  #: the disk, a right, the memory: nothing is known about the file


def fault_of(problem: Exception) -> Fault:
    """What an error means."""
    code = getattr(problem, "sqlite_errorcode", None)
    if code is None:  # the driver's own: text that is no UTF-8
        return Fault.DAMAGED if isinstance(problem, sqlite3.OperationalError) else Fault.OTHER
    primary = code & 0xFF
    if primary in _BUSY:
        return Fault.BUSY
    if primary == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE:
        return Fault.FULL
    return Fault.DAMAGED if primary in _DAMAGED else Fault.OTHER


def damaged(problem: Exception, path: Path) -> bool:
    """The file itself is at fault: a header of an impossible version reads as a read-only file to SQLite."""
    return fault_of(problem) is Fault.DAMAGED or _bad_header(path)


def _bad_header(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError:
        return False
    return bool(head) and not (head.startswith(_MAGIC) and {*head[18:20]} <= {1, 2})
