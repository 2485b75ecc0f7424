"""LAG-07: messages were deleted before the group read them, its commits jumped over them, or went far back."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from agent.model.counting import counted
from agent.model.rule import HARM, Stability, rule
from agent.model.steps import length
from agent.model.subjects import Backlog
from agent.model.verdict import AnyOf, Claim, Evidence, Need, OnlyIf, Path, Scalar, Severity, Verdict, fails_when
from rules.backlog import LOOK, deserted, kept_for_good, looked, offsets_of_its_own, recent, yet
from rules.backlog.lost_events.leaps import Leap, Limits, points, skipped, went_back
from rules.backlog.lost_events.steps import steps
from rules.topics import weaker


@dataclass(frozen=True)
class Config:
    """Thresholds of LAG-07. R = the rule catalogue."""

    span: timedelta = timedelta(minutes=70)  #: looked back; the finding itself stays for a day
    gap: timedelta = timedelta(minutes=5)  #: between two looks that are compared (R)
    least: int = 100  #: messages; fewer skipped or read again are within a commit (ours)
    faster: float = 5.0  #: times the fastest reading, before and after: no restart makes it so fast for once (ours)
    again: timedelta = timedelta(minutes=5)  #: of data; commits that went back by less are a rebalance's (R)
    patience: timedelta = timedelta(minutes=10)  #: within which what went back has caught up again (R, from Burrow)
    stale: timedelta = timedelta(minutes=10)  #: two looks of the slowest recording that is of use, one in 5 min


@dataclass(frozen=True, slots=True)
class Loss:
    """What happened to a group, in messages."""

    deleted: int | None
    jump: Leap | None = None
    back: Leap | None = None


@rule(
    "LAG-07",
    severity=Severity.CRITICAL,
    evidence=Evidence.OBSERVED,
    config=Config,
    hold=HARM,
    lookback=timedelta(minutes=70),
    stability=Stability.STABLE,
    pages=True,
)
def lost_events(backlog: Backlog, cfg: Config) -> Verdict:
    """Messages were deleted unread, skipped, or are read again from far back."""
    found = _found(backlog, cfg)
    parts = (
        offsets_of_its_own(backlog),
        kept_for_good(backlog),
        OnlyIf("a group whose messages matter (loss_tolerant)", backlog.loss_tolerant is not True),
        looked(backlog, cfg.stale),
        Need("looks at its commits in 70 min", len(recent(backlog.committed, backlog, cfg.span)), ">=", 2, learn=LOOK),
    )
    paths = AnyOf(_paths(found, cfg))
    if not paths.truth:
        return fails_when(*parts, paths, says="", meets=_meets(backlog))
    severity, why, evidence = _weight(backlog, found, cfg)
    return fails_when(
        *parts,
        paths,
        says=_says(backlog, found),
        harm=True,
        severity=severity,
        weighed=why,
        evidence=evidence,
        show=_shown(backlog, found),
        do=steps(backlog, found.deleted, found.jump),
    )


def _meets(backlog: Backlog) -> str:
    return f"Nothing of {backlog.topic.name} was seen to be lost to {backlog.group.name}{yet(backlog)}."


def _found(backlog: Backlog, cfg: Config) -> Loss:
    """Where no lag rose or fell by as much at once, no commits can have jumped or gone back: that is most groups."""
    if not backlog.committed.values:
        return Loss(None)
    deleted = _deleted(backlog, cfg)
    if all(abs(after - before) < cfg.least / 2 for before, after in pairwise(backlog.lag.values)):
        return Loss(deleted)
    now, limits = backlog.as_of.timestamp(), _limits(cfg)
    seen = points(backlog, now - cfg.span.total_seconds(), now)
    return Loss(deleted, skipped(backlog, seen, limits), went_back(seen, limits))


def _limits(cfg: Config) -> Limits:
    return Limits(cfg.least, cfg.gap.total_seconds(), cfg.patience.total_seconds(), cfg.faster)


def _deleted(backlog: Backlog, cfg: Config) -> int:
    """The most that was gone at one look. Of a topic that its readers purge, at two in a row.

    Kafka Streams deletes what it has committed from its repartition topics, between our looking at commits and at
    the log.
    """
    values = recent(backlog.lost, backlog, cfg.span).values
    if backlog.settings.get("retention.ms") == "-1":
        values = tuple(min(two) for two in pairwise(values))
    return int(max(values, default=0.0))


def _paths(found: Loss, cfg: Config) -> tuple[Path, ...]:
    seen = found.deleted is not None
    jumped = (found.jump.messages if found.jump else 0) if seen else None
    again = (round(min(found.back.seconds, 1e9)) if found.back else 0) if seen else None
    limit = cfg.again.total_seconds()
    learn = "let the agent watch its cluster, or give a recording with this group's commits and where its topic begins"
    return (
        Path("deleted", (Claim("messages deleted before they were read", found.deleted, ">", 0, learn=learn),)),
        Path("skipped", (Claim("messages that commits jumped over", jumped, ">", 0, learn=learn),)),
        Path("read again", (Claim("s of data that is read again, for over 10 min", again, ">", limit, learn=learn),)),
    )


def _weight(backlog: Backlog, found: Loss, cfg: Config) -> tuple[Severity | None, str, Evidence | None]:
    """Deleted is deleted, a jump is inferred, what is read again is not lost; who is not there misses little."""
    if found.deleted:
        if not deserted(backlog):
            return None, "", None
        why = "no member and no commit of this group was seen so far: it may be given up"
        return weaker(backlog, Severity.MEDIUM), why, Evidence.INFERRED
    if found.jump is not None:
        return None, "", Evidence.INFERRED
    severity = weaker(backlog, Severity.HIGH)
    return (None, "", None) if severity is Severity.CRITICAL else (severity, "nothing is lost, but done twice", None)


def _says(backlog: Backlog, found: Loss) -> str:
    group, topic = backlog.group.name, backlog.topic.name
    if found.deleted:
        lost = counted(found.deleted, "message")
        return f"{group} lost {lost} of {topic}: deleted before it read them."
    if found.jump is not None:
        return f"{group} skipped {counted(found.jump.messages, 'message')} of {topic}: its commits jumped over them."
    messages, seconds = (found.back.messages, found.back.seconds) if found.back else (0, 0.0)
    worth = f" by {length(timedelta(seconds=seconds))} of data" if seconds < 1e9 else ""
    return f"{group} reads {counted(messages, 'message')} of {topic} again: its commits went back{worth}."


def _shown(backlog: Backlog, found: Loss) -> dict[str, Scalar]:
    lost = backlog.lost.values
    return {
        "deleted unread, at one look": found.deleted,
        "of them in what was looked back": int(max(lost) - lost[0]) if lost and found.deleted else None,
        "skipped": found.jump.messages if found.jump else None,
        "at": _clock(found.jump or found.back),
        "what speaks for it": found.jump.witness if found.jump else None,
        "read again": found.back.messages if found.back else None,
        "committed, all partitions": backlog.committed.last,
        "end, all partitions": backlog.produced.last,
        "members": backlog.members.last,
        "state": backlog.state,
    }


def _clock(leap: Leap | None) -> str | None:
    return None if leap is None else f"{datetime.fromtimestamp(leap.at, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"
