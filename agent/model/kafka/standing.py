"""Partitions that stand still while others of the same group go on: what the sum over all of them does not show."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.model.facts import Fact
from agent.model.kafka.look import UNSEEN, Committed, Real, Segments, Topics, Whole
from agent.model.kafka.news import News
from agent.model.kafka.pairs import Pair
from agent.model.kafka.progress import Progress

LEAST = 60.0  #: s; a partition that stands for less is not told
LATELY = 300.0  #: s within which another partition has to have gone on
NEVER = -np.inf


@dataclass(slots=True)
class _Columns:
    """One row a partition of a group, as in `Committed`."""

    rows: Segments
    offset: Whole
    since: Real  #: Unix seconds since when it stands with something to read; NaN where it does not
    moved: Real  #: when it went on last


class Standing:
    """Committed offsets of one cluster, look after look."""

    def __init__(self, news: News) -> None:
        self._news = news
        self._last: _Columns | None = None
        self._stands: list[float] = []
        self._moving: list[int] = []
        self._told: set[tuple[str, str]] = set()

    def take(self, at: float, committed: Committed, seen: Progress, topics: Topics | None = None) -> None:
        """Compare with the look before. What waits behind an open transaction stands at no message (LAG-08)."""
        last = self._carried(committed)
        known = (committed.offset != UNSEEN) & (last.offset != UNSEEN)
        moved = known & (committed.offset > last.offset)
        waits = (seen.lag > 0) & (committed.offset != UNSEEN) & ~_held(committed, seen, topics)
        stays = waits & known & (committed.offset == last.offset)
        since = np.where(stays, np.where(np.isnan(last.since), at, last.since), np.where(waits, at, np.nan))
        when = np.where(moved, at, last.moved)
        self._last = _Columns(committed.rows, committed.offset, since, when)
        age = np.where(np.isnan(since), 0.0, at - since)
        self._stands = committed.rows.highest(age).tolist()
        self._moving = committed.rows.total((when >= at - LATELY).astype(np.int64)).tolist()

    def moved(self, rows: slice) -> Real:
        """Unix seconds at which partitions of the last look went on last; -inf where that was not seen."""
        return np.full(rows.stop - rows.start, NEVER) if self._last is None else self._last.moved[rows]

    def _carried(self, committed: Committed) -> _Columns:
        """What is known of the rows of this look: where they are those of before, the same."""
        last, count = self._last, len(committed.offset)
        if last is not None and last.rows is committed.rows:
            return last
        fresh = _Columns(committed.rows, np.full(count, UNSEEN), np.full(count, np.nan), np.full(count, NEVER))
        if last is None:
            return fresh
        old = {name: last.rows.rows(at) for at, name in enumerate(last.rows.names)}
        for at, name in enumerate(committed.rows.names):
            theirs, mine = old.get(name), committed.rows.rows(at)
            if theirs is None:
                continue
            numbers, wanted = last.rows.number[theirs], committed.rows.number[mine]
            if np.array_equal(numbers, wanted):
                for column in ("offset", "since", "moved"):
                    getattr(fresh, column)[mine] = getattr(last, column)[theirs]
        return fresh

    def facts(self, pair: Pair, index: int) -> Iterator[Fact]:
        """For how long the partition stands that does so the longest, which it is, and how many others go on."""
        last, at = self._last, pair.look.at
        if last is None:
            return
        name, stands, moving = last.rows.names[index], self._stands[index], self._moving[index]
        told = stands >= LEAST and moving > 0
        if not told and name not in self._told:
            return
        yield from self._news.tell_trouble(pair.subject, "stuck_seconds", at, round(stands, 0) if told else 0.0)
        if not told:
            self._told.discard(name)
            return
        self._told.add(name)
        row = pair.rows.start + int(np.nanargmin(last.since[pair.rows]))
        yield from self._news.tell(pair.subject, "stuck_partition", at, float(last.rows.number[row]))
        yield from self._news.tell(pair.subject, "stuck_offset", at, float(last.offset[row]))
        yield from self._news.tell(pair.subject, "moving_partitions", at, float(moving))


def _held(committed: Committed, seen: Progress, topics: Topics | None) -> npt.NDArray[np.bool_]:
    """Rows that have read up to the last stable offset, where that is not the end."""
    held = np.zeros(len(committed.offset), dtype=np.bool_)
    if topics is None:
        return held
    listed = np.flatnonzero(seen.place != UNSEEN)
    stable = topics.stable[seen.place[listed]]
    held[listed] = (stable != UNSEEN) & (stable < seen.end[listed]) & (committed.offset[listed] >= stable)
    return held
