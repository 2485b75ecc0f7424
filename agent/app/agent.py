"""The agent: doors, journal, store, rounds and screens in one process. Stops cleanly; starts again without loss."""

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from fastapi import FastAPI

from agent import __version__, telemetry
from agent.app.allocator import give_back, one_arena
from agent.app.journalling import Memory, lock, remember
from agent.app.wiring import catalogue, declared_by, decoder, thresholds
from agent.config.settings import Settings
from agent.engine.round import Outcomes, Rounds
from agent.ingest.journal import JournalBrokenError
from agent.measure.timings import Timings
from agent.model.declared import Declarations
from agent.model.flush import Counted
from agent.serving import Server, bind, server
from agent.store.engine import StoreError, StoreProblem
from agent.store.notes import SourceRow
from agent.store.store import Store, start_store
from agent.web import site
from agent.web.status import CollectorStatus, Status
from collectors.otlp.receiver import Limits, Receiver

log = logging.getLogger(__name__)

EXIT_BROKEN = 75  #: the journal cannot be trusted any more: start again from it (EX_TEMPFAIL)
_RETRY_SECONDS = 5.0


def now() -> datetime:
    """The clock on the wall."""
    return datetime.now(UTC)


def store_url(settings: Settings) -> str:
    """Where the store is."""
    return settings.store.url.reveal() or f"sqlite:///{settings.data_dir / 'seamwatch.db'}"


@dataclass(slots=True)
class Parts:
    """Everything that one agent is made of."""

    settings: Settings
    store: Store
    memory: Memory
    receiver: Receiver
    rounds: Rounds
    declared: Declarations
    handle: int
    started: datetime = field(default_factory=now)
    last_round: Outcomes | None = None
    troubles: dict[str, str] = field(default_factory=dict)  #: what fails now, by task
    replayed: str = ""
    damage: str = ""  #: what was found broken at the start, and where it was set aside
    last_spans: datetime | None = None
    rate: float = 0.0
    addresses: dict[str, str] = field(default_factory=dict)
    round_seconds: Timings = field(default_factory=Timings)


def assemble(settings: Settings) -> Parts:
    """Open everything; raise StoreError or ConfigError with what to do."""
    handle = lock(settings.data_dir)
    declared = declared_by(settings)
    changed = thresholds(settings)
    store, damage = start_store(store_url(settings), now())
    if damage:
        log.error("store damaged", extra={"fields": {"what": damage}})
    spans = decoder(settings)
    memory = remember(settings, store, spans.shapes, now)
    limits = Limits(settings.limits.body_bytes, settings.limits.inflated_bytes)
    receiver = Receiver(spans, memory.intake, limits)
    rounds = Rounds(store, catalogue(), declared, thresholds=changed)
    return Parts(settings, store, memory, receiver, rounds, declared, handle, damage=damage)


class Agent:
    """Runs the parts until it is told to stop."""

    def __init__(self, parts: Parts, sockets: dict[str, socket.socket]) -> None:
        self._parts, self._sockets = parts, sockets
        self._stop = asyncio.Event()
        self._servers: list[Server] = []
        self._site = _site(parts)
        self._exit = 0

    async def run(self) -> int:
        """Serve until a signal; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        committing = asyncio.create_task(self._commit(), name="commit")
        serving = [asyncio.create_task(self._serve(name)) for name in self._sockets]
        periods = [
            asyncio.create_task(self._every(self._parts.settings.flush_seconds, self._flush, "flush")),
            asyncio.create_task(self._every(self._parts.settings.rounds.every.total_seconds(), self._judge, "round")),
            asyncio.create_task(self._every(20.0, self._maintain, "maintenance")),
            asyncio.create_task(self._every(5.0, self._tell, "status")),
        ]
        log.info("agent started", extra={"fields": {"version": __version__, **self._parts.addresses}})
        await self._stop.wait()
        for running in self._servers:
            running.should_exit = True
        await asyncio.gather(*serving, return_exceptions=True)
        await self._parts.memory.intake.stop()
        await asyncio.gather(committing, return_exceptions=True)
        for period in periods:
            period.cancel()
        await asyncio.gather(*periods, return_exceptions=True)
        await self._last_flush()
        self._parts.memory.journal.close()
        self._parts.store.close()
        log.info("agent stopped", extra={"fields": {"exit": self._exit}})
        return self._exit

    async def _commit(self) -> None:
        try:
            await self._parts.memory.intake.run()
        except JournalBrokenError as problem:
            log.error("journal broken", extra={"fields": {"what": str(problem)}})  # noqa: TRY400  # said, not traced
            self._exit = EXIT_BROKEN
            self._stop.set()

    async def _serve(self, name: str) -> None:
        limits = self._parts.settings.limits
        app: Any = self._parts.receiver if name == "otlp" else self._site
        one = server(app, head_seconds=limits.head_seconds, body_seconds=limits.body_seconds)
        self._servers.append(one)
        await one.serve(sockets=[self._sockets[name]])

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]], name: str) -> None:
        """Do something again and again; a store that does not answer is said once and tried again."""
        troubles = self._parts.troubles
        while True:
            started = monotonic()
            try:
                await work()
                troubles.pop(name, None)
            except (StoreError, OSError, StoreProblem) as problem:
                what = f"store did not answer during {name} ({str(problem).splitlines()[0]})"
                if troubles.get(name) != what:
                    log.warning("store did not answer", extra={"fields": {"during": name, "what": what}})
                troubles[name] = what
            except Exception as problem:  # one turn that fails must not be the last one
                what = f"{name} failed ({type(problem).__name__}: {problem})"
                if troubles.get(name) != what:
                    log.exception("task failed", extra={"fields": {"task": name}})
                troubles[name] = what
            await asyncio.sleep(max(0.05, seconds - (monotonic() - started)))

    async def _flush(self) -> None:
        await self._parts.memory.flush()

    async def _last_flush(self) -> None:
        try:
            await self._parts.memory.flush()
        except (StoreError, OSError, StoreProblem) as problem:
            what = str(problem).splitlines()[0]
            log.warning("store did not take the last flush; the journal keeps it", extra={"fields": {"what": what}})

    async def _judge(self) -> None:
        parts = self._parts
        if parts.receiver.counters.spans:
            await asyncio.to_thread(parts.store.attach, now())
        if parts.store.attached_at() is None and not parts.declared.loaded:
            return
        as_of = now() - parts.settings.rounds.settle
        done = await asyncio.to_thread(parts.rounds.run, as_of)
        parts.last_round = replace(done, verdicts=(), changes=())  # the store has them
        parts.round_seconds.add(parts.last_round.seconds)
        await asyncio.to_thread(self._site.state.refresh)  # the next look at a page waits for nothing
        await asyncio.to_thread(give_back)

    async def _maintain(self) -> None:
        store, settle = self._parts.store, self._parts.settings.rounds.settle
        while await asyncio.to_thread(store.roll_up, now() - settle):
            pass
        while await asyncio.to_thread(store.prune, now()):
            pass

    async def _tell(self) -> None:
        """Note on the store what the receiver heard, and how quickly it comes."""
        parts = self._parts
        spans = parts.receiver.counters.spans
        before = getattr(self, "_spans_before", 0)
        self._spans_before = spans
        parts.rate = (spans - before) / 5.0
        if spans > before:
            parts.last_spans = now()
            counted = [Counted("otlp/http", "", spans, "received")]
            await asyncio.to_thread(
                parts.store.touch_source, "otlp/http", now(), fact_at=parts.last_spans, counted=counted
            )


def _site(parts: Parts) -> FastAPI:
    return site(
        parts.store,
        catalogue(),
        clock=now,
        status=lambda: status(parts),
        settle=parts.settings.rounds.settle,
        metrics=lambda: telemetry.render(figures(parts)),
    )


def status(parts: Parts) -> Status:
    """What the pages show of the agent itself."""
    counters, aggregate = parts.receiver.counters, parts.memory.aggregator
    dropped = dict(aggregate.counters.dropped)
    dropped |= {f"no room to pair ({name})": count for name, count in aggregate.pairing.evicted.items() if count}
    if sum(aggregate.slots.overflowed.values()):
        dropped["seam limit"] = sum(aggregate.slots.overflowed.values())
    address = parts.addresses.get("otlp", "127.0.0.1:4318")
    otlp = CollectorStatus(
        kind="otlp",
        name="OTLP over HTTP",
        state="waiting" if parts.last_spans is None else "fresh",
        last_fact=parts.last_spans,
        facts=counters.spans,
        per_second=parts.rate,
        refused=dict(counters.refused),
        dropped=dropped,
        note="",
        hint=f"OTEL_EXPORTER_OTLP_ENDPOINT=http://{address}",
    )
    replayed = [_recording(row) for row in parts.store.sources() if row.source.startswith("recording/")]
    last = parts.last_round
    why_not = "; ".join(filter(None, (parts.memory.intake.broken, *parts.troubles.values())))
    return Status(
        version=__version__,
        started=parts.started,
        last_round=last.as_of if last else None,
        round_seconds=last.seconds if last else 0.0,
        collectors=(otlp, *replayed),
        journal_bytes=parts.memory.journal.bytes_held,
        journal_records=parts.memory.journal.records_held,
        ready=not why_not,
        why_not_ready=why_not,
        addresses=dict(parts.addresses),
        replayed=parts.replayed,
    )


def _recording(row: SourceRow) -> CollectorStatus:
    return CollectorStatus(
        kind="recording",
        name=row.source.removeprefix("recording/"),
        state="replayed",
        last_fact=row.last_fact,
        facts=sum(row.counters.values()),
        per_second=0.0,
        refused={},
        dropped={},
        note="replayed",
        hint="",
    )


def figures(parts: Parts) -> telemetry.Figures:
    """What `/metrics` tells of the agent itself; the estate it reads from the store."""
    counters, intake = parts.receiver.counters, parts.memory.intake.counters
    return telemetry.Figures(
        store=parts.store,
        version=__version__,
        received={"otlp": counters.spans},
        refused={("otlp", reason): count for reason, count in counters.refused.items()},
        dropped={("otlp", reason): n for reason, n in parts.memory.aggregator.counters.dropped.items()},
        commit_seconds=intake.commit_seconds,
        round_seconds=parts.round_seconds,
        last_round=parts.last_round,
        sources={("otlp", "http"): parts.last_spans},
    )


def listen(settings: Settings, *, next_free: bool) -> dict[str, socket.socket]:
    """Bind both doors; with `next_free` a taken port gives way to the next one. Raise OSError where none is free."""
    sockets: dict[str, socket.socket] = {}
    for name, wanted in (("otlp", settings.listen.otlp), ("web", settings.listen.web)):
        host, port = wanted.host, wanted.port
        tries = range(port, port + 50) if next_free else range(port, port + 1)
        for number in tries:
            try:
                sockets[name] = bind(host, number)
                break
            except OSError as problem:
                if number == tries[-1]:
                    for opened in sockets.values():
                        opened.close()
                    msg = (
                        f"Cannot listen on {host}:{port} ({problem.strerror}). Stop what uses it, or set listen.{name}."
                    )
                    raise OSError(msg) from problem
    return sockets


def run(settings: Settings, parts: Parts, sockets: dict[str, socket.socket]) -> int:
    """Run an agent to its end."""
    one_arena()
    parts.addresses = {name: "{}:{}".format(*one.getsockname()[:2]) for name, one in sockets.items()}
    try:
        import uvloop

        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    except ImportError:
        runner = asyncio.Runner()

    async def main() -> int:
        return await Agent(parts, sockets).run()

    with runner:
        return runner.run(main())
