"""What to do about IDM-04: identities that cannot come again, and what was dropped meanwhile."""

from agent.model.steps import bare, few, own
from agent.model.things import Topic


def steps(topic: Topic) -> tuple[str, ...]:
    """The producer first; then what readers lost."""
    name = own(topic.topic)
    writers = few(bare(one) for one in topic.producers) or f"whoever writes to {name}"
    readers = few(bare(one) for one in topic.groups) or f"whoever reads {name}"
    return (
        f"Let {writers} make identities that no restart begins anew: UUIDv7 or ULID, not a counter or a time.",
        "Write the `source` beside the `id`, one for each instance that counts for itself, and compare both.",
        f"See what {readers} passed over in {name} as doubles since then, and process what was none.",
    )
