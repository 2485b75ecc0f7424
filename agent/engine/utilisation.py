"""How much is written to a topic at a peak, beside what a group of it proved to read."""

from itertools import groupby
from typing import Any

from agent.engine.estate import Estate
from agent.model.declared import LoadTest
from agent.model.seam import Component, consumes, group_on_topic, subject_of
from agent.model.series import NO_SERIES, Series

DAY = 86_400.0
NEAR = 0.3  #: of what was proven: less does not come near it in a month, and its history is not read
HELD = "held"  #: how a load test ended that was passed


def utilisation(estate: Estate, group: Component, topic: Component) -> dict[str, Any]:
    """The fields of a backlog that tell of it."""
    subject, pair = subject_of(topic), group_on_topic(topic, group)
    peak = estate.peak_rates.get((subject, "peak_rate"), NO_SERIES).last
    proven = max(estate.proven_rates.get((pair, "proven_rate"), NO_SERIES).values, default=None)
    tests = _load_tests(estate, group, topic)
    rates = [proven, *(one.rate_per_second for one in tests if one.result == HELD)]
    most = max((rate for rate in rates if rate), default=None)
    near = peak is not None and most is not None and peak >= NEAR * most
    return {
        "peak_rate": peak,
        "proven_rate": proven,
        "load_tests": tests,
        "peaks": daily(estate.peaks(subject)) if near else NO_SERIES,
    }


def _load_tests(estate: Estate, group: Component, topic: Component) -> tuple[LoadTest, ...]:
    flows = estate.declared.workflows_with(consumes(topic, group))
    return tuple(test for flow in flows for test in flow.loadtests or ())


def daily(series: Series) -> Series:
    """The highest value of each UTC day, at its beginning."""
    by_day = groupby(zip(series.times, series.values, strict=True), key=lambda one: one[0] // DAY)
    told = [(day * DAY, max(value for _, value in some)) for day, some in by_day]
    return Series(tuple(at for at, _ in told), tuple(value for _, value in told))
