"""Measures of which only news is written, as a rule reads them: the value at every look of their source."""

from bisect import bisect_left, bisect_right
from datetime import timedelta

from agent.model.kafka.news import HELD
from agent.model.series import Series

#: How long a value stands at most: what changed is told at once, what did not after HELD, and a look may be missed.
MOST = (HELD + timedelta(minutes=1)).total_seconds()


def held(told: Series, looks: Series) -> Series:
    """A series with the values that were not told again put back at the looks between; its own samples stay.

    Before its first sample, and where a look comes more than `MOST` after the sample before, nothing is put: the
    subject was not seen there.
    """
    if not told.times or not looks.times:
        return told
    if told.times[-1] >= looks.times[-1] and len(told) >= len(looks) - bisect_left(looks.times, told.times[0]):
        return told  # it changed at every look
    times, values = list[float](), list[float]()
    for index, at in enumerate(told.times):
        times.append(at)
        values.append(told.values[index])
        until = told.times[index + 1] if index + 1 < len(told.times) else float("inf")
        first = bisect_right(looks.times, at)
        last = bisect_left(looks.times, min(until, at + MOST))
        times += looks.times[first:last]
        values += [told.values[index]] * (last - first)
    return Series(tuple(times), tuple(values))
