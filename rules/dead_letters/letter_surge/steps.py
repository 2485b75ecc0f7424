"""What to do about DLQ-04: find what changed, stop it, and put back what came meanwhile."""

from agent.model.steps import code, few, own, typed
from agent.model.things import Letters, Topic
from rules.dead_letters import failures
from rules.topics import BROKER


def steps(topic: Topic, letters: Letters) -> tuple[str, ...]:
    """The newest letters say which deploy or schema began it."""
    source = few(one.name.partition("/")[2] for one in letters.sources)
    look = code(
        f"kafka-console-consumer.sh {BROKER} --topic {typed(topic.topic)} --property print.headers=true "
        f"--property print.timestamp=true"
    )
    return (
        f"Look at what comes now, with the headers that say what failed{failures(letters)}: {look}.",
        f"See what changed just before: a deploy or a schema of a writer of {source}, or of its reader; roll it back.",
        f"If that takes long, pause the writer, or let the reader of {source} halt rather than fail on all of it.",
        f"When it is mended, put the letters of {own(topic.topic)} since then back into {source}.",
    )
