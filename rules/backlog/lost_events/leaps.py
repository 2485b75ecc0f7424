"""LAG-07's look at commits: where they jumped over what nobody read, and where they went back and stayed back."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.model.subjects import Backlog, Series

_SAME = 0.9  #: of a leap must show in the lag as well: else a partition came or went, and nothing was skipped
_BACKLOGGED = 3  #: looks between which more waited than was read: they tell how fast the group can be


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


def skipped(backlog: Backlog, seen: Sequence[Point], least: int, gap: float, faster: float) -> Leap | None:
    """The largest jump that no reading explains and something else confirms. Two looks are `gap` apart at most."""
    jumps = [
        index
        for index in range(1, len(seen))
        if seen[index].at - seen[index - 1].at <= gap and _over(seen, index) >= least and _shows(seen, index)
    ]
    told = [
        Leap(seen[index].at, _over(seen, index), why)
        for index in jumps
        if (why := _set(backlog, seen, index) or _too_fast(backlog, seen, jumps, index, faster))
    ]
    return max(told, key=lambda leap: leap.messages, default=None)


def went_back(seen: Sequence[Point], least: int, gap: float, patience: float) -> Leap | None:
    """The largest step back that was not made good within `patience` seconds; a younger one is waited for."""
    told = []
    for index in range(1, len(seen)):
        before, after = seen[index - 1], seen[index]
        messages = before.committed - after.committed
        grown = after.lag - before.lag
        if messages < least or after.at - before.at > gap or after.produced < before.produced:
            continue
        if grown < _SAME * messages or seen[-1].at - after.at < patience or _recovered(seen, index, patience):
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


def _too_fast(backlog: Backlog, seen: Sequence[Point], jumps: Sequence[int], index: int, faster: float) -> str:
    """All of the backlog at once, far faster than it was ever seen to read, as its members changed, and only once."""
    made = seen[index].produced - seen[index - 1].produced
    alone = all(other == index or 2 * _over(seen, other) < _over(seen, index) for other in jumps)
    if seen[index].lag > made or not alone:
        return ""
    pace = _fastest(seen, index)
    if pace is None or _rate(seen, index) <= faster * pace:
        return ""
    first, last = seen[max(0, index - 2)].at, seen[min(len(seen) - 1, index + 2)].at
    return _witness(backlog, first, last)


def _fastest(seen: Sequence[Point], index: int) -> float | None:
    """Messages a second, at most, at all other looks; None where it was not seen at work on a backlog.

    A group that read faster while it had none was held up by something else, and may be as fast as it likes.
    """
    hard, easy = [0.0], [0.0]
    for other in range(1, index):
        read = seen[other].committed - seen[other - 1].committed
        if read > 0:
            backlogged = min(seen[other].lag, seen[other - 1].lag) >= read
            (hard if backlogged else easy).append(_rate(seen, other))
    if len(hard) <= _BACKLOGGED or max(easy) > max(hard):
        return None
    return max(hard + [_rate(seen, later) for later in range(index + 1, len(seen))])


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
