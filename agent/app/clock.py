"""The clock of the agent: a step of the clock on the wall is believed only once it has lasted.

A machine's clock can jump by days, and back a minute later. What went by it meanwhile cannot be undone: history is
deleted, a request that comes again counts twice, findings are closed. See docs/decisions/0008.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from agent.ingest.intake import RESEND

log = logging.getLogger(__name__)

STEP = timedelta(minutes=5)  #: what a clock may be set by, and is followed at once
HOLD = RESEND  #: how long a larger one must last: as long as a request may come again
SURE = timedelta(hours=24)  #: how long nothing is deleted by a clock that jumped forward


def _steady() -> float:
    """Seconds that nobody sets, those of a suspended machine included where its system counts them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Clock:
    """Tells the time to everything in one agent; safe to ask from any thread."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _steady) -> None:
        self._wall, self._steady = wall, steady
        self._lock = threading.Lock()
        self._offset = wall() - steady()  #: what is believed
        self._doubted: tuple[float, float] | None = None  #: an offset, and since when
        self._before: list[tuple[float, float]] = []  #: offsets believed before, and until when they keep history

    def now(self) -> datetime:
        """The time that is believed."""
        with self._lock:
            return self._at(self._told())

    def sure(self) -> datetime:
        """The time by which history may be deleted: the earliest of all that was believed within a day."""
        with self._lock:
            at = self._told()
            self._before = [(until, offset) for until, offset in self._before if until > at]
            return datetime.fromtimestamp(at + min([self._offset, *(offset for _, offset in self._before)]), UTC)

    def since(self, last: datetime) -> None:
        """Begin after `last`, the time of the last agent here: after a long silence nothing is deleted for a day."""
        with self._lock:
            at = self._told()
            if self._at(at) - last > SURE:
                self._before.append((at + SURE.total_seconds(), last.timestamp() - at))

    def doubt(self) -> str:
        """What is wrong with the clock on the wall now, in a sentence; empty where nothing is."""
        with self._lock:
            at = self._told()
            if self._doubted is None:
                return ""
            offset, since = self._doubted
            left = HOLD - timedelta(seconds=at - since)
            return (
                f"The clock of this machine jumped {_by(offset - self._offset)} {_minutes(at - since)} ago. Time goes "
                f"on here as before; if it stays, it is believed in {_minutes(left.total_seconds())}"
            )

    def _at(self, steady: float) -> datetime:
        return datetime.fromtimestamp(steady + self._offset, UTC)

    def _told(self) -> float:
        """Look at both clocks; the steady one's seconds."""
        at = self._steady()
        offset = self._wall() - at
        if _near(offset, self._offset):
            if self._doubted is not None:
                log.info("clock is back")
            self._offset, self._doubted = offset, None
        elif self._doubted is None or not _near(offset, self._doubted[0]):
            self._doubted = (offset, at)
            log.warning("clock jumped, not believed yet", extra={"fields": {"by": _by(offset - self._offset)}})
        elif at - self._doubted[1] >= HOLD.total_seconds():
            log.warning("clock jumped, and has stayed", extra={"fields": {"by": _by(offset - self._offset)}})
            self._before.append((at + SURE.total_seconds(), self._offset))
            self._offset, self._doubted = offset, None
        return at


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= STEP.total_seconds()


def _by(seconds: float) -> str:
    """A step in words: `forward by 40 days`."""
    way, size = "forward" if seconds > 0 else "back", abs(seconds)
    for unit, name in ((86_400, "days"), (3_600, "h")):
        if size >= 2 * unit:
            return f"{way} by {size / unit:.0f} {name}"
    return f"{way} by {size / 60:.0f} min"


def _minutes(seconds: float) -> str:
    return f"{max(0.0, seconds) / 60:.0f} min"
