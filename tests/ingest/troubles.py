"""Journals with something in them, what a start finds of one, and another process that holds its file."""

import functools
import os
import sqlite3
from pathlib import Path

from agent.ingest.aggregator import Record
from agent.ingest.journal import Journal
from tests.ingest.test_journal import Engine

PAGE = 4096


@functools.cache
def record(seed: int) -> Record:
    """A record of one request, as the first of its journal."""
    return Engine().record(seed)


def filled(path: Path, records: int = 3, *, digests: int = 300, closed: bool = True) -> Journal:
    """A journal with some records, and digests on pages of their own."""
    journal = Journal(path, reserve_bytes=1 << 20, busy_seconds=0.05)
    journal.open(0)
    for seed in range(records):
        journal.append([record(seed)], [(os.urandom(16), seed) for _ in range(digests)])
    if closed:
        journal.close()
    return journal


def found(path: Path, flushed: int = 0) -> tuple[list[int], tuple[str, ...], Path | None]:
    """What a start finds; and it can be written to, twice."""
    journal = Journal(path, reserve_bytes=1 << 20)
    at_start = journal.open(flushed)
    try:
        last = journal.append([record(77)], [(os.urandom(16), 5)])
        journal.forget(last, 1)
    finally:
        journal.close()
    return [sequence for sequence, _ in at_start.records], at_start.lost, at_start.set_aside


class Holder:
    """Another process that holds the file for a while, as a backup does."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("BEGIN IMMEDIATE")

    def let_go(self) -> None:
        self._connection.close()


def spoil(path: Path, journal: Journal) -> None:
    """Write over every page but the first, below a journal that is open."""
    assert journal._connection is not None
    journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    journal._connection.execute("PRAGMA shrink_memory")
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(PAGE)
        file.write(b"\xee" * (size - PAGE))
