"""TRC-02: a group reads messages of a declared workflow, and no spans, or too few, tell of it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.model.counting import counted
from agent.model.rule import SLOW, rule
from agent.model.subjects import Seam
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Reason, Scalar, Severity, Verdict, fails_when
from rules.observability.untraced_hop.steps import steps


@dataclass(frozen=True)
class Config:
    """Thresholds of TRC-02. R = the rule catalogue."""

    SHARES: ClassVar = ("seen",)

    seen: float = 0.5  #: R: of what the broker counts; offsets also count the ends of transactions
    messages: int = 1_000  #: a day; of fewer, a pause of the exporter is half (ours)


@rule(
    "TRC-02",
    severity=Severity.MEDIUM,
    evidence=Evidence.OBSERVED,
    config=Config,
    hold=SLOW,
    lookback=timedelta(hours=24),
)
def untraced_hop(seam: Seam, cfg: Config) -> Verdict:
    """A broker counts messages that no spans tell of."""
    share = _share(seam, cfg)
    return fails_when(
        OnlyIf("a group that reads a topic", seam.key.kind == "consumes"),
        OnlyIf("a seam that a workflow declares", seam.declared),
        OnlyIf("a hop that is meant to be traced (trace: none)", seam.trace != "none"),
        OnlyIf("an estate that sends traces at all", seam.traces_sent is not False),
        Need("messages that the group read in 24 h", seam.counted, ">=", 0, learn=_WATCH, reason=Reason.NOT_SENT),
        Claim("messages that the group read in 24 h", seam.counted, ">=", cfg.messages),
        Claim(
            "share of them that spans tell of",
            share,
            "<",
            cfg.seen,
            learn="let the SDK write the sampling share into tracestate (`ot=th:...`), or send all spans",
            reason=Reason.NOT_SENT,
        ),
        says=_says(seam, share or 0.0),
        meets=f"Spans tell of what {seam.key.target.name} reads of {seam.key.source.name}.",
        show=_shown(seam, share),
        do=steps(seam),
    )


_WATCH = "let the agent watch the cluster for a day (`clusters` in the configuration)"


def _share(seam: Seam, cfg: Config) -> float | None:
    """Of what the broker counts, what spans tell of, sampling allowed for; None where its share is not known.

    None at all is none, and what is enough is so whatever the sampling.
    """
    if not seam.counted:
        return None if seam.counted is None else 1.0
    told = seam.count / (seam.sampled or 1.0) / seam.counted
    known = seam.sampled is not None or seam.count == 0 or told >= cfg.seen
    return round(min(told, 1.0), 4) if known else None


def _says(seam: Seam, share: float) -> str:
    read = counted(seam.counted or 0, "message")
    group, topic = seam.key.target.name, seam.key.source.name
    if not seam.count:
        return f"{group} read {read} of {topic} in 24 h, and sent no spans."
    return f"Spans tell of {share:.0%} of the {read} that {group} read of {topic} in 24 h."


def _shown(seam: Seam, share: float | None) -> dict[str, Scalar]:
    return {
        "messages read, by the broker": seam.counted,
        "messages that spans tell of": seam.count,
        "head sampling share": seam.sampled,
        "share seen": share,
        "workflows": ", ".join(flow.name for flow in seam.workflows),
    }
