"""What to read of spans that have one set of attributes: learnt once, by the attributes' names."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from collectors.otlp import conventions as c
from collectors.otlp.memo import digest

Key = tuple[int, tuple[str, ...]] | bytes  #: kind and names, or what stands for them

_MOST_NAMES = 64
_MOST_CHARACTERS = 2_048  #: of all names; longer keys are digests


def key_of(kind: int, names: tuple[str, ...]) -> Key:
    """What a plan is kept by: no more of what a sender makes up than real spans have."""
    if len(names) <= _MOST_NAMES and sum(map(len, names)) <= _MOST_CHARACTERS:
        return kind, names
    return digest(repr((kind, names)))


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read of the spans that have one set of attributes."""

    number: int
    kind: int
    family: str
    read: Callable[[Any], Any]  #: from attributes to the values that decide the shape
    identity: tuple[str, ...] | None  #: names of partition, offset, count, size or ""; None where it is no message
    named: bool  #: carries a message or event id
    spoken: bool  #: its name says what its attributes do not
    simple: bool  #: only its attributes decide its shape

    @staticmethod
    def of(number: int, kind: int, names: frozenset[str]) -> "Plan":
        """Choose the family and, of each group of aliases, the names that are there."""
        family = _family(kind, names)
        shaping = tuple(name for group in c.SHAPING[family] for name in group if name in names)
        if family == "http" and kind == c.SPAN_SERVER and "http.route" in names:
            routed = (*c.HTTP_METHOD, *c.HTTP_ROUTE, *c.HTTP_STATUS, *c.ERROR_TYPE)
            shaping = tuple(name for name in routed if name in names)
        read = itemgetter(*shaping) if shaping else _nothing
        spoken = _spoken(family, names)
        if family != "messaging":
            return Plan(number, kind, family, read, None, named=False, spoken=spoken, simple=not spoken)
        groups = (c.PARTITION, c.OFFSET, c.BATCH, c.BODY_SIZE)
        identity = tuple(next((name for name in group if name in names), "") for group in groups)
        named = any(name in names for name in (*c.MESSAGE_ID, *c.EVENT_ID))
        return Plan(number, kind, family, read, identity, named, spoken, simple=False)


def _spoken(family: str, names: frozenset[str]) -> bool:
    """True where a span's name must tell what it is about: its destination, or its verb on a table."""
    if family == "db":
        return bool(names.intersection(c.DB_TABLE)) and not names.intersection((*c.DB_VERB, *c.DB_SUMMARY))
    return family == "messaging" and not names.intersection(c.DESTINATION)


def _nothing(_: Any) -> None:
    """What no attribute says."""


def _family(kind: int, names: frozenset[str]) -> str:
    if kind in (c.SPAN_SERVER, c.SPAN_CLIENT) and names.intersection(c.HTTP_METHOD):
        return "http"
    if kind == c.SPAN_CLIENT and names.intersection(c.DB_SYSTEM):
        return "db"
    if names.intersection((*c.MSG_SYSTEM, *c.CELERY, "messaging.destination")):
        return "messaging"
    if names.intersection(c.RPC_SYSTEM):
        return "rpc"
    return "peer" if kind == c.SPAN_CLIENT and names.intersection(c.PEER) else "none"
