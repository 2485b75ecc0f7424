"""How far the file of a recording is whole, and what stands broken behind that. Nothing is changed here."""

import mmap
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from collectors.recording.lines import GZIP, GZIP_WINDOW, MAX_LINE
from collectors.recording.reader import looks_like_recording

_MEMBER = GZIP + b"\x08"  #: its only method, deflate
_PIECE = 32 << 10


@dataclass(slots=True)
class Whole:
    """How far a file is whole."""

    size: int  #: bytes
    end: int = 0  #: of the last whole line; in gzip of the last whole member
    ended: bool = True  #: what is whole ends with the end of a line
    lines: int = 0  #: gzip: whole lines of the member behind that, which breaks off
    wrong: bool = False  #: gzip: what is behind that is not only cut short


def pieces(file: int, start: int, end: int, size: int = _PIECE) -> Iterator[bytes]:
    """The bytes between two places of a file."""
    at = start
    while at < end and (piece := os.pread(file, min(size, end - at), at)):
        at += len(piece)
        yield piece


def lines(file: int) -> Whole:
    """A plain file; a last line that is all there but its end is whole."""
    found = Whole(os.fstat(file).st_size)
    tail = os.pread(file, MAX_LINE + 1, max(0, found.size - MAX_LINE - 1))
    rest = tail[tail.rfind(b"\n") + 1 :]
    found.end = found.size - len(rest)
    if rest and _whole(rest):
        found.end, found.ended = found.size, False
    return found


def _whole(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except (ValueError, RecursionError):
        return False


class _Members:
    """Reads a gzip file member by member, zeros between them passed over."""

    def __init__(self, size: int) -> None:
        self.found = Whole(size)
        self._inflating: zlib._Decompress | None = None  #: None between two members
        self._ended = True

    def take(self, piece: bytes, end: int) -> None:
        """Read on, up to a place of the file. Raise zlib.error."""
        raw = piece
        while raw := raw if self._inflating else raw.lstrip(b"\0"):
            self._inflating = self._inflating or zlib.decompressobj(GZIP_WINDOW)
            text = self._inflating.decompress(raw)
            self.found.lines += text.count(b"\n")
            self._ended = text.endswith(b"\n") if text else self._ended
            if not self._inflating.eof:
                return
            raw, self._inflating = self._inflating.unused_data, None
            self.found.end, self.found.ended, self.found.lines = end - len(raw), self._ended, 0


def members(file: int) -> Whole:
    """A gzip file."""
    one, at = _Members(os.fstat(file).st_size), 0
    for piece in pieces(file, 0, one.found.size):
        at += len(piece)
        try:
            one.take(piece, at)
        except zlib.error:
            one.found.wrong = True
            break
    return one.found


def goes_on(file: int, start: int) -> bool:
    """More of a recording, in gzip, begins somewhere behind a place."""
    with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as content:
        at = content.find(_MEMBER, start + 1)
        while at >= 0:
            if looks_like_recording(_begun(content[at : at + _PIECE]).partition(b"\n")[0]):
                return True
            at = content.find(_MEMBER, at + 1)
    return False


def _begun(raw: bytes) -> bytes:
    try:
        return zlib.decompressobj(GZIP_WINDOW).decompress(raw, _PIECE)
    except zlib.error:
        return b""
