"""What asks a source again and again: one look at a time, with what it cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from agent.model.facts import Fact


class NotSeenError(Exception):
    """A source could not be looked at at all; `str()` says what, where and why, never a secret."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A right that is missing: which rules see less without it, and the line that gives it."""

    right: str
    blind: str
    grant: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at one source."""

    at: datetime
    facts: tuple[Fact, ...]
    refused: tuple[str, ...] = ()  #: what was asked and not answered, in words
    about: str = ""  #: what it consists of: `38 topics, 11 groups`
    lacks: tuple[Lack, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)  #: what came and could not be used, by reason


@dataclass(slots=True)
class Cost:
    """What watching a source has cost since the start; and, in `last_seconds`, the last look."""

    looks: int = 0
    requests: int = 0
    sent: int = 0  #: bytes
    received: int = 0
    cpu_seconds: float = 0.0
    last_seconds: float = 0.0


class Pull(Protocol):
    """A source that is asked. Used by one thread at a time."""

    kind: str  #: kafka | connect | registry
    name: str
    every: timedelta
    cost: Cost

    def look(self) -> Seen:
        """Look once. Raise NotSeenError."""

    def line(self) -> dict[str, Any] | None:
        """The last look as a line of a recording."""

    def retell(self) -> None:
        """What was told last did not arrive: tell everything at the next look."""

    def close(self) -> None:
        """Let go of its connections."""
