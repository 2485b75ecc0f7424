"""What to do about GOV-07: ask, stop what writes, and only then delete."""

from agent.model.steps import bare, declare, few, own
from agent.model.things import Topic
from rules.topics import set_on, topics_sh


def steps(topic: Topic) -> tuple[str, ...]:
    """What can be taken back before what cannot."""
    name = own(topic.topic)
    owner = f"Ask {topic.owner}" if topic.owner else "Find its owner, and ask"
    writers = few(bare(one) for one in topic.producers)
    told = [f"{owner} whether somebody reads {name} without a group: a table, a replay once a year, an audit."]
    if topic.written_lately:
        told.append(f"If nobody does, stop what writes to it{f': {writers}' if writers else ''}.")
    return (
        *told,
        f"Let its records go after a day: {set_on(topic, 'retention.ms=86400000')}; whoever misses it will say so.",
        f"Then delete it: {topics_sh(topic, '--delete')}.",
        f"If it has to be kept, declare {declare(topic.topic, 'legal_hold', 'true')}.",
    )
