"""Writes what the sources that are asked show into a recording, for as long as is wanted."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson

from agent.app.append import Appending
from agent.config.settings import Settings
from agent.model.pull import NotSeenError, Pull

Told = Callable[[str], None]
_HEED, _LEAVE = 0.25, 5.0  #: s between two looks at whether it is over; that a look may take beyond the end


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
    whenever this ends, all looks before can be read. Each source has a thread: one that hangs keeps no other waiting,
    and is left behind at the end.
    """
    file = Appending(path)
    if file.said:
        told(file.said)
    keeping = _Keeping(file, told, every)
    threads = [threading.Thread(target=keeping.run, args=(one,), daemon=True) for one in sources]
    try:
        for thread in threads:
            thread.start()
        keeping.wait(stop, time.monotonic() + seconds)
        end = time.monotonic() + _LEAVE
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
    finally:
        keeping.close()
    for one, thread in zip(sources, threads, strict=True):
        if thread.is_alive() and not stop.is_set():
            keeping.kept.failed.setdefault(_named(one), "did not answer before the end")
    if keeping.problem is not None:
        raise keeping.problem
    return keeping.kept


class _Keeping:
    """One file, and the sources that write into it."""

    def __init__(self, file: Appending, told: Told, every: float | None) -> None:
        self.kept = Kept()
        self.problem: Exception | None = None
        self._file, self._told, self._every = file, told, every
        self._over, self._turn = threading.Event(), threading.Lock()

    def wait(self, stop: threading.Event, until: float) -> None:
        """Until it is over, however that comes."""
        while not stop.is_set() and not self._over.is_set() and time.monotonic() < until:
            stop.wait(max(0.0, min(_HEED, until - time.monotonic())))
        self._over.set()

    def close(self) -> None:
        """No more is written, by whoever is late."""
        self._over.set()
        with self._turn:
            self._file.close()

    def run(self, one: Pull) -> None:
        """Look at one source until it is over, and hang up."""
        every = self._every or one.every.total_seconds()
        try:
            while not self._over.is_set():
                due = time.monotonic() + every
                self._look(one)
                self._over.wait(max(0.0, due - time.monotonic()))
        except Exception as problem:  # noqa: BLE001  # raised again where `keep` was called
            self.problem = self.problem or problem
            self._over.set()
        finally:
            one.close()

    def _look(self, one: Pull) -> None:
        why, source = "", _named(one)
        try:
            one.look()
        except NotSeenError as problem:
            why = str(problem)
        line = None if why else one.line()
        with self._turn:
            if self._file.closed:
                return
            if why:
                if self.kept.failed.get(source) != why:
                    self._told(f"{source}: {why}")
                self.kept.failed[source] = why
                return
            self.kept.failed.pop(source, None)
            if line is not None:
                text = orjson.dumps(line) + b"\n"
                self._file.write(text)
                self.kept.lines, self.kept.bytes = self.kept.lines + 1, self.kept.bytes + len(text)


def _named(one: Pull) -> str:
    return f"{one.kind}/{one.name}"


def sources(settings: Settings) -> list[Pull]:
    """Every source that the configuration names."""
    from agent.app.asked import pulls

    return list(pulls(settings, lambda: datetime.now(UTC)))
