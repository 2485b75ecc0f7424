"""Measures as chunks: one a subject, name and day; delta varints, appended to without being read.

A chunk is 20 bytes of head (last second, last value, count) and pairs of varints: seconds since the sample before, and
the change of the value in thousandths, zigzag.
"""

import struct

import numpy as np
import numpy.typing as npt

SLOT_SECONDS = 30  #: at most one sample of a measure in that time; LAG-01 was measured at this step
_HEAD = struct.Struct("<iqq")
_SCALE = 1000.0
_LARGEST = float(1 << 52)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _scaled(value: float) -> int:
    return round(max(-_LARGEST, min(_LARGEST, value)) * _SCALE)


def append(chunk: bytes | None, second: int, value: float) -> bytes:
    """A chunk with one more sample (second of the day); the first one of a slot stays."""
    last, before, count = _HEAD.unpack_from(chunk) if chunk else (0, 0, 0)
    number = _scaled(value)
    if chunk and second // SLOT_SECONDS == last // SLOT_SECONDS:
        return chunk
    if chunk and second < last:
        return _inserted(chunk, second, value)
    change = number - before
    body = (chunk[_HEAD.size :] if chunk else b"") + _varint(second - last)
    body += _varint(change << 1 if change >= 0 else (-change << 1) - 1)
    return _HEAD.pack(second, number, count + 1) + body


def _inserted(chunk: bytes, second: int, value: float) -> bytes:
    """The slow way, for a sample that comes out of order: the first one of a slot stays."""
    seconds, values = read(chunk)
    slots: dict[int, tuple[int, float]] = {}
    for at, old in [*zip(seconds.tolist(), values.tolist(), strict=True), (second, value)]:
        kept = slots.get(at // SLOT_SECONDS)
        if kept is None:
            slots[at // SLOT_SECONDS] = (at, old)
    whole: bytes | None = None
    last = 0
    for at, old in (slots[slot] for slot in sorted(slots)):
        number = _scaled(old)
        before, count = (_HEAD.unpack_from(whole)[1], _HEAD.unpack_from(whole)[2]) if whole else (0, 0)
        change = number - before
        body = (whole[_HEAD.size :] if whole else b"") + _varint(at - last)
        body += _varint(change << 1 if change >= 0 else (-change << 1) - 1)
        whole, last = _HEAD.pack(at, number, count + 1) + body, at
    return whole or b""


def read(chunk: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Seconds of the day and values of a chunk."""
    raw = np.frombuffer(chunk, dtype=np.uint8, offset=_HEAD.size)
    if not len(raw):
        return np.zeros(0, np.int64), np.zeros(0, np.float64)
    ends = np.flatnonzero(raw < 0x80)
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(len(raw)) - np.repeat(starts, ends - starts + 1)
    parts = (raw & 0x7F).astype(np.uint64) << (place * 7).astype(np.uint64)
    numbers = np.add.reduceat(parts, starts)
    seconds = np.cumsum(numbers[0::2].astype(np.int64))
    zigzag = numbers[1::2]
    changes = (zigzag >> np.uint64(1)).astype(np.int64) ^ -(zigzag & np.uint64(1)).astype(np.int64)
    return seconds, np.cumsum(changes) / _SCALE
