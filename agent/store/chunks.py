"""Measures as chunks: one a subject, name and day; delta varints, appended to without being read.

A chunk is 20 bytes of head (last second, last value, count) and pairs of varints: seconds since the sample before, and
the change of the value in thousandths, zigzag.
"""

import math
import struct

import numpy as np
import numpy.typing as npt

from agent.model.facts import Merge
from agent.model.varint import put_varint

SLOT_SECONDS = 10  #: at most one sample of a measure in that time; LAG-01 reads samples of 15 to 60 s
_HEAD = struct.Struct("<iqq")
_SCALE = 1000.0
_LARGEST = float(1 << 52)


def _scaled(value: float) -> int:
    return round(max(-_LARGEST, min(_LARGEST, value)) * _SCALE)


def append(chunk: bytes | None, second: int, value: float, merge: Merge = Merge.LAST) -> bytes | None:
    """A chunk with one more sample (second of the day); within ten seconds samples merge. Twice the same is once."""
    if math.isnan(value):
        return chunk
    if not chunk:
        return _with(None, second, _scaled(value))
    last, before, _ = _HEAD.unpack_from(chunk)
    if second // SLOT_SECONDS > last // SLOT_SECONDS:
        return _with(chunk, second, _scaled(value))
    if second // SLOT_SECONDS == last // SLOT_SECONDS:
        kept = (last, before)
        both = _merged(kept, (second, _scaled(value)), merge)
        return chunk if both == kept else _with(_without_last(chunk), *both)
    return _inserted(chunk, second, _scaled(value), merge)


def _with(chunk: bytes | None, second: int, number: int) -> bytes:
    """One more sample at the end."""
    last, before, count = _HEAD.unpack_from(chunk) if chunk else (0, 0, 0)
    change = number - before
    body = (chunk[_HEAD.size :] if chunk else b"") + put_varint(second - last)
    body += put_varint(change << 1 if change >= 0 else (-change << 1) - 1)
    return _HEAD.pack(second, number, count + 1) + body


def _merged(kept: tuple[int, int], new: tuple[int, int], merge: Merge) -> tuple[int, int]:
    """Two samples of one slot as one, whichever came first; told again, a sample changes nothing."""
    at = max(kept[0], new[0])
    if merge is Merge.MIN:
        return at, min(kept[1], new[1])
    if merge is Merge.MAX:
        return at, max(kept[1], new[1])
    if new[0] <= kept[0]:
        return kept if merge is Merge.SUM or new[0] < kept[0] else new
    return new if merge is Merge.LAST else (at, kept[1] + new[1])


def _without_last(chunk: bytes) -> bytes | None:
    """A chunk less its last sample."""
    second, number, count = _HEAD.unpack_from(chunk)
    if count <= 1:
        return None
    middle = _start(chunk, len(chunk))
    start = _start(chunk, middle)
    zigzag = _number(chunk[middle:])
    change = (zigzag >> 1) ^ -(zigzag & 1)
    return _HEAD.pack(second - _number(chunk[start:middle]), number - change, count - 1) + chunk[_HEAD.size : start]


def _start(chunk: bytes, end: int) -> int:
    """Where the varint that ends at `end` begins."""
    at = end - 1
    while at > _HEAD.size and chunk[at - 1] >= 0x80:
        at -= 1
    return at


def _number(varint: bytes) -> int:
    return sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(varint))


def _inserted(chunk: bytes, second: int, number: int, merge: Merge) -> bytes:
    """The slow way, for a sample that comes out of order."""
    seconds, numbers = _read(chunk)
    samples = dict(zip(seconds.tolist(), numbers.tolist(), strict=True))
    same = next((at for at in samples if at // SLOT_SECONDS == second // SLOT_SECONDS), None)
    kept = (second, number) if same is None else _merged((same, samples.pop(same)), (second, number), merge)
    samples[kept[0]] = kept[1]
    whole: bytes | None = None
    for at in sorted(samples):
        whole = _with(whole, at, samples[at])
    return whole or b""


def read(chunk: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Seconds of the day and values of a chunk."""
    seconds, numbers = _read(chunk)
    return seconds, numbers / _SCALE


def _read(chunk: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    raw = np.frombuffer(chunk, dtype=np.uint8, offset=_HEAD.size)
    if not len(raw):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    ends = np.flatnonzero(raw < 0x80)
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(len(raw)) - np.repeat(starts, ends - starts + 1)
    parts = (raw & 0x7F).astype(np.uint64) << (place * 7).astype(np.uint64)
    numbers = np.add.reduceat(parts, starts)
    seconds = np.cumsum(numbers[0::2].astype(np.int64))
    zigzag = numbers[1::2]
    changes = (zigzag >> np.uint64(1)).astype(np.int64) ^ -(zigzag & np.uint64(1)).astype(np.int64)
    return seconds, np.cumsum(changes)
