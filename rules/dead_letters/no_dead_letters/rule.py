"""DLQ-01: processing can fail, and there is nowhere to put what failed."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.rule import SLOW, Stability, rule
from agent.model.subjects import Deliveries
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Reason, Severity, Verdict, fails_when
from rules.dead_letters.no_dead_letters.steps import steps

NAME_ONLY = "name-only"


@dataclass(frozen=True)
class Config:
    """Thresholds of DLQ-01."""

    #: failed deliveries in 30 d; one is enough to know that the path is taken
    errors: int = 1


@rule(
    "DLQ-01",
    severity=Severity.HIGH,
    evidence=Evidence.EXPOSURE,
    config=Config,
    hold=SLOW,
    lookback=timedelta(days=30),
    stability=Stability.STABLE,
)
def no_dead_letters(deliveries: Deliveries, cfg: Config) -> Verdict:
    """A failing path has no dead-letter queue."""
    found = deliveries.dead_letters
    certain = found is not None and found.known_by != NAME_ONLY
    severity, evidence = _weight(deliveries, cfg)
    return fails_when(
        OnlyIf("a group whose messages matter (loss_tolerant)", deliveries.loss_tolerant is not True),
        OnlyIf("a group that goes on after an error (on_error: stop)", deliveries.on_error != "stop"),
        Need(
            "list of topics or workflow file",
            deliveries.topics_listed or certain,
            "==",
            True,
            reason=Reason.NOT_SENT,
            learn="declare dead_letters for this group, or give a recording that lists the topics",
        ),
        Claim("dead-letter topics found", int(certain), "<", 1),
        says=_says(deliveries, cfg),
        meets=f"{deliveries.group.name} has {found.topic.name} for dead letters." if found else "",
        severity=severity,
        weighed=_because(deliveries, cfg),
        evidence=evidence,
        do=steps(deliveries),
        show={
            "errors": deliveries.errors if _seen(deliveries) else None,
            "deliveries": deliveries.processed if _seen(deliveries) else None,
            "error share": round(deliveries.errors / deliveries.processed, 6) if deliveries.processed else None,
            "would be known by": ", ".join(deliveries.searched),
            "known by": found.known_by if found else None,
            "alike in name": found.topic.name if found and not certain else None,
        },
    )


def _seen(seen: Deliveries) -> bool:
    """Spans told of its deliveries: without them no error is not the same as none."""
    return bool(seen.processed or seen.errors)


def _weight(seen: Deliveries, cfg: Config) -> tuple[Severity, Evidence]:
    """Errors make it high; without any it is an exposure: medium, but a critical workflow keeps high."""
    failing = seen.errors >= cfg.errors
    severity = Severity.HIGH if failing or seen.critical else Severity.MEDIUM
    if seen.dead_letters is not None:
        # A topic alike in name may be its dead letters after all, so the absence is a guess: one step weaker.
        return severity.step(1), Evidence.INFERRED
    return severity, Evidence.OBSERVED if failing else Evidence.EXPOSURE


def _because(seen: Deliveries, cfg: Config) -> str:
    """What made it weaker than the rule."""
    calm = "no delivery has failed yet" if _seen(seen) else "whether a delivery fails was not seen"
    calm = "" if seen.errors >= cfg.errors or seen.critical else calm
    alike = "a topic named alike may take its dead letters" if seen.dead_letters is not None else ""
    return ", and ".join(why for why in (calm, alike) if why)


def _says(seen: Deliveries, cfg: Config) -> str:
    if seen.errors >= cfg.errors:
        failed = f"{seen.errors:,} of {seen.processed:,}" if seen.processed >= seen.errors else f"{seen.errors:,}"
        text = f"{seen.group.name} failed on {failed} messages of {seen.topic.name} and has no dead-letter topic"
    else:
        known = "0 errors so far" if _seen(seen) else "whether any fails is not seen, with 0 spans of it"
        text = f"{seen.group.name} has no dead-letter topic for {seen.topic.name}; {known}"
    alike = seen.dead_letters.topic.name if seen.dead_letters is not None else ""
    return f"{text} (only {alike} is named like one)." if alike else f"{text}."
