"""A bounded hash table of spans by their full 24-byte key, worked on by whole arrays.

Two generations: the older one is forgotten when the younger is full or has lived for its time. Rows with equal keys are
a chain behind the first of them, so that thousands under one parent cost no more than others. Never XOR a key down to
64 bits: two spans would meet that have nothing to do with each other.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.model.columns import I64, U64

_K1, _K2, _K3 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
_SHIFT = np.uint64(29)
_FIRST_ROWS = 2_048  #: of a generation; an idle agent holds no more
MOST_EQUAL = 1_024  #: rows of one key; more have no room: a parent with so many children proves nothing new by the next

I32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class SpanKeys:
    """Trace and span identities, one row each."""

    hi: U64
    lo: U64
    span: U64

    def __len__(self) -> int:
        return len(self.hi)

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | I64) -> "SpanKeys":
        """Some of the rows."""
        return SpanKeys(self.hi[rows], self.lo[rows], self.span[rows])

    def hashed(self) -> U64:
        """A 64-bit mix of each key, for placing only."""
        with np.errstate(over="ignore"):
            mixed = (self.hi * _K1) ^ (self.lo * _K2) ^ (self.span * _K3)
            mixed ^= mixed >> _SHIFT
            return np.asarray(mixed * _K1)


class Generation:
    """One open-addressing table of at most `capacity` rows, with int64 payload columns; it grows as it fills."""

    def __init__(self, capacity: int, width: int, born: float) -> None:
        self.capacity, self.size, self.born = capacity, 0, born
        self.refused = 0  #: rows over the bound of their key: held, but not found
        self._keys = [np.zeros(0, dtype=np.uint64) for _ in range(3)]
        self.data = np.zeros((0, width), dtype=np.int64)
        self._grow(min(capacity, _FIRST_ROWS))

    def _grow(self, rows: int) -> None:
        more = rows - len(self.data)
        self._keys = [np.concatenate([column, np.zeros(more, np.uint64)]) for column in self._keys]
        self.data = np.concatenate([self.data, np.zeros((more, self.data.shape[1]), np.int64)])
        places = 1 << (2 * rows - 1).bit_length()  # a power of two: the mask must reach every place
        self._mask = np.uint64(places - 1)
        self._place = np.full(places, -1, dtype=np.int32)
        #: by row: the next of its key; and of the first of a key: the last, and how many there are
        self._next, self._last = np.full(rows, -1, np.int32), np.arange(rows, dtype=np.int32)
        self._equal = np.ones(rows, np.int32)
        held, refused = np.arange(self.size), self.refused
        self._put(held, self.keys(held))
        self.refused = refused

    @property
    def room(self) -> int:
        """How many more rows fit."""
        return self.capacity - self.size

    def add(self, keys: SpanKeys, rows: I64) -> I64:
        """Add rows (one payload row per key); return their numbers. There must be room."""
        count, base = len(keys), self.size
        if base + count > len(self.data):
            self._grow(min(self.capacity, max(base + count, 2 * len(self.data))))
        numbers = np.arange(base, base + count)
        for column, values in zip(self._keys, (keys.hi, keys.lo, keys.span), strict=True):
            column[base : base + count] = values
        self.data[base : base + count] = rows
        self.size += count
        self._put(numbers, keys)
        return numbers

    def _put(self, numbers: I64, keys: SpanKeys) -> None:
        """Give the first row of each key the first free place from where it points to; the others follow it."""
        at = (keys.hashed() & self._mask).astype(np.int64)
        pending = np.arange(len(keys))
        mask = int(self._mask)
        followers: list[tuple[I64, I64]] = []
        while len(pending):
            slots = at[pending]
            free = self._place[slots] < 0
            claimed, places = pending[free], slots[free]
            self._place[places[::-1]] = numbers[claimed][::-1]  # of equal keys the first row comes first
            lost = claimed[self._place[places] != numbers[claimed]]
            pending = np.concatenate([pending[~free], lost])
            heads = self._place[at[pending]].astype(np.int64)
            same = self._same(heads, keys, pending)
            if same.any():
                followers.append((heads[same], numbers[pending[same]]))
                pending = pending[~same]
            at[pending] = (at[pending] + 1) & mask
        if followers:
            self._follow(*(np.concatenate(part) for part in zip(*followers, strict=True)))

    def _same(self, rows: I64, keys: SpanKeys, queries: I64) -> npt.NDArray[np.bool_]:
        """Which rows have the key of their query."""
        same: npt.NDArray[np.bool_] = self._keys[2][rows] == keys.span[queries]
        same &= self._keys[1][rows] == keys.lo[queries]
        same &= self._keys[0][rows] == keys.hi[queries]
        return same

    def _follow(self, heads: I64, rows: I64) -> None:
        """Put rows behind the last of their key, in the order of their numbers."""
        order = np.lexsort((rows, heads))
        heads, rows = heads[order], rows[order]
        first = np.concatenate([[True], heads[1:] != heads[:-1]])
        began = np.flatnonzero(first)
        nth = np.arange(len(heads)) - np.repeat(began, np.diff([*began.tolist(), len(heads)]))
        fits = self._equal[heads] + nth < MOST_EQUAL
        self.refused += int((~fits).sum())
        heads, rows, first = heads[fits], rows[fits], first[fits]
        self._next[np.where(first, self._last[heads], np.concatenate([[-1], rows[:-1]]))] = rows
        self._last[heads] = rows  # of several for one head, the last assignment wins
        np.add.at(self._equal, heads, 1)

    def find(self, keys: SpanKeys) -> I64:
        """The first row of each key, or -1."""
        found = np.full(len(keys), -1, dtype=np.int64)
        for query, row in self._probe(keys):
            found[query] = row
        return found

    def find_all(self, keys: SpanKeys) -> tuple[I64, I64]:
        """Every (query, row) with equal keys."""
        hits: list[tuple[I64, I64]] = []
        for found, heads in self._probe(keys):
            query, row = found, heads
            while len(query):
                hits.append((query, row))
                after = self._next[row].astype(np.int64)
                query, row = query[after >= 0], after[after >= 0]
        if not hits:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate([query for query, _ in hits]), np.concatenate([row for _, row in hits])

    def _probe(self, keys: SpanKeys) -> "list[tuple[I64, I64]]":
        """Each key that is there with the first of its rows."""
        hits: list[tuple[I64, I64]] = []
        if not self.size or not len(keys):
            return hits
        at = (keys.hashed() & self._mask).astype(np.int64)
        active = np.arange(len(keys))
        mask = int(self._mask)
        while len(active):
            rows = self._place[at[active]].astype(np.int64)
            there = rows >= 0
            active, rows = active[there], rows[there]
            same = self._same(rows, keys, active)
            if same.any():
                hits.append((active[same], rows[same]))
                active = active[~same]
            at[active] = (at[active] + 1) & mask
        return hits

    def keys(self, rows: I64) -> SpanKeys:
        """The keys of some rows."""
        return SpanKeys(self._keys[0][rows], self._keys[1][rows], self._keys[2][rows])


class SpanTable:
    """Two generations of rows; `evicted` counts rows forgotten because there was no room, not those of age.

    A row's number is `generation * capacity + row`; it stays valid until its generation is forgotten.
    """

    def __init__(self, capacity: int, width: int, seconds: float) -> None:
        self.capacity, self.width, self.seconds = capacity, width, seconds
        self._young = Generation(capacity, width, float("-inf"))
        self._old = Generation(1, width, float("-inf"))
        self.evicted = 0
        self.expired: list[Generation] = []

    def __len__(self) -> int:
        return self._young.size + self._old.size

    def rotate(self, now: float) -> None:
        """Start a new generation when the young one is of age. Call once a batch, before the rest."""
        if self._young.size and now - self._young.born >= self.seconds:
            self._turn(now)
        elif not self._young.size:
            self._young.born = now
            if self._old.size and now - self._old.born >= 2 * self.seconds:
                self._turn(now)

    def _turn(self, now: float) -> None:
        if self._old.size:
            self.expired.append(self._old)
        self._old, self._young = self._young, Generation(self.capacity, self.width, now)

    def take_expired(self) -> list[Generation]:
        """Generations forgotten since the last call."""
        expired, self.expired = self.expired, []
        return expired

    def expire_all(self, now: float) -> None:
        """Every wait counts as elapsed: what is inside is handed out as expired."""
        self._turn(now)
        self._turn(now)

    def add(self, keys: SpanKeys, rows: I64, now: float) -> None:
        """Add rows, turning generations over when full; the oldest go first."""
        start = 0
        while start < len(keys):
            if not self._young.room:
                self.evicted += self._old.size
                self._turn(now)
            end = min(len(keys), start + self._young.room)
            before = self._young.refused
            self._young.add(keys.take(np.arange(start, end)), rows[start:end])
            self.evicted += self._young.refused - before
            start = end

    def find(self, keys: SpanKeys) -> "Found":
        """The first row of each key in either generation."""
        young = self._young.find(keys)
        old = self._old.find(keys.take(young < 0)) if self._old.size and len(keys) else None
        where = np.where(young >= 0, 1, 0)
        rows = young
        if old is not None:
            rows[young < 0] = old
        return Found(self, rows, where)

    def find_all(self, keys: SpanKeys) -> "tuple[I64, Found]":
        """Every row of each key: the query's number, and where its row is."""
        query, rows = self._young.find_all(keys)
        old_query, old_rows = self._old.find_all(keys)
        where = np.concatenate([np.ones(len(rows), np.int64), np.zeros(len(old_rows), np.int64)])
        return np.concatenate([query, old_query]), Found(self, np.concatenate([rows, old_rows]), where)

    def generations(self) -> tuple[Generation, Generation]:
        """Old and young."""
        return self._old, self._young


class Found:
    """Rows found in a table, readable and writable by column."""

    def __init__(self, table: SpanTable, rows: I64, where: I64) -> None:
        self._table, self.rows, self._where = table, rows, where

    @property
    def hit(self) -> npt.NDArray[np.bool_]:
        """Which queries were found."""
        return self.rows >= 0

    def only(self, mask: npt.NDArray[np.bool_] | I64) -> "Found":
        """Some of the rows."""
        return Found(self._table, self.rows[mask], self._where[mask])

    def get(self, column: int) -> I64:
        """One payload column of the rows found."""
        old, young = self._table.generations()
        out = np.zeros(len(self.rows), dtype=np.int64)
        for number, generation in enumerate((old, young)):
            here = (self._where == number) & self.hit
            out[here] = generation.data[self.rows[here], column]
        return out

    def put(self, column: int, values: I64 | int) -> None:
        """Write one payload column of the rows found."""
        spread = np.broadcast_to(np.asarray(values, dtype=np.int64), self.rows.shape)
        for number, generation in enumerate(self._table.generations()):
            here = (self._where == number) & self.hit
            generation.data[self.rows[here], column] = spread[here]

    def identity(self) -> I64:
        """A number per row, equal exactly for equal rows."""
        return np.asarray(self.rows * 2 + self._where)
