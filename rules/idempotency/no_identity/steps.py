"""What to do about IDM-03: an identity, given once, by whoever makes the event."""

from agent.model.steps import bare, declare, few, own
from agent.model.things import Topic


def steps(topic: Topic) -> tuple[str, ...]:
    """The worst producer first, then what readers do with it."""
    name = own(topic.topic)
    worst = [one for one in topic.nameless if "headers" not in one]
    writers = few(worst or [bare(one) for one in topic.producers]) or f"whoever writes to {name}"
    return (
        f"Let {writers} give each event an ID that stays the same when it is sent again: as CloudEvents "
        f"headers `ce_id` and `ce_source`, or a header `message-id`.",
        f"Take it from the row or the command that the event tells of, or make one (UUIDv7) and store it; never at "
        f"the moment of sending to {name}.",
        "Let readers keep it beside what they write, and pass over what they have.",
        f"If doubled records do no harm, declare {declare(topic.topic, 'loss_tolerant', 'true')}.",
    )
