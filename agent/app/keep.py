"""Writes what the sources that are asked show into a recording, for as long as is wanted."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson

from agent.app.append import Appending
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
    """Look at every source until the time is over or `stop` is set; a line a look. Raise OSError, ForeignError.

    What a look does not tell is not in its line. A line is written at once, in gzip as a member of its own, so
    whenever this ends, all looks before can be read.
    """
    kept, until = Kept(), time.monotonic() + seconds
    due = {id(one): 0.0 for one in sources}
    file = Appending(path)
    if file.said:
        told(file.said)
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


def _look(one: Pull, file: Appending, kept: Kept, told: Told) -> None:
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
        kept.lines, kept.bytes = kept.lines + 1, kept.bytes + len(text)


def sources(settings: Settings) -> list[Pull]:
    """Every source that the configuration names."""
    from agent.app.asked import pulls

    return list(pulls(settings, lambda: datetime.now(UTC)))
