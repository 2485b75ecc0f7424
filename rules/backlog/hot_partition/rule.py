"""LAG-05: one partition is far behind the others: its key is hot, or whoever reads it is stuck."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.measure.statistics import wilson
from agent.model.counting import counted
from agent.model.rule import LAG, Stability, rule
from agent.model.subjects import Backlog
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Reason, Scalar, Severity, Verdict, fails_when
from rules.backlog import lasting, looked, more_looks, offsets_of_its_own, recent, unread, yet
from rules.backlog.hot_partition.steps import Cause, furthest, steps


@dataclass(frozen=True)
class Config:
    """Thresholds of LAG-05. R = the rule catalogue."""

    SHARES: ClassVar = ("most",)

    times: float = 5.0  #: the age of the oldest partition, of the middle one's (R)
    age: float = 60.0  #: s; a younger partition is within a commit interval (R)
    span: timedelta = timedelta(minutes=15)  #: for which it must last (R): over a rebalance and what it leaves behind
    partitions: int = 3  #: with two, neither is the middle (R)
    written: int = 1_000  #: messages in 15 min; with fewer, shares are luck (R)
    share: float = 3.0  #: times the even share that a hot partition gets, by Wilson's lower bound (R)
    most: float = 0.5  #: of all is hot as well: of three or four partitions three times the even share is all (ours)
    waiting: int = 10  #: messages in the furthest partition; the end of a transaction counts as one, and is not read
    stale: timedelta = timedelta(minutes=10)  #: two looks of the slowest recording that is of use, one in 5 min


@rule(
    "LAG-05",
    severity=Severity.MEDIUM,
    evidence=Evidence.OBSERVED,
    config=Config,
    hold=LAG,
    lookback=timedelta(minutes=70),
    stability=Stability.PREVIEW,
)
def hot_partition(backlog: Backlog, cfg: Config) -> Verdict:
    """Few partitions hold the backlog."""
    count, age = backlog.partitions, backlog.age.last
    parts = (
        offsets_of_its_own(backlog),
        OnlyIf(
            f"a topic of {cfg.partitions} partitions or more",
            None if count is None else count >= cfg.partitions,
            learn="let the agent see the topic (Describe on it), or give a recording that lists its partitions",
        ),
        looked(backlog, cfg.stale),
        unread(backlog),
        Claim("age of the oldest partition, s", age, ">", cfg.age, learn=_AGES),
    )
    if count is None or not backlog.lag.last or age is None or age <= cfg.age:
        return fails_when(*parts, says="", meets=_meets(backlog))
    lasted, seen = _lasted(backlog, cfg)
    _, waiting = furthest(backlog)
    claims = (
        Claim("messages in the partition furthest behind", waiting, ">", cfg.waiting),
        Claim("min for which it is far behind the middle one", lasted, ">=", _minutes(cfg.span)),
    )
    return fails_when(
        *parts,
        *claims,
        *(_needs(backlog, seen, cfg) if lasted >= min(seen, _minutes(cfg.span)) else ()),
        says=_says(backlog, _cause(backlog, cfg)),
        meets=_meets(backlog),
        show=_shown(backlog, cfg),
        do=steps(backlog, _cause(backlog, cfg)),
    )


def _meets(backlog: Backlog) -> str:
    return f"No partition of {backlog.topic.name} holds {backlog.group.name} up for long by itself{yet(backlog)}."


_AGES = "let the agent watch its cluster for a while, or give a recording with the age of what is unread"


def _minutes(span: timedelta) -> float:
    return span.total_seconds() / 60


def _lasted(backlog: Backlog, cfg: Config) -> tuple[float, float]:
    """For how many minutes one has been far behind, and how many were seen at all, of the last half hour.

    A middle partition that was never behind is not told of.
    """
    now = backlog.as_of.timestamp()
    ages = recent(backlog.age, backlog, 2 * cfg.span)
    since = now
    for at, age in zip(reversed(ages.times), reversed(ages.values), strict=True):
        if age <= max(cfg.age, cfg.times * (backlog.age_median.at_or_before(at) or 0.0)):
            break
        since = at
    return round((now - since) / 60, 1), round((now - ages.times[0]) / 60, 1) if ages.times else 0.0


def _needs(backlog: Backlog, seen: float, cfg: Config) -> tuple[Need, ...]:
    written = backlog.window_written.last
    return (
        Need("min of ages seen", seen, ">=", _minutes(cfg.span), learn=more_looks(backlog, cfg.span)),
        Need(
            "messages written in 15 min",
            None if written is None else int(written),
            ">=",
            cfg.written,
            learn="wait for more traffic: of few messages the shares of partitions are luck",
            reason=Reason.LEARNING if written is not None else Reason.NOT_SENT,
        ),
    )


def _cause(backlog: Backlog, cfg: Config) -> Cause:
    """Much is written to one partition, or as much as to the others and one is not read."""
    hot, written, count = backlog.hot_written.last, backlog.window_written.last, backlog.partitions or 1
    if not hot or not written or hot > written:
        return Cause.STUCK
    return Cause.KEYS if wilson(int(hot), int(written)).low > min(cfg.share / count, cfg.most) else Cause.STUCK


def _says(backlog: Backlog, found: Cause) -> str:
    partition, waiting = furthest(backlog)
    where = f"Partition {partition}" if partition else "One partition"
    behind = f"{counted(waiting, 'message')}, {lasting(backlog.age.last or 0)}, behind on {backlog.topic.name}"
    middle = lasting(backlog.age_median.last or 0)
    return f"{where}: {backlog.group.name} is {behind}, the middle one {middle}; {found.told}."


def _shown(backlog: Backlog, cfg: Config) -> dict[str, Scalar]:
    hot, written = backlog.hot_written.last, backlog.window_written.last
    worst = sorted(backlog.behind.items(), key=lambda item: -item[1])[:5]
    return {
        "likely cause": _cause(backlog, cfg).value,
        "partitions furthest behind": ", ".join(f"{partition}: {lag:,}" for partition, lag in worst if lag),
        "age of the middle partition, s": backlog.age_median.last or 0.0,
        "written in 15 min": written,
        "share of the busiest partition": round(hot / written, 3) if hot is not None and written else None,
        "even share": round(1 / backlog.partitions, 3) if backlog.partitions else None,
        "members": backlog.members.last,
        "partitions that no member has": backlog.orphaned,
    }
