"""Sources that are asked: each in a thread of its own, so that a slow broker keeps nobody waiting but itself."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event, Thread

from agent.app.looks import Looks
from agent.model.hearing import heard
from agent.model.pull import Lack, NotSeenError, Pull, Seen
from agent.model.seam import source_named
from agent.store.engine import StoreError, StoreProblem
from agent.store.store import Store

log = logging.getLogger(__name__)

MOST_WAITING = 200_000  #: facts that wait for a store that does not answer; more are dropped, and counted
NOT_WRITTEN = "store did not answer"


@dataclass(slots=True)
class Pulled:
    """What one source has told, for the pages and for `/metrics`."""

    kind: str
    name: str
    every: float  #: s
    last_success: datetime | None = None
    facts: int = 0
    failed: int = 0  #: looks in a row that saw nothing
    trouble: str = ""  #: why the last look saw nothing, or was not written
    refused: tuple[str, ...] = ()  #: what the last look was not answered
    about: str = ""
    lacks: tuple[Lack, ...] = ()
    failures: Counter[str] = field(default_factory=Counter)  #: looks that saw nothing, by reason
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def source(self) -> str:
        """As the store names it."""
        return f"{self.kind}/{self.name}"

    @property
    def partly(self) -> bool:
        """The last look saw something, and not all; what a broker does not offer is no trouble."""
        return not self.failed and any("offer" not in one for one in self.refused)


class Pulling:
    """One source, looked at again and again until told to stop."""

    def __init__(self, pull: Pull, store: Store, stop: Event) -> None:
        self.pull, self._store, self._stop = pull, store, stop
        self.told = Pulled(pull.kind, pull.name, pull.every.total_seconds())
        self._looks = Looks(store, _counted(store, self.told.source))
        self._thread = Thread(target=self._run, name=f"pull-{self.told.source}", daemon=True)
        self._attached = False
        self._untaken = 0  #: looks in a row that the store did not take

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ended(self, seconds: float) -> bool:
        """Wait for the look that is under way; False where it goes on."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            self.turn()
            self._stop.wait(max(0.1, self.told.every - (time.monotonic() - began)))
        self.pull.close()

    def turn(self) -> None:
        """Look once, and write what was seen."""
        cpu, began = time.thread_time(), time.monotonic()
        try:
            self._take(self.pull.look())
        except NotSeenError as problem:
            self._not_seen(str(problem))
        except Exception as problem:  # one look that fails must not be the last one
            log.exception("look failed", extra={"fields": {"source": self.told.source}})
            self._not_seen(f"{type(problem).__name__}: {problem}")
        cost = self.pull.cost
        cost.looks += 1
        cost.cpu_seconds += time.thread_time() - cpu
        cost.last_seconds = time.monotonic() - began

    def _take(self, seen: Seen) -> None:
        told = self.told
        if told.failed:
            log.info("source answers again", extra={"fields": {"source": told.source, "after_looks": told.failed}})
        before, told.refused = told.partly, seen.refused
        told.failed, told.last_success = 0, seen.at
        if told.partly != before:
            self._in_part(before=before)
        told.about, told.lacks = seen.about, seen.lacks
        told.dropped.update(seen.dropped)
        told.facts += len(seen.facts)
        try:
            if not self._attached:
                self._store.attach(seen.at)
                self._attached = True
            own = (
                () if told.kind == "kafka" else (heard(source_named(told.source), seen.at),)
            )  # a look at Kafka tells it already
            self._looks.hold(told.source, (*seen.facts, *own), seen.at)
            self._looks.write()
            told.trouble = ""
            self._taken()
        except (StoreError, StoreProblem, OSError) as problem:
            self._store.doubt(problem)
            self._not_written(next(iter(str(problem).splitlines()), type(problem).__name__))

    def _in_part(self, *, before: bool) -> None:
        fields = {"source": self.told.source}
        if before:
            log.info("source answers wholly again", extra={"fields": fields})
        else:
            log.warning("source answers in part", extra={"fields": {**fields, "not": "; ".join(self.told.refused)}})

    def _taken(self) -> None:
        if self._untaken:
            log.info("store takes looks again", extra={"fields": {"source": self.told.source, "after": self._untaken}})
        self._untaken = 0

    def _not_written(self, why: str) -> None:
        self._untaken += 1
        if self._untaken == 1:
            log.warning("store did not take a look", extra={"fields": {"source": self.told.source, "why": why}})
        self.told.trouble = f"{NOT_WRITTEN} ({why})"
        if self._looks.waiting > MOST_WAITING:
            self.told.dropped[NOT_WRITTEN] += self._looks.drop()
            self.pull.retell()

    def _not_seen(self, why: str) -> None:
        told = self.told
        if told.trouble != why:
            log.warning("source not seen", extra={"fields": {"source": told.source, "why": why}})
            self._note(why)
        told.failed += 1
        told.failures[why] += 1
        told.trouble = why

    def _note(self, why: str) -> None:
        """For whoever reads the store; a store that does not answer has it from the next reason."""
        with suppress(StoreError, StoreProblem, OSError):
            self._store.touch_source(self.told.source, datetime.now(UTC), error=why)


def _counted(store: Store, source: str) -> dict[str, int]:
    """What the store has counted of a source: it goes on from there."""
    rows = [row for row in store.sources() if row.source == source]
    return {source: sum(count for row in rows for verb, count in row.counters.items() if verb == "received")}


class Pulls:
    """Every source that is asked."""

    def __init__(self, pulls: Iterable[Pull], store: Store) -> None:
        self._stop = threading.Event()
        self.each = [Pulling(pull, store, self._stop) for pull in pulls]

    def __bool__(self) -> bool:
        return bool(self.each)

    @property
    def told(self) -> Sequence[Pulled]:
        """What each has told."""
        return [one.told for one in self.each]

    def start(self) -> None:
        """Begin to look."""
        for one in self.each:
            one.start()

    def stop(self, seconds: float) -> bool:
        """Look no more; False where a look still waits for its source."""
        self._stop.set()
        until = time.monotonic() + seconds
        return all(one.ended(max(0.0, until - time.monotonic())) for one in self.each)
