"""What to do about TRC-02: instrument the reader, or say that nobody will."""

from agent.model.steps import declare, own
from agent.model.subjects import Seam


def steps(seam: Seam) -> tuple[str, ...]:
    """The reader first; where it sends some spans, what drops the others."""
    group, topic = own(seam.key.target), own(seam.key.source)
    waived = f"If nobody can trace it, declare {declare(seam.key.target, 'trace', 'none')}, with the reason."
    if seam.count:
        return (
            f"Find what drops the other spans of {group}: members without the instrumentation, a sampler whose share "
            f"is not told, a full export queue.",
            f"Compare the members of {group} one by one: each that reads {topic} should send a process span a message.",
            waived,
        )
    return (
        f"Enable the instrumentation of the Kafka client in what runs {group}, and let it export to this agent.",
        f"Let its handler run inside the process span, with the link or parent that the messages of {topic} carry.",
        waived,
    )
