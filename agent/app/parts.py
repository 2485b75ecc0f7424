"""Everything that one agent is made of, opened and put together."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from agent.app.asked import pulls
from agent.app.clock import Clock
from agent.app.journalling import Memory, lock, remember
from agent.app.losses import losses
from agent.app.pulls import Pulls
from agent.app.wiring import catalogue, declared_by, decoder, thresholds
from agent.config.settings import Settings
from agent.engine.round import Outcomes, Rounds
from agent.ingest.reserve import release_reserve
from agent.measure.timings import Timings
from agent.model.declared import Declarations
from agent.store.engine import StoreError, StoreProblem
from agent.store.notes import SourceRow
from agent.store.store import Store, start_store
from agent.web.status import Loss
from collectors.otlp.budget import shared
from collectors.otlp.receiver import Limits, Receiver

log = logging.getLogger(__name__)


def store_url(settings: Settings) -> str:
    """Where the store is."""
    return settings.store.url.reveal() or f"sqlite:///{settings.data_dir / 'seamwatch.db'}"


@dataclass(slots=True)
class Parts:
    """Everything that one agent is made of."""

    settings: Settings
    store: Store
    memory: Memory
    receiver: Receiver
    rounds: Rounds
    declared: Declarations
    handle: int
    clock: Clock
    started: datetime
    pulls: Pulls
    last_round: Outcomes | None = None
    troubles: dict[str, str] = field(default_factory=dict)  #: what fails now, by task
    busy: dict[str, float] = field(default_factory=dict)  #: when each task began that has not ended, monotonic seconds
    recordings: tuple[SourceRow, ...] | None = None  #: as the store told of them last
    replayed: str = ""
    losses: tuple[Loss, ...] = ()  #: what this start and those of the last week found gone, newest first
    last_spans: datetime | None = None
    rate: float = 0.0
    strangers: Counter[str] = field(default_factory=Counter)  #: what spoke no HTTP/1.1 to the door of spans, by reason
    addresses: dict[str, str] = field(default_factory=dict)
    round_seconds: Timings = field(default_factory=Timings)


def assemble(settings: Settings) -> Parts:
    """Open everything; raise StoreError or ConfigError with what to do."""
    handle, clock = lock(settings.data_dir), Clock()
    declared = declared_by(settings)
    thresholds(settings)  # what is wrong with them is told before any file is opened
    store, damage = _store(settings, clock)
    try:
        return _assembled(settings, handle, clock, declared, store, damage)
    except StoreProblem as problem:
        if not store.doubt(problem):
            raise
    store.close()
    return _assembled(settings, handle, clock, declared, *_store(settings, clock))  # which now looks at the whole file


def _assembled(
    settings: Settings, handle: int, clock: Clock, declared: Declarations, store: Store, damage: str
) -> Parts:
    if damage:
        log.error("store damaged", extra={"fields": {"what": damage.splitlines()}})
    spans = decoder(settings, shared())
    memory = remember(settings, store, spans.shapes, clock.now)
    limits = Limits(settings.limits.body_bytes, settings.limits.inflated_bytes)
    receiver = Receiver(spans, memory.intake, limits)
    rounds = Rounds(store, catalogue(), declared, thresholds=thresholds(settings))
    try:
        gone = losses(memory, clock.now(), " ".join(damage.splitlines()))
        if last := store.last_sure():
            clock.since(last)
    except StoreProblem:
        memory.journal.close()
        raise
    asked = Pulls(pulls(settings, clock.now, store), store)
    return Parts(settings, store, memory, receiver, rounds, declared, handle, clock, clock.now(), asked, losses=gone)


def _store(settings: Settings, clock: Clock) -> tuple[Store, str]:
    """The store; where the disk has no room for it, the journal's reserve is given up first."""
    try:
        return start_store(store_url(settings), clock.now())
    except StoreError:
        if not release_reserve(settings.data_dir / "journal.db"):
            raise
        return start_store(store_url(settings), clock.now())
