"""What to do about LAG-04: first time, then speed."""

from agent.model.steps import length, own
from agent.model.subjects import Backlog
from rules.backlog import groups_sh
from rules.backlog.retention_race.race import Race
from rules.topics import set_on

_SIZED = 0.95  #: of the set retention; messages go earlier, so size deletes them


def steps(backlog: Backlog, seen: Race) -> tuple[str, ...]:
    """Longer retention is the one thing that helps at once."""
    return (_longer(backlog, seen), _faster(backlog), _back(backlog))


def _longer(backlog: Backlog, seen: Race) -> str:
    topic, kept = own(backlog.topic), backlog.retention
    if kept is not None and seen.kept is not None and seen.kept < _SIZED * kept.total_seconds():
        size = backlog.settings.get("retention.bytes", "")
        wanted = str(2 * int(size)) if size.isascii() and size.isdigit() else "<more>"
        more = set_on(backlog, f"retention.bytes={wanted}")
        return f"Let {topic} keep more, now: its size deletes messages before {length(kept)} are over ({more})."
    millis = "<more>" if kept is None else str(int(2 * kept.total_seconds() * 1000))
    more = set_on(backlog, f"retention.ms={millis}")
    return f"Let {topic} keep messages longer, now, if its disks have room ({more})."


def _faster(backlog: Backlog) -> str:
    group, members = own(backlog.group), backlog.members.last
    if members is not None and members < 1:
        return f"Start {group}: it has no member, so nobody reads {own(backlog.topic)}."
    asked = groups_sh(backlog, "--describe")
    return (
        f"Then make {group} faster than what is written: more members, or a faster handler ({asked} shows where it is)."
    )


def _back(backlog: Backlog) -> str:
    return (
        f"Once {own(backlog.group)} has caught up, take the longer retention back. If it is no longer needed, "
        f"delete it: {groups_sh(backlog, '--delete')}."
    )
