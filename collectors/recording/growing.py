"""The lines of a file that somebody writes to, across rotation, truncation and replacement; none is given twice."""

import os
import weakref
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from collectors.recording.lines import Lines, opened, unblocked

MOST_OPEN = 256  #: files that are kept open; of the others, what was not read of one that is replaced is gone
MOST_KNOWN = 1 << 19  #: lines of which it is remembered that they were taken, 8 B each
_MARK = 4096  #: bytes of a file's beginning, and before the place that was read to, by which it is known again

Identity = tuple[int, int]


class CutError(Exception):
    """What was read of a file does not stand in it any more."""


@dataclass(slots=True)
class Change:
    """What happened to a file; `known` lines of the new one had been taken before."""

    what: str  #: rotated | truncated | deleted
    unread: bool  #: what was written to the old one after the last look could not be read
    known: int = 0

    @property
    def lost(self) -> bool:
        """Nobody can know what is gone, nor how much; a file that begins as before was only written anew."""
        return self.unread and not self.known


class Held:
    """One file under whatever name, kept open if it may be, and what was read of it."""

    def __init__(self, path: Path, *, keep: bool) -> None:
        self._path = path
        self._file = unblocked(path)
        self._closing = weakref.finalize(self, os.close, self._file)
        self.identity = _identity(os.fstat(self._file))
        self._head = self._tail = b""
        if not keep:
            self.close()

    @property
    def kept(self) -> bool:
        """It is open, so that a name that it loses does not matter."""
        return self._closing.alive

    @property
    def deleted(self) -> bool:
        """It has no name any more."""
        return self.kept and os.fstat(self._file).st_nlink == 0

    def close(self) -> None:
        """Keep it open no longer."""
        self._closing()

    def check(self) -> None:
        """Raise CutError where its beginning is another than it was: lines of one length leave the same tail."""
        if self._pread(len(self._head), 0) not in (self._head, None):
            raise CutError

    def read(self, at: int, size: int) -> bytes:
        """What follows what was read, up to `at`. Raise CutError where that does not stand there any more."""
        found = self._pread(len(self._tail) + size, at - len(self._tail))
        if found is None:
            return b""
        if not found.startswith(self._tail):
            raise CutError
        raw = found[len(self._tail) :]
        if len(self._head) < _MARK:
            self._head += raw[: _MARK - len(self._head)]
        self._tail = found[-_MARK:]
        return raw

    def forget(self) -> None:
        """It is read from its beginning."""
        self._head = self._tail = b""

    def _pread(self, size: int, at: int) -> bytes | None:
        """None where another file has its name; the next look finds that one."""
        if self.kept:
            return os.pread(self._file, size, at)
        with opened(self._path) as file:
            same = _identity(os.fstat(file.fileno())) == self.identity
            return os.pread(file.fileno(), size, at) if same else None


@dataclass(slots=True)
class Herd:
    """What followed files know of each other: who reads which, and which lines were taken."""

    most_open: int = MOST_OPEN
    most_known: int = MOST_KNOWN
    readers: "dict[Identity, Growing]" = field(default_factory=dict)
    taken: "array[int]" = field(default_factory=lambda: array("q"))
    open: int = 0

    def keep(self, line: int) -> None:
        """Remember a line; the older half is forgotten where there are too many."""
        if len(self.taken) >= self.most_known:
            del self.taken[: self.most_known // 2]
        self.taken.append(line)


class Growing:
    """The lines under a name, whichever file has it; a file that another of the herd reads is left to that one."""

    def __init__(self, path: Path, herd: Herd) -> None:
        self._path, self._herd = path, herd
        self._held: Held | None = None
        self._lines = Lines(path, self._read)
        self._known: array[int] | None = None  #: lines taken before, sorted, while the file gives no other
        self._change: Change | None = None
        self._changes: list[Change] = []

    @property
    def broken(self) -> bool:
        """The file is gzip, and broken; where it is cut off, more will come."""
        return self._lines.damaged

    def changes(self) -> list[Change]:
        """What happened to it since this was asked."""
        told, self._changes = self._changes, []
        return told

    def whole(self) -> Iterator[bytes]:
        """The lines that have ended by now; may be asked again. Raise OSError where nothing has the name."""
        try:
            seen = self._path.stat()
        except FileNotFoundError:
            yield from self._without_name()
            raise
        if self._held is None:
            self._open(_identity(seen))
        elif self._held.identity != _identity(seen) and seen.st_size and self._free(_identity(seen)):
            # Where the new file has bytes, its writer is done with the old one, which can be read to its end.
            yield from self._ended("rotated", unread=not self._held.kept)
            self._let_go()
            self._open(_identity(seen))
        yield from self._on()

    def last(self) -> Iterator[bytes]:
        """The line whose end is missing, of a file that nobody writes to any more."""
        return self._new(self._lines.last())

    def _without_name(self) -> Iterator[bytes]:
        """A file that lost its name is read on, until it is deleted and gives nothing more."""
        given = False
        for line in self._on():
            given = True
            yield line
        if self._held is not None and self._held.deleted and not given:
            yield from self._ended("deleted", unread=False)
            self._let_go()

    def _on(self) -> Iterator[bytes]:
        """What was added; all of it where what was read does not stand there any more."""
        while self._held is not None:
            try:
                self._held.check()
                yield from self._new(self._lines.whole())
            except CutError:
                yield from self._ended("truncated", unread=True)
                self._held.forget()
            else:
                return

    def _ended(self, what: str, *, unread: bool) -> Iterator[bytes]:
        """The rest of a file, as far as it can be read; the next one under its name begins."""
        try:
            if what != "truncated":
                yield from self._new(self._lines.whole())
        except CutError:
            unread = True
        yield from self._new(self._lines.last())
        self._change = Change(what, unread)
        self._changes.append(self._change)
        self._lines = Lines(self._path, self._read)
        self._known = array("q", sorted(self._herd.taken))

    def _new(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Without the lines that a file begins with and that were taken from another, or before it was written anew."""
        for line in lines:
            if not line.strip():
                continue
            key = hash(line.rstrip())
            if self._known is not None and self._change is not None and _has(self._known, key):
                self._change.known += 1
                continue
            self._known = None
            self._herd.keep(key)
            yield line

    def _open(self, seen: Identity) -> None:
        if not self._free(seen):
            return
        self._held = Held(self._path, keep=self._herd.open < self._herd.most_open)
        self._herd.open += self._held.kept
        self._herd.readers[self._held.identity] = self

    def _let_go(self) -> None:
        if self._held is None:
            return
        if self._herd.readers.get(self._held.identity) is self:
            del self._herd.readers[self._held.identity]
        self._herd.open -= self._held.kept
        self._held.close()
        self._held = None

    def _free(self, identity: Identity) -> bool:
        return self._herd.readers.get(identity, self) is self

    def _read(self, at: int, size: int) -> bytes:
        return self._held.read(at, size) if self._held is not None else b""


def _identity(seen: os.stat_result) -> Identity:
    return seen.st_dev, seen.st_ino


def _has(known: "array[int]", key: int) -> bool:
    place = bisect_left(known, key)
    return place < len(known) and known[place] == key
