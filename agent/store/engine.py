"""Connections to SQLite and PostgreSQL: pragmas, transactions, revisions. Refuses a store of another age."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

_BUSY_SECONDS = 10
_WRITERS_LOCK = 7_300_187_291  #: any number; it names our one lock on a PostgreSQL database
_CHECKED_BYTES = 64 << 20  #: a file up to this size is checked whole when it is opened (0.2 s)

StoreProblem = SQLAlchemyError  #: a call that failed; the next one may not


class StoreError(Exception):
    """The store cannot be used; says what happened, to what, and what to do."""


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
            options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10, "options": limits}}
        self.engine: Engine = create_engine(parsed, **options)
        self._lock = threading.RLock()
        if self.sqlite:
            event.listen(self.engine, "connect", _pragmas)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine, "begin", _begin_postgresql)

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return str(self.path) if self.path else self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A view of one instant."""
        with self.engine.connect() as connection:
            if not self.sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, kept whole or not at all; no other one writes meanwhile, in any process."""
        with self._lock, self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

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
        "cache_size=-16000",
        "journal_size_limit=67108864",
        f"busy_timeout={_BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    # Read-merge-write is safe only if nobody writes between: SQLite has one writer, so PostgreSQL gets one too.
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_WRITERS_LOCK,))


def _config(database: Database | None = None) -> Config:
    import migrations

    config = Config()
    folder = str(Path(next(iter(migrations.__path__))))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["database"] = database
    return config


def revisions() -> tuple[str, ...]:
    """Every revision that this version knows, the newest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def newest() -> str:
    """The revision that this version needs."""
    return revisions()[0]


def revision(database: Database) -> str | None:
    """The store's revision; None for an empty one. Raise StoreError where it cannot be read."""
    try:
        with database.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except DatabaseError as problem:
        msg = f"Cannot open the store at {database.place} ({_cause(problem)}). {_cure(database, problem)}"
        raise StoreError(msg) from problem


def _cause(problem: DatabaseError) -> str:
    return next(iter(str(problem.orig or problem).splitlines()), "no reason given")


_DAMAGED = "The file is damaged: move it away and start again; what the journal still holds is kept."


def _cure(database: Database, problem: DatabaseError) -> str:
    if "not a database" in str(problem) or "malformed" in str(problem):
        return _DAMAGED
    if database.sqlite:
        return "Check that the folder exists and can be written."
    return "Check that the server runs, and the address and user in store.url."


def upgrade(database: Database, to: str = "head") -> None:
    """Bring the schema up to a revision; raise StoreError for one that this version does not know."""
    with _known(database):
        command.upgrade(_config(database), to)


def downgrade(database: Database, to: str) -> None:
    """Take the schema back to a revision; what newer revisions added is lost."""
    with _known(database):
        command.downgrade(_config(database), to)


@contextmanager
def _known(database: Database) -> Iterator[None]:
    try:
        yield
    except CommandError as problem:
        msg = f"Cannot change the schema of {database.place}: {problem}. This version knows {', '.join(revisions())}."
        raise StoreError(msg) from problem


def _whole(database: Database) -> None:
    """Raise StoreError for a small file with a damaged page; SQLite would only tell when a query meets it."""
    if database.path is None or not database.path.exists() or database.path.stat().st_size > _CHECKED_BYTES:
        return
    try:
        with database.engine.connect() as connection:
            found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    except DatabaseError as problem:
        found = _cause(problem)
    if found != "ok":
        told = next(iter(found.splitlines()), "")
        msg = f"Cannot open the store at {database.place} ({told}). {_DAMAGED}"
        raise StoreError(msg)


def check(database: Database, *, create: bool) -> None:
    """Make an empty store ready; refuse one that is damaged, too old or too new."""
    if database.path is not None and not create and not database.path.exists():
        msg = f"There is no store at {database.place}. Start seamwatch once, or run: seamwatch db upgrade"
        raise StoreError(msg)
    found, known = revision(database), revisions()
    if found is None and create and not inspect(database.engine).get_table_names():
        upgrade(database)
        return
    if found == known[0]:
        _whole(database)
        return
    if found is not None and found not in known:
        msg = f"The store at {database.place} is at revision {found}, newer than this version knows ({known[0]}). "
        raise StoreError(msg + "Install the version of seamwatch that made it.")
    msg = f"Database is at revision {found or 'none'}, this version needs {known[0]}. Run: seamwatch db upgrade"
    raise StoreError(msg)
