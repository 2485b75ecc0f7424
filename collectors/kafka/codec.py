"""The two answers that decide what a look costs, read in columns: committed offsets, and offsets of partitions.

A partition has a fixed width in both, so that an answer's partitions are gathered by NumPy in one go; only names are
walked. Layouts: OffsetFetch 8 (KIP-709) and ListOffsets 6 and 7 of Kafka's message definitions.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.model.kafka.look import Segments, Whole
from agent.model.varint import put_varint

OFFSET_FETCH, OFFSET_FETCH_VERSION = 9, 8
LIST_OFFSETS = 2
LATEST, EARLIEST = -1, -2
READ_UNCOMMITTED, READ_COMMITTED = 0, 1

_FETCHED = np.dtype(
    [("index", ">i4"), ("offset", ">i8"), ("epoch", ">i4"), ("text", "u1"), ("error", ">i2"), ("tags", "u1")]
)
_LISTED = np.dtype(
    [("index", ">i4"), ("error", ">i2"), ("time", ">i8"), ("offset", ">i8"), ("epoch", ">i4"), ("tags", "u1")]
)
_ASKED = np.dtype([("index", ">i4"), ("epoch", ">i4"), ("time", ">i8"), ("tags", "u1")])
_SHORT = struct.Struct(">h")
_LONG = struct.Struct(">i")


class CodecError(Exception):
    """Bytes that are no such answer."""


def text(name: str) -> bytes:
    """A compact string."""
    raw = name.encode()
    return put_varint(len(raw) + 1) + raw


class _Walk:
    """A place in an answer."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def varint(self) -> int:
        data, at = self.data, self.at
        byte = data[at]
        at += 1
        value = byte & 0x7F
        shift = 7
        while byte & 0x80:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 35:
                raise CodecError("a number is longer than five bytes")
        self.at = at
        return value

    def raw(self, length: int) -> bytes:
        found = self.data[self.at : self.at + max(0, length)]
        if len(found) != length:  # a length below 0 would lead back, without end
            raise CodecError("the answer is cut off")
        self.at += length
        return found

    def text(self) -> bytes:
        return self.raw(max(0, self.varint() - 1))

    def tags(self) -> None:
        for _ in range(self.varint()):
            self.varint()
            self.raw(self.varint())


TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")  #: what Kafka takes as the name of a topic


def assignment(raw: bytes) -> list[tuple[str, int]]:
    """The (topic, partition) of a member of a classic group. Raise CodecError for what is no such assignment."""
    found: list[tuple[str, int]] = []
    try:
        (topics,) = _LONG.unpack_from(raw, 2)
        at = 6
        for _ in range(topics):
            (length,) = _SHORT.unpack_from(raw, at)
            topic = raw[at + 2 : at + 2 + length].decode()
            if not TOPIC.fullmatch(topic):
                raise CodecError("no name of a topic")
            at += 2 + length
            (count,) = _LONG.unpack_from(raw, at)
            if length < 0 or count < 0:  # would lead back, without end
                raise CodecError("no assignment of partitions")
            found += [(topic, number) for number in struct.unpack_from(f">{count}i", raw, at + 4)]
            at += 4 + 4 * count
    except (struct.error, UnicodeDecodeError) as problem:
        raise CodecError("no assignment of partitions") from problem
    return found


# -- committed offsets


def offset_fetch(groups: Sequence[str]) -> bytes:
    """The body of OffsetFetch 8 for every offset of some groups."""
    parts = [put_varint(len(groups) + 1)]
    parts += [text(group) + b"\0\0" for group in groups]  # topics: null, all of them; tags
    parts.append(b"\0\0")  # require_stable: no; tags
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Committed offsets of some groups, a run of rows for each (group, topic)."""

    runs: tuple[tuple[str, str], ...]
    sizes: tuple[int, ...]
    index: Whole
    offset: Whole
    error: Whole
    refused: Mapping[str, int]  #: groups that have none for an error


class Names:
    """Names as bytes to names as text: the same thousand topics come again with each group and each look."""

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def __call__(self, raw: bytes) -> str:
        """A name as text."""
        found = self._known.get(raw)
        if found is None:
            if len(self._known) > 200_000:
                self._known.clear()
            found = self._known[raw] = raw.decode("utf-8", "replace")
        return found


def fetched(data: bytes, names: Names) -> Fetched:
    """Read an answer to `offset_fetch`. Raise CodecError where it is none."""
    walk, found = _Walk(data), _Found()
    try:
        walk.raw(4)  # throttle time
        for _ in range(walk.varint() - 1):
            _fetched_group(walk, names, found)
    except (IndexError, struct.error) as problem:
        raise CodecError("the answer is cut off") from problem
    return found.whole(data)


class _Found:
    """What was met while an answer was walked: runs of partitions at a place, or, those with a text, one by one."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, str]] = []
        self.sizes: list[int] = []
        self.starts: list[int] = []  #: -1 for a run that was read one by one
        self.single: list[tuple[int, int, int]] = []
        self.refused: dict[str, int] = {}

    def add(self, run: tuple[str, str], size: int, start: int) -> None:
        self.runs.append(run)
        self.sizes.append(size)
        self.starts.append(start)

    def whole(self, data: bytes) -> Fetched:
        """Everything in columns."""
        sizes, starts = np.array(self.sizes, dtype=np.int64), np.array(self.starts, dtype=np.int64)
        gathered = np.repeat(starts >= 0, sizes)
        rows = _gather(data, starts[starts >= 0], sizes[starts >= 0], _FETCHED)
        columns = {name: np.empty(len(gathered), dtype=np.int64) for name in ("index", "offset", "error")}
        for place, (name, column) in enumerate(columns.items()):
            column[gathered] = rows[name]
            column[~gathered] = [one[place] for one in self.single]
        return Fetched(tuple(self.runs), tuple(self.sizes), **columns, refused=self.refused)


def _fetched_group(walk: _Walk, names: Names, found: _Found) -> None:
    group = names(walk.text())
    for _ in range(walk.varint() - 1):
        topic = names(walk.text())
        size, start = walk.varint() - 1, walk.at
        if _plain(walk, size):
            found.add((group, topic), size, start)
        else:
            found.single += [_widened(walk) for _ in range(size)]
            found.add((group, topic), size, -1)
        walk.tags()
    (error,) = _SHORT.unpack(walk.raw(2))
    walk.tags()
    if error:
        found.refused[group] = error


def _plain(walk: _Walk, size: int) -> bool:
    """Pass over partitions without a text of their own; False where one may have one (Spring and Flink write it)."""
    if size < 0:
        raise CodecError("a topic has no list of partitions")
    data, at, end = walk.data, walk.at, walk.at + size * _FETCHED.itemsize
    if end >= len(data):
        return False
    texts, tags = data[at + 16 : end : 20], data[at + 19 : end : 20]
    if texts.translate(None, b"\0\1") or tags.translate(None, b"\0"):
        return False
    walk.at = end
    return True


_PLACE = struct.Struct(">iqi")


def _widened(walk: _Walk) -> tuple[int, int, int]:
    index, offset, _ = _PLACE.unpack(walk.raw(_PLACE.size))
    walk.text()
    (error,) = _SHORT.unpack(walk.raw(2))
    walk.tags()
    return index, offset, error


# -- offsets of partitions


def list_offsets(rows: Segments, chosen: npt.NDArray[np.bool_], times: Whole, isolation: int) -> bytes:
    """The body of ListOffsets 6 or 7: for each chosen row the offset at a time (ms, or LATEST, or EARLIEST)."""
    counts = rows.total(chosen.astype(np.int64))
    asked = np.zeros(int(counts.sum()), _ASKED)
    asked["index"], asked["epoch"], asked["time"] = rows.number[chosen], -1, times[chosen]
    width, body = _ASKED.itemsize, asked.tobytes()
    wanted = np.flatnonzero(counts).tolist()
    parts = [struct.pack(">ib", -1, isolation), put_varint(len(wanted) + 1)]
    at = 0
    for topic in wanted:
        size = int(counts[topic])
        parts += (text(rows.names[topic]), put_varint(size + 1), body[at : at + size * width], b"\0")
        at += size * width
    parts.append(b"\0")
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Listed:
    """Offsets of partitions, a run of rows for each topic."""

    topics: tuple[str, ...]
    sizes: tuple[int, ...]
    index: Whole
    offset: Whole
    time: Whole  #: ms of the record at that offset, -1 for none
    error: Whole


def listed(data: bytes, names: Names) -> Listed:
    """Read an answer to `list_offsets`. Raise CodecError where it is none."""
    walk = _Walk(data)
    topics: list[str] = []
    sizes: list[int] = []
    starts: list[int] = []
    try:
        walk.raw(4)  # throttle time
        for _ in range(walk.varint() - 1):
            topics.append(names(walk.text()))
            size = walk.varint() - 1
            starts.append(walk.at)
            sizes.append(size)
            walk.raw(size * _LISTED.itemsize)
            walk.tags()
    except (IndexError, struct.error) as problem:
        raise CodecError("the answer is cut off") from problem
    rows = _gather(data, np.array(starts, dtype=np.int64), np.array(sizes, dtype=np.int64), _LISTED)
    if (rows["tags"] != 0).any():
        raise CodecError("partitions have fields that this version does not have")
    columns = (rows[name].astype(np.int64) for name in ("index", "offset", "time", "error"))
    return Listed(tuple(topics), tuple(sizes), *columns)


def _gather(data: bytes, starts: Whole, sizes: Whole, kind: np.dtype[np.void]) -> npt.NDArray[np.void]:
    """The rows that stand at some places, as one array."""
    total = int(sizes.sum())
    if not total:
        return np.zeros(0, kind)
    width, before = kind.itemsize, np.cumsum(sizes) - sizes
    at = np.repeat(starts - before * width, sizes) + np.arange(total) * width
    table = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, dtype=np.uint8), width)
    return np.ascontiguousarray(table[at]).view(kind).reshape(-1)
