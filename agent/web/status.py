"""What the pages show of the agent itself; the composition root fills it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CollectorStatus:
    """One source of facts."""

    kind: str
    name: str
    state: str  #: fresh | waiting | stale | replayed
    last_fact: datetime | None
    facts: int
    per_second: float
    refused: Mapping[str, int]
    dropped: Mapping[str, int]
    note: str
    hint: str  #: the line to paste


@dataclass(frozen=True, slots=True)
class Status:
    """The agent."""

    version: str
    started: datetime
    last_round: datetime | None = None
    round_seconds: float = 0.0
    collectors: tuple[CollectorStatus, ...] = ()
    journal_bytes: int = 0
    journal_records: int = 0
    ready: bool = True
    why_not_ready: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)
    replayed: str = ""
