"""LAG-02: messages wait, and the group's commits do not advance."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.counting import counted
from agent.model.rule import LAG, Stability, rule
from agent.model.steps import length
from agent.model.subjects import Backlog
from agent.model.verdict import Claim, Evidence, Need, Scalar, Severity, Verdict, fails_when
from rules.backlog import LOOK, looked, offsets_of_its_own, patience, unread
from rules.backlog.stalled_group.steps import Cause, cause, steps


@dataclass(frozen=True)
class Config:
    """Thresholds of LAG-02. R = the rule catalogue."""

    least: timedelta = timedelta(minutes=10)  #: R; a pause as short is a deploy, or a slow message
    pauses: float = 2.0  #: R; times the longest pause between commits that is normal for this group
    steady: timedelta = timedelta(hours=1)  #: commits must be known for as long as the pause, up to this (ours)
    day: timedelta = timedelta(hours=24)  #: watched for less, a group without members may be a daily job (ours)
    stale: timedelta = timedelta(minutes=10)  #: two looks of the slowest recording that is of use, one in 5 min


@rule(
    "LAG-02",
    severity=Severity.CRITICAL,
    evidence=Evidence.OBSERVED,
    config=Config,
    hold=LAG,
    lookback=timedelta(hours=25),
    stability=Stability.STABLE,
    pages=True,
)
def stalled_group(backlog: Backlog, cfg: Config) -> Verdict:
    """Messages wait, and no commit comes."""
    waited, limit = _waited(backlog), patience(backlog, cfg.least, cfg.pauses)
    parts = (
        offsets_of_its_own(backlog),
        looked(backlog, cfg.stale),
        unread(backlog),
        Claim("messages produced since the last commit", _arrived(backlog), ">", 0, learn=LOOK),
        Claim("s without a commit while messages waited", waited, ">", limit, learn=LOOK),
    )
    if waited is None or waited <= limit:
        return fails_when(*parts, says="", meets=f"{backlog.group.name} commits what it reads of {backlog.topic.name}.")
    found = cause(backlog, waited)
    return fails_when(
        *parts,
        *_known(backlog, cfg),
        says=_says(backlog, waited, found),
        meets=f"{backlog.group.name} waits for nothing on {backlog.topic.name}.",
        evidence=Evidence.INFERRED if _perhaps_daily(backlog, found, cfg) else None,
        show=_shown(backlog, found),
        do=steps(backlog, found),
    )


def _waited(backlog: Backlog) -> float | None:
    """Seconds for which messages have waited and no commit came: a slow topic has no commits, and nothing waits."""
    if not backlog.committed.values:
        return None
    if backlog.still is None or not backlog.lag.last:
        return 0.0
    now = backlog.as_of.timestamp()
    began: float | None = now - backlog.still.total_seconds()
    lag = backlog.lag.since(now - backlog.still.total_seconds(), now)
    for at, value in zip(lag.times, lag.values, strict=True):
        if value <= 0:
            began = None
        elif began is None:
            began = at
    return 0.0 if began is None else round(now - began, 1)


def _arrived(backlog: Backlog) -> int | None:
    """Messages since the last commit. What came at one look only may be the ends of transactions, one a partition."""
    if backlog.still is None and backlog.committed.values:
        return 0
    if backlog.arrived is None or (backlog.arrivals or 0) > 1:
        return backlog.arrived
    return backlog.arrived if backlog.arrived > (backlog.partitions or 1) else 0


def _known(backlog: Backlog, cfg: Config) -> tuple[Need, ...]:
    """How it commits when all is well: a pause between two commits, and that it went on like this for a while."""
    pause = None if backlog.commit_gap is None else round(backlog.commit_gap.total_seconds(), 1)
    needs = (
        Need("earlier pause between commits, s", pause, ">=", 0, learn="wait until the group has committed twice"),
    )
    if backlog.steady is None or backlog.still is None:
        return needs
    steady = Need(
        "min of commits before they stopped",
        round(backlog.steady.total_seconds() / 60, 1),
        ">=",
        round(min(backlog.still, cfg.steady).total_seconds() / 60, 1),
        learn="wait until a whole pause of this group was seen: it may read once in a while",
    )
    return (*needs, steady)


def _perhaps_daily(backlog: Backlog, found: Cause, cfg: Config) -> bool:
    """Nobody reads, and a day was not watched yet: a job that runs once a day looks the same."""
    return found is Cause.NO_MEMBERS and backlog.observed_for < cfg.day


def _says(backlog: Backlog, waited: float, found: Cause) -> str:
    group, topic = backlog.group.name, backlog.topic.name
    lag = counted(backlog.lag.last or 0, "message waits", "messages wait")
    return f"{group} has committed nothing for {length(timedelta(seconds=waited))}; {lag} on {topic}{found.value}."


def _shown(backlog: Backlog, found: Cause) -> dict[str, Scalar]:
    gap, held = backlog.commit_gap, backlog.held.last
    return {
        "likely cause": found.words,
        "last commit, at least ago": None if backlog.still is None else length(backlog.still),
        "longest pause between commits in 24 h": None if gap is None else length(gap),
        "messages produced since": backlog.arrived,
        "members": backlog.members.last,
        "state": backlog.state,
        "protocol": backlog.protocol,
        "last stable offset stands for, s": held or None,
    }
