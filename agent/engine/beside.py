"""What is read beside those who look at it: kept, and read anew by a thread of its own; few ever wait for it."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from agent.store.engine import StoreProblem

log = logging.getLogger(__name__)

T = TypeVar("T")
_FRESH = timedelta(seconds=2)  #: a look within it reads nothing
_STALE = timedelta(minutes=2)  #: beyond it a look waits for a new reading
_SHARE = 100  #: of the time, one part in as many may go into readings: what costs much is read less often


class Beside(Generic[T]):
    """One costly reading that many share; safe to look at from several threads."""

    def __init__(self, read: Callable[[], T], clock: Callable[[], datetime], name: str) -> None:
        self._read, self._clock, self._name = read, clock, name
        self._kept: tuple[datetime, T] | None = None
        self._reading = threading.Lock()
        self._version, self._fresh = 0, _FRESH

    def forget(self) -> None:
        """Something changed: the next look is a fresh one."""
        self._version += 1
        self._kept = None

    def look(self) -> T:
        """What was read a moment ago; waits only where nothing recent is kept."""
        kept = self._kept
        age = self._clock() - kept[0] if kept else _STALE
        if kept is None or not timedelta(0) <= age < _STALE:
            return self.refresh()
        if age > self._fresh and not self._reading.locked():
            threading.Thread(target=self._behind, name=self._name, daemon=True).start()
        return kept[1]

    def refresh(self) -> T:
        """Read now; two that ask at once share one reading."""
        asked = self._version
        with self._reading:
            kept, at = self._kept, self._clock()
            if kept is not None and timedelta(0) <= at - kept[0] <= _FRESH:
                return kept[1]
            started = time.thread_time()
            found = self._read()
            spent = timedelta(seconds=time.thread_time() - started)
            self._fresh = max(_FRESH, min(_STALE / 2, _SHARE * spent))
            if asked == self._version:
                self._kept = (at, found)
            return found

    def _behind(self) -> None:
        try:
            self.refresh()
        except StoreProblem as problem:  # what is kept stays until it is stale; then the look itself tells
            log.debug("not read", extra={"fields": {"what": self._name, "why": str(problem).splitlines()[0]}})
