"""`seamwatch db`: a schema is changed only where nobody works on the store, and nothing is lost without a word."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.app.journalling import lock
from agent.app.wiring import catalogue, declared_in
from agent.engine.round import Rounds
from agent.store.engine import Database
from agent.store.revisions import newest, revision
from agent.store.store import open_store
from tests.e2e.commands import told

OPEN = (
    "import sys; from agent.store.store import open_store; s = open_store(sys.argv[1]); print(1, flush=True); input()"
)


@pytest.fixture
def kept(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store with a finding, on both engines."""
    monkeypatch.setenv("SEAMWATCH_STORE__URL", url)
    monkeypatch.chdir(tmp_path)
    store = open_store(url)
    store.attach(datetime.now(UTC))
    flows = "workflows: [{name: a, tier: production}]"
    Rounds(store, catalogue(), declared_in([("w.yaml", flows)])).run(datetime.now(UTC), elapsed=True)
    store.close()
    return url


def at(url: str) -> str | None:
    database = Database(url)
    try:
        return revision(database)
    finally:
        database.close()


def test_a_downgrade_says_what_it_would_drop_and_needs_yes(kept: str, tmp_path: Path) -> None:
    refused = told("db", "downgrade", "base", cwd=tmp_path)
    assert refused.code == 2
    assert "finding_events (1 row), findings (1 row)" in refused.err
    assert "add --yes" in refused.err
    assert at(kept) == newest()
    store = open_store(kept)
    assert len(store.findings()) == 1
    store.close()
    done = told("db", "downgrade", "base", "--yes", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert at(kept) is None


def test_a_downgrade_that_drops_no_data_needs_no_yes(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAMWATCH_STORE__URL", url)
    assert told("db", "upgrade", cwd=tmp_path).code == 0
    assert told("db", "downgrade", "base", cwd=tmp_path).code == 0
    assert at(url) is None


@pytest.mark.parametrize("words", [("upgrade",), ("downgrade", "base", "--yes")])
def test_a_schema_is_not_changed_under_a_process_that_has_the_store_open(
    words: tuple[str, ...], kept: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", OPEN, kept]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as other:
        assert other.stdout is not None
        assert other.stdout.readline()
        refused = told("db", *words, cwd=tmp_path)
        other.communicate("\n")
    assert refused.code == 2
    assert refused.err.startswith("Another process works on the store at ")
    assert at(kept) == newest()
    assert told("db", *words, cwd=tmp_path).code == 0, "once it is gone"


@pytest.mark.parametrize("words", [("upgrade",), ("downgrade", "base", "--yes")])
def test_a_schema_is_not_changed_while_an_agent_has_the_data_folder(words: tuple[str, ...], tmp_path: Path) -> None:
    assert told("db", "upgrade", cwd=tmp_path).code == 0
    handle = lock(tmp_path / "seamwatch-data")
    try:
        refused = told("db", *words, cwd=tmp_path)
    finally:
        os.close(handle)
    assert refused.code == 2
    assert "Another seamwatch works in seamwatch-data" in refused.err
    assert told("db", *words, cwd=tmp_path).code == 0


def test_a_revision_or_a_store_that_is_not_there_is_told(kept: str, tmp_path: Path) -> None:
    wrong = told("db", "downgrade", "0815", "--yes", cwd=tmp_path)
    assert wrong.code == 3
    assert "This version knows" in wrong.err
    assert at(kept) == newest()


def test_a_downgrade_makes_no_store(tmp_path: Path) -> None:
    none = told("db", "downgrade", "base", cwd=tmp_path)
    assert none.code == 3
    assert none.err.startswith("There is no store at ")
    assert not (tmp_path / "seamwatch-data").exists()
