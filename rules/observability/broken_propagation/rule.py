"""TRC-01: spans that start a new trace where they should continue or link one."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.measure.statistics import wilson
from agent.model.rule import SLOW, rule
from agent.model.subjects import Seam
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Outcome, Reason, Severity, Verdict, fails_when
from rules.observability.broken_propagation import steps


@dataclass(frozen=True)
class Config:
    """Thresholds of TRC-01."""

    SHARES: ClassVar = ("bound",)

    #: spans; at 100, 16 roots are needed before the bound holds, so chance alone does not fire it
    least: int = 100
    #: Wilson 95 % lower bound of the share of roots; a tenth is past deploys and health checks (ours)
    bound: float = 0.10


@rule(
    "TRC-01",
    severity=Severity.MEDIUM,
    evidence=Evidence.OBSERVED,
    config=Config,
    hold=SLOW,
    lookback=timedelta(hours=24),
)
def broken_propagation(seam: Seam, cfg: Config) -> Verdict:
    """Spans start new traces, with neither a parent nor a link."""
    if seam.key.kind == "publishes":
        return _dropped_inside(seam, cfg)
    found = _cut_between(seam, cfg)
    if seam.key.kind == "calls" and seam.detached and found.outcome is not Outcome.FAILS:
        inside = _dropped_inside(seam, cfg)
        return inside if inside.outcome is Outcome.FAILS else found
    return found


def _cut_between(seam: Seam, cfg: Config) -> Verdict:
    """Arriving spans that have lost what the other side sent along."""
    spans = seam.roots + seam.linked
    return fails_when(
        OnlyIf("a seam that carries a trace", seam.key.kind in ("consumes", "calls")),
        OnlyIf("a seam with something traced before it", seam.entry_point is not True),
        Need(
            "instrument can carry a parent or link",
            seam.carries_context is not False,
            "==",
            True,
            reason=Reason.INSTRUMENT_CANNOT,
            learn="upgrade the instrumentation, or extract traceparent from the headers by hand",
        ),
        Need(
            "other side sends spans",
            seam.peer_instrumented is True,
            "==",
            True,
            reason=Reason.NOT_SENT,
            learn=f"instrument {_upstream(seam)} and send its spans",
        ),
        Need("spans", spans, ">=", cfg.least, learn="let it watch for up to 24 hours"),
        _bound("lower bound of the share of roots", seam.roots, spans, cfg),
        says=f"{_share(seam.roots, spans)} spans of {seam.key.target.name} start a new trace, "
        f"cut off from {seam.key.source.name}.",
        meets=f"Traces pass from {seam.key.source.name} to {seam.key.target.name}.",
        do=steps.between(seam),
        show={"roots": seam.roots, "with parent or link": seam.linked, "head sampling share": seam.sampled},
    )


def _dropped_inside(seam: Seam, cfg: Config) -> Verdict:
    """Outgoing roots in a service whose instrumentation would have kept the context: someone dropped it."""
    detached = min(seam.detached or 0, seam.count)
    what = "messages" if seam.key.kind == "publishes" else "requests"
    return fails_when(
        OnlyIf("a service with something traced before it", seam.entry_point is not True),
        OnlyIf("a service that reads messages", seam.detached is not None),
        Need(
            "instrument keeps the context",
            seam.keeps_context,
            "==",
            True,
            reason=Reason.INSTRUMENT_CANNOT if seam.keeps_context is False else Reason.NOT_SENT,
            learn="use an instrumentation that keeps the consumer's span active while the handler runs",
        ),
        Need("spans", seam.count, ">=", cfg.least),
        Need(
            "attached spans beside them",
            seam.count - detached,
            ">=",
            1,
            # All of them roots is what a scheduled sender looks like as well.
            learn="declare what starts this service, or send the spans of what it consumes",
        ),
        _bound("lower bound of the share of detached spans", detached, seam.count, cfg),
        says=f"{_share(detached, seam.count)} {what} that {seam.key.source.name} sends to {seam.key.target.name} "
        f"lose the trace inside it.",
        meets=f"Traces pass through {seam.key.source.name} to {seam.key.target.name}.",
        severity=Severity.LOW,
        weighed="where the trace is lost is inferred, for a timer inside would look the same",
        evidence=Evidence.INFERRED,
        do=steps.inside(seam),
        show={"detached": seam.detached, "sent": seam.count},
    )


def _bound(claim: str, hits: int, total: int, cfg: Config) -> Claim:
    return Claim(claim, round(wilson(hits, total).low, 4) if total else None, ">=", cfg.bound)


def _share(hits: int, total: int) -> str:
    return f"{hits:,} of {total:,}"


def _upstream(seam: Seam) -> str:
    return "what publishes to it" if seam.key.kind == "consumes" else seam.key.source.name
