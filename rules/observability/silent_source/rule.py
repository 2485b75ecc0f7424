"""TRC-05: a source that told something tells nothing any more, while what it should tell of goes on."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from statistics import median

from agent.model.counting import counted
from agent.model.hearing import sends_spans
from agent.model.rule import Hold, Stability, rule
from agent.model.steps import length
from agent.model.subjects import Source
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Reason, Scalar, Severity, Verdict, fails_when
from rules.observability.silent_source.steps import steps


@dataclass(frozen=True)
class Config:
    """Thresholds of TRC-05. R = the rule catalogue."""

    least: timedelta = timedelta(minutes=5)  #: R: of silence
    pauses: float = 5.0  #: R; times the pause that is usual between two words of it
    history: timedelta = timedelta(hours=1)  #: R: before, what is usual is not known
    moved: int = 10  #: messages that traced groups read meanwhile; a few may be one last batch (ours)


@rule(
    "TRC-05",
    severity=Severity.CRITICAL,
    evidence=Evidence.OBSERVED,
    config=Config,
    # After a start of the agent every source has been silent: the first looks end that.
    hold=Hold(timedelta(minutes=5), timedelta(minutes=10)),
    lookback=timedelta(hours=25),
    stability=Stability.STABLE,
    pages=True,
)
def silent_source(source: Source, cfg: Config) -> Verdict:
    """A source of facts has fallen silent: what happens there is no longer seen."""
    times = source.heard.times
    silent = round(max(0.0, source.as_of.timestamp() - _last(source)), 1) if times else None
    usual, history = _usual(source), round((times[-1] - times[0]) / 3600, 2) if times else 0.0
    limit = max(cfg.least.total_seconds(), round(cfg.pauses * (usual or 0.0), 1))
    spans = sends_spans(source.source)
    moved = (
        Claim(
            "messages that traced groups have read since",
            source.moved,
            ">=",
            cfg.moved,
            learn=_WATCH,
            reason=Reason.NOT_SENT,
        ),
    )
    return fails_when(
        OnlyIf("a source that the running agent watches", source.watched),
        OnlyIf("a source that ever told something", bool(times)),
        Need("h of history", history, ">=", cfg.history.total_seconds() / 3600, reason=Reason.LEARNING),
        Claim("s without a word", silent, ">", limit),
        *(moved if spans else ()),
        says=_says(source, silent or 0.0, usual or 0.0, spans=spans),
        meets=f"{source.source.name} tells what it sees.",
        show=_shown(source, usual),
        do=steps(source, spans=spans),
    )


_WATCH = "let the agent watch the cluster (`clusters` in the configuration): without it silence may be idleness"


def _last(source: Source) -> float:
    """When it told something last, or since when the agent listens: while that was away nobody could hear it."""
    return max(source.heard.times[-1], source.since.timestamp() if source.since else 0.0)


def _usual(source: Source) -> float | None:
    """The pause in the middle between two words, s."""
    pauses = [after - before for before, after in pairwise(source.heard.times)]
    return median(pauses) if pauses else None


def _says(source: Source, silent: float, usual: float, *, spans: bool) -> str:
    name, span = source.source.name, length(timedelta(seconds=silent))
    if spans:
        read = counted(source.moved or 0, "message")
        return f"No spans have come for {span}, and groups that were traced have read {read} since."
    return f"{name} has told nothing for {span}; it usually does every {length(timedelta(seconds=usual))}."


def _shown(source: Source, usual: float | None) -> dict[str, Scalar]:
    last = source.last_success
    return {
        "last heard": None if last is None else last.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "usual pause, s": None if usual is None else round(usual, 1),
        "why": source.error or None,
        "messages read since by traced groups": source.moved,
        "facts ever": source.facts,
    }
