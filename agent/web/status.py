"""What the pages show of the agent itself; the composition root fills it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.model.pull import Lack

STALE = timedelta(minutes=5)  #: without a fact; shorter, and a quiet night reads as an outage


@dataclass(frozen=True, slots=True)
class CollectorStatus:
    """One source of facts."""

    kind: str
    name: str
    state: str  #: fresh | waiting | stale | replayed | unused
    last_fact: datetime | None
    facts: int
    per_second: float
    refused: Mapping[str, int]
    dropped: Mapping[str, int]
    note: str
    hint: str  #: the line to paste
    every: float = 0.0  #: seconds between two looks, of a source that is asked
    about: str = ""  #: what it consists of
    brings: str = ""  #: what a look costs
    lacks: tuple[Lack, ...] = ()
    partly: bool = False  #: something of it was not answered at the last look, for another reason than a right

    @property
    def called(self) -> str:
        """Its name in a sentence."""
        return f"{self.kind.capitalize()} {self.name}" if self.asked else self.name

    def silent(self, started: datetime, now: datetime) -> timedelta | None:
        """For how long it has said nothing, where that is too long.

        A recording is never silent, it is over; nor is a door that nobody has used yet, beside sources that are asked.
        """
        if self.state in ("replayed", "unused"):
            return None
        quiet = now - (self.last_fact or started)
        return quiet if quiet >= self.patience or self.state == "stale" else None

    @property
    def patience(self) -> timedelta:
        """After how long without a fact it is silent: three looks of a source that is asked, and no less than STALE."""
        return max(STALE, timedelta(seconds=3 * self.every))

    def pace(self, started: datetime, now: datetime) -> tuple[float, str]:
        """Facts a second and over which time: of the last seconds, or where none came in these, since the start."""
        if self.per_second > 0:
            return self.per_second, "now"
        lasted = max(1.0, (now - started).total_seconds())
        return (self.facts / lasted, "since the start") if self.counts_spans else (0.0, "")

    @property
    def asked(self) -> bool:
        """It is asked, again and again."""
        return self.every > 0

    @property
    def counts_spans(self) -> bool:
        """Whether its facts are spans since the start; a recording's are looks, counted since it was first read."""
        return self.kind == "otlp"

    def mark(self, started: datetime, now: datetime) -> str:
        """Its shape: fix for silent, good for fresh, blind for not yet, na for a recording."""
        if self.state == "replayed":
            return "na"
        if self.silent(started, now) is not None:
            return "fix"
        return "blind" if self.last_fact is None else "good"


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that was acknowledged, and that a start found gone."""

    reason: str  #: store lost | store damaged | journal damaged
    at: datetime  #: when it was found
    records: int  #: of the journal, as far as known: what one commit took, the spans of one request or of several
    what: str  #: what happened, to what, and what is done about it


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
    clock: str = ""  #: what is wrong with the machine's clock now
    losses: tuple[Loss, ...] = ()  #: newest first
    unanswered: bool = False  #: the store does not answer what asks it for little

    def silent(self, now: datetime) -> tuple[tuple[CollectorStatus, timedelta], ...]:
        """The sources that have said nothing for too long, the longest silence first."""
        found = [(one, quiet) for one in self.collectors if (quiet := one.silent(self.started, now)) is not None]
        return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0].name)))
