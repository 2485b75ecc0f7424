"""LAG-01's two looks at a backlog: the last 15 minutes, and the last hour in 3-minute minima."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from agent.measure.statistics import mann_kendall, theil_sen
from agent.model.series import Series
from agent.model.subjects import Backlog


@dataclass(frozen=True, slots=True)
class Fast:
    """The fast window; None where it was not seen."""

    samples: int
    longest_gap: float | None  #: s, from the first sample that is used to the instant of judgement
    produced: float | None
    smallest_delta: float | None
    age: float | None
    age_rise: float | None
    read_share: float | None  #: messages read per message produced
    slope: float | None  #: messages a minute


@dataclass(frozen=True, slots=True)
class Slow:
    """The slow window: minima, not means, since one low moment proves that the group can catch up."""

    samples: int
    minima: tuple[float, ...]  #: of lag, oldest first; buckets without a sample are left out
    minutes: float  #: of one bucket
    produced: float | None
    produced_rate: float | None  #: messages a second
    read_rate: float | None
    read_share: float | None  #: over its recent part
    ages: tuple[float, ...] = ()  #: s, minima of age in the same buckets

    @property
    def p_rising(self) -> float | None:
        """Two-sided p of Mann-Kendall, 1 where the trend falls."""
        trend = mann_kendall(self.minima)
        return round(trend.p, 6) if trend.s > 0 else 1.0

    @property
    def of_top(self) -> float:
        """The last minimum as a share of the highest."""
        top = max(self.minima, default=0.0)
        return round(self.minima[-1] / top, 3) if top > 0 else 0.0

    def apart(self, ends: int) -> float | None:
        """How far the lowest of the last minima lies above the highest of the first."""
        return min(self.minima[-ends:]) - max(self.minima[:ends]) if self.minima else None

    def age_rise(self, ends: int) -> float | None:
        """Seconds from the lowest of the first ages to the lowest of the last; None where age was not seen."""
        return min(self.ages[-ends:]) - min(self.ages[:ends]) if len(self.ages) >= 2 * ends else None

    @property
    def growth(self) -> float:
        """Messages from the first minimum to the last."""
        return self.minima[-1] - self.minima[0] if self.minima else 0.0

    @property
    def growth_seconds(self) -> float | None:
        """The growth as seconds of production: as much as it costs to catch up, at any volume."""
        return round(self.growth / self.produced_rate, 1) if self.produced_rate and self.produced_rate > 0 else None

    def tail_share(self, tail: int) -> float:
        """The slope of the last minima as a share of the slope of all."""
        whole = theil_sen(self.minima)
        return round(theil_sen(self.minima[-tail:]) / whole, 3) if whole > 0 else 0.0

    @property
    def step_share(self) -> float:
        """The largest single step as a share of the growth."""
        steps = [after - before for before, after in pairwise(self.minima)]
        return round(max(steps, default=0.0) / self.growth, 3) if self.growth > 0 else 1.0

    @property
    def slope(self) -> float:
        """Messages a minute, Theil-Sen over the minima."""
        return theil_sen(self.minima) / self.minutes


def fast_window(backlog: Backlog, span: timedelta, delta: timedelta, gap: timedelta) -> Fast:
    """Look at the last `span`; each change is over `delta`, and no value is read from further back than `gap`."""
    now, wide, step, slack = backlog.as_of.timestamp(), span.total_seconds(), delta.total_seconds(), gap.total_seconds()
    lag = backlog.lag.since(now - wide - step - slack, now)
    then = now - wide
    produced = _change(backlog.produced, then, now, slack)
    grown = _change(lag, then, now, slack)
    read = _change(backlog.committed, then, now, slack)
    return Fast(
        samples=len(lag.since(then, now)),
        longest_gap=_longest_gap(lag, then - step, now),
        produced=produced,
        smallest_delta=_smallest_delta(lag, then, step),
        age=_near(backlog.age, now, slack),
        age_rise=_change(backlog.age, then, now, slack),
        read_share=_share(read, produced, grown),
        slope=None if grown is None else grown / (wide / 60),
    )


def slow_window(backlog: Backlog, span: timedelta, recent: timedelta, buckets: int) -> Slow:
    """Look at the last `span` in `buckets` minima; production and reading are compared over `recent`."""
    now, wide = backlog.as_of.timestamp(), span.total_seconds()
    lag = backlog.lag.since(now - wide, now)
    width = wide / buckets
    produced, over = _within(backlog.produced, now - wide, now)
    read, read_over = _within(backlog.committed, now - wide, now)
    half = now - recent.total_seconds()
    made = _change(backlog.produced, half, now, width)
    return Slow(
        samples=len(lag),
        minima=_minima(lag, now - wide, width, buckets),
        minutes=width / 60,
        produced=produced,
        produced_rate=produced / over if produced is not None and over else None,
        read_rate=read / read_over if read is not None and read_over else None,
        read_share=_share(_change(backlog.committed, half, now, width), made, _change(lag, half, now, width)),
        ages=_minima(backlog.age.since(now - wide, now), now - wide, width, buckets),
    )


def _minima(lag: Series, start: float, width: float, buckets: int) -> tuple[float, ...]:
    lowest: dict[int, float] = {}
    for time, value in zip(lag.times, lag.values, strict=True):
        bucket = min(buckets - 1, int((time - start) / width))
        lowest[bucket] = min(value, lowest.get(bucket, value))
    return tuple(lowest[bucket] for bucket in sorted(lowest))


def _near(series: Series, instant: float, slack: float) -> float | None:
    """The value at an instant, no older than `slack`."""
    index = bisect_right(series.times, instant) - 1
    return series.values[index] if index >= 0 and series.times[index] >= instant - slack else None


def _change(series: Series, start: float, end: float, slack: float) -> float | None:
    before, after = _near(series, start, slack), _near(series, end, slack)
    return None if before is None or after is None else after - before


def _within(series: Series, start: float, end: float) -> tuple[float | None, float]:
    """The change from the first to the last sample within two instants, and the seconds between them."""
    part = series.since(start, end)
    if len(part) < 2:
        return None, 0.0
    return part.values[-1] - part.values[0], part.times[-1] - part.times[0]


def _share(read: float | None, produced: float | None, grown: float | None) -> float | None:
    """Read per produced. Where commits were not seen, what was read is what was produced less the growth."""
    if produced is None or produced <= 0:
        return None
    if read is None and grown is not None:
        read = produced - grown
    return None if read is None else round(read / produced, 4)


def _smallest_delta(lag: Series, then: float, step: float) -> float | None:
    """The smallest change over `step` at any sample since `then`; None where one cannot be told."""
    inside = lag.since(then)
    changes = []
    for time, value in zip(inside.times, inside.values, strict=True):
        before = lag.at_or_before(time - step)
        if before is None:
            return None
        changes.append(value - before)
    return min(changes, default=None)


def _longest_gap(lag: Series, start: float, now: float) -> float | None:
    """The longest time without a sample since the last one at or before `start`."""
    first = bisect_right(lag.times, start) - 1
    if first < 0:
        return None
    times = (*lag.times[first:], now)
    return max(after - before for before, after in pairwise(times))
