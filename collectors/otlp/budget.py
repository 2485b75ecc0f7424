"""What new statements may cost: time where senders wait for each other, work where nobody does."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from agent.model.garbage import unsearched


class _Counts(threading.local):
    """Of one thread."""

    uncounted = 0.0  #: CPU-seconds that nobody pays for
    characters = 0  #: that the parser was given


_COUNTS = _Counts()


def cpu_seconds() -> float:
    """CPU-seconds of this thread so far, but for what was not counted."""
    return time.thread_time() - _COUNTS.uncounted


def characters() -> float:
    """Characters that the parser was given in this thread so far: its work, whatever the machine's speed."""
    return _COUNTS.characters


def parsing(text: str) -> None:
    """Count a text that the parser is given."""
    _COUNTS.characters += len(text)


@contextmanager
def uncounted() -> Iterator[None]:
    """What happens within is done once in a process's life, and no sender has to pay for it."""
    started = time.thread_time()
    try:
        yield
    finally:
        _COUNTS.uncounted += time.thread_time() - started


class Budget:
    """What reading new statements may cost in the long run and at once, however many a sender makes up."""

    def __init__(
        self,
        share: float,
        most: float,
        clock: Callable[[], float] = time.monotonic,
        cost: Callable[[], float] = cpu_seconds,
    ) -> None:
        """Give back `share` of what the clock goes on, save up to `most`; `cost` is what this thread took so far."""
        self._share, self._most, self.clock, self.cost = share, most, clock, cost
        self._left, self._at = most, clock()

    def left(self) -> float:
        """The part of what can be saved up that is left, 1 for all of it; 0 or less where nothing is."""
        now = self.clock()
        self._left, self._at = min(self._most, self._left + self._share * (now - self._at)), now
        return self._left / self._most

    def spend(self, cost: float) -> None:
        """What the reading took; no more is owed than can be saved up."""
        self.left()
        self._left = max(-self._most, self._left - cost)

    def came(self, size: int) -> None:
        """So many bytes are decoded next. Time goes on without that."""


class _Work(Budget):
    """A budget in characters that the parser is given, by the bytes that come: the same files give the same facts."""

    def __init__(self, share: float, most: float) -> None:
        self._mebibytes = 0.0
        super().__init__(share, most, lambda: self._mebibytes, characters)

    def came(self, size: int) -> None:
        self._mebibytes += size / (1 << 20)


_MOST_WORK = 4 << 20  #: characters; the parser takes some milliseconds for a thousand


def worked() -> Budget:
    """For who waits for the result, and nobody else does: 4 Mi characters at once (some 20 s), and 1 for 16 bytes."""
    return _Work(share=1 << 16, most=_MOST_WORK)


def shared() -> Budget:
    """For where senders wait for each other: at most a fifth of a second at once, and a quarter of the time."""
    return Budget(share=0.25, most=0.2)


@dataclass(slots=True)
class Look:
    """One look at a span that is the first of its kind: what it may cost, and what was left out."""

    budget: Budget = field(default_factory=worked)
    whole: bool = True  #: nothing of its statement was left out
    lasting: bool = True  #: a later look would find no more

    @contextmanager
    def paid(self) -> Iterator[None]:
        """What happens within is paid from the budget.

        No search for garbage falls into it: one walks all that the process holds, a quarter of a second at 2 million
        objects, and would take from all statements that come next what one of a microsecond never cost.
        """
        with unsearched():
            started = self.budget.cost()
            try:
                yield
            finally:
                self.budget.spend(self.budget.cost() - started)
