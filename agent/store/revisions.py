"""The store's schema revision: made, told, changed. Refuses a store of another age, or a damaged one.

Alembic is loaded only to change a schema: a new store is made from the tables as they are now and stamped (a test
compares the two ways), which keeps 11 MB out of every agent.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect
from sqlalchemy.exc import DatabaseError

import migrations
from agent.store.engine import DamagedError, Database, StoreError
from agent.store.patience import unhurried
from agent.store.schema import metadata

if TYPE_CHECKING:
    from alembic.config import Config

REVISIONS = migrations.REVISIONS
_CHECKED_BYTES = 64 << 20  #: a file up to this size is checked whole when it is opened (0.2 s)
_ALEMBIC = "alembic_version"


def newest() -> str:
    """The revision that this version needs."""
    return REVISIONS[0]


def revision(database: Database) -> str | None:
    """The store's revision; None for an empty one. Raise StoreError where it cannot be read."""
    try:
        with database.engine.connect() as connection:
            if not inspect(connection).has_table(_ALEMBIC):
                return None
            found = connection.exec_driver_sql(f"SELECT version_num FROM {_ALEMBIC}").scalar()  # noqa: S608
            return str(found) if found else None
    except DatabaseError as problem:
        raise _unusable(database, problem) from problem


def _unusable(database: Database, problem: DatabaseError) -> StoreError:
    head = f"Cannot open the store at {database.place} ({_cause(problem)})."
    if tells_damage(problem):
        return DamagedError(f"{head} {_DAMAGED}")
    if database.sqlite:
        return StoreError(f"{head} Check that the folder exists and can be written.")
    return StoreError(f"{head} Check that the server runs, and the address and user in store.url.")


def _cause(problem: DatabaseError) -> str:
    return next(iter(str(problem.orig or problem).splitlines()), "no reason given")


_DAMAGED = "The file is damaged. `seamwatch run` sets it aside and starts a new one; what the journal holds is kept."


def _config(database: Database) -> "Config":
    from alembic.config import Config

    config = Config()
    folder = str(Path(next(iter(migrations.__path__))))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["database"] = database
    return config


def upgrade(database: Database, to: str = "head") -> None:
    """Bring the schema up to a revision; raise StoreError for one that this version does not know."""
    from alembic import command

    with _known(database):
        command.upgrade(_config(database), to)


def downgrade(database: Database, to: str) -> None:
    """Take the schema back to a revision; what newer revisions added is lost."""
    from alembic import command

    with _known(database):
        command.downgrade(_config(database), to)


@contextmanager
def _known(database: Database) -> Iterator[None]:
    from alembic.util import CommandError

    try:
        with unhurried():
            yield
    except CommandError as problem:
        msg = f"Cannot change the schema of {database.place}: {problem}. This version knows {', '.join(REVISIONS)}."
        raise StoreError(msg) from problem


def create(database: Database) -> None:
    """Make every table of an empty store, and stamp it with the newest revision: whole, or not at all."""
    with database.write() as connection:
        if inspect(connection).has_table(_ALEMBIC):
            return  # another process was quicker
        metadata.create_all(connection, checkfirst=False)
        connection.exec_driver_sql(
            f"CREATE TABLE {_ALEMBIC} (version_num VARCHAR(32) NOT NULL, "
            f"CONSTRAINT {_ALEMBIC}_pkc PRIMARY KEY (version_num))"
        )
        connection.exec_driver_sql(f"INSERT INTO {_ALEMBIC} VALUES ({database.mark})", (newest(),))  # noqa: S608


def _whole(database: Database) -> None:
    """Raise DamagedError for a damaged file; SQLite would only tell when a query meets it.

    A small file is looked at each time; one that a query found damaged is, of any size, and with its indexes.
    """
    if database.path is None or not database.path.exists():
        return
    suspect = suspect_of(database.path)
    doubted = suspect.exists()
    if not doubted and database.path.stat().st_size > _CHECKED_BYTES:
        return
    look = "integrity_check(2)" if doubted else "quick_check(2)"
    try:
        with database.engine.connect() as connection:
            found = _lines(connection.exec_driver_sql(f"PRAGMA {look}").scalars())
    except DatabaseError as problem:
        found = [_cause(problem)]
    if found != ["ok"]:
        msg = f"Cannot open the store at {database.place} ({'; '.join(found)}). {_DAMAGED}"
        raise DamagedError(msg)
    suspect.unlink(missing_ok=True)


def suspect_of(path: Path) -> Path:
    """The mark beside a file that a query found damaged: the next start looks at all of it."""
    return path.with_name(path.name + ".suspect")


def tells_damage(problem: Exception) -> bool:
    """True where an error says that the file itself is damaged."""
    return "not a database" in str(problem) or "malformed" in str(problem)


def _lines(rows: Iterable[str]) -> list[str]:
    """What SQLite says of a file, the first two lines; it begins with one that only names the database."""
    lines = [line for row in rows for line in row.splitlines() if not line.startswith("***")]
    return lines[:2] or ["no reason given"]


def check(database: Database, *, make: bool) -> None:
    """Make an empty store ready; refuse one that is damaged, too old or too new."""
    if database.path is not None and not make and not database.path.exists():
        msg = f"There is no store at {database.place}. Start seamwatch once, or run: seamwatch db upgrade"
        raise StoreError(msg)
    found = revision(database)
    if found is None and make and not inspect(database.engine).get_table_names():
        create(database)
        return
    if found == newest():
        _whole(database)
        return
    if found is not None and found not in REVISIONS:
        msg = f"The store at {database.place} is at revision {found}, newer than this version knows ({newest()}). "
        raise StoreError(msg + "Install the version of seamwatch that made it.")
    msg = f"Database is at revision {found or 'none'}, this version needs {newest()}. Run: seamwatch db upgrade"
    raise StoreError(msg)


def set_aside(path: Path, now: datetime) -> Path:
    """Move a damaged SQLite file and what belongs to it out of the way; nothing is deleted. Return where it is."""
    aside = path.with_name(f"{path.name}.damaged-{now.astimezone(UTC):%Y%m%dT%H%M%S}-{os.getpid()}")
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    suspect_of(path).unlink(missing_ok=True)
    return aside
