"""IDM-01: redeliveries whose unguarded side effect happened again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.measure.statistics import wilson
from agent.model.counting import counted
from agent.model.rule import HARM, Stability, rule
from agent.model.steps import once_each, own
from agent.model.subjects import Deliveries
from agent.model.verdict import AnyOf, Claim, Evidence, Need, Path, Reason, Scalar, Severity, Verdict, fails_when

_DELIVERIES = ("delivery", "deliveries")


@dataclass(frozen=True)
class Config:
    """Thresholds of IDM-01."""

    SHARES: ClassVar = ("identified",)

    #: deliveries with an identity; 299 without a duplicate exclude a true rate of 1 % at 95 % (1 - 0.05 ** (1 / 299))
    least: int = 299
    #: share of deliveries that carry an identity; below it the rest could hide what is looked for (ours)
    identified: float = 0.8


def _needs(seen: Deliveries, cfg: Config) -> tuple[Need, ...]:
    """What must have been seen before nothing seen is worth saying."""
    return (
        Need("deliveries with an identity", seen.identified, ">=", cfg.least, learn="let it watch for up to 7 days"),
        Need(
            "share of deliveries with an identity",
            round(min(1.0, seen.identified / seen.processed), 3) if seen.processed else None,
            ">=",
            cfg.identified,
            learn="set messaging.message.id, or topic, partition and offset, on every process span",
            reason=Reason.NOT_SENT,
        ),
        Need(
            "side effects visible",
            _visible(seen),
            "==",
            True,
            learn="use an instrumentation that makes the handler's writes children of the process span",
            reason=Reason.INSTRUMENT_CANNOT if seen.effects_visible is False else Reason.NOT_SENT,
        ),
        Need(
            "head sampling share",
            1.0 if seen.sampled is None else seen.sampled,
            ">=",
            1.0,
            learn="send every consumer span here; sample behind Seamwatch, not before it",
            reason=Reason.NOT_SENT,
        ),
    )


def _visible(seen: Deliveries) -> bool | None:
    """An instrument that nobody has looked at shows its side effects where one was seen; without one, who knows."""
    if seen.effects_visible is None and (seen.effectful or seen.guarded):
        return True
    return seen.effects_visible


def _repeated(seen: Deliveries, cfg: Config) -> str:
    total = max(seen.identified, seen.processed, seen.rewritten)
    share = wilson(seen.rewritten, total)
    # A rate from a handful of deliveries is noise: the count alone is what was seen.
    rate = f" ({share.low:.2%} to {share.high:.2%})" if total >= cfg.least else ""
    return (
        f"{seen.group.name} repeated the side effect of {seen.rewritten:,} of {counted(total, *_DELIVERIES)}{rate} "
        f"of {seen.topic.name}."
    )


def _interrupted(seen: Deliveries) -> str:
    return (
        f"{seen.group.name} wrote, stopped and wrote again for "
        f"{counted(seen.interrupted or 0, 'interrupted delivery', 'interrupted deliveries')} of {seen.topic.name}."
    )


def _repair(seen: Deliveries) -> str:
    """Both deliveries of a pair are known where they were counted; of an interrupted one only the second."""
    doubled = seen.rewritten or seen.interrupted
    return (
        f"Repair what {own(seen.group)} did twice, for {counted(doubled, *_DELIVERIES)} of "
        f"{own(seen.topic)}: the newest spans are kept with this finding, and tell traces and offsets."
    )


def _shown(seen: Deliveries) -> dict[str, Scalar]:
    share = wilson(min(seen.rewritten, seen.identified), seen.identified)
    shown: dict[str, Scalar] = {
        "redelivered": seen.redelivered,
        "rewritten": seen.rewritten,
        "interrupted": seen.interrupted,
        "rate, lower bound": round(share.low, 6),
        "rate, upper bound": round(share.high, 6),
    }
    if seen.operations:
        shown["repeatable writes"] = "; ".join(made.name for made in seen.operations if not made.guarded)
    if seen.idempotency is not None:
        shown["declared duplicate check"] = seen.idempotency
    if seen.sampled is not None and seen.sampled < 1:
        # Both deliveries are kept together only where they continue one trace; two linked traces are two dice.
        shown["detection power, one trace"] = seen.sampled
        shown["detection power, linked traces"] = round(seen.sampled**2, 4)
    return shown


@rule(
    "IDM-01",
    severity=Severity.CRITICAL,
    evidence=Evidence.OBSERVED,
    config=Config,
    hold=HARM,
    lookback=timedelta(days=7),
    stability=Stability.STABLE,
    pages=True,
)
def duplicate_effect(deliveries: Deliveries, cfg: Config) -> Verdict:
    """One event caused the same side effect twice."""
    seen, sure = deliveries, deliveries.rewritten >= 1
    return fails_when(
        *_needs(seen, cfg),
        AnyOf(
            (
                Path("counted", (Claim("repeated side effects", seen.rewritten, ">=", 1),)),
                Path("interrupted", (Claim("interrupted deliveries", seen.interrupted, ">=", 1),)),
            )
        ),
        harm=True,
        says=_repeated(seen, cfg) if sure else _interrupted(seen),
        meets=f"{seen.group.name} repeated no side effect in {counted(seen.identified, *_DELIVERIES)} "
        f"of {seen.topic.name}.",
        severity=Severity.CRITICAL if sure else Severity.HIGH,
        weighed="" if sure else "the second write was not counted, but inferred from deliveries that were cut off",
        evidence=Evidence.OBSERVED if sure else Evidence.INFERRED,
        do=(*once_each(seen), _repair(seen)),
        show=_shown(seen),
    )
