"""The reserve: bytes held beside the journal, given back so that a full disk can be cured by deleting."""

import errno
import os
from pathlib import Path

RESERVE_BYTES = 16 << 20
_CHUNK = 1 << 16


def reserve_of(journal: Path) -> Path:
    """Where the reserve of a journal is."""
    return journal.with_name(journal.name + ".reserve")


def release_reserve(journal: Path) -> bool:
    """Give a journal's reserve back to the file system; False where there is none. Needs no open journal."""
    try:
        reserve_of(journal).unlink()
    except OSError:
        return False
    return True


def refill_reserve(journal: Path, size: int) -> None:
    """Preallocate the reserve again; raise OSError while the disk has no room for it and a quarter of it more.

    Without the quarter a full disk would be full again the moment after its reserve was given back.
    """
    reserve = reserve_of(journal)
    if reserve.exists() and reserve.stat().st_size == size:
        return
    disk = os.statvfs(journal.parent)
    if disk.f_bavail * disk.f_frsize < size * 5 // 4:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(reserve))
    part = reserve.with_name(reserve.name + ".part")
    try:
        with part.open("wb") as file:
            for start in range(0, size, _CHUNK):
                file.write(b"\0" * min(_CHUNK, size - start))
    except OSError:
        part.unlink(missing_ok=True)
        raise
    part.rename(reserve)
