"""Peaks of what is written, now and in a month: what is no growth is left out."""

import math
from dataclasses import dataclass
from statistics import median

from agent.measure.statistics import mann_kendall, theil_sen
from agent.model.series import Series

DAY = 86_400.0
LEAST = 14  #: days before a trend says anything
SURE = 0.01  #: of Mann-Kendall's test (the catalogue)
BEFORE = 7  #: days that today is held against
SPIKE = 2.0  #: times their middle is no growth: somebody puts old records back, or sends all at once


@dataclass(frozen=True, slots=True)
class Forecast:
    """Records/s."""

    now: float
    later: float
    growth: float  #: a day, as a share; 0 where no trend is sure
    days: int  #: that were seen


def forecast(peak: float, peaks: Series, ahead: int) -> Forecast:
    """The peak now, and so many days ahead: by Theil-Sen on the log scale, where Mann-Kendall is sure of a trend."""
    seen = [value for value in peaks.values if value > 0]
    before = seen[-1 - BEFORE : -1]
    now = median(before) if len(before) >= 3 and peak > SPIKE * median(before) else peak
    if len(seen) < LEAST or mann_kendall(seen).p >= SURE:
        return Forecast(now, now, 0.0, len(seen))
    slope = theil_sen([math.log(value) for value in seen], [at / DAY for at in _times(peaks)])
    return Forecast(now, now * math.exp(min(slope * ahead, 20.0)), math.expm1(min(slope, 20.0)), len(seen))


def _times(peaks: Series) -> list[float]:
    return [at for at, value in zip(peaks.times, peaks.values, strict=True) if value > 0]
