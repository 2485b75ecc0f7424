"""The way in: budget, resends, group commit. A request is acknowledged only when its deltas are durable."""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from agent.ingest.aggregator import Aggregator, Record
from agent.ingest.journal import Journal, JournalBrokenError, JournalBusyError, JournalFullError
from agent.measure.timings import Timings
from agent.model.columns import SpanColumns, concatenate
from agent.model.flush import Flush

log = logging.getLogger(__name__)

RESEND = timedelta(minutes=15)  #: a request that comes again within it is counted once
_RETRY_SECONDS = 1.0


class Taken(StrEnum):
    """What became of a request."""

    NEW = "new"
    AGAIN = "again"  #: it had been taken before
    REFUSED = "refused"  #: not durable: the sender keeps it and comes back


@dataclass(slots=True)
class _Waiting:
    columns: SpanColumns
    digest: bytes
    done: "asyncio.Future[Taken]"


@dataclass(slots=True)
class IntakeCounters:
    """Requests and commits, for `/metrics` and the Collectors page."""

    taken: int = 0
    again: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    commit_seconds: Timings = field(default_factory=Timings)


def digest_of(columns: SpanColumns) -> bytes:
    """16 bytes that are the same for the same spans: what tells a resent request."""
    digest = hashlib.blake2b(digest_size=16)
    for column in (columns.span, columns.trace_lo, columns.start):
        digest.update(column.tobytes())
    return digest.digest()


class Intake:
    """Group commit over one aggregator and one journal; runs on one event loop."""

    def __init__(
        self,
        aggregator: Aggregator,
        journal: Journal,
        clock: Callable[[], datetime],
        *,
        commit_seconds: float = 0.05,
        in_flight_bytes: int = 64 << 20,
    ) -> None:
        self.aggregator, self.journal, self._clock = aggregator, journal, clock
        self._commit_seconds, self._most_bytes = commit_seconds, in_flight_bytes
        self._queue: list[_Waiting] = []
        self._unsaved: list[tuple[Record, list[tuple[bytes, int]]]] = []
        self._known: dict[bytes, int] = {}
        self._running: dict[bytes, asyncio.Future[Taken]] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._file = asyncio.Lock()
        self._unwilling = ""  #: why the journal did not take what was folded: it is tried again
        self._held = self._inside = 0
        self.counters = IntakeCounters()
        self.broken = ""
        self.forgotten = -1  #: the sequence up to which the journal was shortened
        self._told = ""
        self._stopping = self._due = False

    def remember(self, digests: dict[bytes, int]) -> None:
        """Requests that were taken before this start (Unix seconds)."""
        self._known.update(digests)

    def why_not(self, size: int) -> str:
        """Why a body of this many bytes cannot be taken now; empty when it can."""
        if self.broken or self._stopping:
            return "stopping"
        if self._unwilling or self.journal.full:
            return self._unwilling or "journal full"
        return "busy" if self._held and self._held + size > self._most_bytes else ""

    def hold(self, size: int) -> None:
        """Count a request and its bytes as in flight."""
        self._held += size
        self._inside += 1

    def release(self, size: int) -> None:
        """Count them as gone."""
        self._held -= size
        self._inside -= 1

    async def submit(self, columns: SpanColumns) -> Taken:
        """Fold a request's spans; return once that is durable."""
        if not columns.received:
            return Taken.NEW
        if self.broken:
            return Taken.REFUSED
        digest = digest_of(columns)
        if len(columns) and digest in self._known:
            self.counters.again += 1
            return Taken.AGAIN
        if digest in self._kept_back():
            return Taken.REFUSED  # folded already, and durable as soon as the journal takes it
        running = self._running.get(digest) if len(columns) else None
        if running is not None:
            self.counters.again += 1
            outcome = await asyncio.shield(running)
            return Taken.AGAIN if outcome is Taken.NEW else outcome
        done: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._running[digest] = done
        self._queue.append(_Waiting(columns, digest, done))
        self._wake.set()
        return await asyncio.shield(done)

    async def run(self) -> None:
        """Commit batches until `stop`; raise JournalBrokenError when the journal cannot be trusted any more."""
        while not (self._stopping and not self._queue):
            if not (self._queue or self.broken or self._due):
                await self._come(_RETRY_SECONDS if self._unwilling else None)
            await self._gather()
            await self._commit()
            if self.broken:
                self._answer(self._queue, Taken.REFUSED)
                raise JournalBrokenError(self.broken)

    async def _come(self, seconds: float | None) -> None:
        """Wait for the next request."""
        self._wake.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _gather(self) -> None:
        """Wait until every request in flight is in the queue, or the oldest has waited long enough.

        One commit for all costs the least; a lone sender is not kept waiting for company that is not there.
        """
        loop = asyncio.get_running_loop()
        latest = loop.time() + self._commit_seconds
        while self._queue and len(self._queue) < self._inside and not self._stopping:
            left = latest - loop.time()
            if left <= 0:
                return
            await self._come(left)

    async def stop(self) -> None:
        """Take nothing more; what is queued is committed."""
        self._stopping = True
        self._wake.set()
        await self._idle.wait()

    async def _commit(self) -> None:
        batch, self._queue = self._queue, []
        if not (batch or self._unsaved or self._due):
            return
        self._idle.clear()
        outcome = Taken.REFUSED if self.broken else await self._fold_and_save(batch)
        self._answer(batch, outcome)
        self._idle.set()

    def _answer(self, batch: list[_Waiting], outcome: Taken) -> None:
        for waiting in batch:
            self._running.pop(waiting.digest, None)
            if not waiting.done.done():
                waiting.done.set_result(outcome)

    async def _fold_and_save(self, batch: list[_Waiting]) -> Taken:
        now = self._clock()
        if batch:
            record = self.aggregator.fold(concatenate([waiting.columns for waiting in batch]), now)
            stamp = int(now.timestamp())
            self._unsaved.append((record, [(waiting.digest, stamp) for waiting in batch if len(waiting.columns)]))
        elif self._due:
            self._due = False
            record = self.aggregator.age(now)
            if len(record.keys):
                self._unsaved.append((record, []))
        return await self._save() if self._unsaved else Taken.NEW

    def _kept_back(self) -> set[bytes]:
        return {digest for _, digests in self._unsaved for digest, _ in digests} if self._unwilling else set()

    async def _save(self) -> Taken:
        """Write what is folded and not yet durable. A folded batch stays in memory until the disk takes it: its sender
        was told to come back, and is then known."""
        loop = asyncio.get_running_loop()
        records = [record for record, _ in self._unsaved]
        digests = [digest for _, digests in self._unsaved for digest in digests]
        started = loop.time()
        try:
            async with self._file:
                await asyncio.to_thread(self.journal.append, records, digests)
        except (JournalFullError, JournalBusyError) as problem:
            if not self._unwilling:
                log.warning("journal did not take a commit", extra={"fields": {"what": str(problem)}})
            self._unwilling = "journal busy" if isinstance(problem, JournalBusyError) else "disk full"
            self.counters.refused[self._unwilling] += 1
            return Taken.REFUSED
        except JournalBrokenError as problem:
            self.broken = str(problem)
            return Taken.REFUSED
        for record in records:
            self.aggregator.take(record)
        self._known.update(digests)
        if self._unwilling:
            log.info("journal takes commits again", extra={"fields": {"after": self._unwilling}})
        self._unsaved, self._unwilling = [], ""
        self.counters.commits += 1
        self.counters.taken += len(digests)
        self.counters.commit_seconds.add(loop.time() - started)
        return Taken.NEW

    def drain(self, writer: str, previous: int) -> Flush:
        """All that is durable and not yet in the store; call between commits, on the event loop."""
        drained = self._clock()
        return replace(self.aggregator.drain(writer, previous, self.journal.sequence), drained=drained)

    def age(self) -> None:
        """Have decided, with the next commit, what has waited long enough for spans; call on the event loop."""
        self._due = True
        self._wake.set()

    async def quiet(self) -> None:
        """Wait until no commit is under way."""
        await self._idle.wait()

    async def forget(self, sequence: int) -> None:
        """The store has everything up to a sequence: drop it from the journal, and resends too old to come.

        A journal that is busy or full is shortened at the next flush; one that is broken ends `run`.
        """
        now = self._clock()
        horizon = int((now - RESEND).timestamp())
        self._known = {digest: at for digest, at in self._known.items() if at >= horizon}
        try:
            async with self._file:
                await asyncio.to_thread(self.journal.forget, sequence, horizon, int(now.timestamp()))
                self.forgotten = sequence
                await asyncio.to_thread(self.journal.refill_reserve)
        except JournalBrokenError as problem:
            self.broken = str(problem)
            self._wake.set()
        except (JournalFullError, JournalBusyError, OSError) as problem:
            if str(problem) != self._told:
                log.warning("journal could not be shortened", extra={"fields": {"what": str(problem)}})
            self._told = str(problem)
        else:
            self._told = ""
