"""LAG-01: a backlog that grows and is not being drained, seen fast (15 min) or slowly (60 min)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.model.counting import counted
from agent.model.rule import LAG, Stability, rule
from agent.model.subjects import Backlog
from agent.model.verdict import AnyOf, Claim, Evidence, Need, Path, Reason, Scalar, Severity, Verdict, fails_when
from rules.backlog import LOOK, more_looks, whole_from, yet
from rules.backlog.rising_lag.steps import steps
from rules.backlog.rising_lag.windows import Fast, Slow, fast_window, slow_window


@dataclass(frozen=True)
class Config:
    """Thresholds of LAG-01. Sources: G = Grafana kafka-observ-lib, C = Coroot's leak check, S = our simulation."""

    SHARES: ClassVar = ("p", "near_top", "tail_share", "step_share")

    fast: timedelta = timedelta(minutes=15)  #: G: `for: 15m`
    delta: timedelta = timedelta(minutes=5)  #: G: `delta(lag[5m]) > 0`
    fast_samples: int = 12  #: in the fast window: one every 75 s is still a curve
    gap: timedelta = timedelta(minutes=3)  #: between samples; over it a saw's low point may be missed
    age: float = 90.0  #: s; younger is a normal commit interval and a poll behind (S)
    age_rise: float = 30.0  #: s, over the fast window and over the slow one; a constant delay has none (S)
    pauses: float = 1.5  #: times its usual pause between commits, where that is as long as the fast window (ours)
    draining: float = 1.02  #: read per produced; over it the backlog shrinks, whatever its age (S)
    slow: timedelta = timedelta(minutes=60)  #: 1.5 % short of capacity shows in about an hour (S)
    buckets: int = 20  #: minima of 3 min; Mann-Kendall reaches p < 0.01 from 6 on, 20 leave room for noise
    seen_buckets: int = 16  #: buckets with a sample: four of five, else the trend is guessed
    slow_samples: int = 20  #: in the slow window: one per bucket
    p: float = 0.01  #: two-sided, of Mann-Kendall
    near_top: float = 0.9  #: the last minimum of the highest; lower, it is on its way down (S)
    ends: int = 5  #: minima at each end that must not overlap (S)
    growth_seconds: float = 45.0  #: growth in seconds of production: a trend must also matter (S)
    recent: timedelta = timedelta(minutes=30)  #: over which less is read than produced (S)
    tail: int = 8  #: last minima: a leak goes on, a burst levels off (C)
    tail_share: float = 0.3  #: slope of the tail of the slope of all (C, S)
    step_share: float = 0.35  #: largest single step of the growth: over it, it is a burst and no trend (S)


@rule(
    "LAG-01",
    severity=Severity.HIGH,
    evidence=Evidence.OBSERVED,
    config=Config,
    hold=LAG,
    lookback=timedelta(minutes=70),
    stability=Stability.STABLE,
    pages=True,
)
def rising_lag(backlog: Backlog, cfg: Config) -> Verdict:
    """The backlog grows and is not being drained."""
    fast, slow = (
        fast_window(backlog, cfg.fast, cfg.delta, cfg.gap),
        slow_window(backlog, cfg.slow, cfg.recent, cfg.buckets),
    )
    return fails_when(
        AnyOf((_fast(fast, backlog, cfg), _slow(slow, backlog, cfg))),
        says=_says(backlog, fast, slow),
        meets=_meets(backlog, cfg),
        show=_shown(backlog, fast, slow, cfg),
        do=steps(backlog, fast, slow),
    )


_SAMPLE = LOOK


def _meets(backlog: Backlog, cfg: Config) -> str:
    """Who is far behind keeps up with nothing: it only falls back no further."""
    group, topic, age = backlog.group.name, backlog.topic.name, backlog.age.last
    if not backlog.lag.last or (age is not None and age <= cfg.age):
        return f"{group} keeps up with {topic}."
    old = f" ({_span(age)})" if age is not None else ""
    behind = f"{group} is {counted(backlog.lag.last, 'message')}{old} behind {topic}"
    return f"{behind}, and was not seen to fall back further{', without a member' if yet(backlog) else ''}."


def _samples(need: str, seen: int, least: int, learn: str) -> Need:
    return Need(need, seen, ">=", least, learn=learn, reason=Reason.LEARNING if seen else Reason.NOT_SENT)


def _traffic(need: str, produced: float | None, sampled: bool, wait: str) -> Need:
    """An idle topic will be judged once it is busy; one whose end offsets stay away beside its lag, never."""
    if produced is None and sampled:
        return Need(
            need,
            None,
            ">=",
            1,
            learn="let the agent see the topic (Describe on it), or give a recording that has its end offsets",
            reason=Reason.NOT_SENT,
        )
    learn = "wait until something is produced, which tells whether the group keeps up" if sampled else wait
    return Need(need, _whole(produced), ">=", 1, learn=learn)


def _fast(seen: Fast, backlog: Backlog, cfg: Config) -> Path:
    gap = seen.longest_gap
    whole = seen.samples >= cfg.fast_samples and gap is not None and gap <= cfg.gap.total_seconds()
    wait = more_looks(backlog, cfg.fast + cfg.delta)
    return Path(
        "fast",
        (
            _samples("samples in 15 min", seen.samples, cfg.fast_samples, wait),
            Need("longest gap, s", seen.longest_gap, "<=", cfg.gap.total_seconds(), learn=wait),
            _traffic("messages produced in 15 min", seen.produced, whole, wait),
            Claim("smallest 5-min change of lag in 15 min", _whole(seen.smallest_delta), ">", 0, learn=_SAMPLE),
            Claim("age of the oldest unread message, s", seen.age, ">", cfg.age, learn=_SAMPLE),
            Claim("rise of that age in 15 min, s", seen.age_rise, ">", cfg.age_rise, learn=_SAMPLE),
            Claim("messages read per message produced, 15 min", seen.read_share, "<", cfg.draining, learn=_SAMPLE),
            *_late(seen, backlog, cfg),
        ),
    )


def _late(seen: Fast, backlog: Backlog, cfg: Config) -> tuple[Claim, ...]:
    """A reader that polls once in half an hour is behind for half an hour: it is late once its pause is over."""
    pause = backlog.commit_gap
    if seen.read_share != 0 or pause is None or pause < cfg.fast or backlog.still is None:
        return ()
    limit = round(cfg.pauses * pause.total_seconds(), 1)
    return (Claim("s without a commit", round(backlog.still.total_seconds(), 1), ">", limit),)


def _slow(seen: Slow, backlog: Backlog, cfg: Config) -> Path:
    rise = seen.age_rise(cfg.ends)
    whole = seen.samples >= cfg.slow_samples and len(seen.minima) >= cfg.seen_buckets
    wait = more_looks(backlog, cfg.fast + cfg.delta)  # the fast path, which is ready first, is what it waits for
    # A reader at a constant delay has a backlog that follows the traffic: the count drifts up, the age does not.
    older = () if rise is None else (Claim("rise of that age in 60 min, s", rise, ">", cfg.age_rise),)
    return Path(
        "slow",
        (
            _samples("samples in 60 min", seen.samples, cfg.slow_samples, wait),
            Need("3-min buckets with a sample", len(seen.minima), ">=", cfg.seen_buckets, learn=wait),
            _traffic("messages produced in 60 min", seen.produced, whole, wait),
            Claim("p of a rising trend", seen.p_rising, "<", cfg.p),
            Claim("lowest lag now, of the highest", seen.of_top, ">=", cfg.near_top),
            Claim("lowest of the last minima above the first", _whole(seen.apart(cfg.ends)), ">", 0),
            Claim("growth in seconds of production", seen.growth_seconds, ">", cfg.growth_seconds, learn=_SAMPLE),
            Claim("messages read per message produced, 30 min", seen.read_share, "<", 1, learn=_SAMPLE),
            Claim("slope of the tail, of all", seen.tail_share(cfg.tail), ">=", cfg.tail_share),
            Claim("largest step, of the growth", seen.step_share, "<=", cfg.step_share),
            *older,
        ),
    )


def _whole(messages: float | None) -> int | None:
    return None if messages is None else round(messages)


def _slope(fast: Fast, slow: Slow) -> float:
    """Messages a minute; the fast window's where it rises, since it is the newer."""
    rising = fast.smallest_delta is not None and fast.smallest_delta > 0
    return fast.slope if rising and fast.slope is not None else slow.slope


def _says(backlog: Backlog, fast: Fast, slow: Slow) -> str:
    lag = backlog.lag.last or 0
    age = f" ({_span(fast.age)})" if fast.age is not None else ""
    slope = max(0.0, _slope(fast, slow))
    pace = f"{slope:,.0f} a minute" if slope >= 1 else f"{slope * 60:,.0f} an hour"
    return (
        f"{backlog.group.name} is {counted(lag, 'message')}{age} behind {backlog.topic.name} and falls back by {pace}."
    )


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _shown(backlog: Backlog, fast: Fast, slow: Slow, cfg: Config) -> dict[str, Scalar]:
    whole = None if len(slow.minima) >= cfg.seen_buckets else whole_from(backlog, cfg.fast + cfg.delta, cfg.gap)
    made, read = slow.produced_rate, slow.read_rate
    hot = sorted(backlog.behind.items(), key=lambda item: -item[1])[:3]
    return {
        "unread messages": None if backlog.lag.last is None else int(backlog.lag.last),
        "produced per second": None if made is None else round(made, 2),
        "read per second": None if read is None else round(read, 2),
        "slope, messages a minute": round(_slope(fast, slow), 1),
        "drained in": _drained(backlog.lag.last, made, read),
        "members": backlog.members.last,
        "partitions": backlog.partitions,
        "partitions furthest behind": ", ".join(f"{partition}: {lag:,}" for partition, lag in hot if lag),
        **_younger(backlog),
        **({} if whole is None else {"judged from": whole.isoformat(timespec="seconds")}),
    }


def _younger(backlog: Backlog) -> dict[str, Scalar]:
    """A producer's clock that is ahead makes messages look young: what counts is when they came."""
    skew = backlog.skew.last or 0.0
    return {"stamps younger than arrival, s": round(skew, 1)} if skew > 0 else {}


def _drained(lag: float | None, made: float | None, read: float | None) -> str | None:
    """A rate within 2 % of production drains nothing that could be foretold."""
    if lag is None or made is None or read is None or made <= 0:
        return None
    return _span(lag / (read - made)) if read > made * 1.02 else "never at current rates"
