"""What to do about DLQ-02: keep what failed, with what makes it readable."""

from collections.abc import Sequence

from agent.model.steps import bare, code, declare, own
from agent.model.things import Connector


def steps(connector: Connector, queue: str, failing: Sequence[str]) -> tuple[str, ...]:
    """What is dropped first; then how it can be read."""
    name = own(connector.connector)
    if connector.type == "source":
        return (
            f"Set on the connector {name}: `errors.log.enable=true` and `errors.log.include.messages=false`; a source "
            f"has no dead-letter topic, so its log is all that tells what was skipped.",
            f"Or let {name} halt: `errors.tolerance=none`, with an alert on a task that is FAILED.",
            _lossy(connector),
        )
    first = [_missing(name, queue)] if any("missing" in one for one in failing) else [_named(connector, queue)]
    return (
        *first,
        f"Set `errors.retry.timeout=300000` on {name} as well: without it nothing is tried a second time.",
        f"Give {code(queue or _made(connector))} an owner, an alert on its first message, and a way back.",
        f"Look at what was lost so far: the metric `total-records-skipped` of the tasks of {name}.",
        _lossy(connector),
    )


def _made(connector: Connector) -> str:
    return f"dlq-{bare(connector.connector)}"


def _named(connector: Connector, queue: str) -> str:
    return (
        f"Set on the connector {own(connector.connector)}: "
        f"{code(f'errors.deadletterqueue.topic.name={queue or _made(connector)}')}, "
        f"`errors.deadletterqueue.context.headers.enable=true` and `errors.log.enable=true`."
    )


def _missing(name: str, queue: str) -> str:
    return (
        f"Create the topic {code(queue)}, and see that {name} may write to it: Connect creates it only with the right "
        f"to, and with 3 replicas (`errors.deadletterqueue.topic.replication.factor`)."
    )


def _lossy(connector: Connector) -> str:
    return f"If its records may be lost, declare {declare(connector.connector, 'loss_tolerant', 'true')}."
