"""From a message's span to the topic that it crosses: who published, who read, and which spans are no delivery."""

import re
from collections.abc import Iterator
from dataclasses import replace

from agent.model import seam
from agent.model.columns import Role, Shape
from collectors.otlp import conventions as c
from collectors.otlp.instruments import instrument_of

_SEND = {"publish", "send", "create"}
_TAKE = {"receive", "poll"}
_PROCESS = {"process", "deliver"}
_SETTLE = {"settle", "ack", "nack", "acknowledge", "commit", "complete", "abandon", "reject", "defer", "delete"}
_NAMED = {*_SEND, *_TAKE, *_PROCESS, *_SETTLE}
_NOBODY = {"", "unknown", "(unknown)"}  #: what instrumentations say where they do not know a destination
_ENTRY = re.compile(r"[^\s\[\]\"',]+")


def message_shape(seen: c.Seen, names: c.Names) -> Shape:
    """The shape of a span about messages."""
    verb, spoken = _spoken(seen.name)
    role = _role(seen, verb)
    destination = _destination(seen.get) or spoken
    if not destination or "," in destination or role in (Role.INTERNAL, Role.RECEIVE):
        return c.plain(seen.sender, Role.RECEIVE if role is Role.CONSUME else role)
    cluster = _cluster(seen.get, names)
    topic = seam.topic(destination, cluster)
    service, shape = seen.sender.service, c.plain(seen.sender, role)
    if role is Role.PUBLISH:
        publishes = seam.publishes(seam.service(service), topic)
        return replace(shape, seams=(publishes,), topic=topic, operation=f"publish {topic}")
    name = c.text(seen.get, c.GROUP)
    group = seam.group(name, cluster) if name else seam.group_of(service)
    return replace(shape, seams=(seam.consumes(topic, group),), topic=topic, group=group, delivery=True)


def _destination(get: c.Get) -> str:
    """The topic or queue; all those that are made for one conversation are one."""
    if any(c.true(get(name)) for name in c.TEMPORARY):
        return "(temporary)"
    return c.text(get, c.DESTINATION)


def _spoken(name: str) -> tuple[str, str]:
    """Verb and destination of a span named `orders send` or `send orders`."""
    words = name.split()
    if len(words) != 2:
        return "", ""
    for verb, destination in ((words[1].lower(), words[0]), (words[0].lower(), words[1])):
        if verb in _NAMED and destination.lower() not in _NOBODY:
            return verb, destination
    return "", ""


def _role(seen: c.Seen, verb: str) -> Role:
    operation = c.text(seen.get, c.OPERATION).lower()
    if not operation:  # a name is the system's own word: only those that everybody uses say something
        name = c.text(seen.get, c.OPERATION_NAME).lower()
        operation = name if name in _NAMED else verb
    if operation in _SEND:
        return Role.PUBLISH
    if operation in _PROCESS:
        return Role.CONSUME
    if operation in _TAKE:
        return Role.CONSUME if _delivers(seen) else Role.RECEIVE
    if operation:  # settle and whatever comes later
        return Role.INTERNAL
    return {c.SPAN_PRODUCER: Role.PUBLISH, c.SPAN_CONSUMER: Role.CONSUME}.get(seen.kind, Role.INTERNAL)


def _delivers(seen: c.Seen) -> bool:
    """True where a receive span stands for one message; those of a batch have spans of their own."""
    if seen.identified:
        return True
    return instrument_of(seen.sender.scope)[1] and c.first(seen.get, c.BATCH) is None


def _cluster(get: c.Get, names: c.Names) -> str | None:
    """The cluster by its id, else by a broker that the configuration knows; a broker's address is no name."""
    told = c.text(get, c.CLUSTER)
    if told:
        return names.clusters.get(told, told)
    known = names.clusters
    return next((known[broker] for broker in _brokers(get) if broker in known), None) if known else None


def _brokers(get: c.Get) -> Iterator[str]:
    """`host:port` of each broker that a span names; some clients write their whole list, as JSON."""
    port = c.text(get, c.PORT)
    for entry in _ENTRY.findall(c.text(get, c.BROKER, c.BROKERS)):
        place = entry.partition("://")[2] or entry
        host = place.partition("/")[0].lower()
        yield host if ":" in host or not port else f"{host}:{port}"
