"""When a source was heard; and of spans, whether what they should tell of went on without them."""

from datetime import datetime
from typing import Any

from agent.engine.estate import NOTHING, Estate
from agent.model.facts import Column
from agent.model.hearing import WATCHED, sends_spans
from agent.model.seam import Component, group_on_topic
from agent.model.series import NO_SERIES, Series


def hearing(estate: Estate, one: Component, last: datetime | None) -> dict[str, Any]:
    """The fields of a source, heard last at some instant, that tell whether it fell silent."""
    heard, watched = estate.heard(one, last), estate.settings.get(one, {}).get(WATCHED)
    since = _time(watched)
    told: dict[str, Any] = {"heard": heard, "watched": watched is not None, "since": since}
    if sends_spans(one) and heard.times:
        told["moved"] = _moved(estate, max(heard.times[-1], since.timestamp() if since else 0.0))
    return told


def _time(watched: str | None) -> datetime | None:
    """When the running agent began to watch; None for what an older one wrote, which told only that it does."""
    try:
        return datetime.fromisoformat(watched or "")
    except ValueError:
        return None


def _moved(estate: Estate, since: float) -> int | None:
    """Messages that groups have read since an instant, of those whose spans came within a week."""
    traced = [seen for seen in estate.seams["consumes"] if estate.week.get(seen.key, NOTHING)[Column.COUNT]]
    subjects = [group_on_topic(seen.key.source, seen.key.target) for seen in traced]
    told = [estate.series.get((one, "committed"), NO_SERIES) for one in subjects]
    known = [_grown(series, since) for series in told if series.values]
    return sum(known) if known else None


def _grown(committed: Series, since: float) -> int:
    before = committed.at_or_before(since)
    first = committed.values[0] if before is None else before
    return max(0, int(committed.values[-1] - first))
