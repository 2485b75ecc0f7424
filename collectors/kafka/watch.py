"""One cluster, look after look: who is where, how far behind in messages and in seconds, in a handful of requests."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from agent.model.kafka.look import (
    UNSEEN,
    Committed,
    Group,
    Look,
    Real,
    Segments,
    TopicAbout,
    Topics,
    Whole,
    no_offsets,
    no_times,
)
from collectors.kafka.access import Access, TroubleError, Troubles
from collectors.kafka.ages import Ages, Place
from collectors.kafka.codec import EARLIEST, LATEST, READ_COMMITTED, Names
from collectors.kafka.errands import Errands, Fresh
from collectors.kafka.groups import Groups
from collectors.kafka.layout import Layout, layout
from collectors.kafka.link import Link
from collectors.kafka.offsets import Answer, Offsets
from collectors.kafka.sampling import Sampler

STEADY, FIRST = 10, 40  #: requests of a look, a broker (the published bars)
MORE, FEW = 60, 500  #: further questions of a first look where few partitions, of many groups each, have not enough
METADATA_SECONDS = 60.0
HELD_LOOKS = 24  #: ends that are remembered, for how late a record can have arrived


@dataclass(slots=True)
class Columns:
    """What is known of every partition of one layout; what a look does not ask stays as the look before had it."""

    start: Whole
    end: Whole
    stable: Whole
    first: Real

    @staticmethod
    def unseen(rows: Segments) -> "Columns":
        """Nothing is known."""
        return Columns(no_offsets(rows), no_offsets(rows), no_offsets(rows), no_times(rows))


class Watch:
    """Looks at one cluster. One thread uses it; a cluster that is away is tried again at the next look."""

    def __init__(
        self,
        access: Access,
        sample: Sequence[str] = (),
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.access, self._clock = access, clock
        self.link = Link(access)
        self.sampler = Sampler(self.link, sample)
        self.ages = Ages()
        names = Names()
        self._groups, self._offsets = Groups(self.link, names), Offsets(self.link, names)
        self.errands = Errands(self.link, self._offsets)
        self._layout: Layout | None = None
        self._columns = Columns.unseen(Segments.of([]))
        self._told_at = 0.0  #: when the metadata was read, Unix seconds
        self._looks = 0
        self._saw: tuple[bool, ...] = (False, False)  #: whether the last look had topics, and groups
        self._ends: deque[tuple[int, Whole]] = deque(maxlen=HELD_LOOKS)
        self._stamps: tuple[object, Whole, Whole] | None = None  #: of the last look: rows, offsets, stamps (ms)

    def close(self) -> None:
        """Hang up."""
        self.link.close()

    def look(self) -> Look:
        """Look once. Raise TroubleError where the cluster cannot be reached at all."""
        at, before = self._clock(), self.link.requests.total()
        if self.link.knock_again() or (self.errands.topics_denied and not self._saw[0]):
            self._told_at = 0.0  # what was away or refused may be back
        seen = self._know(at)
        found = self._groups.listing(seen.brokers)
        committed = self._groups.committed(found)
        self._groups.describe(found)
        self._emptied(bool(len(seen.rows)), bool(found.groups))
        refused = Troubles()
        columns = self._read(seen, refused)
        fresh = self.errands.run(seen, found, at.timestamp(), first=not self._looks)
        if fresh.topics is not None:
            policies = {name: told.get("cleanup.policy") or "" for name, told in fresh.topics.items()}
            self.ages.compacted = frozenset(name for name, policy in policies.items() if "compact" in policy)
        if fresh.first is not None:
            columns.first = np.where(fresh.first > 0, fresh.first / 1000, np.nan)
        budget = (STEADY if self._looks else FIRST) * max(1, len(seen.brokers))
        left = (budget - (self.link.requests.total() - before)) // max(1, len(seen.brokers))
        committed = replace(committed, age=self._aged(seen, columns, committed, at, max(1, left)))
        sampled, unsampled = self.sampler.turn(seen, columns.start, columns.end)
        self._looks += 1
        about = {name: _about(name, one, fresh) for name, one in seen.about.items()}
        groups = {name: _settled(name, group, fresh) for name, group in found.groups.items()}
        topics = Topics(seen.rows, columns.start, columns.end, columns.stable, columns.first, about)
        unseen = _unseen(self.errands, topics, groups)
        return Look(
            cluster=self.access.cluster,
            at=at,
            cluster_id=seen.cluster_id,
            topics=None if unseen.get("topics") and not len(seen.rows) else topics,
            groups=groups if found.answered and (groups or not unseen.get("groups")) else None,
            committed=committed if found.answered and (groups or not unseen.get("groups")) else None,
            broker=fresh.broker,
            origins=fresh.origins.get("broker", {}).get("", {}),
            brokers=len(seen.brokers),
            transactions=fresh.transactions,
            acls=fresh.acls,
            client_metrics=fresh.client_metrics,
            sampled=sampled,
            refused={
                **unseen,
                "records": unsampled.says,
                "group offsets": found.troubles.says,
                "offsets": refused.says,
                **{name: why for name, why in fresh.refused.items() if name != "what we may see"},
            },
        )

    def _emptied(self, *saw: bool) -> None:
        """A list that is empty and was not may be for want of a right: that is found out in this look."""
        if self._looks and saw != self._saw:
            self.errands.soon("what we may see")
        self._saw = saw

    # -- the cluster

    def know(self) -> Layout:
        """The cluster as its metadata tells. Raise TroubleError."""
        return self._know(self._clock())

    def _know(self, at: datetime) -> Layout:
        """The cluster as its metadata tells; read again when it is old, or when leaders moved."""
        now = at.timestamp()
        if not self.link.open:
            self._renew(self.link.dial(), now)
        elif not 0 <= now - self._told_at < METADATA_SECONDS:
            try:
                self._renew(self.link.look_again(), now)
            except TroubleError:
                self.link.close()  # every broker that we knew is away: start from the addresses again
                self._renew(self.link.dial(), now)
        return self._layout or self._renew(self.link.dial(), now)

    def _renew(self, metadata: Any, now: float) -> Layout:
        before, new = self._layout, layout(metadata, self._layout)
        for topic in _gone(before, new):
            for partition in range(topic[1]):
                self.ages.cut((topic[0], partition))
        if before is None or new.rows is not before.rows:
            self._columns = _carried(before, self._columns, new)
            self._ends.clear()
            self.errands.soon("topic settings", "first records")
        elif before is not None and np.array_equal(before.leader, new.leader):
            new = replace(new, leader=before.leader)
        self._layout, self._told_at = new, now
        return new

    # -- offsets

    def _read(self, seen: Layout, refused: Troubles) -> Columns:
        """The ends at every look; starts and last stable offsets by turns."""
        columns = self._columns
        ends = self._offsets.all_at(seen, LATEST)
        turn = self._looks % 2
        other = (
            self._offsets.all_at(seen, EARLIEST) if turn == 0 else self._offsets.all_at(seen, LATEST, READ_COMMITTED)
        )
        for answer in (ends, other):
            if answer.stale:
                self._told_at = 0.0
            for problem in answer.troubles.values():
                refused.add(problem)
        self._cut(seen, columns.end, ends.offset)
        self._columns = columns = Columns(
            start=other.offset if turn == 0 else columns.start,
            end=ends.offset,
            stable=other.offset if turn == 1 else _below(columns.stable, ends.offset),
            first=columns.first,
        )
        return columns

    def _cut(self, seen: Layout, before: Whole, now: Whole) -> None:
        """Partitions whose end went back were cut: nothing that was known of them holds."""
        if len(before) != len(now):
            return
        for row in np.flatnonzero((now < before) & (now != UNSEEN)).tolist():
            topic = int(np.searchsorted(seen.rows.first, row, side="right")) - 1
            self.ages.cut((seen.rows.names[topic], int(seen.rows.number[row])))
            self._ends.clear()
            self._stamps = None

    # -- ages

    def _aged(self, seen: Layout, columns: Columns, committed: Committed, at: datetime, steps: int) -> Real:
        """The age of the oldest unread record of every partition of every group; NaN where it is not known."""
        now = int(at.timestamp() * 1000)
        self._ends.append((now, columns.end))
        place = _places(seen, committed)
        inside = place != UNSEEN
        end, start = np.full(len(place), UNSEEN, dtype=np.int64), np.full(len(place), UNSEEN, dtype=np.int64)
        end[inside], start[inside] = columns.end[place[inside]], columns.start[place[inside]]
        wanted = np.maximum(committed.offset, start)  # what was deleted is not the oldest that is unread
        waiting = inside & (committed.offset != UNSEEN) & (end > wanted)
        stamps = np.full(len(place), UNSEEN, dtype=np.int64)
        stamps = self._known(committed, wanted, waiting, stamps)
        asked = np.flatnonzero(waiting & (stamps == UNSEEN))
        if len(asked):
            self._search(seen, place, wanted, asked, stamps, steps)
        self._stamps = (committed.rows, wanted, stamps)
        age = np.maximum(0.0, (now - stamps) / 1000)
        return np.where(waiting, np.where(stamps == UNSEEN, np.nan, age), np.where(end == UNSEEN, np.nan, 0.0))

    def _known(self, committed: Committed, wanted: Whole, waiting: Any, stamps: Whole) -> Whole:
        """Stamps that the look before found, of offsets that did not move: a record keeps its stamp."""
        last = self._stamps
        if last is None or last[0] is not committed.rows or self.ages.unsure:
            return stamps
        return np.where(waiting & (last[1] == wanted), last[2], stamps)

    def _search(self, seen: Layout, place: Whole, wanted: Whole, asked: Whole, stamps: Whole, steps: int) -> None:
        names, number = seen.rows.names, seen.rows.number
        topic = np.searchsorted(seen.rows.first, place[asked], side="right") - 1
        where: list[Place] = [
            (names[t], int(number[p])) for t, p in zip(topic.tolist(), place[asked].tolist(), strict=True)
        ]
        rows = dict(zip(where, place[asked].tolist(), strict=True))
        offsets: dict[Place, set[int]] = {}
        for at, offset in zip(where, wanted[asked].tolist(), strict=True):
            offsets.setdefault(at, set()).add(offset)
        arrived = {
            at: [(when, int(ends[row])) for when, ends in self._ends if ends[row] >= 0] for at, row in rows.items()
        }

        def probe(times: Mapping[Place, int]) -> Mapping[Place, tuple[int, int]]:
            answer: Answer = self._offsets.at(seen, {rows[at]: time for at, time in times.items()})
            return {
                at: (int(answer.offset[rows[at]]), int(answer.time[rows[at]]))
                for at in times
                if answer.answered[rows[at]]
            }

        found = self.ages.search(offsets, arrived, probe, steps)
        if not self._looks and self.ages.unsure and len(offsets) <= FEW:
            found = self.ages.search(offsets, arrived, probe, MORE)
        for row, at in zip(asked.tolist(), where, strict=True):
            stamps[row] = found.get((at, int(wanted[row])), UNSEEN)


def _gone(before: Layout | None, new: Layout) -> list[tuple[str, int]]:
    """Topics that are no longer there, or were made anew, with how many partitions they had."""
    if before is None:
        return []
    gone = []
    for topic, place in before.index.items():
        rows = before.rows.rows(place)
        if topic not in new.about or new.about[topic].identity != before.about[topic].identity:
            gone.append((topic, rows.stop - rows.start))
    return gone


def _unseen(errands: Errands, topics: Topics, groups: Mapping[str, Group]) -> dict[str, str]:
    """What a broker leaves out of its lists, without a word, for want of a right: an empty list is not "none"."""
    told = {}
    for name, denied, count in (
        ("topics", errands.topics_denied, len(topics.rows)),
        ("groups", errands.groups_denied, len(groups)),
    ):
        shown = f"only {count:,} shown" if count else "none is shown"
        right = "Describe Topic" if name == "topics" else "Describe Group"
        told[name] = f"{shown}: the right {right} is missing for others, or for all" if denied else ""
    return told


def _about(name: str, about: TopicAbout, fresh: Fresh) -> TopicAbout:
    """A topic with what the errands brought of it."""
    settings = None if fresh.topics is None else fresh.topics.get(name)
    producers = None if fresh.producers is None else fresh.producers.get(name)
    if settings is None and producers is None:
        return about
    own, origins = fresh.own.get(name, frozenset()), fresh.origins.get("topics", {}).get(name, {})
    return replace(about, settings=settings, own=own, origins=origins, producers=producers)


def _settled(name: str, group: Group, fresh: Fresh) -> Group:
    settings = fresh.groups.get(name)
    origins = fresh.origins.get("groups", {}).get(name, {})
    return group if settings is None else replace(group, settings=settings, origins=origins)


def _below(stable: Whole, end: Whole) -> Whole:
    """A last stable offset from the look before is still one: it never goes back, but for a topic made anew."""
    return np.where(stable > end, UNSEEN, stable)


def _places(seen: Layout, committed: Committed) -> Whole:
    """The row of each committed partition in the layout; UNSEEN for a topic that is gone."""
    found = np.full(len(committed.rows.number), UNSEEN, dtype=np.int64)
    for pair, (_, name) in enumerate(committed.rows.names):
        topic = seen.index.get(name)
        if topic is None:
            continue
        mine, theirs = committed.rows.rows(pair), seen.rows.rows(topic)
        number = committed.rows.number[mine]
        at = theirs.start + number  # partitions are numbered from 0 without gaps
        found[mine] = np.where(number < theirs.stop - theirs.start, at, UNSEEN)
    return found


def _carried(before: Layout | None, columns: Columns, new: Layout) -> Columns:
    """The columns of a new layout: topics that stayed the same keep what is known of them."""
    fresh = Columns.unseen(new.rows)
    if before is None:
        return fresh
    for topic, place in new.index.items():
        old = before.index.get(topic)
        same = old is not None and before.about[topic].identity == new.about[topic].identity
        if not same or old is None:
            continue
        mine, theirs = new.rows.rows(place), before.rows.rows(old)
        size = min(mine.stop - mine.start, theirs.stop - theirs.start)
        for name in ("start", "end", "stable", "first"):
            kept = getattr(columns, name)[theirs.start : theirs.start + size]
            getattr(fresh, name)[mine.start : mine.start + size] = kept
    return fresh
