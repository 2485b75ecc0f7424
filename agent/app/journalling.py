"""Starts one agent's memory: journal, aggregator, and what the store still lacks."""

import asyncio
import fcntl
import logging
import os
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.config.settings import Settings
from agent.ingest.aggregator import Aggregator
from agent.ingest.intake import Intake
from agent.ingest.journal import Journal, JournalUnusableError
from agent.ingest.salvage import Recovered
from agent.model.columns import Shapes
from agent.model.flush import Flush
from agent.store.engine import StoreError
from agent.store.store import Store

log = logging.getLogger(__name__)

_NAME = re.compile(rb"[A-Za-z0-9_.-]{1,64}")


class FolderInUseError(StoreError):
    """Another agent works in the same folder."""


@dataclass(slots=True)
class Memory:
    """What one agent holds between the doors and the store."""

    writer: str
    aggregator: Aggregator
    journal: Journal
    intake: Intake
    recovered: Recovered
    store: Store
    flushed: int
    stored: int = 0  #: the sequence that the store had at the start: of this folder, whatever its name was then
    pending: Flush | None = None

    def catch_up(self) -> None:
        """Move the store's mark to what the journal has dropped: said once, what it lacks is not missing again."""
        floor = self.recovered.floor
        if floor > self.flushed:
            self.store.flush(Flush(self.writer, self.flushed, floor))
            self.flushed = floor

    async def flush(self) -> int:
        """Give the store what it lacks; how many windows. A flush that failed is tried again as it was."""
        if self.pending is None:
            await self.intake.quiet()
            self.intake.age()
            if self.journal.sequence == self.flushed:
                if self.intake.forgotten < self.flushed:
                    await self._drop()
                return 0
            self.pending = self.intake.drain(self.writer, self.flushed)
        await asyncio.to_thread(self.store.flush, self.pending)
        windows = len(self.pending.windows)
        self.flushed, self.pending = self.pending.sequence, None
        await self._drop()
        for alias in self.aggregator.take_aliases():
            await asyncio.to_thread(self.store.add_alias, alias)
        return windows

    async def _drop(self) -> None:
        """Let the journal drop what the store has: on its disk, and not only in a cache that goes with the power."""
        await asyncio.to_thread(self.store.sync)
        await self.intake.forget(self.flushed)


def lock(folder: Path) -> int:
    """Hold a folder for this process; raise StoreError where that cannot be, FolderInUseError where another has it."""
    handle = -1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        if handle < 0:
            raise _unusable(folder, problem) from problem
        os.close(handle)
        msg = f"Another seamwatch works in {folder}. Stop it, or give this one a data_dir of its own."
        raise FolderInUseError(msg) from problem
    return handle


def _unusable(folder: Path, problem: OSError) -> StoreError:
    why = (problem.strerror or str(problem)).lower()
    why = "it is no folder" if folder.exists() and not folder.is_dir() else why
    msg = (
        f"Cannot work in {folder} ({why}). Set data_dir to a folder in which this user may write, on a disk with room."
    )
    return StoreError(msg)


def writer_of(folder: Path) -> tuple[str, bool]:
    """The name under which this folder's records are in the store, and whether it is new: none could be read."""
    path = folder / "writer"
    try:
        found = path.read_bytes().strip() if path.exists() else None
        if found is not None and _NAME.fullmatch(found):
            return found.decode("ascii"), False
        name = uuid.uuid4().hex
        if found is not None:
            aside = path.with_name(f"writer.damaged-{name[:8]}")
            path.rename(aside)
            what = f"{path} held no name. It was set aside as {aside.name}, and this agent goes on under a new one."
            log.error("writer damaged", extra={"fields": {"what": what}})
        _write_durably(path, name)
    except OSError as problem:
        raise _unusable(folder, problem) from problem
    return name, True


def _write_durably(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remember(settings: Settings, store: Store, shapes: Shapes, clock: Callable[[], datetime]) -> Memory:
    """Open the journal and rebuild the aggregator from it and from the store; raise StoreError with what to do."""
    folder = settings.data_dir
    writer, renamed = writer_of(folder)
    flushed = store.ensure_writer(writer)
    limits = settings.limits
    aggregator = Aggregator(shapes, most_seams=limits.seams, per_service=limits.seams_per_service)
    journal = Journal(
        folder / "journal.db",
        reserve_bytes=settings.journal.reserve_bytes,
        max_bytes=settings.journal.max_bytes,
    )
    delivered = store.delivered_since(clock().astimezone(UTC) - timedelta(days=8))
    try:
        recovered = journal.open(flushed)
    except JournalUnusableError as problem:
        raise StoreError(str(problem)) from problem
    aggregator.restore_names(list(recovered.names), list(recovered.operations))
    for one in delivered:
        aggregator.restore_delivered(one)
    for _, record in recovered.records:
        aggregator.restore(record)
    if recovered.lost:
        log.error(
            "journal damaged", extra={"fields": {"lost": list(recovered.lost), "aside": str(recovered.set_aside)}}
        )
    intake = Intake(
        aggregator,
        journal,
        clock,
        commit_seconds=settings.journal.commit_ms / 1000,
        in_flight_bytes=limits.in_flight_bytes,
    )
    intake.remember(recovered.digests)
    stored = store.reached() if renamed else flushed
    return Memory(writer, aggregator, journal, intake, recovered, store, flushed, stored)
