"""What to do about GRW-02: quicker members first, for partitions cannot be taken back and move keys about."""

from agent.model.steps import own
from agent.model.subjects import Backlog
from rules.topics import topics_sh


def steps(backlog: Backlog) -> tuple[str, ...]:
    """What costs nothing, then what changes the order of keys."""
    group, topic = own(backlog.group), own(backlog.topic)
    more = 2 * (backlog.partitions or 1)
    alter = topics_sh(backlog, f"--alter --partitions {more}")
    return (
        f"Make each member of {group} quicker: work on several records at a time, in order by key, "
        f"write in batches, and see what it waits for.",
        f"If that is not enough, add partitions to {topic}: {alter}.",
        f"Before that, see whether the order of keys matters: new records of a key go to another partition than "
        f"its old ones. Let {group} catch up first, or write to a new topic with {more} partitions.",
        f"Then start more members of {group}: until then any further one is idle.",
    )
