"""What to do about DLQ-05: look at the message, get past it, and see to it that the next one does not halt anybody."""

from agent.model.steps import code, own, typed
from agent.model.subjects import Backlog, Stuck
from rules.backlog import groups_sh
from rules.topics import BROKER


def steps(backlog: Backlog, found: Stuck) -> tuple[str, ...]:
    """First the message, then the way past it, then what keeps it from coming again."""
    group, topic = own(backlog.group), typed(backlog.topic)
    look = code(
        f"kafka-console-consumer.sh {BROKER} --topic {topic} --partition {found.partition} "
        f"--offset {found.offset} --max-messages 1 --property print.headers=true --property print.key=true"
    )
    past = groups_sh(
        backlog, f"--reset-offsets --topic {topic}:{found.partition} --to-offset {found.offset + 1} --execute"
    )
    return (
        f"Look at the message: {look}; it may be one of the next ones where {group} commits late.",
        f"If it can be left out, keep it somewhere, stop {group}, pass it by {past}, and start again.",
        f"If nothing is wrong with it, take a thread dump of the member of {group} that has partition "
        f"{found.partition}, and restart that member.",
        _bounded(backlog),
    )


def _bounded(backlog: Backlog) -> str:
    group, letters = own(backlog.group), backlog.dead_letters
    if letters is None:
        return f"Give {group} a bounded number of retries, and a dead-letter topic for what fails all of them."
    return f"Bound the retries of {group}: what fails all of them belongs into {own(letters.topic)}."
