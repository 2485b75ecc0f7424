"""What a broker counts of a group beside what spans tell: a declared hop that nobody traces."""

from datetime import timedelta
from typing import Any

from agent.engine.estate import Estate, Seen
from agent.model.facts import Column
from agent.model.seam import SubjectRef, group_on_topic, service
from agent.model.series import NO_SERIES

DAY = timedelta(hours=24)
NEAR = timedelta(minutes=20)  #: a value that stands is told again after five minutes, where its cluster is looked at


def hop(estate: Estate, seen: Seen) -> dict[str, Any]:
    """The fields of a seam that tell what its broker counted; of seams of declared workflows only, for it costs."""
    if seen.key.kind != "consumes":
        return {}
    about = [seen.key.target, seen.key.source, *map(service, seen.services)]
    if not estate.declared.workflows_with(seen.key):
        return {}
    told = (estate.declared.declared(one, "trace") for one in about)
    given = {"declared": True, "trace": next((one for one in told if one), None)}
    subject = group_on_topic(seen.key.source, seen.key.target)
    return given | {"counted": _counted(estate, subject), "traces_sent": estate.once(_traced)}


def _counted(estate: Estate, subject: SubjectRef) -> int | None:
    """Messages that the group committed in a day; None where it was not watched for that long, or went back."""
    now = estate.series.get((subject, "committed"), NO_SERIES).last
    then = estate.value_at(subject, "committed", estate.as_of - DAY, NEAR)
    return None if now is None or then is None or now < then else int(now - then)


def _traced(estate: Estate) -> bool:
    """Spans of anything came in a day."""
    return any(sums[Column.COUNT] for sums in estate.day.values())
