"""What to do about GOV-08: correct the name, move what was written, and let brokers refuse the next slip."""

from agent.model.steps import bare, few, own
from agent.model.things import Sibling, Topic
from rules.topics import topics_sh


def steps(topic: Topic, sibling: Sibling) -> tuple[str, ...]:
    """Who uses it first; what keeps it from coming back last."""
    name, other = own(topic.topic), own(sibling.topic)
    users = few(bare(one) for one in (*topic.producers, *topic.groups)) or "whoever uses it"
    moved = (f"Put the records of {name} into {other}, if they are missed there.",) if topic.produced.last else ()
    return (
        f"Correct the name in {users}: {other} instead of {name}.",
        *moved,
        f"Delete {name}: {topics_sh(topic, '--delete')}.",
        "Set `auto.create.topics.enable=false` on the brokers, and create topics on purpose: then a slip is an error.",
    )
