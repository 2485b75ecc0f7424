"""A real PostgreSQL that is frozen: it takes connections, keeps them alive, and says nothing."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if _parent(int(entry.name)) == parent:
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@contextmanager
def frozen(url: str) -> Iterator[None]:
    """Stop every process of the server; whatever happens, they go on afterwards."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        server = _parent(row[0])
    os.kill(server, signal.SIGSTOP)  # first: it starts no other from now on
    stopped = [server]
    try:
        for one in _children(server):
            os.kill(one, signal.SIGSTOP)
            stopped.append(one)
        while not all(_state(one) in "TZ" for one in stopped):
            time.sleep(0.01)
        yield
    finally:
        for one in reversed(stopped):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGCONT)
