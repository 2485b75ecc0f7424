"""What comes of comparing two schemas, and how much work that may be."""

from dataclasses import dataclass
from typing import Any

import orjson

from agent.model.plain import plain

MOST_TEXT = 1 << 20  #: characters of a schema with all that it refers to
MOST_NODES = 20_000
MOST_DEPTH = 80
MOST_STEPS = 200_000  #: pairs looked at: half a second
MOST_BREAKS = 8  #: told of one comparison
LACKING = "`protoc`, the compiler of Protobuf, is not installed here"
DEPENDS = "it depends on what is written and how it is read: "  #: how what is left open begins
_MOST_NAME = 60  #: characters of a name that are told


@dataclass(frozen=True, slots=True)
class Break:
    """One reason why a reader cannot read what is written."""

    path: str  #: JSON pointer into the reader's schema; `/` is its root
    what: str  #: in words, names in backticks


@dataclass(frozen=True, slots=True)
class Comparison:
    """Breaks that are certain, and why there may be others; neither: all that is written can be read."""

    breaks: tuple[Break, ...] = ()
    unsure: str = ""


READABLE = Comparison()


class UncomparableError(ValueError):
    """Two schemas cannot be compared; says why, without quoting them."""


class NotNowError(UncomparableError):
    """They were not compared this time, and may be the next time."""


class Budget:
    """Steps that one comparison may take; raises UncomparableError beyond them."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self._left = steps

    def step(self) -> None:
        """One more."""
        self._left -= 1
        if self._left < 0:
            msg = "it takes too many steps"
            raise UncomparableError(msg)


def named(name: str) -> str:
    """A name as it is told: an escape in a schema may hide anything in it."""
    whole = plain(name).replace("`", "\u02cb")
    return f"`{whole if len(whole) <= _MOST_NAME else whole[: _MOST_NAME - 1] + '…'}`"


def loaded(text: str) -> Any:
    """The JSON of a schema, if it is one and not too large; raise UncomparableError."""
    if len(text) > MOST_TEXT:
        msg = "it is too long"
        raise UncomparableError(msg)
    try:
        value = orjson.loads(text)
    except ValueError as problem:
        msg = "it is no JSON"
        raise UncomparableError(msg) from problem
    _measured(value)
    return value


def _measured(value: Any) -> None:
    """Count what is in it, without recursion: it may be as deep as it is long."""
    level, nodes, depth = [value], 0, 0
    while level:
        nodes, depth = nodes + len(level), depth + 1
        if nodes > MOST_NODES or depth > MOST_DEPTH:
            msg = "it is nested too deep" if depth > MOST_DEPTH else "it is too large"
            raise UncomparableError(msg)
        level = [child for item in level for child in _children(item)]


def _children(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []
