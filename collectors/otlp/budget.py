"""Shares of time: how much of it what senders make up may take, and what had to be left out for that."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class SpentError(Exception):
    """What is being read has had its share of the time; what raises is not remembered: a later look reads it."""


class Budget:
    """At most a quarter of the time goes into new statements, however many a sender makes up."""

    def __init__(self, share: float = 0.25, most: float = 0.5, clock: Callable[[], float] = time.monotonic) -> None:
        """Give back `share` of the time that passes, in seconds by the clock, and save up to `most` seconds."""
        self._share, self._most, self.clock = share, most, clock
        self._left, self._at = most, clock()

    def left(self) -> float:
        """The part of what can be saved up that is left, 1 for all of it; 0 or less where nothing is."""
        now = self.clock()
        self._left, self._at = min(self._most, self._left + self._share * (now - self._at)), now
        return self._left / self._most if math.isfinite(self._most) else 1.0

    def take(self) -> None:
        """Raise SpentError where nothing is left."""
        if self.left() <= 0:
            raise SpentError

    def spend(self, seconds: float) -> None:
        """Time that the reading took; no more is owed than can be saved up."""
        self.left()
        self._left = max(-self._most, self._left - seconds)


_UNCOUNTED = threading.local()


def cpu_seconds() -> float:
    """CPU-seconds of this thread so far, but for what was not counted."""
    return time.thread_time() - getattr(_UNCOUNTED, "seconds", 0.0)


@contextmanager
def uncounted() -> Iterator[None]:
    """What happens within is done once in a process's life, and no sender has to pay for it."""
    started = time.thread_time()
    try:
        yield
    finally:
        _UNCOUNTED.seconds = getattr(_UNCOUNTED, "seconds", 0.0) + time.thread_time() - started


def endless() -> Budget:
    """A budget that lasts: for who waits for the result, and nobody else does."""
    return Budget(most=math.inf)


def shared() -> Budget:
    """A budget for where senders wait for each other: at most a fifth of a second at once, two fifths of the time."""
    return Budget(share=0.4, most=0.2)


@dataclass(slots=True)
class Look:
    """One look at a span that is the first of its kind: the time there is for it, and what was left out."""

    budget: Budget = field(default_factory=endless)
    whole: bool = True  #: nothing of its statement was left out
    lasting: bool = True  #: a later look would find no more

    @contextmanager
    def timed(self) -> Iterator[None]:
        """What happens within is paid from the budget, in CPU-seconds of this thread."""
        started = cpu_seconds()
        try:
            yield
        finally:
            self.budget.spend(cpu_seconds() - started)
