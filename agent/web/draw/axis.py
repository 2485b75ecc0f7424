"""Axes: round numbers for a scale, round times for a time axis, and where a value stands between them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_CLOCK = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400)
_STEPS = (60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)


@dataclass(frozen=True, slots=True)
class Scale:
    """From a value to a height in 0 to 1, with the levels worth a line."""

    low: float
    high: float
    levels: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """0 at the bottom, 1 at the top; what lies outside stands at the edge."""
        low, high, here = self.low, self.high, value
        if self.log:
            low, high, here = math.log10(low), math.log10(high), math.log10(max(value, self.low))
        return min(1.0, max(0.0, (here - low) / ((high - low) or 1.0)))


def linear(values: Sequence[float], *, clock: bool = False) -> Scale:
    """From zero to a round number; `clock` values are seconds, and round is a whole minute or hour."""
    top, low = max(values, default=0.0), min(0.0, *values, 0.0)
    rough = (top - low) / 2 or 1.0
    step = next((float(one) for one in _CLOCK if one >= rough), _step(rough)) if clock else _step(rough)
    levels = [low]
    while levels[-1] < top and len(levels) < 6:
        levels.append(levels[-1] + step)
    return Scale(levels[0], max(levels[-1], levels[0] + step), tuple(levels))


def logarithmic(values: Sequence[float]) -> Scale:
    """From one power of ten to another; for times, whose tail is what hurts."""
    above = [value for value in values if value > 0]
    if not above:
        return Scale(1.0, 10.0, (1.0, 10.0), log=True)
    first = math.floor(math.log10(min(above)))
    last = max(first + 1, math.ceil(math.log10(max(above))))
    stride = 1 + (last - first) // 4
    return Scale(10.0**first, 10.0**last, tuple(10.0**power for power in range(first, last + 1, stride)), log=True)


def _step(rough: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    unit = 10.0 ** math.floor(math.log10(rough))
    return next((unit * times for times in (1, 2, 2.5, 5, 10) if unit * times >= rough * 0.999), unit * 10)


def times(start: float, end: float, most: int = 7) -> list[tuple[float, str]]:
    """Round instants between two, with their words: the day where a step is one, else the hour and minute."""
    step = next((step for step in _STEPS if (end - start) / step <= most), _STEPS[-1])
    words: Callable[[datetime], str] = lambda at: f"{at:%-d %b}" if step >= 86_400 else f"{at:%H:%M}"  # noqa: E731
    first = math.ceil(start / step) * step
    return [(at, words(datetime.fromtimestamp(at, tz=UTC))) for at in range(int(first), int(end) + 1, step)]
