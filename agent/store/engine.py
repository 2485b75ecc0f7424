"""Connections to SQLite and PostgreSQL: pragmas, deadlines and transactions."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from agent.store.patience import Line, SilentError, left

_BUSY_SECONDS = 10
_WRITERS_LOCK = 7_300_187_291  #: any number; it names our one lock on a PostgreSQL database
_POOL_SECONDS = 5.0  #: for a connection that another one has
_SERVERS_SHARE = 2 / 3  #: of a deadline: the server ends a query that is only slow before the client has to hang up
_APPLICATION = "seamwatch"  #: names our sessions to a PostgreSQL server, and so to those who would change the schema

StoreProblem = SQLAlchemyError  #: a call that failed; the next one may not


class StoreError(Exception):
    """The store cannot be used; says what happened, to what, and what to do."""


class GoneError(StoreError):
    """The file is no longer the one that was opened."""


class DamagedError(StoreError):
    """The file is there, and is no store any more."""


class Database:
    """One engine. One transaction writes at a time, on either engine; reads see one instant and wait for nobody."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.url = parsed
        self.sqlite = parsed.get_backend_name() == "sqlite"
        self.path = Path(parsed.database) if self.sqlite and parsed.database else None
        options: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": _BUSY_SECONDS}}
        if not self.sqlite:
            # A process stopped in the middle of a transaction must not hold the lock of all others for ever.
            limits = "-c idle_in_transaction_session_timeout=60s -c lock_timeout=60s"
            ours = {"options": limits, "application_name": _APPLICATION}
            options = {"pool_pre_ping": True, "pool_timeout": _POOL_SECONDS, "connect_args": ours}
        # The connection used last is used next: the others keep no pages in memory while one will do.
        self.engine: Engine = create_engine(parsed, pool_use_lifo=True, **options)
        self._lock = threading.RLock()
        self._turn: Callable[[], AbstractContextManager[None]] = nullcontext  # a file answers, or fails by itself
        if self.sqlite:
            event.listen(self.engine, "connect", _pragmas)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            from agent.store.postgresql import patient

            line = Line()
            self._turn = line.turn
            patient(self.engine, line)
            event.listen(self.engine, "begin", _begin_postgresql)

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return str(self.path) if self.path else self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A view of one instant."""
        with self._turn(), self.engine.connect() as connection:
            if not self.sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, kept whole or not at all; no other one writes meanwhile, in any process."""
        connect = self.engine.connect
        with self._turn(), self._alone(), connect().execution_options(writes=True) as one, one.begin():
            yield one

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread writes meanwhile; one that waits for a store that does not answer keeps none waiting longer
        than that has time."""
        seconds = left()
        if not self._lock.acquire(timeout=-1 if seconds is None else seconds):
            raise SilentError("another write has not ended")
        try:
            yield
        finally:
            self._lock.release()

    def marks(self, count: int) -> str:
        """Placeholders of the driver for a row of `count` values."""
        return ", ".join([self.mark] * count)

    @property
    def mark(self) -> str:
        """One placeholder of the driver."""
        return "?" if self.sqlite else "%s"

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "mmap_size=0",
        "foreign_keys=ON",
        "cache_size=-2000",
        "journal_size_limit=67108864",
        f"busy_timeout={_BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    seconds = left()
    if seconds is not None:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {1 + int(seconds * _SERVERS_SHARE * 1000)}")
    # Read-merge-write is safe only if nobody writes between: SQLite has one writer, so PostgreSQL gets one too.
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_WRITERS_LOCK,))
