"""What to do about IDM-05: ask for what is meant, and give records a second place."""

from collections.abc import Sequence

from agent.model.steps import code, declare, few, own
from agent.model.things import Topic
from rules.topics import BROKER, set_on


def steps(topic: Topic, failing: Sequence[str], weak: Sequence[str]) -> tuple[str, ...]:
    """Writers first; then the topic."""
    name = own(topic.topic)
    writers = few(one.name.rpartition("/")[2] for one in topic.producers) or f"whoever writes to {name}"
    told = list[str]()
    if "weak settings" in failing:
        told.append(f"Take these settings away: {few(weak)}.")
    if "plain writers" in failing:
        told.append(
            f"Set `enable.idempotence=true` and `acks=all` in {writers}, in so many words: a client with a conflicting "
            f"setting switches idempotence off without a word, and librdkafka's is off by default."
        )
    if "too few replicas" in failing:
        told.append(f"Give {name} 3 replicas: {code(f'kafka-reassign-partitions.sh {BROKER} --execute')} with a plan.")
    if "too few in sync" in failing:
        told.append(f"Acknowledge only what is in two places: {set_on(topic, 'min.insync.replicas=2')}.")
    return (*told, f"If records of {name} may be lost, declare {declare(topic.topic, 'loss_tolerant', 'true')}.")
