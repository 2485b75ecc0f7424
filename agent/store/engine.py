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
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError

_BUSY_SECONDS = 10

StoreProblem = SQLAlchemyError  #: a call that failed; the next one may not


class StoreError(Exception):
    """The store cannot be used; says what happened, to what, and what to do."""


class Database:
    """One engine; writes one at a time on SQLite, reads beside them."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.url = parsed
        self.sqlite = parsed.get_backend_name() == "sqlite"
        self.path = Path(parsed.database) if self.sqlite and parsed.database else None
        options: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": _BUSY_SECONDS}}
        if not self.sqlite:
            options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}
        self.engine: Engine = create_engine(parsed, **options)
        self._lock = threading.RLock()
        if self.sqlite:
            event.listen(self.engine, "connect", _pragmas)
            event.listen(self.engine, "begin", _begin)

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return str(self.path) if self.path else self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, kept whole or not at all."""
        with self._lock, self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def marks(self, count: int) -> str:
        """Placeholders of the driver for a row of `count` values."""
        return ", ".join(["?" if self.sqlite else "%s"] * count)

    @property
    def mark(self) -> str:
        """One placeholder of the driver."""
        return "?" if self.sqlite else "%s"

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "mmap_size=0", f"busy_timeout={_BUSY_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _config(database: Database) -> Config:
    import migrations

    config = Config()
    config.set_main_option("script_location", str(Path(next(iter(migrations.__path__)))))
    config.attributes["database"] = database
    return config


def newest() -> str:
    """The revision that this version needs."""
    import migrations

    config = Config()
    config.set_main_option("script_location", str(Path(next(iter(migrations.__path__)))))
    return ScriptDirectory.from_config(config).get_current_head() or ""


def revision(database: Database) -> str | None:
    """The store's revision; None for an empty one. Raise StoreError where it cannot be read."""
    try:
        with database.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except (OperationalError, DatabaseError) as problem:
        msg = f"Cannot open the store at {database.place} ({_cause(problem)}). {_cure(database, problem)}"
        raise StoreError(msg) from problem


def _cause(problem: DatabaseError) -> str:
    return str(problem.orig or problem).splitlines()[0]


def _cure(database: Database, problem: DatabaseError) -> str:
    if "not a database" in str(problem) or "malformed" in str(problem):
        return "The file is damaged: move it away and start again; what the journal still holds is kept."
    if database.sqlite:
        return "Check that the folder exists and can be written."
    return "Check that the server runs, and the address and user in store.url."


def upgrade(database: Database, to: str = "head") -> None:
    """Bring the schema up to a revision."""
    command.upgrade(_config(database), to)


def downgrade(database: Database, to: str) -> None:
    """Take the schema back to a revision."""
    command.downgrade(_config(database), to)


def check(database: Database, *, create: bool) -> None:
    """Make an empty store ready; refuse one that is too old or too new."""
    found, needed = revision(database), newest()
    if found is None and create and not inspect(database.engine).get_table_names():
        upgrade(database)
        return
    if found == needed:
        return
    import migrations

    config = Config()
    config.set_main_option("script_location", str(Path(next(iter(migrations.__path__)))))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        msg = f"The store at {database.place} is at revision {found}, newer than this version knows ({needed}). "
        raise StoreError(msg + "Install the version of seamwatch that made it.")
    msg = f"Database is at revision {found or 'none'}, this version needs {needed}. Run: seamwatch db upgrade"
    raise StoreError(msg)
