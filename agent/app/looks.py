"""Facts of looks on their way to the store: of recordings, and of sources that are asked."""

from collections import Counter, deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent.model.facts import Alias, Fact, Run, Sample, Setting, Sighting
from agent.model.flush import Counted
from agent.model.seam import Component
from agent.store.store import Store
from collectors.recording.reader import Reading

MOST_HELD = 20_000  #: facts between two writes


class Looks:
    """Facts on their way to the store, many looks in one transaction: nobody judges between them."""

    def __init__(self, store: Store, counts: Mapping[str, int] | None = None, *, most: int = MOST_HELD) -> None:
        self._store, self._most = store, most
        self._waiting: deque[tuple[Fact, ...]] = deque()
        self._heard: dict[str, datetime] = {}
        self.waiting = 0  #: facts
        self.counts: Counter[str] = Counter(counts or {})  #: of facts by source

    def keep(self, reading: Reading, at: datetime) -> None:
        """Hold one look of a recording."""
        self.hold(f"recording/{reading.source.name}", reading.facts, at)

    def hold(self, source: str, facts: tuple[Fact, ...], at: datetime) -> None:
        """Hold one look; where many are held, hand them on. Raise what the store raises; what is held stays held."""
        self._waiting.append(facts)
        self.waiting += len(facts)
        self.counts[source] += len(facts)
        self._heard[source] = at
        if self.waiting > self._most:
            self.write()

    def drop(self) -> int:
        """Let go of what is held; how many facts that was."""
        gone, self.waiting = self.waiting, 0
        self._waiting.clear()
        return gone

    def write(self) -> None:
        """Give the store what is held."""
        while self._waiting:
            looks, facts = self._batch()
            self._store.record(*(facts.get(kind, ()) for kind in (Sample, Setting, Run, Sighting)))
            for alias in facts.get(Alias, ()):
                self._store.add_alias(alias)
            for _ in range(looks):
                self.waiting -= len(self._waiting.popleft())
        for source, at in self._heard.items():
            counted = [Counted(source, "", self.counts[source], "received")]
            self._store.touch_source(source, at, fact_at=at, counted=counted)
        self._heard = {}

    def _batch(self) -> tuple[int, dict[type, list[Any]]]:
        """The first looks that tell no setting with two values: the store takes one change of each at a time."""
        facts: dict[type, list[Any]] = {}
        told: dict[tuple[Component, str], str | None] = {}
        for number, look in enumerate(self._waiting):
            settings = {(fact.component, fact.name): fact.value for fact in look if isinstance(fact, Setting)}
            if any(told.get(key, value) != value for key, value in settings.items()):
                return number, facts
            told |= settings
            for fact in look:
                facts.setdefault(type(fact), []).append(fact)
        return len(self._waiting), facts
