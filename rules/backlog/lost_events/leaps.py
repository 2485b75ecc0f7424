"""LAG-07's look at commits: where they jumped over what nobody read, and where they went back and stayed back."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.model.series import Series
from agent.model.subjects import Backlog

_SAME = 0.9  #: of a leap must show in the lag as well: else a partition came or went, and nothing was skipped
_BACKLOGGED = 3  #: looks at work on a backlog: they tell how fast the group can be
_FASTER = 1.2  #: without a backlog than with one, and more: it was held up then
_DEEP = 5  #: times what is read between two looks: less may be on its way, and commits are late by a look


@dataclass(frozen=True, slots=True)
class Point:
    """One look at the group's commits. Counts are messages."""

    at: float
    committed: float
    lag: float
    produced: float


@dataclass(frozen=True, slots=True)
class Leap:
    """Commits that moved as reading does not move them."""

    at: float
    messages: int
    witness: str = ""  #: what else speaks for it
    seconds: float = 0.0  #: as much production, of one that went back


def points(backlog: Backlog, start: float, end: float) -> list[Point]:
    """The looks at which commits, lag and production were all known."""
    found = []
    for at, committed in _within(backlog.committed, start, end):
        lag, produced = backlog.lag.at_or_before(at), backlog.produced.at_or_before(at)
        if lag is not None and produced is not None:
            found.append(Point(at, committed, lag, produced))
    return found


@dataclass(frozen=True, slots=True)
class Limits:
    """When commits that move are a leap. Seconds."""

    least: int  #: messages
    gap: float  #: between two looks, at most
    patience: float  #: after a leap, to see what becomes of it
    faster: float  #: times the fastest reading that was seen


def skipped(backlog: Backlog, seen: Sequence[Point], limits: Limits) -> Leap | None:
    """The largest jump that no reading explains and something else confirms."""
    jumps = [
        index
        for index in range(1, len(seen))
        if seen[index].at - seen[index - 1].at <= limits.gap
        and _over(seen, index) >= limits.least
        and _shows(seen, index)
    ]
    told = [
        Leap(seen[index].at, _over(seen, index), why)
        for index in jumps
        if (why := _set(backlog, seen, index) or _too_fast(backlog, seen, jumps, index, limits))
    ]
    return max(told, key=lambda leap: leap.messages, default=None)


def went_back(seen: Sequence[Point], limits: Limits) -> Leap | None:
    """The largest step back that was not made good in time; a younger one is waited for."""
    told = []
    for index in range(1, len(seen)):
        before, after = seen[index - 1], seen[index]
        messages = before.committed - after.committed
        grown = after.lag - before.lag
        if messages < limits.least or after.at - before.at > limits.gap or after.produced < before.produced:
            continue
        if grown < _SAME * messages or seen[-1].at - after.at < limits.patience:
            continue
        if _recovered(seen, index, limits.patience):
            continue
        told.append(Leap(after.at, int(messages), seconds=_worth(seen, messages)))
    return max(told, key=lambda leap: leap.messages, default=None)


def _over(seen: Sequence[Point], index: int) -> int:
    """By how much more the commits moved than was produced meanwhile: of the backlog."""
    before, after = seen[index - 1], seen[index]
    made = after.produced - before.produced
    return int(after.committed - before.committed - made) if made >= 0 else 0


def _shows(seen: Sequence[Point], index: int) -> bool:
    return seen[index - 1].lag - seen[index].lag >= _SAME * _over(seen, index)


def _set(backlog: Backlog, seen: Sequence[Point], index: int) -> str:
    """Commits moved while the group had no member, and none had come and gone: somebody set them."""
    before, after = seen[index - 1].at, seen[index].at
    members, epochs = backlog.members, backlog.epochs
    nobody = members.at_or_before(before) == 0 and members.at_or_before(after) == 0
    same = epochs.at_or_before(before) is not None and epochs.at_or_before(before) == epochs.at_or_before(after)
    return "set while the group had no member" if nobody and same and _had_members(backlog) else ""


def _had_members(backlog: Backlog) -> bool:
    """One that takes its partitions itself never has any, and commits all the same."""
    seen_to_leave = backlog.state_for is not None and backlog.state_for < backlog.observed_for
    return any(backlog.members.values) or seen_to_leave


def _too_fast(backlog: Backlog, seen: Sequence[Point], jumps: Sequence[int], index: int, limits: Limits) -> str:
    """All of the backlog at once, far faster than it reads before and after, as its members changed, and only once."""
    made = seen[index].produced - seen[index - 1].produced
    alone = all(other == index or 2 * _over(seen, other) < _over(seen, index) for other in jumps)
    if seen[index].lag > made or not alone or seen[-1].at - seen[index].at < limits.patience:
        return ""
    pace = _fastest(seen, index)
    if pace is None or _rate(seen, index) <= limits.faster * pace:
        return ""
    first, last = seen[max(0, index - 2)].at, seen[min(len(seen) - 1, index + 2)].at
    return _witness(backlog, first, last)


def _fastest(seen: Sequence[Point], index: int) -> float | None:
    """Messages a second, at most, at all other looks; None where it was not seen at its best.

    A group that reads faster while it has no backlog was held up by something else, and may be as fast as it likes.
    """
    hard, easy = list[float](), list[float]()
    for other in range(1, len(seen)):
        read = seen[other].committed - seen[other - 1].committed
        if read > 0 and other != index:
            backlogged = min(seen[other].lag, seen[other - 1].lag) >= _DEEP * read
            (hard if backlogged else easy).append(_rate(seen, other))
    if len(hard) < _BACKLOGGED or max(easy, default=0.0) > _FASTER * max(hard):
        return None
    return max(hard + easy)


def _rate(seen: Sequence[Point], index: int) -> float:
    before, after = seen[index - 1], seen[index]
    return (after.committed - before.committed) / (after.at - before.at)


def _witness(backlog: Backlog, first: float, last: float) -> str:
    if any(value > 0 for _, value in _within(backlog.lost, first, last)):
        return "what it was at was deleted"
    if any(value > 0 for _, value in _within(backlog.joined, first, last)):
        return "a member came at that moment"
    if any(value > 0 for _, value in _within(backlog.rebalances, first, last)):
        return "the group was rebalanced at that moment"
    return ""


def _recovered(seen: Sequence[Point], index: int, patience: float) -> bool:
    until = seen[index].at + patience
    return any(point.committed >= seen[index - 1].committed for point in seen[index:] if point.at <= until)


def _worth(seen: Sequence[Point], messages: float) -> float:
    """As seconds of production; where nothing was produced, as long as can be."""
    made, took = seen[-1].produced - seen[0].produced, seen[-1].at - seen[0].at
    return messages / (made / took) if made > 0 and took > 0 else float("inf")


def _within(series: Series, start: float, end: float) -> Iterator[tuple[float, float]]:
    low, high = bisect_left(series.times, start), bisect_right(series.times, end)
    return zip(series.times[low:high], series.values[low:high], strict=True)
