"""Connections to PostgreSQL that give up: a server may take them, keep them alive, and never answer.

The kernel of a machine whose PostgreSQL is frozen acknowledges what comes, so that no keepalive and no limit of the
server's own ends a wait: the client has to.
"""

from collections.abc import Generator
from time import monotonic
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import Dialect

from agent.store.patience import Line, left

T = TypeVar("T")
SILENCE = 75.0  #: seconds without a byte, where no deadline was given; longer than the server lets a lock be waited for
_CONNECT = 10.0  #: seconds, the same
#: libpq's. A server that vanished (its machine, its network) is known after 25 s, one that is frozen never.
_OPTIONS = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}


class Patient(psycopg.Connection[Any]):
    """A connection that is closed where its server says nothing until the deadline, or for too long."""

    line = Line()

    def wait(self, gen: Generator[Any, Any, T], *how: Any, **more: Any) -> T:
        """Wait for what the server says; every question of the driver comes by here."""
        found = super().wait(self._heard(gen), *how, **more)
        self.line.spoke()
        return found

    def _heard(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """The driver's dialogue, which is resumed with what is ready, and every 0.1 s with nothing."""
        most, heard = left(), monotonic()
        until = None if most is None else heard + most
        ready: Any = None
        while True:
            try:
                wanted = gen.send(ready)
            except StopIteration as done:
                found: T = done.value
                return found
            ready = yield wanted
            now = monotonic()
            if ready:
                heard = now
            elif now > (heard + SILENCE if until is None else until):
                self.line.silent()
                self.close()  # its answer may still come, and would be taken for that of the next question
                raise psycopg.OperationalError(f"no answer within {SILENCE if most is None else most:.0f} s")


def patient(engine: Engine, line: Line) -> None:
    """Have an engine's connections give up; `line` is told whether the server answers."""

    def connect(_dialect: Dialect, _record: Any, args: Any, named: dict[str, Any]) -> Patient:
        most = left()
        if most is not None and most <= 0:
            raise psycopg.OperationalError("no answer in time, and no time left to connect again")
        named["connect_timeout"] = int(_CONNECT if most is None else min(_CONNECT, most + 1))
        try:
            connection = Patient.connect(*args, **{**_OPTIONS, **named})
        except psycopg.errors.ConnectionTimeout:
            line.silent()
            raise
        connection.line = line
        line.spoke()
        return connection

    event.listen(engine, "do_connect", connect)
