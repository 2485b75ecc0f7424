"""LAG-06: the group keeps moving its partitions about, and nobody reads meanwhile."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.model.counting import counted
from agent.model.rule import LAG, Stability, rule
from agent.model.subjects import Backlog
from agent.model.verdict import AnyOf, Claim, Evidence, Need, Path, Reason, Scalar, Severity, Verdict, fails_when
from rules.backlog import LOOK, empty, looked, more_looks
from rules.backlog.rebalance_storm.steps import steps
from rules.backlog.rebalance_storm.turns import Turns, turns


@dataclass(frozen=True)
class Config:
    """Thresholds of LAG-06. R = the rule catalogue."""

    SHARES: ClassVar = ("unstable", "away")

    rebalances: int = 3  #: in 15 min (R): a member that left and came again makes two
    lately: timedelta = timedelta(minutes=15)  #: R
    unstable: float = 0.1  #: of the looks in an hour (R)
    unstable_looks: int = 3  #: at least; one look in the midst of a rebalance says nothing (ours)
    span: timedelta = timedelta(hours=1)  #: R
    away: float = 0.5  #: of the looks, without a member: a poller, which is rebalanced each time it comes (ours)
    looks: int = 4  #: in the hour (R)
    apart: float = 75.0  #: s between looks: 60 (R), and a quarter for those that come late
    stale: timedelta = timedelta(minutes=5)  #: since the last look; over it the group may be as it was, or not
    #: rebalances that one member's coming or going makes: an eager group one, a cooperative one two (Kafka, KIP-429)
    each: int = 2


@rule(
    "LAG-06",
    severity=Severity.HIGH,
    evidence=Evidence.OBSERVED,
    config=Config,
    hold=LAG,
    lookback=timedelta(minutes=70),
    stability=Stability.PREVIEW,
)
def rebalance_storm(backlog: Backlog, cfg: Config) -> Verdict:
    """A group keeps moving its partitions about, and reads little meanwhile."""
    seen = turns(backlog, cfg.span, cfg.lately)
    needs = (_described(backlog), looked(backlog, cfg.stale, backlog.looks), *_looked(backlog, seen, cfg))
    if not seen.rebalances and not seen.unstable:
        return fails_when(*needs, Claim("rebalances in 60 min", 0, ">", 0), says="", meets=_calm(backlog))
    explained = _explained(seen, cfg)
    return fails_when(
        *needs,
        Claim("members or rebalances that no deploy explains", explained, ">", 0),
        AnyOf((_often(seen, cfg), _long(seen, cfg))),
        says=_says(backlog, seen, cfg),
        meets=_calm(backlog),
        show=_shown(backlog, seen),
        do=steps(backlog),
    )


def _described(backlog: Backlog) -> Need:
    known = backlog.state is not None or bool(backlog.members.values) or bool(backlog.epochs.values)
    return Need(
        "state or members of the group",
        known,
        "==",
        True,
        learn="let the agent describe this group (DESCRIBE on it), or give a recording with its state and members",
        reason=Reason.NOT_SENT,
    )


def _looked(backlog: Backlog, seen: Turns, cfg: Config) -> tuple[Need, ...]:
    count = Need("looks in 60 min", seen.looks, ">=", cfg.looks, learn=more_looks(backlog, cfg.span))
    if seen.looks < cfg.looks:
        return (count,)
    return (count, Need("s between looks", seen.apart, "<=", cfg.apart, learn=LOOK, reason=Reason.NOT_SENT))


def _explained(seen: Turns, cfg: Config) -> int:
    """0 where each member was replaced at most once (a deploy), or left or came for good, and that explains all.

    One more may have left just as the hour began. A group that is mostly away is a poller: each time it comes it is
    rebalanced, and nobody waits for that.
    """
    if seen.away > cfg.away:
        return 0
    if max(seen.joined, seen.left) > seen.members:
        return max(seen.joined, seen.left) - seen.members
    changes = seen.joined + seen.left
    return max(0, seen.rebalances - cfg.each * (changes + 1)) if changes else max(seen.rebalances, seen.unstable)


def _often(seen: Turns, cfg: Config) -> Path:
    return Path("often", (Claim("rebalances in 15 min", seen.lately, ">=", cfg.rebalances),))


def _long(seen: Turns, cfg: Config) -> Path:
    return Path(
        "long",
        (
            Claim("share of looks at which it was not stable, 60 min", seen.share, ">=", cfg.unstable),
            Claim("looks at which it was not stable", seen.unstable, ">=", cfg.unstable_looks),
        ),
    )


def _calm(backlog: Backlog) -> str:
    kept = "has no member, and no partitions to move" if empty(backlog) else "keeps its partitions"
    return f"{backlog.group.name} {kept}."


def _says(backlog: Backlog, seen: Turns, cfg: Config) -> str:
    often = seen.lately >= cfg.rebalances
    count, minutes = (seen.lately, 15) if often else (seen.rebalances, 60)
    text = f"{backlog.group.name} was rebalanced {counted(count, 'time')} in {minutes} min"
    if seen.unstable:
        text += f" and not stable at {seen.unstable} of {seen.looks} looks"
    return f"{text}, with {counted(seen.joined, 'member')} new of {seen.members} ({backlog.topic.name})."


def _shown(backlog: Backlog, seen: Turns) -> dict[str, Scalar]:
    return {
        "rebalances in 15 min": seen.lately,
        "rebalances in 60 min": seen.rebalances,
        "share of looks not stable": seen.share,
        "members that came in 60 min": seen.joined,
        "members that left in 60 min": seen.left,
        "members, the most": seen.members,
        "of them static": backlog.static_members,
        "protocol": backlog.protocol,
        "state": backlog.state,
        "generation or epoch": backlog.epochs.last,
        "unread messages": backlog.lag.last,
    }
