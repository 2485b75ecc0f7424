"""Backlogs: groups on topics, and what waits to be read. Here: what the rules of this pitfall share."""

from datetime import UTC, datetime, timedelta

from agent.model.counting import counted
from agent.model.series import Series
from agent.model.steps import code, length, typed
from agent.model.subjects import Backlog
from agent.model.verdict import Claim, Need, OnlyIf, Reason
from rules.topics import BROKER

LOOK = "let the agent watch its cluster every 15 to 60 s (`clusters` in the configuration), or give a recording of it"
EMPTY = ("empty", "dead")  #: states in which nobody reads
_APART = timedelta(minutes=3)  #: looks further apart leave a gap
THROWAWAY = "console-consumer-"  #: groups that Kafka's own console makes up, one a run


def looked(backlog: Backlog, stale: timedelta, series: Series | None = None) -> Need:
    """The backlog was looked at lately: what was true long ago is not known to be true now."""
    times = (backlog.lag if series is None else series).times
    age = round(max(0.0, backlog.as_of.timestamp() - times[-1]), 1) if times else None
    return Need("age of the last look, s", age, "<=", stale.total_seconds(), learn=LOOK, reason=Reason.NOT_SENT)


def unread(backlog: Backlog) -> Claim:
    """Something waits."""
    lag = backlog.lag.last
    return Claim("unread messages", None if lag is None else int(lag), ">", 0, learn=LOOK)


def offsets_of_its_own(backlog: Backlog) -> OnlyIf:
    """A share group keeps what it has read in the broker: without committed offsets it is as alive as any."""
    return OnlyIf("a group that commits offsets (a share group has none)", backlog.protocol != "share")


def kept_for_good(backlog: Backlog) -> OnlyIf:
    """What somebody typed into a console is left behind by design."""
    name = backlog.group.name.rpartition("/")[2]
    return OnlyIf("a group that is meant to stay (its name is a console's)", not name.startswith(THROWAWAY))


def whole_from(backlog: Backlog, span: timedelta, apart: timedelta = _APART) -> datetime | None:
    """When the last `span` will be full of looks, if they go on as they do; None where it is, or where none come."""
    now, began = backlog.as_of.timestamp(), None
    for at in reversed(backlog.looks.times or backlog.lag.times):
        if (now if began is None else began) - at > apart.total_seconds():
            break
        began = at
    whole = None if began is None else began + span.total_seconds()
    return None if whole is None or whole <= now else datetime.fromtimestamp(whole, UTC)


def more_looks(backlog: Backlog, span: timedelta) -> str:
    """What supplies looks over a span: to wait, and until when, where they come; else who is to look."""
    whole = whole_from(backlog, span)
    return (
        LOOK if whole is None else f"wait: it takes {length(span)} of looks, and there are as many by {whole:%H:%M} UTC"
    )


def recent(series: Series, backlog: Backlog, span: timedelta) -> Series:
    """The part of a series within a span before the instant of judgement."""
    now = backlog.as_of.timestamp()
    return series.since(now - span.total_seconds(), now)


def empty(backlog: Backlog) -> bool | None:
    """No member, as the broker tells; None where it did not tell."""
    if backlog.members.last is not None:
        return backlog.members.last == 0
    return None if backlog.state is None else backlog.state.lower() in EMPTY


def commits(backlog: Backlog) -> bool:
    """Its commits go on, with members or without: one that takes its partitions itself has none."""
    return backlog.still is None and len(set(backlog.committed.values)) > 1


def abandoned(backlog: Backlog) -> bool:
    """Messages wait, and nobody reads them: there is no member, and no commit comes."""
    return bool(empty(backlog)) and bool(backlog.lag.last) and not commits(backlog)


def yet(backlog: Backlog) -> str:
    """The end of a sentence that clears: what is no trouble of this rule is said all the same where nobody reads."""
    if not abandoned(backlog):
        return ""
    return f", though {counted(backlog.lag.last or 0, 'message waits', 'messages wait')} and it has no member"


def deserted(backlog: Backlog) -> bool:
    """Nobody was seen to read: no member, and no commit, in all that is known. It may be given up."""
    if backlog.members.last is None or any(backlog.members.values) or backlog.commit_gap is not None:
        return False
    if backlog.state_for is not None and backlog.state_for < backlog.observed_for - timedelta(minutes=10):
        return False  # its members were seen to leave
    return backlog.committed.values[:1] == backlog.committed.values[-1:]


def patience(backlog: Backlog, least: timedelta, times: float) -> float:
    """Seconds; a pause between commits that is normal for this group may come again, and come late."""
    pause = backlog.commit_gap.total_seconds() if backlog.commit_gap is not None else 0.0
    return max(least.total_seconds(), round(times * pause, 1))


def lasting(seconds: float) -> str:
    """A time in words."""
    return length(timedelta(seconds=seconds))


def groups_sh(backlog: Backlog, words: str) -> str:
    """A command about the group."""
    return code(f"kafka-consumer-groups.sh {BROKER} {words} --group {typed(backlog.group)}")
