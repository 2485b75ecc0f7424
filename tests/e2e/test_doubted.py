"""A store whose damage only a query meets: no start needs a person to delete it."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import DatabaseError

from agent.store import revisions
from tests.e2e.test_losses import Life, local, only
from tests.ingest.troubles import PAGE

__all__ = ["local"]

MALFORMED = DatabaseError("SELECT", None, sqlite3.DatabaseError("database disk image is malformed"))
LOCKED = DatabaseError("SELECT", None, sqlite3.OperationalError("database is locked"))


def spoil(path: Path, table: str) -> None:
    """Damage the first page of a table."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


@pytest.mark.parametrize("table", ["deliveries", "writers"])
def test_a_large_store_that_a_start_meets_damaged_is_set_aside(
    local: Life, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "_CHECKED_BYTES", 0)
    local.lived(range(3), range(3, 5))
    spoil(local.path, table)
    loss = only(local.start())
    assert loss.reason == "store damaged"
    [aside] = local.folder.glob("seamwatch.db.damaged-*")
    assert str(aside) in loss.what
    assert local.writes() == 2, "what the journal held"
    local.end()
    assert [one.reason for one in local.start().losses] == ["store damaged"], "said for a week, and found once"
    assert not revisions.suspect_of(local.path).exists()


def test_a_query_that_finds_damage_has_the_next_start_look_at_all_of_it(
    local: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "_CHECKED_BYTES", 0)
    local.lived(range(3), range(3, 5))
    parts = local.start()
    assert parts.store.doubt(MALFORMED)
    local.end()
    spoil(local.path, "findings")
    assert only(local.start()).reason == "store damaged"


@pytest.mark.parametrize("problem", [MALFORMED, LOCKED])
def test_a_store_that_is_whole_after_all_is_kept(local: Life, problem: DatabaseError) -> None:
    local.lived(range(3), range(3, 5))
    doubted = local.start().store.doubt(problem)
    assert doubted is (problem is MALFORMED)
    assert not local.restart().losses
    assert not revisions.suspect_of(local.path).exists()
    assert local.writes() == 5
