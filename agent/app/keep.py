"""Writes what the sources that are asked show into a recording, for as long as is wanted."""

import gzip
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import orjson

from agent.config.settings import Settings
from agent.model.pull import NotSeenError, Pull

Told = Callable[[str], None]


@dataclass(slots=True)
class Kept:
    """What became of it."""

    lines: int = 0
    bytes: int = 0
    failed: dict[str, str] = field(default_factory=dict)  #: source -> why its last look saw nothing


def keep(
    sources: Sequence[Pull], path: Path, *, seconds: float, stop: threading.Event, every: float | None, told: Told
) -> Kept:
    """Look at every source until the time is over or `stop` is set; a line a look. Raise OSError for the file.

    What a look does not tell is not in its line. A line is written whole, so a recording that is broken off is one.
    """
    kept, until = Kept(), time.monotonic() + seconds
    due = {id(one): 0.0 for one in sources}
    file = _opened(path)
    with ExitStack() as stack:
        stack.callback(file.close)
        for one in sources:
            stack.callback(one.close)
        while not stop.is_set() and time.monotonic() < until:
            for one in sources:
                if time.monotonic() >= due[id(one)] and not stop.is_set():
                    due[id(one)] = time.monotonic() + (every or one.every.total_seconds())
                    _look(one, file, kept, told)
            stop.wait(max(0.0, min([*due.values(), until]) - time.monotonic()))
    return kept


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path, "ab") if path.suffix == ".gz" else path.open("ab")


def _look(one: Pull, file: IO[bytes] | gzip.GzipFile, kept: Kept, told: Told) -> None:
    source = f"{one.kind}/{one.name}"
    try:
        one.look()
    except NotSeenError as problem:
        if kept.failed.get(source) != str(problem):
            told(f"{source}: {problem}")
        kept.failed[source] = str(problem)
        return
    kept.failed.pop(source, None)
    line = one.line()
    if line is not None:
        text = orjson.dumps(line) + b"\n"
        file.write(text)
        file.flush()
        kept.lines, kept.bytes = kept.lines + 1, kept.bytes + len(text)


def sources(settings: Settings) -> list[Pull]:
    """Every source that the configuration names."""
    from agent.app.asked import pulls

    return list(pulls(settings, lambda: datetime.now(UTC)))
