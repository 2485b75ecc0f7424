"""The last durable sequence, in a file of its own: what tells that the end of the journal is gone.

Written after each commit and never synced. So it may be behind (a crash between the two, a power cut), and a lost tail
may then go unsaid; it is never ahead, so nothing is said to be lost that was not.
"""

import os
import zlib
from contextlib import suppress
from pathlib import Path

_SIZE = 12  #: the sequence and its checksum: inside one sector, so that it lands whole or not at all


class HighWater:
    """Reads and writes one number."""

    def __init__(self, path: Path) -> None:
        self._path, self._handle = path, -1

    def read(self) -> int:
        """The number written last; 0 where there is none, or none that can be trusted."""
        try:
            with self._path.open("rb") as file:
                raw = file.read(_SIZE)
        except OSError:
            return 0
        good = len(raw) == _SIZE and zlib.crc32(raw[:8]) == int.from_bytes(raw[8:], "little")
        return int.from_bytes(raw[:8], "little") if good else 0

    def write(self, sequence: int) -> None:
        """Write a number over the one before; a disk that does not take it leaves an older one, which is no harm."""
        raw = sequence.to_bytes(8, "little")
        with suppress(OSError):
            if self._handle < 0:
                self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            os.pwrite(self._handle, raw + zlib.crc32(raw).to_bytes(4, "little"), 0)

    def close(self) -> None:
        """Close the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
