"""DLQ-05: a message that fails again and again holds up its partition, while others of the group go on."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.counting import counted
from agent.model.rule import LAG, Stability, rule
from agent.model.steps import length
from agent.model.subjects import Backlog, Stuck
from agent.model.verdict import (
    AnyOf,
    Claim,
    Evidence,
    Need,
    Path,
    Reason,
    Scalar,
    Severity,
    Unless,
    Verdict,
    fails_when,
)
from rules.backlog import LOOK, looked, offsets_of_its_own, patience, unread, yet
from rules.dead_letters.poison_message.steps import steps


@dataclass(frozen=True)
class Config:
    """Thresholds of DLQ-05. R = the rule catalogue."""

    attempts: int = 5  #: R: that failed, at one offset
    failing: timedelta = timedelta(minutes=5)  #: R: between the first and the last of them
    standing: timedelta = timedelta(minutes=5)  #: R: without progress of that partition
    pauses: float = 2.0  #: times the longest pause between commits that is normal for this group (as LAG-02)
    unseen: timedelta = timedelta(minutes=30)  #: the same where no spans tell why; a message may take long (ours)
    waiting: int = 1  #: more wait: one may be the end of a transaction, which nobody reads (ours)
    stale: timedelta = timedelta(minutes=10)  #: two looks of the slowest recording that is of use


@rule(
    "DLQ-05",
    severity=Severity.CRITICAL,
    evidence=Evidence.OBSERVED,
    config=Config,
    hold=LAG,
    lookback=timedelta(hours=24),
    stability=Stability.STABLE,
    pages=True,
)
def poison_message(backlog: Backlog, cfg: Config) -> Verdict:
    """One message fails again and again, and what is behind it in its partition waits."""
    found = backlog.stuck
    stands = 0.0 if found is None else found.standing.total_seconds()
    limit = patience(backlog, cfg.standing, cfg.pauses)
    parts = (
        offsets_of_its_own(backlog),
        looked(backlog, cfg.stale),
        unread(backlog),
        Claim("s for which a partition stands while others go on", stands, ">=", limit),
    )
    if found is None or stands < limit:
        return fails_when(
            *parts, says="", meets=f"No partition of {backlog.topic.name} stands still by itself{yet(backlog)}."
        )
    proven = (found.attempts or 0) >= cfg.attempts and (found.failing or timedelta(0)) >= cfg.failing
    return fails_when(
        *parts,
        Claim("unread messages in it", found.waiting, ">", cfg.waiting, learn=LOOK),
        AnyOf((_seen(found, cfg), _unseen(found, cfg))),
        Unless("it halts at a failure by design (on_error: stop)", backlog.on_error == "stop"),
        says=_says(backlog, found, proven=proven),
        meets=f"{backlog.group.name} is held up by no message of {backlog.topic.name}{yet(backlog)}.",
        severity=None if proven else Severity.HIGH,
        weighed="" if proven else "no spans show what fails there: a message that takes long looks the same",
        evidence=None if proven else Evidence.INFERRED,
        show=_shown(found),
        do=steps(backlog, found),
    )


_SPANS = "send spans of processing with their partition and offset, and errors as their status"


def _seen(found: Stuck, cfg: Config) -> Path:
    """Its spans fail, at one offset."""
    failing = None if found.failing is None else round(found.failing.total_seconds() / 60, 1)
    known = Need("spans with offsets", found.attempts is not None, "==", True, learn=_SPANS, reason=Reason.NOT_SENT)
    spaced = failing if found.attempts else 0.0
    return Path(
        "attempts",
        (
            known,
            Claim("failed attempts at its offset", found.attempts, ">=", cfg.attempts),
            Claim("min between the first and the last", spaced, ">=", _minutes(cfg.failing)),
        ),
    )


def _unseen(found: Stuck, cfg: Config) -> Path:
    """Nobody tells why: it stands for longer than any message should take."""
    stands = round(found.standing.total_seconds() / 60, 1)
    return Path("commits", (Claim("min without a commit", stands, ">=", _minutes(cfg.unseen)),))


def _minutes(span: timedelta) -> float:
    return round(span.total_seconds() / 60, 1)


def _says(backlog: Backlog, found: Stuck, *, proven: bool) -> str:
    where = f"partition {found.partition} of {backlog.topic.name}"
    waits = counted(found.waiting or 0, "message waits", "messages wait")
    if proven:
        failed = counted(found.attempts or 0, "time")
        return f"One message in {where} failed {failed}, and {backlog.group.name} cannot pass it: {waits} behind it."
    return f"{backlog.group.name} has stood in {where} for {length(found.standing)} while others went on: {waits}."


def _shown(found: Stuck) -> dict[str, Scalar]:
    spaced = None
    if found.attempts and found.attempts > 1 and found.failing is not None:
        spaced = round(found.failing.total_seconds() / (found.attempts - 1), 1)
    return {
        "partition": found.partition,
        "committed offset": found.offset,
        "stands for": length(found.standing),
        "unread messages in it": found.waiting,
        "partitions that go on": found.moving,
        "failed attempts": found.attempts,
        "s between attempts": spaced,
        "trace of the last": found.trace or None,
    }
