"""From a message's span to the topic that it crosses: who published, who read, and which spans are no delivery."""

from dataclasses import replace

from agent.model import seam
from agent.model.columns import Role, Shape
from collectors.otlp import conventions as c
from collectors.otlp.instruments import instrument_of

_SEND = {"publish", "send", "create"}
_TAKE = {"receive", "poll"}
_PROCESS = {"process", "deliver"}


def message_shape(seen: c.Seen, names: c.Names) -> Shape:
    """The shape of a span about messages."""
    role = _role(seen)
    destination = "(temporary)" if c.first(seen.get, c.TEMPORARY) is True else c.text(seen.get, c.DESTINATION)
    if not destination or "," in destination or role in (Role.INTERNAL, Role.RECEIVE):
        return c.plain(seen.sender, Role.RECEIVE if role is Role.CONSUME else role)
    told = c.text(seen.get, c.CLUSTER)
    cluster = names.clusters.get(told, told) or None
    topic = seam.topic(destination, cluster)
    service, shape = seen.sender.service, c.plain(seen.sender, role)
    if role is Role.PUBLISH:
        publishes = seam.publishes(seam.service(service), topic)
        return replace(shape, seams=(publishes,), topic=topic, operation=f"publish {topic}")
    name = c.text(seen.get, c.GROUP)
    group = seam.group(name, cluster) if name else seam.group_of(service)
    return replace(shape, seams=(seam.consumes(topic, group),), topic=topic, group=group, delivery=True)


def _role(seen: c.Seen) -> Role:
    operation = c.text(seen.get, c.OPERATION).lower()
    if operation in _SEND:
        return Role.PUBLISH
    if operation in _PROCESS:
        return Role.CONSUME
    if operation in _TAKE:
        return Role.CONSUME if seen.identified or instrument_of(seen.sender.scope)[1] else Role.RECEIVE
    if operation:  # settle and whatever comes later
        return Role.INTERNAL
    return {c.SPAN_PRODUCER: Role.PUBLISH, c.SPAN_CONSUMER: Role.CONSUME}.get(seen.kind, Role.INTERNAL)
