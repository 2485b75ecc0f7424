"""GRW-01: what is written at a peak comes near what the group was ever seen to read."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.model.rule import SLOW, rule
from agent.model.steps import rate
from agent.model.subjects import Backlog
from agent.model.verdict import AnyOf, Claim, Evidence, Need, Path, Reason, Scalar, Severity, Verdict, fails_when
from rules.backlog import more_looks, offsets_of_its_own, yet
from rules.growth.saturation_ahead.forecast import LEAST, Forecast, forecast
from rules.growth.saturation_ahead.steps import steps

HELD = "held"


@dataclass(frozen=True)
class Config:
    """Thresholds of GRW-01. R = the rule catalogue."""

    SHARES: ClassVar = ("used",)

    used: float = 0.8  #: R: of what was proven, at a peak; queues grow fast above it
    headroom: float = 1.5  #: R: proven over the peak in a month, where no load test showed more
    ahead: int = 30  #: R: days
    tested: int = 180  #: R: days for which a load test counts
    minutes: float = 5.0  #: of a load test: as long as a rate is (ours)


@rule("GRW-01", severity=Severity.HIGH, evidence=Evidence.EXPOSURE, config=Config, hold=SLOW, lookback=timedelta(30))
def saturation_ahead(backlog: Backlog, cfg: Config) -> Verdict:
    """A group is near the most that it was ever seen to read, or will be within a month."""
    proven, source = _proven(backlog, cfg)
    peak = backlog.peak_rate
    seen = forecast(peak, backlog.peaks, cfg.ahead) if peak is not None else None
    used = None if not proven or seen is None else round(seen.now / proven, 3)
    later = None if not proven or seen is None else round(seen.later / proven, 3)
    over = None if not proven or seen is None else round(proven / seen.later, 2) if seen.later else cfg.headroom
    tested = _tested(backlog, cfg)
    return fails_when(
        offsets_of_its_own(backlog),
        Need(
            "peak of what is written, records/s",
            peak,
            ">=",
            0.0,
            learn=more_looks(backlog, timedelta(hours=1)),
            reason=Reason.LEARNING,
        ),
        Need("proven rate of the group, records/s", proven, ">", 0.0, learn=_NEVER, reason=Reason.LEARNING),
        AnyOf(
            (
                Path("now", (Claim("share of the proven rate used at a peak", used, ">=", cfg.used),)),
                Path("trend", _trend(seen, later, cfg)),
                Path(
                    "headroom",
                    (
                        Claim("proven rate over the peak in 30 days", over, "<", cfg.headroom),
                        Claim("load test in 180 days", tested, "==", False),
                    ),
                ),
            )
        ),
        says=_says(backlog, proven or 0.0, seen, cfg),
        meets=f"{backlog.group.name} was seen to read more than {backlog.topic.name} gets{yet(backlog)}.",
        show=_shown(backlog, proven, source, seen, used),
        do=steps(backlog),
    )


_NEVER = (
    "its capacity was never seen: run a load test and declare it (`loadtests` of a workflow), or "
    "let it catch up once from a pause of some minutes"
)


def _proven(backlog: Backlog, cfg: Config) -> tuple[float | None, str]:
    """The most that it was seen to read, and where."""
    told = [(backlog.proven_rate, "seen while it was behind")] if backlog.proven_rate else []
    for test in backlog.load_tests:
        long = test.minutes is None or test.minutes >= cfg.minutes
        if test.rate_per_second and test.result == HELD and long:
            told.append((test.rate_per_second, f"load test of {test.day}" if test.day else "load test"))
    return max(told, default=(None, ""), key=lambda one: one[0] or 0.0)


def _tested(backlog: Backlog, cfg: Config) -> bool:
    today = backlog.as_of.date()
    days = [(today - test.day).days for test in backlog.load_tests if test.day is not None]
    return any(0 <= ago <= cfg.tested for ago in days)


def _trend(seen: Forecast | None, later: float | None, cfg: Config) -> tuple[Need | Claim, ...]:
    days, growth = (0, 0.0) if seen is None else (seen.days, round(seen.growth, 4))
    return (
        Need("days with a peak", days, ">=", LEAST, reason=Reason.LEARNING),
        Claim("growth of the peak a day, where it is sure", growth, ">", 0.0),
        Claim("share of the proven rate used in 30 days", later, ">=", cfg.used),
    )


def _says(backlog: Backlog, proven: float, seen: Forecast | None, cfg: Config) -> str:
    if seen is None or not proven:
        return f"{backlog.group.name} is near what it can read."
    group, topic, most = backlog.group.name, backlog.topic.name, rate(proven)
    if seen.now / proven >= cfg.used:
        return f"{topic} gets {rate(seen.now)} at a peak, {seen.now / proven:.0%} of the {most} that {group} ever read."
    if seen.growth > 0:
        return (
            f"Peaks of {topic} grow by {seen.growth:.1%} a day: in 30 days they take {seen.later / proven:.0%} of the "
            f"{most} that {group} ever read."
        )
    return f"{group} was never seen to read more than {most}, {proven / seen.now:.1f} times the peak of {topic}."


def _shown(
    backlog: Backlog, proven: float | None, source: str, seen: Forecast | None, used: float | None
) -> dict[str, Scalar]:
    return {
        "peak of a day, records/s": backlog.peak_rate,
        "peak that counts, records/s": None if seen is None else round(seen.now, 3),
        "peak in 30 days, records/s": None if seen is None else round(seen.later, 3),
        "growth a day": None if seen is None else round(seen.growth, 4),
        "days with a peak": None if seen is None else seen.days,
        "proven rate, records/s": proven,
        "proven by": source or None,
        "share used": used,
        "members": backlog.members.last,
        "partitions": backlog.partitions,
    }
