"""What to do about LAG-06, by the protocol of the group."""

from agent.model.steps import own
from agent.model.subjects import Backlog
from rules.backlog import groups_sh

_BROKER_SIDE = ("consumer", "streams", "share")  #: protocols of which the broker keeps the settings


def steps(backlog: Backlog) -> tuple[str, ...]:
    """Who comes and goes, why, and what makes it matter less."""
    return (_who(backlog), _slow(backlog), _static(backlog), *_protocol(backlog))


def _who(backlog: Backlog) -> str:
    asked = groups_sh(backlog, "--describe --members")
    return (
        f"See which members of {own(backlog.group)} come and go ({asked}, twice), and look why: restarts, memory "
        f"limits, an autoscaler that changes its mind."
    )


def _slow(backlog: Backlog) -> str:
    return (
        f"If members of {own(backlog.group)} leave because they poll too late (their log says so), lower "
        f"`max.poll.records` or raise `max.poll.interval.ms`: 500 messages of 0.6 s each take the 5 min "
        f"that are allowed."
    )


def _static(backlog: Backlog) -> str:
    group = own(backlog.group)
    if backlog.static_members:
        return f"Let each instance of {group} keep its `group.instance.id`, and come back within the session timeout."
    return f"Give each instance of {group} a `group.instance.id` that stays: a restart moves no partition then."


def _protocol(backlog: Backlog) -> tuple[str, ...]:
    if backlog.protocol in _BROKER_SIDE:
        return ()
    return (
        f"Let {own(backlog.group)} use `group.protocol=consumer` (Kafka 4.0) or the cooperative assignor: who keeps a "
        f"partition goes on reading it.",
    )
