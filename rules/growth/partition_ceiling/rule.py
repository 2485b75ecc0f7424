"""GRW-02: the group has a member for each partition, and falls back: another member would read nothing."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agent.model.counting import counted
from agent.model.rule import SLOW, rule
from agent.model.series import Series
from agent.model.subjects import Backlog
from agent.model.verdict import (
    AnyOf,
    Claim,
    Evidence,
    Need,
    OnlyIf,
    Path,
    Reason,
    Scalar,
    Severity,
    Unless,
    Verdict,
    fails_when,
)
from rules.backlog import more_looks, recent
from rules.growth.partition_ceiling.steps import steps


@dataclass(frozen=True)
class Config:
    """Thresholds of GRW-02. R = the rule catalogue."""

    SHARES: ClassVar = ("used",)

    stable: timedelta = timedelta(hours=24)  #: R: of membership; before, it may still be scaled
    span: timedelta = timedelta(hours=1)  #: over which it falls back: a burst is over by then (ours)
    samples: int = 12  #: in it; one every 5 min, the slowest recording that is of use (ours)
    age: float = 90.0  #: s; younger is a normal commit interval and a poll behind (as for a rising lag)
    rise: float = 30.0  #: s of age in that hour; a constant delay has none (as for a rising lag)
    stale: timedelta = timedelta(minutes=10)  #: two looks of the slowest recording that is of use
    used: float = 0.7  #: R: of the rate that it proved, at a peak: it will fall back soon


@rule("GRW-02", severity=Severity.MEDIUM, evidence=Evidence.EXPOSURE, config=Config, hold=SLOW, lookback=timedelta(1))
def partition_ceiling(backlog: Backlog, cfg: Config) -> Verdict:
    """A group falls back with a member for each partition: no further member would get any."""
    members, partitions = backlog.members.last, backlog.partitions
    spare = None if members is None or partitions is None else int(members) - partitions
    parts = (
        OnlyIf("a group whose members share partitions out (a share group's do not)", backlog.protocol != "share"),
        Need("members of the group", members, ">=", 0, learn=_MEMBERS, reason=Reason.NOT_SENT),
        Need("partitions of the topic", partitions, ">=", 1, learn=_TOPIC, reason=Reason.NOT_SENT),
        Claim("members less partitions", spare, ">=", 0),
    )
    if spare is None or spare < 0 or not members:
        return fails_when(*parts, Claim("members", members, ">", 0), says="", meets=_meets(backlog))
    lag, age = recent(backlog.lag, backlog, cfg.span), recent(backlog.age, backlog, cfg.span)
    rises = _rises(age)
    falling = bool(_lows_rise(lag)) and (rises or 0) > cfg.rise
    used = round(backlog.peak_rate / backlog.proven_rate, 3) if backlog.peak_rate and backlog.proven_rate else None
    full = used is not None and used >= cfg.used
    return fails_when(
        *parts,
        Need("age of the last look, s", _old(backlog), "<=", cfg.stale.total_seconds(), learn=_LOOK),
        Need("looks in 60 min", len(lag), ">=", cfg.samples, learn=more_looks(backlog, cfg.span)),
        *(_settled(backlog, cfg) if falling or full else ()),
        AnyOf((_falls(lag, age, rises, cfg), _nearly(used, cfg))),
        Unless("more members than partitions by design: those of static membership stand by", _by_design(backlog)),
        says=_says(backlog, int(members), spare, full=full and not falling),
        meets=_meets(backlog),
        show=_shown(backlog, int(members), spare),
        do=steps(backlog),
    )


_MEMBERS = "let the agent describe this group (DESCRIBE on it), or give a recording with its members"
_TOPIC = "give a recording that lists the topic with its partitions"
_LOOK = "give a recording that looks at this group every 15 to 60 s"


def _falls(lag: Series, age: Series, rises: float | None, cfg: Config) -> Path:
    return Path(
        "falls back",
        (
            Claim("lowest lag of each third of 60 min rises", _lows_rise(lag), "==", True, learn=_LOOK),
            Claim("age of the oldest unread message, s", age.last, ">", cfg.age, learn=_LOOK),
            Claim("rise of that age in 60 min, s", rises, ">", cfg.rise, learn=_LOOK),
        ),
    )


def _nearly(used: float | None, cfg: Config) -> Path:
    return Path("nearly full", (Claim("share of the proven rate used at a peak", used, ">=", cfg.used),))


def _settled(backlog: Backlog, cfg: Config) -> tuple[Need, ...]:
    """Members have been the same for a day, as far as looks tell: the state has not changed, nor their number."""
    known = None if backlog.state_for is None else round(backlog.state_for.total_seconds() / 3600, 1)
    numbers = len(set(backlog.members.values)) + len(backlog.joined)
    learn = "wait until it has had the same members for a day"
    return (
        Need("h since the state of the group changed", known, ">=", cfg.stable.total_seconds() / 3600, learn=learn),
        Need("changes of its members in 80 min", numbers - 1, "<=", 0, learn=learn),
    )


def _old(backlog: Backlog) -> float | None:
    times = backlog.lag.times
    return round(max(0.0, backlog.as_of.timestamp() - times[-1]), 1) if times else None


def _lows_rise(lag: Series) -> bool | None:
    """The lowest point of each third lies over the one before: a saw that reaches the ground is no growth."""
    third = len(lag) // 3
    if not third:
        return None
    lows = [min(lag.values[:third]), min(lag.values[third:-third]), min(lag.values[-third:])]
    return lows[0] < lows[1] < lows[2]


def _rises(age: Series) -> float | None:
    third = len(age) // 3
    return round(min(age.values[-third:]) - min(age.values[:third]), 1) if third else None


def _by_design(backlog: Backlog) -> bool | None:
    if backlog.static_members is None or backlog.partitions is None:
        return None
    return backlog.static_members > backlog.partitions


def _meets(backlog: Backlog) -> str:
    group, topic, members = backlog.group.name, backlog.topic.name, backlog.members.last or 0
    if not members:
        return f"{group} has no member: the first that comes gets all partitions of {topic}."
    if members < (backlog.partitions or 0):
        return f"Another member of {group} would get partitions of {topic}: it has {members:,.0f}."
    return f"{group} has a member for each partition of {topic}, and was not seen to fall back."


def _says(backlog: Backlog, members: int, spare: int, *, full: bool) -> str:
    idle = f", {spare} of them idle" if spare else ""
    lag, topic = backlog.lag.last or 0, backlog.topic.name
    has = (
        f"{backlog.group.name} has {counted(members, 'member')} for {counted(backlog.partitions or 0, 'partition')} of"
    )
    if full and backlog.peak_rate and backlog.proven_rate:
        return (
            f"{has} {topic}{idle}, and peaks take {backlog.peak_rate / backlog.proven_rate:.0%} of what it ever read."
        )
    return f"{has} {topic}{idle}, and falls back ({counted(lag, 'message')})."


def _shown(backlog: Backlog, members: int, spare: int) -> dict[str, Scalar]:
    return {
        "members": members,
        "partitions": backlog.partitions,
        "idle members, at least": spare,
        "static members": backlog.static_members,
        "unread messages": backlog.lag.last,
        "age of the oldest, s": backlog.age.last,
        "protocol": backlog.protocol,
        "peak of what is written, records/s": backlog.peak_rate,
        "proven rate, records/s": backlog.proven_rate,
    }
