"""What to do about LAG-05, by cause."""

from enum import Enum

from agent.model.steps import code, own, typed
from agent.model.subjects import Backlog
from rules.backlog import groups_sh
from rules.topics import BROKER


class Cause(Enum):
    """Why one partition is behind."""

    KEYS = "key skew"
    STUCK = "stuck member"

    @property
    def told(self) -> str:
        """The same as the end of a sentence."""
        if self is Cause.KEYS:
            return "it gets more than its share of what is written"
        return "writing does not explain it, so its reader is stuck"


def furthest(backlog: Backlog) -> tuple[str, int]:
    """The partition with the largest backlog, "" where partitions were not told one by one, and its messages."""
    if not backlog.behind:
        return "", int(backlog.lag.last or 0)
    worst = max(backlog.behind, key=lambda partition: backlog.behind[partition])
    return worst, backlog.behind[worst]


def steps(backlog: Backlog, found: Cause) -> tuple[str, ...]:
    """Find the key, or the member."""
    partition, _ = furthest(backlog)
    named = f"partition {partition}" if partition else "the partition furthest behind"
    return _keys(backlog, partition, named) if found is Cause.KEYS else _stuck(backlog, named)


def _keys(backlog: Backlog, partition: str, named: str) -> tuple[str, ...]:
    topic = own(backlog.topic)
    look = code(
        f"kafka-console-consumer.sh {BROKER} --topic {typed(backlog.topic)} --partition {partition or '<partition>'} "
        "--offset latest --max-messages 1000 --property print.key=true --property print.value=false"
    )
    return (
        f"Find the key that {named} of {topic} gets most of: {look}.",
        f"Spread it: a compound key (customer and order instead of customer), or a suffix of a few values, where its "
        f"messages need no order among all of them. Or give that one entity a topic of its own beside {topic}.",
        f"If {topic} is written without keys, look for a producer that names its partition, or whose partitioner does.",
    )


def _stuck(backlog: Backlog, named: str) -> tuple[str, ...]:
    group = own(backlog.group)
    nobody = backlog.orphaned or 0
    first = (
        f"Make sure that a member of {group} has {named} of {own(backlog.topic)}: some of its partitions "
        f"({nobody}) belong to nobody.",
    )
    return (
        *(first if nobody else ()),
        f"Find the member of {group} that has {named}: {groups_sh(backlog, '--describe')}.",
        f"Look in its log for a message that is tried for ever at that offset, or for a call that never returns; "
        f"take a thread dump, then restart that member of {group}.",
    )
