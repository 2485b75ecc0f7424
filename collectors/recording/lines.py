"""Lines of a file, plain or gzip. The file is open only while a piece of it is read, so thousands cost no handles."""

import errno
import os
import zlib
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

MAX_LINE = 16 << 20  #: bytes
GZIP = b"\x1f\x8b"  #: how a file in it begins
_PIECE = 32 << 10
GZIP_WINDOW = 31  #: of zlib: a gzip header, 32 KiB
_WAITS = "a read of it waits for somebody to write"
Read = Callable[[int, int], bytes]  #: from a place at most so many bytes


class _Unblocked(FileIO):
    """A file of which a read that would wait for somebody to write is an error: the kernel's log is such a file."""

    def read(self, size: int | None = -1) -> bytes:
        found: bytes | None = super().read(-1 if size is None else size)
        if found is None:
            raise BlockingIOError(errno.EAGAIN, _WAITS)
        return found

    def readinto(self, buffer: "Buffer") -> int:
        size: int | None = super().readinto(buffer)
        if size is None:
            raise BlockingIOError(errno.EAGAIN, _WAITS)
        return size


def unblocked(path: str | Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a file, whose reads wait for nobody. Raise OSError."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def opened(path: Path) -> FileIO:
    """A file to be read, without a buffer; a read that would wait raises OSError, as does this."""
    return _Unblocked(path, "rb", opener=unblocked)


class Pieces:
    """The bytes of a file from its start, piece by piece; where the file grows, what is new comes next."""

    def __init__(self, path: Path, read: Read | None = None) -> None:
        self.path = path
        self._read = read or self._opening
        self.broken = False  #: gzip, and no more of it can be read
        self._at = 0
        self._gzip: bool | None = None  #: None until two bytes are there
        self._inflating: zlib._Decompress | None = None
        self._held = b""

    def next(self) -> bytes:
        """The next piece; empty at the end. Raise OSError where the file cannot be read."""
        if self._gzip is None and not self._known():
            return b""
        if not self._gzip:
            return self._first() or self._raw()
        while not self.broken:
            raw = self._first() or self._raw()
            inflated = self._inflate(raw)
            if inflated:
                return inflated
            if not raw:
                return b""
        return b""

    @property
    def cut(self) -> bool:
        """What was read of it ends within gzip."""
        return self._inflating is not None

    def _known(self) -> bool:
        self._held = self._raw()
        if self._held:
            self._gzip = self._held.startswith(GZIP)
        return self._gzip is not None

    def _first(self) -> bytes:
        """What was read and not yet used."""
        held, self._held = self._held, b""
        return held

    def _raw(self) -> bytes:
        raw = self._read(self._at, _PIECE)
        self._at += len(raw)
        return raw

    def _opening(self, at: int, size: int) -> bytes:
        with opened(self.path) as file:
            file.seek(at)
            return file.read(size)

    def _inflate(self, raw: bytes) -> bytes:
        if self._inflating is None:
            raw = raw if self._at <= len(raw) else raw.lstrip(b"\0")  # gzip may follow gzip, with zeros between
            if not raw:
                return b""
            self._inflating = zlib.decompressobj(GZIP_WINDOW)
        try:
            inflated = self._inflating.decompress(raw, _PIECE)
        except zlib.error:
            self.broken = True
            return b""
        self._held = self._inflating.unconsumed_tail
        if self._inflating.eof:
            self._held, self._inflating = self._inflating.unused_data.lstrip(b"\0"), None
        return inflated


class Lines:
    """The lines of a file in its order, of which none is held that is over the bound."""

    def __init__(self, path: Path, read: Read | None = None) -> None:
        self._pieces = Pieces(path, read)
        self._rest = bytearray()
        self._cut = False  #: the line that is being read is over the bound

    @property
    def broken(self) -> bool:
        """The file is gzip, and broken or cut off."""
        return self.damaged or self._pieces.cut

    @property
    def damaged(self) -> bool:
        """The file is gzip, and broken: no more of it can be read, however it grows."""
        return self._pieces.broken

    def whole(self) -> Iterator[bytes]:
        """The lines that have ended by now; may be asked again when the file has grown."""
        while piece := self._pieces.next():
            *ended, rest = piece.split(b"\n")
            for part in ended:
                yield self._end(part)
            self._add(rest)

    def last(self) -> Iterator[bytes]:
        """The line whose end is missing, of a file that nobody writes to any more."""
        if self._rest:
            yield self._end(b"")

    def every(self) -> Iterator[bytes]:
        """Every line of such a file."""
        yield from self.whole()
        yield from self.last()

    def _end(self, part: bytes) -> bytes:
        self._add(part)
        line = bytes(self._rest)
        self._rest, self._cut = bytearray(), False
        return line

    def _add(self, part: bytes) -> None:
        if self._cut:
            return
        self._rest += part
        if len(self._rest) > MAX_LINE:  # one byte over the bound is kept, to tell
            del self._rest[MAX_LINE + 1 :]
            self._cut = True
