"""LAG-09: a group has had no member for so long that the broker will soon forget where it was."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.model.rule import LAG, Stability, rule
from agent.model.steps import length
from agent.model.subjects import Backlog
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Reason, Scalar, Severity, Verdict, fails_when
from rules.backlog import commits, empty, kept_for_good, looked, offsets_of_its_own
from rules.backlog.expiring_offsets.steps import steps


@dataclass(frozen=True)
class Config:
    """Thresholds of LAG-09. K = Kafka 4.1."""

    SHARES: ClassVar = ("near", "critical")

    near: float = 0.8  #: of what the broker keeps: of 7 d (K) a day and a half is left, which is a weekend (ours)
    critical: float = 0.95  #: of 7 d less than a working day is left (ours)
    rhythm: float = 1.1  #: times its longest pause; a job may be a little late (ours)
    lately: timedelta = timedelta(hours=24)  #: a pause in commits is known for so long, at most
    slack: timedelta = timedelta(minutes=10)  #: between the first look at a group and the first at its state
    stale: timedelta = timedelta(minutes=10)  #: two looks of the slowest recording that is of use, one in 5 min


@rule(
    "LAG-09",
    severity=Severity.HIGH,
    evidence=Evidence.EXPOSURE,
    config=Config,
    hold=LAG,
    lookback=timedelta(hours=25),
    stability=Stability.PREVIEW,
)
def expiring_offsets(backlog: Backlog, cfg: Config) -> Verdict:
    """The broker will soon forget where a group without members was."""
    alone, kept = empty(backlog), backlog.offsets_kept
    parts = (
        offsets_of_its_own(backlog),
        kept_for_good(backlog),
        OnlyIf("a group whose offsets are still kept (idle for longer)", not _gone(backlog)),
        looked(backlog, cfg.stale),
        _members(alone),
        Claim("has no member", alone, "==", True),
    )
    if not alone or commits(backlog):
        return fails_when(
            *parts,
            Claim("commits in 70 min", int(commits(backlog)), "<", 1),
            says="",
            meets=f"{backlog.group.name} {'has no member and commits' if alone else 'has members'}.",
        )
    idle = _idle(backlog, cfg)
    share = None if kept is None or idle is None else round(idle / kept, 3)
    severity = _severity(backlog, share or 0.0, cfg)
    return fails_when(
        *parts,
        Need("how long the broker keeps offsets, s", _seconds(kept), ">", 0, learn=_KEPT, reason=Reason.NO_RIGHT),
        *_watched(backlog, share, cfg),
        Claim("records that were ever in the topic", _records(backlog), ">", 0),
        Claim("share of the time for which offsets are kept", share, ">=", cfg.near),
        Claim("s without members, over its longest pause", _over_pause(backlog, idle, cfg), ">", 0),
        says=_says(backlog, idle, kept),
        meets=f"{backlog.group.name} has time to come back.",
        severity=severity,
        weighed=f"over {cfg.critical:.0%} of that time is over, and messages wait" if severity else "",
        show=_shown(backlog, idle),
        do=steps(backlog),
    )


_KEPT = (
    "grant DESCRIBE_CONFIGS on the cluster (offsets.retention.minutes), or give a recording with the broker's settings"
)


def _members(alone: bool | None) -> Need:
    learn = "let the agent describe this group (DESCRIBE on it), or give a recording with its state and members"
    return Need("members of the group", alone is not None, "==", True, learn=learn, reason=Reason.NOT_SENT)


def _idle(backlog: Backlog, cfg: Config) -> timedelta | None:
    """Since the last sign of life, at least: since its last member left, or it committed."""
    signs = [backlog.state_for] if backlog.state_for is not None else []
    if backlog.still is not None and (backlog.still < cfg.lately or not signs):
        signs.append(backlog.still)
    return min(signs, default=None)


def _gone(backlog: Backlog) -> bool:
    """Idle for longer than its offsets are kept: something else keeps them, and nobody comes back."""
    return bool(
        empty(backlog)
        and backlog.offsets_kept is not None
        and backlog.state_for is not None
        and backlog.state_for > backlog.offsets_kept
    )


def _watched(backlog: Backlog, share: float | None, cfg: Config) -> tuple[Need, ...]:
    """A job that has taken its partitions itself was never seen to leave, and commits the same offsets unseen."""
    if share is None or share < cfg.near or backlog.still is not None:
        return ()
    left = backlog.state_for is not None and backlog.state_for < backlog.observed_for - cfg.slack
    learn = "wait until it has had members: one that never has any may commit what it had, unseen"
    return (Need("its last member was seen to leave", left, "==", True, learn=learn),)


def _records(backlog: Backlog) -> int | None:
    return None if backlog.produced.last is None else int(backlog.produced.last)


def _over_pause(backlog: Backlog, idle: timedelta | None, cfg: Config) -> float | None:
    """Above 0 where it is away for longer than it ever was; a pause not known is none."""
    if idle is None:
        return None
    pause = backlog.commit_gap or timedelta(0)
    if backlog.offsets_kept is not None and pause >= backlog.offsets_kept:
        pause = timedelta(0)
    return round((idle - cfg.rhythm * pause).total_seconds())


def _severity(backlog: Backlog, share: float, cfg: Config) -> Severity | None:
    return Severity.CRITICAL if share >= cfg.critical and (backlog.lag.last or 0) > 0 else None


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _says(backlog: Backlog, idle: timedelta | None, kept: timedelta | None) -> str:
    if idle is None or kept is None:
        return ""
    left = length(max(kept - idle, timedelta(0)))
    group, topic = backlog.group.name, backlog.topic.name
    return f"{group} has had no member for {length(idle)}: in {left} the broker forgets where it was on {topic}."


def _shown(backlog: Backlog, idle: timedelta | None) -> dict[str, Scalar]:
    gap = backlog.commit_gap
    return {
        "no sign of life for, at least": None if idle is None else length(idle),
        "offsets are kept for": None if backlog.offsets_kept is None else length(backlog.offsets_kept),
        "longest pause between commits": None if gap is None else length(gap),
        "unread messages": backlog.lag.last,
        "committed, all partitions": backlog.committed.last,
        "state": backlog.state,
        "protocol": backlog.protocol,
    }
