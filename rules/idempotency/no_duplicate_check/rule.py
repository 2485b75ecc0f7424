"""IDM-02: a handler that writes again when its message comes again, or that would."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.measure.statistics import wilson
from agent.model.counting import counted
from agent.model.rule import SLOW, rule
from agent.model.steps import declare, once_each, own
from agent.model.subjects import Deliveries
from agent.model.verdict import AnyOf, Claim, Evidence, Need, OnlyIf, Path, Reason, Severity, Verdict, fails_when


@dataclass(frozen=True)
class Config:
    """Thresholds of IDM-02."""

    SHARES: ClassVar = ("share", "bound")

    #: redeliveries; a single restart redelivers one or two, which shows an accident and no habit (ours)
    redelivered: int = 3
    #: share of redeliveries that wrote again; half is no accident (ours)
    share: float = 0.5
    #: Wilson 95 % lower bound of that share: "claim at least x only if the lower bound is at least x"
    bound: float = 0.3
    #: deliveries that wrote, where no redelivery was seen; 299 exclude a check in 1 % of them at 95 %
    wrote: int = 300


@rule(
    "IDM-02",
    severity=Severity.HIGH,
    evidence=Evidence.EXPOSURE,
    config=Config,
    hold=SLOW,
    lookback=timedelta(days=7),
)
def no_duplicate_check(deliveries: Deliveries, cfg: Config) -> Verdict:
    """A handler has no visible duplicate check."""
    # The two paths exclude each other: what redeliveries show is better than what their absence lets one guess.
    came_twice = deliveries.redelivered > 0
    return fails_when(
        _writes(deliveries),
        AnyOf((_tried(deliveries, cfg) if came_twice else _untried(deliveries, cfg),)),
        says=_rewrites(deliveries) if came_twice else _would_rewrite(deliveries),
        meets=f"{deliveries.group.name} shows a check against duplicates of {deliveries.topic.name}.",
        severity=Severity.HIGH if came_twice else Severity.MEDIUM,
        weighed="" if came_twice else "nothing came twice yet, so that no check is there is inferred",
        evidence=Evidence.EXPOSURE if came_twice else Evidence.INFERRED,
        do=_do(deliveries),
        show={
            "redelivered": deliveries.redelivered,
            "rewritten": deliveries.rewritten,
            "deliveries with an unguarded write": deliveries.effectful,
            "deliveries with guarded writes only": deliveries.guarded,
            "declared duplicate check": deliveries.idempotency,
        },
    )


def _writes(seen: Deliveries) -> OnlyIf:
    """Upserts and reads may be repeated: the rule is about handlers that also do something else."""
    does = True if seen.effectful else None
    if does is None and seen.effects_visible and seen.processed:
        does = False
    return OnlyIf(
        "a handler with writes that must not be repeated",
        does,
        learn="use an instrumentation that makes the handler's writes children of the process span",
        reason=Reason.INSTRUMENT_CANNOT if seen.effects_visible is False else Reason.NOT_SENT,
    )


def _tried(seen: Deliveries, cfg: Config) -> Path:
    share = min(seen.rewritten, seen.redelivered) / seen.redelivered
    bound = wilson(min(seen.rewritten, seen.redelivered), seen.redelivered).low
    # Half rewritten, but of so few that chance could do it: neither a failure nor a pass.
    unsure = share >= cfg.share and bound < cfg.bound
    return Path(
        "redelivered",
        (
            Need("redeliveries", seen.redelivered, ">=", cfg.redelivered, learn="wait for more redeliveries"),
            Claim("share of redeliveries written again", round(share, 3), ">=", cfg.share),
            Claim(
                "lower bound of that share",
                None if unsure else round(bound, 3),
                ">=",
                cfg.bound,
                learn="wait for more redeliveries, or replay some on purpose",
                reason=Reason.LEARNING,
            ),
        ),
    )


def _untried(seen: Deliveries, cfg: Config) -> Path:
    return Path(
        "never redelivered",
        (
            Need("deliveries that wrote", seen.effectful, ">=", cfg.wrote, learn="let it watch for up to 7 days"),
            Claim("deliveries with guarded writes only", seen.guarded, "==", 0),
            Claim("duplicate check declared", seen.idempotency is not None, "==", False),
        ),
    )


def _do(seen: Deliveries) -> tuple[str, ...]:
    there = declare(seen.group, "idempotency", '"what it checks, and where"')
    return (
        *once_each(seen),
        f"Send one message of {own(seen.topic)} twice in a test of {own(seen.group)}, and see one write.",
        f"If {own(seen.group)} has a check that spans do not show, declare it in a workflow file, under "
        f"`components:`: {there}.",
    )


def _rewrites(seen: Deliveries) -> str:
    share = f"{seen.rewritten:,} of {counted(seen.redelivered or 0, 'redelivery', 'redeliveries')}"
    return f"{seen.group.name} wrote again on {share} of {seen.topic.name}."


def _would_rewrite(seen: Deliveries) -> str:
    return (
        f"{seen.group.name} writes on {counted(seen.effectful or 0, 'delivery', 'deliveries')} of {seen.topic.name} "
        f"and shows no check against duplicates."
    )
