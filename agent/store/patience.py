"""How long who asks waits for the store, and whether it answers; without a deadline, its engine decides."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError


class SilentError(SQLAlchemyError):
    """The store did not answer in time, or is known not to: nothing was asked of it."""


class _Clock:
    """Runs from the first question on: what waited for a thread has not waited for the store."""

    __slots__ = ("_seconds", "_until")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: float | None = None

    def left(self) -> float:
        if self._until is None:
            self._until = monotonic() + self._seconds
        return self._until - monotonic()


_CLOCK: ContextVar[_Clock | None] = ContextVar("patience", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give all that is asked of the store inside so many seconds together."""
    token = _CLOCK.set(_Clock(seconds))
    try:
        yield
    finally:
        _CLOCK.reset(token)


def unhurried() -> AbstractContextManager[None]:
    """For changes of a schema, and what is counted before one: the server may say nothing for hours."""
    return within(86_400.0)


def left() -> float | None:
    """How many seconds who asks now still waits, 0 where they are over; None where no deadline was given."""
    clock = _CLOCK.get()
    return None if clock is None else max(0.0, clock.left())


class Line:
    """Whether a store answers. While it does not, one at a time asks, and all others are told so at once.

    Without it every thread that answers pages would wait, deadline after deadline, and those behind them as well.
    """

    def __init__(self) -> None:
        self._silent = False
        self._asking = threading.RLock()

    def silent(self) -> None:
        """A deadline was over without an answer."""
        self._silent = True

    def spoke(self) -> None:
        """An answer came."""
        self._silent = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Ask; raise SilentError where no time is left, or the store is silent and another asks already.

        Without a deadline always ask.
        """
        most = left()  # also where it matters not yet: waiting for a connection takes time as well
        if most is not None and most <= 0:
            raise SilentError("the time there was to ask the store is over")
        if most is None or not self._silent:
            yield
            return
        if not self._asking.acquire(blocking=False):
            raise SilentError("the store has not answered, and is being asked")
        try:
            yield
        finally:
            self._asking.release()
