"""LAG-04's look at a backlog: how much of the retention its oldest unread message has used, and where that goes."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations

from agent.measure.statistics import median
from agent.model.series import Series
from agent.model.subjects import Backlog
from rules.backlog import recent

MINIMA = 12  #: of the hour: one in 5 min, so that a poller's saw shows its low points only
_SHARE = 0.1  #: of the slopes left out at each end: what is between is an interval of 80 %


@dataclass(frozen=True, slots=True)
class Race:
    """What is left before messages are deleted unread; None where it was not seen. Seconds."""

    used: float | None  #: share of the retention
    left: float | None
    kept: float | None  #: the age at which messages are deleted, by time or earlier by size
    gained: float | None  #: by how much the lowest of what is left rose from the first third of the hour to the last
    waited: float  #: since nothing was unread, at least
    aging: float | None  #: growth of `kept` a second since: 1 where nothing is deleted, and the first message only ages
    falls: float | None  #: s a second, the trend of what is left; above 0 it falls
    soonest: float | None  #: until it is used up, at the steepest and at the flattest of the likely slopes
    latest: float | None
    minima: int


def race(backlog: Backlog, span: timedelta) -> Race:
    """Look at the last `span`."""
    left, age = recent(backlog.retention_left, backlog, span), backlog.age.last
    now = left.last
    kept = None if now is None or age is None else now + age
    lows = _minima(left, backlog.as_of.timestamp() - span.total_seconds(), span.total_seconds() / MINIMA)
    slopes = sorted((b - y) / (a - x) for (x, y), (a, b) in combinations(lows, 2)) if len(lows) > 2 else []
    cut, waited = int(len(slopes) * _SHARE), _waited(backlog)
    return Race(
        used=backlog.retention_used.last,
        left=now,
        kept=kept,
        gained=_gained(lows),
        waited=waited,
        aging=_aging(left.since(backlog.as_of.timestamp() - waited), backlog.age),
        falls=-median(slopes) if slopes else None,
        soonest=_until(now, slopes[cut]) if slopes else None,
        latest=_until(now, slopes[-1 - cut]) if slopes else None,
        minima=len(lows),
    )


def _minima(left: Series, start: float, width: float) -> list[tuple[float, float]]:
    lowest: dict[int, tuple[float, float]] = {}
    for at, value in zip(left.times, left.values, strict=True):
        bucket = min(MINIMA - 1, int((at - start) / width))
        if bucket not in lowest or value < lowest[bucket][1]:
            lowest[bucket] = (at, value)
    return [lowest[bucket] for bucket in sorted(lowest)]


def _gained(lows: list[tuple[float, float]]) -> float | None:
    third = len(lows) // 3
    if third < 1:
        return None
    return min(value for _, value in lows[-third:]) - min(value for _, value in lows[:third])


def _waited(backlog: Backlog) -> float:
    now = backlog.as_of.timestamp()
    since = now
    for at, lag in zip(reversed(backlog.lag.times), reversed(backlog.lag.values), strict=True):
        if lag <= 0:
            break
        since = min(since, at)
    return now - since


def _aging(left: Series, age: Series) -> float | None:
    """Growth of the age at which messages seem to be deleted, over what was seen of it."""
    if len(left) < 2:
        return None
    first, last = age.at_or_before(left.times[0]), age.at_or_before(left.times[-1])
    if first is None or last is None:
        return None
    return ((left.values[-1] + last) - (left.values[0] + first)) / (left.times[-1] - left.times[0])


def _until(left: float | None, slope: float) -> float | None:
    """Seconds until nothing is left; None where it never falls."""
    return None if left is None or slope >= 0 else left / -slope
