"""LAG-02: messages wait, and the group's commits do not advance."""

from dataclasses import dataclass, replace
from datetime import timedelta

from agent.model.counting import counted
from agent.model.rule import LAG, Stability, rule
from agent.model.steps import length
from agent.model.subjects import Backlog
from agent.model.verdict import Claim, Evidence, Need, Outcome, Scalar, Severity, Verdict, fails_when
from rules.backlog import LOOK, abandoned, commits, lasting, looked, offsets_of_its_own, patience, unread, yet
from rules.backlog.stalled_group.steps import Cause, cause, steps


@dataclass(frozen=True)
class Config:
    """Thresholds of LAG-02. R = the rule catalogue."""

    least: timedelta = timedelta(minutes=10)  #: R; a pause as short is a deploy, or a slow message
    pauses: float = 2.0  #: R; times the longest pause between commits that is normal for this group
    steady: timedelta = timedelta(hours=1)  #: of commits before they stopped, or as long as is too long for it (ours)
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
        return _told(
            backlog, fails_when(*parts, *_early(backlog, cfg), says="", meets=_meets(backlog, waited or 0.0, limit))
        )
    found = cause(backlog, waited)
    verdict = fails_when(
        *parts,
        *_known(backlog, limit, cfg),
        says=_says(backlog, waited, found),
        meets=f"Nothing came to {backlog.topic.name} since {backlog.group.name} committed last{yet(backlog)}.",
        evidence=Evidence.INFERRED if _perhaps_daily(backlog, found, cfg) else None,
        show=_shown(backlog, found),
        do=steps(backlog, found),
    )
    return _told(backlog, verdict)


def _told(backlog: Backlog, verdict: Verdict) -> Verdict:
    """What is known is said also where it is not enough: that nobody reads, and how much waits."""
    if verdict.outcome is not Outcome.BLIND or not abandoned(backlog):
        return verdict
    state = f" (state {backlog.state})" if backlog.state else ""
    waits = counted(backlog.lag.last or 0, "message waits", "messages wait")
    known = f"{backlog.group.name} has no member{state}, and {waits} on {backlog.topic.name}."
    return replace(verdict, says=f"{known} Whether it stopped cannot be judged yet: {'; '.join(verdict.missing)}.")


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


def _known(backlog: Backlog, limit: float, cfg: Config) -> tuple[Need, ...]:
    """How it commits when all is well: a pause between two commits, and that it went on like this for a while.

    For as long as a pause that is too long for it: who was seen to read for less may read once in a while. How long
    it has stood meanwhile moves no bar.
    """
    if backlog.steady is None or backlog.still is None:
        return (_pause(backlog),)
    return (_pause(backlog), _commits_for(backlog, backlog.steady, min(limit, cfg.steady.total_seconds())))


def _early(backlog: Backlog, cfg: Config) -> tuple[Need, ...]:
    """It has not stood for too long yet; but who was never seen to commit as usual is not known to be well either."""
    if not backlog.committed.values or commits(backlog) or (backlog.lag.last or 0) <= (backlog.partitions or 1):
        return ()
    if backlog.commit_gap is None:
        return (_pause(backlog),)
    watched = max(backlog.observed_for - (backlog.still or timedelta(0)), backlog.steady or timedelta(0))
    if not abandoned(backlog) or backlog.observed_for >= cfg.day or backlog.commit_gap * cfg.pauses > cfg.least:
        return ()
    return (_commits_for(backlog, watched, cfg.least.total_seconds()),)


def _pause(backlog: Backlog) -> Need:
    pause = None if backlog.commit_gap is None else round(backlog.commit_gap.total_seconds(), 1)
    learn = _GONE if abandoned(backlog) else "wait until the group has committed twice"
    return Need("earlier pause between commits, s", pause, ">=", 0, learn=learn)


def _commits_for(backlog: Backlog, seen: timedelta, least: float) -> Need:
    learn = (
        _GONE if abandoned(backlog) else "wait until a whole pause of this group was seen: it may read once in a while"
    )
    seen_min = round(seen.total_seconds() / 60, 1)
    return Need("min of commits before they stopped", seen_min, ">=", round(least / 60, 1), learn=learn)


_GONE = "start the group, or delete it if it is given up; one that reads once in a while is known once it came twice"


def _meets(backlog: Backlog, waited: float, limit: float) -> str:
    """While nothing has waited for too long: who reads, who does not yet, and until when that is normal."""
    group, topic = backlog.group.name, backlog.topic.name
    if not backlog.lag.last:
        return f"Nothing of {topic} waits for {group}."
    if commits(backlog):
        return f"{group} commits what it reads of {topic}."
    lag = counted(backlog.lag.last, "message waits", "messages wait")
    who = f"{group} has no member, and {lag} on {topic}" if abandoned(backlog) else f"{lag} on {topic} for {group}"
    since = f", for {lasting(waited)} so far" if waited >= 1 else ""
    return f"{who}{since}: {lasting(limit)} would be too long."


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
