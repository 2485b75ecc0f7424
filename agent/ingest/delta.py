"""Deltas: what one batch adds to windows, as (code, value) pairs that add up in any order.

A code is slot (24 bits) | minute (24 bits, since 2020) | field (16 bits). Fields under 16 are window columns, then come
the duration buckets, then those of the queue time.
"""

from dataclasses import dataclass, field

import numpy as np

from agent.model.columns import I64, U64

EPOCH_MINUTE = 26_297_280  #: 2020-01-01T00:00Z in minutes
MOST_SLOTS = 1 << 24
DURATION, QUEUE = 32, 1024

_SLOT, _MINUTE = np.uint64(40), np.uint64(16)


def codes(slot: I64, minute: I64, fields: I64 | int) -> U64:
    """Codes of rows: slot numbers, Unix minutes, fields."""
    packed = slot.astype(np.uint64) << _SLOT
    packed |= (minute - EPOCH_MINUTE).astype(np.uint64) << _MINUTE
    packed |= np.broadcast_to(np.asarray(fields), slot.shape).astype(np.uint64)
    return packed


def split(packed: U64) -> tuple[I64, I64, I64]:
    """Slot, Unix minute and field of codes."""
    slot = (packed >> _SLOT).astype(np.int64)
    minute = ((packed >> _MINUTE) & np.uint64(0xFFFFFF)).astype(np.int64) + EPOCH_MINUTE
    return slot, minute, (packed & np.uint64(0xFFFF)).astype(np.int64)


def summed(parts: list[tuple[U64, I64]]) -> tuple[U64, I64]:
    """Equal codes added up, sorted, zeros left out."""
    if not parts:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    keys = np.concatenate([part[0] for part in parts])
    values = np.concatenate([part[1] for part in parts])
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    if not len(keys):
        return keys, values
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    totals = np.add.reduceat(values, starts)
    kept = totals != 0
    return keys[starts][kept], totals[kept]


@dataclass(slots=True)
class Tally:
    """Deltas being collected; compacted when they grow."""

    parts: list[tuple[U64, I64]] = field(default_factory=list)
    size: int = 0

    def add(self, keys: U64, values: I64) -> None:
        """Take pairs in."""
        if len(keys):
            self.parts.append((keys, values))
            self.size += len(keys)

    def compact(self, beyond: int) -> None:
        """Add equal codes up once there are more pairs than `beyond`, or too many parts."""
        if self.size > beyond or len(self.parts) > 512:
            self.parts = [summed(self.parts)]
            self.size = len(self.parts[0][0])

    def drain(self) -> tuple[U64, I64]:
        """Everything, added up; empty afterwards."""
        total = summed(self.parts)
        self.parts, self.size = [], 0
        return total


def pack(keys: U64, values: I64) -> bytes:
    """Sorted pairs as bytes: cells once, fields and values in the narrowest form; 3 to 10 bytes a pair."""
    cells, fields = keys >> _MINUTE, (keys & np.uint64(0xFFFF)).astype("<u2")
    unique, counts = np.unique(cells, return_counts=True)
    small = (values >= -128) & (values < 128)
    large = np.flatnonzero(~small).astype("<u4")
    head = np.array([len(unique), len(keys), len(large)], dtype="<u4").tobytes()
    body = (
        unique.astype("<u8").tobytes(),
        counts.astype("<u4").tobytes(),
        fields.tobytes(),
        np.where(small, values, 0).astype("<i1").tobytes(),
        large.tobytes(),
        values[~small].astype("<i8").tobytes(),
    )
    return head + b"".join(body)


def unpack(blob: bytes) -> tuple[U64, I64]:
    """Read what `pack` wrote."""
    cells, pairs, large = (int(number) for number in np.frombuffer(blob, "<u4", 3))
    at = 12
    parts = []
    for kind, count in (("<u8", cells), ("<u4", cells), ("<u2", pairs), ("<i1", pairs), ("<u4", large), ("<i8", large)):
        part = np.frombuffer(blob, kind, count, at)
        parts.append(part)
        at += part.nbytes
    unique, counts, fields, small, where, big = parts
    keys = (np.repeat(unique.astype(np.uint64), counts) << _MINUTE) | fields.astype(np.uint64)
    values = small.astype(np.int64)
    values[where] = big
    return keys, values
