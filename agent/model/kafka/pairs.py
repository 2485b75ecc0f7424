"""What a look tells of a group on a topic: lag, age, progress, loss, what is left of the retention, what stands out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from agent.model.facts import Fact, Merge, Sample
from agent.model.kafka.look import UNSEEN, Committed, Group, Look, Real, Topics
from agent.model.kafka.news import News
from agent.model.kafka.offsets import EndOffsets
from agent.model.kafka.progress import Progress
from agent.model.seam import SubjectRef

MAX_BEHIND = 16  #: partitions of a group on a topic that are told one by one, those furthest behind
SKEWED = 3  #: partitions of which some may be further behind than the others
SKEW_SECONDS = 15 * 60.0  #: over which a partition's share of what is written is counted (RULES, LAG-05)
SKEW_AGE = 60.0  #: s; younger than that, a partition is not worth comparing
GAP_AGAIN = 12 * 3600.0  #: s after which an ordinary gap between commits is told again


@dataclass(frozen=True, slots=True)
class Pair:
    """A group on a topic in one look: its rows of the columns."""

    subject: SubjectRef
    topic: str
    look: Look
    committed: Committed
    seen: Progress
    rows: slice

    @property
    def whole(self) -> bool:
        """Every partition's commit was readable."""
        offset = self.committed.offset[self.rows]
        return bool(len(offset)) and not (offset == UNSEEN).any()


class PairFacts:
    """Groups on topics, one look after another."""

    def __init__(self, offsets: EndOffsets, news: News) -> None:
        self._offsets, self._news = offsets, news
        self._behind: dict[SubjectRef, set[int]] = {}
        self._moved: dict[SubjectRef, tuple[float, float]] = {}  #: when commits advanced last, and the sum then
        self._gap: dict[SubjectRef, tuple[float, float]] = {}  #: the longest gap told, and when
        self._retention: dict[tuple[str, str], float | None] = {}

    def remember(self, cluster: str, topic: str, settings: Mapping[str, str | None]) -> None:
        """How long a topic keeps its records, as its settings say it: they come less often than offsets."""
        millis, policy = settings.get("retention.ms"), settings.get("cleanup.policy") or "delete"
        kept = float(millis) / 1000 if millis and millis.isascii() and millis.isdigit() and "delete" in policy else None
        self._retention[cluster, topic] = kept

    def facts(self, pair: Pair) -> Iterator[Fact]:
        """Every fact about a group on a topic."""
        told = _sums(pair)
        for name, value in told.items():
            yield from self._news.tell(pair.subject, name, pair.look.at, value)
        lost = float(pair.seen.lost[pair.rows].sum())
        yield from self._news.tell_trouble(pair.subject, "lost", pair.look.at, lost)
        yield from self._moves(pair, told)
        yield from self._ages(pair)
        yield from self._one_by_one(pair)

    def _moves(self, pair: Pair, told: Mapping[str, float]) -> Iterator[Fact]:
        """How long commits stood still until they advanced: the longest is what is normal for this group."""
        if "committed" not in told:
            return
        now, last = pair.look.at.timestamp(), self._moved.get(pair.subject)
        if last is None or told["committed"] != last[1]:
            self._moved[pair.subject] = (now, told["committed"])
        if last is None or told["committed"] <= last[1]:
            return
        gap, (longest, when) = now - last[0], self._gap.get(pair.subject, (0.0, -np.inf))
        if gap > 1.1 * longest or now - when > GAP_AGAIN:
            self._gap[pair.subject] = (gap, now)
            yield Sample(pair.subject, "commit_gap_seconds", pair.look.at, gap, Merge.MAX)

    def _ages(self, pair: Pair) -> Iterator[Fact]:
        """The age of the oldest unread record; none where a partition that is behind cannot tell its own."""
        rows, at = pair.rows, pair.look.at
        age = pair.seen.age[rows]
        relevant = (pair.seen.lag[rows] != UNSEEN) | ~np.isnan(pair.committed.age[rows])
        if not pair.whole or not relevant.any() or np.isnan(age[relevant]).any():
            return
        yield from self._news.tell(pair.subject, "age_seconds", at, round(float(age[relevant].max()), 3), Merge.MAX)
        younger = round(float(pair.seen.younger[rows].max()), 3)
        yield from self._news.tell_trouble(pair.subject, "stamp_skew_seconds", at, younger)
        if int(relevant.sum()) >= SKEWED:
            yield from self._skew(pair, age[relevant])
        yield from self._left(pair, age)

    def _skew(self, pair: Pair, age: Real) -> Iterator[Fact]:
        """Where one partition is much older than the middle one: how even the writing is."""
        middle, at = float(np.median(age)), pair.look.at
        yield from self._news.tell_trouble(pair.subject, "age_median_seconds", at, round(middle, 3))
        if float(age.max()) <= SKEW_AGE:
            return
        written = self._offsets.written((pair.look.cluster, pair.topic), at.timestamp() - SKEW_SECONDS)
        if written is not None:
            yield from self._news.tell(pair.subject, "hot_written", at, float(written.max()))
            yield from self._news.tell(pair.subject, "window_written", at, float(written.sum()))

    def _left(self, pair: Pair, age: Real) -> Iterator[Fact]:
        """Until the first unread records are deleted: by time, or as early as size has deleted others."""
        kept = self._retention.get((pair.look.cluster, pair.topic))
        topics = pair.look.topics
        lag = pair.seen.lag[pair.rows]
        if kept is None or topics is None or np.isnan(age[lag > 0]).any():
            return
        if not (lag > 0).any():
            yield from self._news.tell(pair.subject, "retention_left_seconds", pair.look.at, kept)
            yield from self._news.tell_trouble(pair.subject, "retention_used", pair.look.at, 0.0)
            return
        effective = np.minimum(kept, _deleted_after(pair, topics, kept))
        waiting = lag > 0
        left = float((effective - age)[waiting].min())
        used = float((age / np.maximum(effective, 1.0))[waiting].max())
        yield from self._news.tell(pair.subject, "retention_left_seconds", pair.look.at, round(max(0.0, left), 0))
        yield from self._news.tell(pair.subject, "retention_used", pair.look.at, round(used, 3))

    def _one_by_one(self, pair: Pair) -> Iterator[Fact]:
        """The partitions furthest behind, and those that were told and no longer are."""
        lag, number = pair.seen.lag[pair.rows], pair.committed.rows.number[pair.rows]
        worst = [int(i) for i in np.argsort(-lag, kind="stable")[:MAX_BEHIND] if lag[i] > 0]
        now = {int(number[i]): float(lag[i]) for i in worst}
        for partition in self._behind.get(pair.subject, set()) - now.keys():
            yield from self._news.tell_trouble(pair.subject, f"behind:{partition}", pair.look.at, 0.0)
        for partition, count in now.items():
            yield from self._news.tell(pair.subject, f"behind:{partition}", pair.look.at, count)
        self._behind[pair.subject] = set(now)


def _deleted_after(pair: Pair, topics: Topics, kept: float) -> Real:
    """The age at which records really go: that of the first one left where older ones are gone, else the setting."""
    place = pair.seen.place[pair.rows]
    inside = place != UNSEEN
    first, start = np.full(len(place), np.nan), np.zeros(len(place), dtype=np.int64)
    first[inside], start[inside] = topics.first[place[inside]], topics.start[place[inside]]
    age = pair.look.at.timestamp() - first
    return np.where((start > 0) & ~np.isnan(age), np.maximum(age, 0.0), kept)


def _sums(pair: Pair) -> dict[str, float]:
    """Sums over the partitions of a group on a topic: without one of its parts a sum would look like progress."""
    rows, seen = pair.rows, pair.seen
    if not pair.whole:
        return {}
    readable = seen.end[rows] != UNSEEN
    told = {"committed": float(pair.committed.offset[rows].sum())}
    if readable.any() and (readable | (seen.place[rows] == UNSEEN)).all():
        told["lag"] = float(seen.lag[rows][readable].sum())
        told["produced"] = float(seen.end[rows][readable].sum())
    return told


def orphaned(pair: Pair, group: Group) -> int | None:
    """Partitions with a commit that no member of a settled group has; None where that cannot be told."""
    members = group.members
    if not members or (group.state or "").lower() != "stable" or any(m.assigned is None for m in members):
        return None
    theirs = {number for member in members for topic, number in member.assigned or () if topic == pair.topic}
    return sum(int(number) not in theirs for number in pair.committed.rows.number[pair.rows])
