"""What to do about LAG-02, by what the members and the open transactions show."""

from enum import Enum

from agent.model.counting import counted
from agent.model.steps import code, length, own, typed
from agent.model.subjects import Backlog
from rules.backlog import groups_sh
from rules.topics import BROKER, set_on


class Cause(Enum):
    """Why no commit comes; the value ends the sentence of the verdict."""

    TRANSACTION = ", behind an open transaction"
    NO_MEMBERS = ", and it has no member"
    NO_COMMITS = ", though it has members"
    UNKNOWN = ""

    @property
    def words(self) -> str:
        """For a table."""
        return {
            Cause.TRANSACTION: "open transaction",
            Cause.NO_MEMBERS: "no members",
            Cause.NO_COMMITS: "members, but no commits",
        }.get(self, "not seen")


def cause(backlog: Backlog, waited: float) -> Cause:
    """The likeliest: a transaction that holds the topic up for most of the pause, else what the members show."""
    if (backlog.held.last or 0) >= waited / 2 and backlog.held_messages.last:
        return Cause.TRANSACTION
    if backlog.members.last is None:
        return Cause.UNKNOWN
    return Cause.NO_COMMITS if backlog.members.last > 0 else Cause.NO_MEMBERS


def steps(backlog: Backlog, found: Cause) -> tuple[str, ...]:
    """What to look at first, and what to do then."""
    first = {
        Cause.TRANSACTION: _transaction,
        Cause.NO_MEMBERS: _nobody,
        Cause.NO_COMMITS: _hanging,
        Cause.UNKNOWN: _asked,
    }[found](backlog)
    return (*first, *_deleted(backlog))


def _nobody(backlog: Backlog) -> tuple[str, ...]:
    group, topic = own(backlog.group), own(backlog.topic)
    return (
        f"Start {group}, or find out what stopped it: it has no member, so nobody reads {topic}.",
        f"If it takes its partitions itself and never has members (Flink, Spark), look at the job's "
        f"checkpoints: it committed {_ago(backlog)}.",
        f"If {group} is no longer needed, delete it: {groups_sh(backlog, '--delete')}.",
    )


def _hanging(backlog: Backlog) -> tuple[str, ...]:
    group, members = own(backlog.group), backlog.members.last or 0
    return (
        f"Take a thread dump of {group} ({counted(members, 'member')}, none commits) and look in its log for one "
        f"message that fails again and again, or a call that never returns.",
        f"Find where it stands: {groups_sh(backlog, '--describe --members --verbose')}, then {_describe(backlog)}.",
        f"Restart {group}. If it stops at the same offset again, that message is the cause: put it aside, and let the "
        f"handler do so by itself.",
    )


def _transaction(backlog: Backlog) -> tuple[str, ...]:
    find = code(f"kafka-transactions.sh {BROKER} find-hanging --topic {typed(backlog.topic)}")
    return (
        f"Find the transaction that {own(backlog.topic)} waits for: {find}.",
        f"If its producer lives, let it commit or abort; if it is gone, abort it with {code('kafka-transactions.sh')} "
        f"and what that command shows. {own(backlog.group)} goes on by itself then.",
    )


def _asked(backlog: Backlog) -> tuple[str, ...]:
    return (
        f"Ask whether {own(backlog.group)} has members: {groups_sh(backlog, '--describe --state')}. Without any, start "
        f"it; with some, look in their log for a message that fails again and again, or a call that never returns.",
    )


def _deleted(backlog: Backlog) -> tuple[str, ...]:
    left = backlog.retention_left.last
    if left is None or backlog.retention is None or left > 86_400:
        return ()
    more = set_on(backlog, f"retention.ms={int(2 * backlog.retention.total_seconds() * 1000)}")
    return (f"What waits longest on {own(backlog.topic)} is deleted in {left / 3600:.1f} h: keep it longer ({more}).",)


def _describe(backlog: Backlog) -> str:
    return groups_sh(backlog, "--describe")


def _ago(backlog: Backlog) -> str:
    return "long ago" if backlog.still is None else f"{length(backlog.still)} ago or longer"
