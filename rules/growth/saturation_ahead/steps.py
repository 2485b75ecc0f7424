"""What to do about GRW-01: know the capacity, then raise it while there is time."""

from agent.model.steps import own
from agent.model.subjects import Backlog
from rules.backlog import groups_sh
from rules.topics import topics_sh


def steps(backlog: Backlog) -> tuple[str, ...]:
    """Test first: what was proven may be less than what it can."""
    group, topic = own(backlog.group), own(backlog.topic)
    members, partitions = backlog.members.last, backlog.partitions
    told = (
        f"Find out what {group} can read: stop it for some minutes at a calm hour and let it catch up, or send copies "
        f"to a topic of its own. Declare the result (`loadtests` of its workflow).",
    )
    more = topics_sh(backlog, "--alter --partitions <number>")
    if members is not None and partitions is not None and members >= partitions:
        return (
            *told,
            f"Add partitions to {topic} ({more}; keys move then: an order by key is broken once), or process what a "
            f"member of {group} reads in parallel.",
            _scale(group),
        )
    asked = groups_sh(backlog, "--describe --members")
    return (*told, f"Add members to {group} ({asked}): {topic} has partitions for them.", _scale(group))


def _scale(group: str) -> str:
    return f"Let {group} scale by the age of what waits, not by its CPU: that says when it falls behind."
