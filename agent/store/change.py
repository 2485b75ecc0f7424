"""Before a schema is changed: nobody else works on the store, and what a downgrade would take is known."""

import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import inspect

from agent.store.engine import Database, StoreError
from agent.store.patience import unhurried
from agent.store.revisions import downgrade, revision, upgrade


class StoreInUseError(StoreError):
    """Another process has the store open."""


def alone(database: Database) -> None:
    """Raise StoreInUseError where another process has the store open; a store that is not there is nobody's."""
    used = _opened(database.path) if database.path is not None else _sessions(database)
    if used:
        msg = f"Another process works on the store at {database.place}. Stop it first: nothing was changed."
        raise StoreInUseError(msg)


def _opened(path: Path) -> bool:
    """Only a connection that is alone may leave SQLite's write-ahead log; the next one that opens goes back to it."""
    if not path.exists():
        return False
    connection = sqlite3.connect(path, timeout=0)
    try:
        connection.execute("PRAGMA journal_mode=DELETE").fetchall()
    except sqlite3.DatabaseError as problem:
        return getattr(problem, "sqlite_errorcode", 0) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    finally:
        connection.close()
    return False


def _sessions(database: Database) -> bool:
    """Every process of ours keeps a session by its name while it works."""
    revision(database)  # tells in our words why a server does not answer
    with database.read() as connection:
        found = connection.exec_driver_sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND application_name = current_setting('application_name')"
        ).scalar()
    database.close()
    return bool(found)


def lost(database: Database, to: str) -> Mapping[str, int]:
    """What a downgrade would drop, as tables and `table.column`, with how many rows have it; only where there are any.

    Empty as well for a revision that is not known: changing the schema says so.
    """
    dropped = _dropped(revision(database), to)
    with unhurried(), database.read() as connection:
        tables = set(inspect(connection).get_table_names())
        counts = {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name.partition('.')[0]}").scalar_one()  # noqa: S608
            for name in dropped
            if name.partition(".")[0] in tables
        }
    database.close()
    return {name: count for name, count in counts.items() if count}


def _dropped(found: str | None, to: str) -> list[str]:
    """Tried on an empty store: a table that goes as a whole, or a column of one that stays."""
    if found is None:
        return []
    with tempfile.TemporaryDirectory(prefix="seamwatch-schema-") as folder:
        empty = Database(f"sqlite:///{Path(folder) / 'empty.db'}")
        try:
            upgrade(empty, found)
            before = _columns(empty)
            downgrade(empty, to)
            after = _columns(empty)
        except StoreError:
            return []
        finally:
            empty.close()
    gone = [table for table in before if table not in after]
    parts = [f"{table}.{name}" for table in after for name in sorted(before.get(table, set()) - after[table])]
    return sorted(gone) + parts


def _columns(database: Database) -> dict[str, set[str]]:
    look = inspect(database.engine)
    tables = (table for table in look.get_table_names() if table != "alembic_version")
    return {table: {str(column["name"]) for column in look.get_columns(table)} for table in tables}
