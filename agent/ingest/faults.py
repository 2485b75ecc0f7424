"""What an SQLite error means for a file: wait, make room, set it aside, or stop."""

import sqlite3
from enum import StrEnum

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_DAMAGED = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,  # tables that are not ours
    sqlite3.SQLITE_SCHEMA,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_CONSTRAINT,
}


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
