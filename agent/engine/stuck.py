"""The partition of a backlog that stands while others go on, with what spans tell of the message it stands at."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from agent.engine.deadletters import dead_letter_search
from agent.engine.estate import NOTHING, Estate
from agent.engine.held import held
from agent.engine.measured import STUCK
from agent.model import subjects as s
from agent.model.attempts import read
from agent.model.facts import Column
from agent.model.seam import Component, consumes, group_on_topic
from agent.model.series import NO_SERIES, Series

FRESH = timedelta(minutes=10)  #: an attempt longer ago says nothing of now: retries are spaced closer


def stuck(
    estate: Estate, group: Component, topic: Component, series: Mapping[str, Series], looks: Series
) -> dict[str, Any]:
    """The fields of a backlog that tell of it; none where no partition stands."""
    seconds, partition, offset, moving = (held(series.get(name, NO_SERIES), looks).last for name in STUCK)
    if not seconds or partition is None or offset is None:
        return {}
    behind = estate.behind(group_on_topic(topic, group)).get(str(int(partition)))
    found = s.Stuck(
        partition=int(partition),
        offset=int(offset),
        standing=timedelta(seconds=seconds),
        moving=int(moving or 0),
        waiting=behind,
        **_attempts(estate, group, topic, int(partition), int(offset)),
    )
    key = consumes(topic, group)
    published = next(
        (seen.attributes.get("dead_letters", "") for seen in estate.reading.get(topic, ()) if seen.key == key), ""
    )
    return {"stuck": found, "dead_letters": estate.once(dead_letter_search).of(group, topic, published)}


def _attempts(estate: Estate, group: Component, topic: Component, partition: int, offset: int) -> dict[str, Any]:
    """What failed in the partition at that offset, or after it: commits may come later than what is read."""
    key = consumes(topic, group)
    told = [read(one) for one in estate.kept(key)]
    here = [
        one
        for one in told
        if one is not None
        and one.partition == partition
        and one.offset >= offset
        and timedelta(0) <= estate.as_of - one.last <= FRESH
    ]
    if here:
        last = max(here, key=lambda one: one.last)
        return {"attempts": last.count, "failing": last.last - last.first, "trace": last.trace}
    return {"attempts": 0} if estate.day.get(key, NOTHING)[Column.IDENTIFIED] else {}
