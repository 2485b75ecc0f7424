"""What to do about DLQ-03: keep them first, then look, put back, and see to it that somebody does next time."""

from datetime import timedelta

from agent.model.steps import code, declare, few, own, typed
from agent.model.things import Letters, Topic
from rules.dead_letters import failures
from rules.topics import BROKER, set_on


def steps(topic: Topic, letters: Letters, *, waits: bool, keep: timedelta) -> tuple[str, ...]:
    """Time first where it runs out: what is deleted cannot be looked at."""
    name = own(topic.topic)
    least = max(keep, 2 * (letters.source_retention or timedelta(0)))
    longer = f"Keep them for longer: {set_on(topic, f'retention.ms={int(least.total_seconds() * 1000)}')}."
    if not waits:
        return (longer, f"Give {name} an owner and an alert on its first message.", _terminal(topic))
    look = code(
        f"kafka-console-consumer.sh {BROKER} --topic {typed(topic.topic)} --from-beginning --max-messages 10 "
        f"--property print.headers=true"
    )
    source = few(one.name.partition("/")[2] for one in letters.sources) or "the topic that they are of"
    return (
        longer,
        f"Look at the first ones, with the headers that say what failed{failures(letters)}: {look}.",
        f"Mend the cause, then put what can be processed now back into {source}, and commit past the rest.",
        f"Give {name} an owner, an alert on its first message, and a runbook for both.",
        _terminal(topic),
    )


def _terminal(topic: Topic) -> str:
    return f"If they end there by design, declare {declare(topic.topic, 'terminal', 'true')}."
