"""DLQ-04: an abnormal share of what a topic gets ends among its dead letters."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.measure.statistics import wilson
from agent.model.counting import counted
from agent.model.rule import SLOW, rule
from agent.model.series import Series
from agent.model.things import Letters, Topic
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Reason, Scalar, Severity, Verdict, fails_when
from rules.dead_letters.letter_surge.steps import steps
from rules.topics import LISTED


@dataclass(frozen=True)
class Config:
    """Thresholds of DLQ-04. R = the rule catalogue."""

    SHARES: ClassVar = ("share",)

    span: timedelta = timedelta(minutes=15)  #: R
    letters: int = 10  #: R: one poison key is no surge
    share: float = 0.005  #: R: of the records of its topic; all that is judged without 14 days of history
    times: float = 5.0  #: R: the median share of 14 days
    stale: timedelta = timedelta(minutes=10)  #: two looks of the slowest recording that is of use, one in 5 min


@rule("DLQ-04", severity=Severity.HIGH, evidence=Evidence.OBSERVED, config=Config, hold=SLOW, lookback=timedelta(14))
def letter_surge(topic: Topic, cfg: Config) -> Verdict:
    """More of a topic's records than usual end as dead letters."""
    is_queue = OnlyIf("a dead-letter topic", topic.letters is not None)
    if topic.letters is None:
        return fails_when(is_queue, says="")
    came = _grown(topic, topic.produced, cfg.span)
    flow = _flow(topic, cfg, came)
    usual = topic.letters.usual_share
    limit = max(cfg.share, cfg.times * (usual or 0.0))
    least = None if came is None or not flow else round(wilson(came, flow).low, 5)
    return fails_when(
        is_queue,
        Need("topics that its letters are of", len(topic.letters.sources), ">=", 1, _DECLARE, Reason.NOT_SENT),
        Need("h since the last look", _age(topic, cfg), "<=", round(cfg.stale / timedelta(hours=1), 2), learn=LISTED),
        Need("records of its topic in 15 min", flow, ">=", 0, learn="wait for 15 min of both topics' offsets"),
        Claim("letters in 15 min", came, ">=", cfg.letters),
        Claim("share of letters, at least (95 %)", least, ">", round(limit, 5)),
        says=_says(topic, topic.letters, came or 0, flow or 0),
        meets=f"{topic.topic.name} gets no more dead letters than usual.",
        show=_shown(topic.letters, came, flow),
        do=steps(topic, topic.letters),
    )


_DECLARE = "declare `dead_letters` on the group whose letters these are"


def _age(topic: Topic, cfg: Config) -> float | None:
    times = topic.produced.times
    return round(max(0.0, topic.as_of.timestamp() - times[-1]) / 3600, 2) if times else None


def _grown(topic: Topic, series: Series, span: timedelta) -> int | None:
    """By how much a count grew in a span; None where that is not known. A topic made anew grew by all."""
    before, last = series.at_or_before(topic.as_of.timestamp() - span.total_seconds()), series.last
    if before is None or last is None:
        return None
    return max(0, int(last - before)) if last >= before else max(0, int(last))


def _flow(topic: Topic, cfg: Config, came: int | None) -> int | None:
    """What was written to its topic, or read of it where that is more: a backlog that is drained fails as well."""
    both = (_grown(topic, topic.source_written, cfg.span), _grown(topic, topic.source_read, cfg.span))
    seen = [flow for flow in both if flow is not None]
    return max(*seen, came or 0, 0) if seen else None


def _says(topic: Topic, letters: Letters, came: int, flow: int) -> str:
    source = letters.sources[0].name if len(letters.sources) == 1 else f"{len(letters.sources)} topics"
    share = f" ({came / flow:.1%})" if flow else ""
    return f"{counted(came, 'record')} of {flow:,} of {source}{share} ended in {topic.topic.name} within 15 min."


def _shown(letters: Letters, came: int | None, flow: int | None) -> dict[str, Scalar]:
    return {
        "letters in 15 min": came,
        "records of its topic in 15 min": flow,
        "share": round(came / flow, 5) if came is not None and flow else None,
        "usual share, median of 14 days": None if letters.usual_share is None else round(letters.usual_share, 6),
        "letters of": ", ".join(source.name for source in letters.sources),
        "known by": letters.known_by,
        "failures that their headers name": ", ".join(letters.errors),
    }
