"""A power cut after a flush: what the journal has dropped is on the store's disk, and the control shows why."""

import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.ingest.test_power import ROOT, Disk, operations

pytestmark = [pytest.mark.slow, pytest.mark.real]

_CHILD = """
import sys
from pathlib import Path
from agent.store.store import Store
from tests.e2e.test_losses import Life

folder = Path(sys.argv[1])
if sys.argv[2] == "unsynced":
    Store.sync = lambda self: None
life = Life(folder, f"sqlite:///{folder / 'seamwatch.db'}")
life.start()
for seed in range(6):
    life.take(range(seed, seed + 1), flushed=True)
life.end()
"""


def marks(folder: Path) -> tuple[int, int]:
    """The sequence that the store has, and the one up to which the journal has dropped its records."""
    found = []
    for name, query in (
        ("seamwatch.db", "SELECT max(sequence) FROM writers"),
        ("journal.db", "SELECT seq FROM floor"),
    ):
        with closing(sqlite3.connect(folder / name)) as connection:
            there = connection.execute("SELECT 1 FROM sqlite_master WHERE name IN ('writers', 'floor')").fetchone()
            row = connection.execute(query).fetchone() if there else None
        found.append(int(row[0] or 0) if row else 0)
    return found[0], found[1]


def lacking(shim: str, tmp_path: Path, how: str) -> tuple[int, int]:
    """How many power-cut states there were, and in how many the store lacks what the journal has dropped."""
    folder, log, after = tmp_path / "data", tmp_path / "oplog", tmp_path / "after"
    folder.mkdir()
    environ = {**os.environ, "LD_PRELOAD": shim, "SW_DIR": str(folder), "SW_OPLOG": str(log)}
    command = [sys.executable, "-c", _CHILD, str(folder), how]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    dice, disk = random.Random(3), Disk()
    states = lost = 0
    after.mkdir()
    for op in operations(log):
        disk.do(*op)
        if op[0] != "s" and dice.random() > 0.1:
            continue  # each sync is a moment to look at, and one in ten of the writes between
        for file in after.iterdir():
            file.unlink()
        for path, buffer in disk.cut(dice).items():
            (after / Path(path).name).write_bytes(buffer)
        stored, dropped = marks(after)
        states += 1
        lost += dropped > stored
    return states, lost


def test_no_power_cut_takes_what_the_journal_has_dropped(shim: str, tmp_path: Path) -> None:
    states, lost = lacking(shim, tmp_path, "synced")
    assert states > 150
    assert lost == 0


def test_the_control_without_syncing_the_store_does_lose(shim: str, tmp_path: Path) -> None:
    states, lost = lacking(shim, tmp_path, "unsynced")
    assert lost > states / 5
