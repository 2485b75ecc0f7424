"""A recording that is written on: what a kill left broken at its end is cut off first; all before it stays.

Each line of a gzip file is a member of its own, so whatever breaks off, all lines before it can be read.
"""

import errno
import fcntl
import gzip
import os
import stat
from io import FileIO
from pathlib import Path
from tempfile import NamedTemporaryFile

from agent.app.ends import Whole, goes_on, lines, members, pieces
from agent.model.counting import counted
from collectors.recording.lines import GZIP, Lines
from collectors.recording.reader import looks_like_recording

_COPIED = 1 << 20  #: bytes at once
_NAME_ANOTHER = "Name another file."


class ForeignError(Exception):
    """A file that must not be written to; says which, why, and what to do."""


class Appending:
    """A recording, open to be written on."""

    def __init__(self, path: Path) -> None:
        """Open it, and cut off what is broken at its end. Raise ForeignError, OSError."""
        self._path = path
        self.said = ""  #: what was cut off, in a sentence; empty where all was whole
        self._packed = path.suffix == ".gz"
        self._regular = path.is_file() or not path.exists()
        self._file = self._opened()
        try:
            if self._regular:
                self._begin()
        except BaseException:
            self.close()
            raise

    @property
    def closed(self) -> bool:
        """No more is written."""
        return self._file.closed

    def close(self) -> None:
        """No more is written."""
        self._file.close()

    def write(self, line: bytes) -> None:
        """Write one line, whole or not at all. Raise OSError."""
        before = os.fstat(self._file.fileno()).st_size
        left = memoryview(_pack(line) if self._packed else line)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as problem:
            if self._regular:
                self._file.truncate(before)
            problem.filename = str(self._path)
            raise

    def _opened(self) -> FileIO:
        file = self._path.open("a+b" if self._regular else "ab", buffering=0)
        try:
            if self._regular:
                _alone(file, self._path)
        except BaseException:
            file.close()
            raise
        return file

    def _begin(self) -> None:
        """Go on where it ended; what it holds decides whether as gzip."""
        start = os.pread(self._file.fileno(), len(GZIP), 0)
        if not start:
            return
        if not looks_like_recording(next((line for line in Lines(self._path).every() if line.strip()), b"")):
            raise ForeignError(f"{self._path} is no recording, so it is left as it is. {_NAME_ANOTHER}")
        self._packed = start == GZIP
        found = members(self._file.fileno()) if self._packed else lines(self._file.fileno())
        if found.end < found.size:
            self._mend(found)
        if not found.ended:
            self.write(b"\n")

    def _mend(self, found: Whole) -> None:
        if found.wrong and goes_on(self._file.fileno(), found.end):
            what = f"{self._path} is damaged behind byte {found.end:,}, and more looks stand behind that"
            raise ForeignError(f"{what}, so it is left as it is. {_NAME_ANOTHER}")
        gone = f"the {found.size - found.end:,} bytes at its end, which are no whole look, were"
        if found.lines:
            gone = f"what follows the {counted(self._rescue(found), 'look')} at its end that could be read was"
        else:
            self._file.truncate(found.end)
        self.said = (
            f"{self._path} broke off when it was written last: {gone} dropped. Recording goes on behind the rest."
        )

    def _rescue(self, found: Whole) -> int:
        """Put a file in its place that has, in members of their own, the lines of the member that breaks off."""
        old, count = self._file.fileno(), 0
        torn = Lines(self._path, lambda at, size: os.pread(old, size, found.end + at))
        with NamedTemporaryFile(dir=self._path.parent, prefix=f".{self._path.name}.", delete=False) as fresh:
            try:
                fresh.writelines(pieces(old, 0, found.end, _COPIED))
                for line in torn.whole():
                    count += fresh.write(_pack(line + b"\n")) > 0
                fresh.flush()
                os.fchmod(fresh.fileno(), stat.S_IMODE(os.fstat(old).st_mode))
                Path(fresh.name).replace(self._path)
            except BaseException:
                Path(fresh.name).unlink()
                raise
        self.close()
        self._file = self._opened()
        return count


def _pack(line: bytes) -> bytes:
    return gzip.compress(line, 6, mtime=0)


def _alone(file: FileIO, path: Path) -> None:
    """Nobody else writes to it: what another has half written would be taken for broken off."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        if problem.errno in (errno.EAGAIN, errno.EACCES):
            raise ForeignError(f"Another process records into {path}. {_NAME_ANOTHER}") from None
        if problem.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):  # of file systems without locks
            raise
