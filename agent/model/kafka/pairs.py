"""What a look tells of a group on a topic: lag, age, progress, loss, what is left of the retention, what stands out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.model.facts import Fact, Merge, Sample, Setting
from agent.model.kafka.look import UNSEEN, Committed, Group, Look, Real, Topics, Whole
from agent.model.kafka.news import News
from agent.model.kafka.offsets import EndOffsets
from agent.model.kafka.progress import Progress
from agent.model.kafka.snapshots import ON, Stands, partitions_text
from agent.model.seam import Component, SubjectRef

MAX_BEHIND = 16  #: partitions of a group on a topic that are told one by one, those furthest behind
SKEWED = 3  #: partitions of which some may be further behind than the others
SKEW_SECONDS = 15 * 60.0  #: over which a partition's share of what is written is counted (RULES, LAG-05)
SKEW_AGE = 60.0  #: s; younger than that, a partition is not worth comparing
SHOWN_SECONDS, CALM_SECONDS = 60.0, 300.0  #: between two tellings of partitions: of some with unread messages, of none
FOR_EVER = 3650 * 86_400.0  #: s
GAP_AGAIN = 12 * 3600.0  #: s after which an ordinary gap between commits is told again


@dataclass(frozen=True, slots=True)
class Pair:
    """A group on a topic in one look: its rows of the columns."""

    subject: SubjectRef
    topic: str
    look: Look
    rows: slice
    offset: Whole  #: what is committed for each partition
    moved: Real  #: Unix seconds at which each partition's commit went on last; -inf: not seen


@dataclass(frozen=True, slots=True)
class _Told:
    """Where the partitions of a group on a topic stood when they were shown last."""

    at: float
    number: Whole
    offset: Whole
    end: Whole
    calm: bool  #: nothing was unread

    def due(self, now: float, offset: Whole, *, calm: bool) -> bool:
        """Whether they are to be told again: each minute, at each end of calm, and seldom while it lasts."""
        if self.calm != calm:
            return True
        passed = now - self.at
        if not calm:
            return not 0 <= passed < SHOWN_SECONDS
        return not 0 <= passed < CALM_SECONDS and not np.array_equal(offset, self.offset)

    def rates(self, now: "_Told") -> tuple[Real | None, Real | None]:
        """Records/s that were written to each partition and read from it since; None where they are not the same."""
        if not np.array_equal(self.number, now.number) or now.at <= self.at:
            return None, None
        return _rate(self.end, now.end, now.at - self.at), _rate(self.offset, now.offset, now.at - self.at)


class Summed:
    """Every pair's numbers in lists, one entry a pair; made in one go over all partitions."""

    def __init__(self, committed: Committed, seen: Progress) -> None:
        rows = committed.rows

        def count(truth: npt.NDArray[np.bool_]) -> list[int]:
            found: list[int] = rows.total(truth.astype(np.int64)).tolist()
            return found

        readable, listed = seen.end != UNSEEN, seen.place != UNSEEN
        relevant = (seen.lag != UNSEEN) | ~np.isnan(committed.age)
        lagging = np.where(readable, np.maximum(seen.lag, 0), 0)
        self.committed: list[int] = rows.total(np.where(committed.offset == UNSEEN, 0, committed.offset)).tolist()
        self.lag: list[int] = rows.total(lagging).tolist()
        self.produced: list[int] = rows.total(np.where(readable, seen.end, 0)).tolist()
        self.lost: list[int] = rows.total(seen.lost).tolist()
        self.started = [bool(known) for known in count(seen.started)]
        self.age: list[float] = np.round(rows.highest(np.where(relevant, seen.age, -np.inf)), 3).tolist()
        self.younger: list[float] = np.round(rows.highest(seen.younger), 3).tolist()
        self.relevant, blurred = count(relevant), count(relevant & np.isnan(seen.age))
        missing, unread, read = count(committed.offset == UNSEEN), count(listed & ~readable), count(readable)
        sizes = (rows.first[1:] - rows.first[:-1]).tolist()
        self.whole = [size > 0 and not gone for size, gone in zip(sizes, missing, strict=True)]
        self.readable = [bool(some) and not none for some, none in zip(read, unread, strict=True)]
        self.aged = [bool(some) and not none for some, none in zip(self.relevant, blurred, strict=True)]


class PairFacts:
    """Groups on topics, one look after another."""

    def __init__(self, offsets: EndOffsets, news: News) -> None:
        self._offsets, self._news = offsets, news
        self._shown: dict[SubjectRef, _Told] = {}  #: of what was behind, its partitions as they were told
        self._behind: dict[SubjectRef, dict[int, int]] = {}
        self._moved: dict[SubjectRef, tuple[float, float]] = {}  #: when commits advanced last, and the sum then
        self._gap: dict[SubjectRef, tuple[float, float]] = {}  #: the longest gap told, and when
        self._retention: dict[tuple[str, str], tuple[float | None, bool]] = {}  #: s, and whether size deletes too

    def remember(self, cluster: str, topic: str, settings: Mapping[str, str | None]) -> None:
        """How long a topic keeps its records, as its settings say it: they come less often than offsets."""
        deletes = "delete" in (settings.get("cleanup.policy") or "delete")
        millis, most = _number(settings.get("retention.ms")), _number(settings.get("retention.bytes"))
        kept = millis / 1000 if millis is not None and deletes else None
        self._retention[cluster, topic] = (kept, deletes and most is not None)

    def facts(self, pair: Pair, seen: Progress, sums: Summed, index: int, numbers: Whole) -> Iterator[Fact]:
        """Every fact about a group on a topic."""
        at, subject = pair.look.at, pair.subject
        if sums.whole[index]:
            # A sum without one of its parts would look like progress.
            yield from self._news.tell(subject, "committed", at, float(sums.committed[index]))
            yield from self._moves(pair, float(sums.committed[index]))
            if sums.readable[index]:
                yield from self._news.tell(subject, "lag", at, float(sums.lag[index]))
                yield from self._news.tell(subject, "produced", at, float(sums.produced[index]))
        if sums.started[index]:
            yield from self._news.tell(subject, "lost", at, float(sums.lost[index]))
        if sums.whole[index] and sums.aged[index]:
            yield from self._news.tell(subject, "age_seconds", at, sums.age[index], Merge.MAX)
            yield from self._news.tell_trouble(subject, "stamp_skew_seconds", at, sums.younger[index])
            yield from self._skew(pair, seen, sums, index)
            yield from self._left(pair, seen, sums.lag[index])
        if sums.lag[index] or subject in self._behind:
            yield from self._one_by_one(pair, seen, numbers)
        yield from self._each(pair, seen, sums.lag[index], numbers[pair.rows])

    def _moves(self, pair: Pair, committed: float) -> Iterator[Fact]:
        """How long commits stood still until they advanced: the longest is what is normal for this group."""
        now, last = pair.look.at.timestamp(), self._moved.get(pair.subject)
        if last is None or committed != last[1]:
            self._moved[pair.subject] = (now, committed)
        if last is None or committed <= last[1]:
            return
        gap, (longest, when) = now - last[0], self._gap.get(pair.subject, (0.0, -np.inf))
        if gap > 1.1 * longest or now - when > GAP_AGAIN:
            self._gap[pair.subject] = (gap, now)
            yield Sample(pair.subject, "commit_gap_seconds", pair.look.at, gap, Merge.MAX)

    def _skew(self, pair: Pair, seen: Progress, sums: Summed, index: int) -> Iterator[Fact]:
        """Where one partition is old: how old the middle one is, and how even the writing is."""
        at = pair.look.at
        if sums.relevant[index] < SKEWED or sums.age[index] <= SKEW_AGE:
            yield from self._news.tell_trouble(pair.subject, "age_median_seconds", at, 0.0)
            return
        age = np.sort(seen.age[pair.rows])  # NaN last
        middle = round(float(age[sums.relevant[index] // 2]), 3)
        yield from self._news.tell(pair.subject, "age_median_seconds", at, middle)
        written = self._offsets.written((pair.look.cluster, pair.topic), at.timestamp() - SKEW_SECONDS)
        if written is not None and len(written):
            yield from self._news.tell(pair.subject, "hot_written", at, float(written.max()))
            yield from self._news.tell(pair.subject, "window_written", at, float(written.sum()))

    def _left(self, pair: Pair, seen: Progress, lag: int) -> Iterator[Fact]:
        """Until the first unread records are deleted: by time, or as early as size has deleted others."""
        (kept, by_size), topics = self._retention.get((pair.look.cluster, pair.topic), (None, False)), pair.look.topics
        if topics is None or (kept is None and not by_size):
            return
        kept = FOR_EVER if kept is None else kept
        at, left, used = pair.look.at, kept, 0.0
        if lag:
            waiting = seen.lag[pair.rows] > 0
            effective = _kept(pair, seen, topics, kept) if by_size else np.full(len(waiting), kept)
            age, effective = seen.age[pair.rows][waiting], effective[waiting]
            left, used = float((effective - age).min()), float((age / np.maximum(effective, 1.0)).max())
        yield from self._news.tell(pair.subject, "retention_left_seconds", at, round(max(0.0, left), 0))
        yield from self._news.tell_trouble(pair.subject, "retention_used", at, round(used, 3))

    def _each(self, pair: Pair, seen: Progress, lag: int, numbers: Whole) -> Iterator[Fact]:
        """Where each partition stands, as it is shown: once something is unread."""
        now, last = pair.look.at.timestamp(), self._shown.get(pair.subject)
        if not last.due(now, pair.offset, calm=not lag) if last else not lag:
            return
        told = self._shown[pair.subject] = _Told(now, numbers, pair.offset, seen.end[pair.rows], calm=not lag)
        written, read = last.rates(told) if last else (None, None)
        window = self._offsets.written((pair.look.cluster, pair.topic), now - SKEW_SECONDS)
        stands = Stands(numbers, seen.lag[pair.rows], seen.age[pair.rows], window, written, read, now - pair.moved)
        text = partitions_text(stands)
        yield Setting(Component("group", pair.subject.name), f"{ON}{pair.topic}", text, pair.look.at, "kafka")

    def _one_by_one(self, pair: Pair, seen: Progress, numbers: Whole) -> Iterator[Fact]:
        """The partitions furthest behind, and those that were told and no longer are."""
        lag, number = seen.lag[pair.rows], numbers[pair.rows]
        worst = np.argsort(-lag, kind="stable")[:MAX_BEHIND].tolist()
        now = {int(number[i]): int(lag[i]) for i in worst if lag[i] > 0}
        for partition in self._behind.get(pair.subject, {}).keys() - now.keys():
            yield from self._news.tell_trouble(pair.subject, f"behind:{partition}", pair.look.at, 0.0)
        for partition, count in now.items():
            yield from self._news.tell(pair.subject, f"behind:{partition}", pair.look.at, float(count))
        if now:
            self._behind[pair.subject] = now
        else:
            self._behind.pop(pair.subject, None)


def _rate(before: Whole, now: Whole, seconds: float) -> Real:
    """Records/s; NaN where either is not known, or an offset went back."""
    known = (before != UNSEEN) & (now != UNSEEN) & (now >= before)
    found: Real = np.where(known, (now - before) / seconds, np.nan)
    return found


def _number(text: str | None) -> float | None:
    """A limit as a setting tells it; None for none (-1)."""
    return float(text) if text and text.isascii() and text.isdigit() else None


def _kept(pair: Pair, seen: Progress, topics: Topics, kept: float) -> Real:
    """The age at which records go where their size counts: that of the first one left, if older ones are gone."""
    place = seen.place[pair.rows]
    inside = place != UNSEEN
    first, start = np.full(len(place), np.nan), np.zeros(len(place), dtype=np.int64)
    first[inside], start[inside] = topics.first[place[inside]], topics.start[place[inside]]
    age = pair.look.at.timestamp() - first
    sooner = (start > 0) & ~np.isnan(age)
    found: Real = np.where(sooner, np.clip(age, 0.0, kept), kept)
    return found


def orphaned(topic: str, numbers: Whole, group: Group) -> int | None:
    """Partitions with a commit that no member of a settled group has; None where that cannot be told."""
    members = group.members
    if not members or (group.state or "").lower() != "stable" or any(m.assigned is None for m in members):
        return None
    theirs = {number for member in members for name, number in member.assigned or () if name == topic}
    return sum(int(number) not in theirs for number in numbers)
