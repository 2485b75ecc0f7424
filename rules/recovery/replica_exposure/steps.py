"""What to do about RCV-10: bring back what is away; then choose what the next fault may cost."""

from collections.abc import Sequence

from agent.model.steps import code, own
from agent.model.things import Topic
from rules.topics import BROKER, set_on, topics_sh


def steps(topic: Topic, failing: Sequence[str]) -> tuple[str, ...]:
    """What is broken now first."""
    name = own(topic.topic)
    told = list[str]()
    if "offline" in failing or "behind" in failing:
        told += [
            f"See which brokers are away or behind with {name}: {topics_sh(topic, '--describe')}.",
            "Start them, or give them room on their disks; a copy that comes back catches up by itself.",
        ]
    if "stops" in failing:
        told.append(
            f"Let one copy of {name} be away: 3 replicas and {set_on(topic, 'min.insync.replicas=2')}; replicas come "
            f"with {code(f'kafka-reassign-partitions.sh {BROKER} --execute')} and a plan."
        )
    if "one place" in failing:
        told.append(f"Acknowledge records of {name} only in two places: {set_on(topic, 'min.insync.replicas=2')}.")
    if "unclean" in failing:
        told.append(
            f"Let {name} wait for a copy that has everything: {set_on(topic, 'unclean.leader.election.enable=false')}."
        )
    return tuple(told)
