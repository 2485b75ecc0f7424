"""What to do about LAG-01, by cause: what the members, the partitions and the rates show."""

from agent.model.counting import counted
from agent.model.steps import length, own, rate
from agent.model.subjects import Backlog
from rules.backlog import groups_sh
from rules.backlog.rising_lag.windows import Fast, Slow
from rules.topics import set_on, topics_sh

_HOT = 0.5  #: of the backlog in one partition: more members would not help it (ours)


def steps(backlog: Backlog, fast: Fast, slow: Slow) -> tuple[str, ...]:
    """The likeliest cause first."""
    return (*_hot(backlog), _members(backlog), *_pace(backlog, fast, slow), *_deleted(backlog))


def _hot(backlog: Backlog) -> tuple[str, ...]:
    behind, total = backlog.behind, sum(backlog.behind.values())
    if len(behind) < 2 or total <= 0:
        return ()
    worst = max(behind, key=lambda partition: behind[partition])
    if behind[worst] < _HOT * total:
        return ()
    describe = groups_sh(backlog, "--describe")
    return (
        f"Partition {worst} of {own(backlog.topic)} has {behind[worst]:,} of the {counted(total, 'message')} behind: "
        f"look for a key that is too frequent, or a message that is tried for ever, at the offset that {describe} "
        "shows.",
    )


def _members(backlog: Backlog) -> str:
    group, topic = own(backlog.group), own(backlog.topic)
    members, partitions = backlog.members.last, backlog.partitions
    if members is None or partitions is None:
        asked = groups_sh(backlog, "--describe --members")
        return (
            f"Compare the members of {group} with the partitions of {topic} ({asked}): with fewer members than "
            f"partitions add members, with as many add partitions."
        )
    if members < 1:
        return f"Start {group}: it has no member, so nobody reads {topic}."
    if members < partitions:
        return (
            f"Start up to {partitions - members:,.0f} more of {group}: "
            f"{counted(members, 'member reads', 'members read')} {counted(partitions, 'partition')} of {topic}."
        )
    alter = topics_sh(backlog, f"--alter --partitions {2 * partitions}")
    return (
        f"More members of {group} would stand idle ({members:,.0f} on "
        f"{counted(partitions, 'partition')}): make its handler faster, or add partitions ({alter}; "
        f"keys move to others, so their order is lost once)."
    )


def _pace(backlog: Backlog, fast: Fast, slow: Slow) -> tuple[str, ...]:
    group, made, read = own(backlog.group), slow.produced_rate, slow.read_rate
    if fast.read_share is not None and fast.read_share <= 0:
        return (
            f"{group} has committed nothing in 15 min: look in its log for a handler that hangs, or for a message that "
            f"is tried for ever.",
        )
    if made is None or read is None or not 0 < read < made:
        return ()
    return (
        f"{group} reads {rate(read)} of what is written at {rate(made)}: it has to get {made / read - 1:.0%} faster "
        f"only to keep up. Look for what its handler waits for: a database, an API.",
    )


def _deleted(backlog: Backlog) -> tuple[str, ...]:
    age, kept = backlog.age.last, backlog.retention
    if age is None or kept is None:
        return ()
    more = set_on(backlog, f"retention.ms={int(2 * kept.total_seconds() * 1000)}")
    return (
        f"{own(backlog.topic)} keeps messages for {length(kept)} and the oldest unread one is {_age(age)} old: if it "
        f"may not catch up before, raise the retention now ({more}).",
    )


def _age(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"
