"""What is read beside those who look at it: kept, and read anew by a thread of its own; few ever wait for it."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from agent.store.engine import StoreProblem
from agent.store.patience import SilentError, left, within

log = logging.getLogger(__name__)

T = TypeVar("T")
LOOK_SECONDS = 6.0  #: of a reading, after which nobody waits for it any more
_READ_SECONDS = 60.0  #: that it may take: of a large estate in a slow store, nobody waits but what comes of it is kept
_FRESH = timedelta(seconds=2)  #: a look within it reads nothing
_STALE = timedelta(minutes=2)  #: beyond it a look waits for a new reading
_SHARE = 100  #: of the time, one part in as many may go into readings: what costs much is read less often


@dataclass(frozen=True, slots=True)
class _Reading(Generic[T]):
    """One that is under way, or over."""

    version: int
    began: float = field(default_factory=time.monotonic)
    found: "Future[T]" = field(default_factory=Future)


class Beside(Generic[T]):
    """One costly reading that many share; safe to look at from several threads."""

    def __init__(self, read: Callable[[], T], clock: Callable[[], datetime], name: str) -> None:
        self._read, self._clock, self._name = read, clock, name
        self._kept: tuple[datetime, T] | None = None
        self._lock = threading.Lock()
        self._under_way: _Reading[T] | None = None
        self._version, self._fresh = 0, _FRESH
        self._failed = False

    @property
    def unanswered(self) -> bool:
        """Whether the last reading failed, or the one under way takes longer than anybody waits for it."""
        one = self._under_way
        late = one is not None and not one.found.done() and time.monotonic() - one.began > LOOK_SECONDS
        return late or self._failed

    def forget(self) -> None:
        """Something changed: the next look is a fresh one."""
        self._version += 1
        self._kept = None

    def look(self) -> T:
        """What was read a moment ago; waits only where nothing recent is kept, and raises SilentError after a while."""
        kept = self._kept
        age = self._clock() - kept[0] if kept else _STALE
        if kept is None or not timedelta(0) <= age < _STALE:
            return self._awaited()
        if age > self._fresh:
            self._reading()
        return kept[1]

    def refresh(self) -> T:
        """Read now; two that ask at once share one reading."""
        kept = self._kept
        if kept is not None and timedelta(0) <= self._clock() - kept[0] <= _FRESH:
            return kept[1]
        return self._reading().found.result()

    def _awaited(self) -> T:
        """The reading under way, by the time that one may be waited for: once that is over, all are told at once."""
        one, most = self._reading(), left()
        seconds = one.began + LOOK_SECONDS - time.monotonic()
        try:
            return one.found.result(max(0.0, seconds if most is None else min(seconds, most)))
        except TimeoutError as problem:
            raise SilentError(f"the {self._name} is being read, and that takes long") from problem

    def _reading(self) -> _Reading[T]:
        """The one that is under way, or a new one: never two of the same, so that none pile up."""
        with self._lock:
            one = self._under_way
            if one is None or one.found.done() or one.version != self._version:
                one = self._under_way = _Reading(self._version)
                threading.Thread(target=self._read_into, args=(one,), name=self._name, daemon=True).start()
            return one

    def _read_into(self, one: _Reading[T]) -> None:
        at, started = self._clock(), time.thread_time()
        try:
            with within(_READ_SECONDS):
                found = self._read()
        except StoreProblem as problem:  # what is kept stays until it is stale; then the look itself tells
            log.debug("not read", extra={"fields": {"what": self._name, "why": str(problem).splitlines()[0]}})
            self._failed = True
            one.found.set_exception(problem)
        except BaseException as problem:
            one.found.set_exception(problem)
            raise
        else:
            spent = timedelta(seconds=time.thread_time() - started)
            self._fresh = max(_FRESH, min(_STALE / 2, _SHARE * spent))
            self._failed = False
            if one.version == self._version:
                self._kept = (at, found)
            one.found.set_result(found)
