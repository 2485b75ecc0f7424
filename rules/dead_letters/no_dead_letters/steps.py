"""What to do about DLQ-01: a place for dead letters, or the line that says why there is none."""

from agent.model.steps import bare, code, declare, own, quoted
from agent.model.subjects import Deliveries

_CONNECT = "connect-"


def steps(seen: Deliveries) -> tuple[str, ...]:
    """The line to declare comes first where a topic is named alike; else what to make."""
    group, topic = own(seen.group), own(seen.topic)
    queue = f"{bare(seen.topic)}.dlq"
    declared: tuple[str, ...] = ()
    if seen.dead_letters is not None:
        line = declare(seen.group, "dead_letters", quoted(str(seen.dead_letters.topic)))
        declared = (
            f"If {own(seen.dead_letters.topic)} takes the dead letters of {group}, declare it in a workflow file, "
            f"under `components:`: {line}.",
        )
    return (
        *declared,
        _made(seen, queue),
        f"Give {code(queue)} an owner, an alert on its first message, and a way to put messages back into {topic}.",
        f"If {group} has to halt on an error, declare {declare(seen.group, 'on_error', 'stop')}; if its messages may "
        f"be lost, {declare(seen.group, 'loss_tolerant', 'true')}.",
    )


def _made(seen: Deliveries, queue: str) -> str:
    if seen.connector:
        name = bare(seen.group).removeprefix(_CONNECT)
        return (
            f"Set on the connector {code(name)}: `errors.tolerance=all`, "
            f"{code(f'errors.deadletterqueue.topic.name={queue}')} and "
            f"`errors.deadletterqueue.context.headers.enable=true`."
        )
    return (
        f"Create the topic {code(queue)}, and let {own(seen.group)} publish there what it cannot process, with the "
        f"error, the partition and the offset as headers, and then go on. What may heal is tried again from a retry "
        f"topic first."
    )
