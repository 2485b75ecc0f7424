"""The agent: doors, journal, store, rounds and screens in one process. Stops cleanly; starts again without loss."""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

from fastapi import FastAPI

from agent import __version__
from agent.app.allocator import give_back, one_arena, settled
from agent.app.hearing import OTLP, Hearing
from agent.app.parts import Parts
from agent.app.status import PATIENCE, QUICK, figures, recordings, status
from agent.app.wiring import catalogue
from agent.config.settings import Settings
from agent.ingest.journal import JournalBrokenError
from agent.model.flush import Counted
from agent.serving import Server, bind, server
from agent.store.engine import GoneError, StoreError, StoreProblem
from agent.telemetry import Telemetry
from agent.web import site

log = logging.getLogger(__name__)

EXIT_BROKEN = 75  #: the journal cannot be trusted any more: start again from it (EX_TEMPFAIL)
_STOP_SECONDS = 3.0  #: for the last flush, and again for what still works in a thread
_WORKER = "work"
_TURN_SECONDS = 0.001  #: of a thread, while others wait; a page gives its turn away at each of a dozen queries


class PortError(Exception):
    """A port that the agent needs cannot be had; says which, and what to do. Where it is `in_use`, later it may be."""

    def __init__(self, text: str, *, in_use: bool) -> None:
        super().__init__(text)
        self.in_use = in_use


class Agent:
    """Runs the parts until it is told to stop."""

    def __init__(self, parts: Parts, sockets: dict[str, socket.socket]) -> None:
        self._parts, self._sockets = parts, sockets
        self._stop = asyncio.Event()
        self._workers = ThreadPoolExecutor(thread_name_prefix=_WORKER)
        self._servers: list[Server] = []
        self._telemetry = Telemetry(parts.store, parts.clock.now, parts.started)
        self._site = _site(parts, self._telemetry)
        self._exit = 0
        self._hearing = Hearing(parts.store)
        self._begun = False

    async def run(self) -> int:
        """Serve until a signal; return the exit code."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(self._workers)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        committing = asyncio.create_task(self._watched("commit", self._parts.memory.intake.run()))
        serving = [asyncio.create_task(self._watched(f"door {name}", self._serve(name))) for name in self._sockets]
        periods = [
            asyncio.create_task(self._every(self._parts.settings.flush_seconds, self._flush, "flush")),
            asyncio.create_task(self._every(self._parts.settings.rounds.every.total_seconds(), self._judge, "round")),
            asyncio.create_task(self._every(20.0, self._maintain, "maintenance")),
            asyncio.create_task(self._every(5.0, self._tell, "status")),
        ]
        self._parts.pulls.start()
        log.info("agent started", extra={"fields": {"version": __version__, **self._parts.addresses}})
        await self._stop.wait()
        pulled = asyncio.create_task(asyncio.to_thread(self._parts.pulls.stop, _STOP_SECONDS))
        for running in self._servers:
            running.should_exit = True
        await asyncio.gather(*serving, return_exceptions=True)
        await self._parts.memory.intake.stop()
        await asyncio.gather(committing, return_exceptions=True)
        for period in periods:
            period.cancel()
        await asyncio.gather(*periods, return_exceptions=True)
        await self._last_flush()
        left = not await pulled
        if self._parts.memory.intake.broken:
            self._exit = EXIT_BROKEN
        log.info("agent stopped", extra={"fields": {"exit": self._exit}})
        if await self._workers_end() and not left:
            self._parts.memory.journal.close()
            self._parts.store.close()
            return self._exit
        logging.shutdown()
        os._exit(self._exit)  # what waits for a store that does not answer would be waited for; the journal has it all

    async def _workers_end(self) -> bool:
        """True once no thread works any more; False where one still waits, most likely for the store."""
        self._workers.shutdown(wait=False, cancel_futures=True)
        deadline = monotonic() + _STOP_SECONDS
        while busy := [one.name for one in threading.enumerate() if one.name.startswith(_WORKER)]:
            if monotonic() > deadline:
                log.warning("threads left behind", extra={"fields": {"threads": busy}})
                return False
            await asyncio.sleep(0.02)
        return True

    async def _watched(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Something that lives as long as the agent: where it ends before, the agent stops and says why."""
        try:
            await work
            why = "it ended"
        except (JournalBrokenError, OSError) as problem:
            why = str(problem)
        except Exception as problem:  # an agent without a door, or without its journal, must not look alive
            log.exception("task failed", extra={"fields": {"task": name}})
            why = f"{type(problem).__name__}: {problem}"
        if not self._stop.is_set():
            self._give_up(name, why)

    def _give_up(self, name: str, why: str) -> None:
        """Stop, so that the next start sets aside what is broken."""
        log.error("agent cannot go on", extra={"fields": {"what": name, "why": why}})
        self._exit = EXIT_BROKEN
        self._stop.set()

    async def _serve(self, name: str) -> None:
        limits = self._parts.settings.limits
        app: Any = self._parts.receiver if name == "otlp" else self._site
        one = server(app, head_seconds=limits.head_seconds, body_seconds=limits.body_seconds)
        self._servers.append(one)
        if name == "otlp":
            self._parts.strangers = one.strangers
        await one.serve(sockets=[self._sockets[name]])

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]], name: str) -> None:
        """Do something again and again; a store that does not answer is said once and tried again."""
        troubles = self._parts.troubles
        while True:
            started = self._parts.busy[name] = monotonic()
            try:
                with _told_late(name):
                    await work()
                troubles.pop(name, None)
            except (StoreError, OSError, StoreProblem) as problem:
                if isinstance(problem, GoneError) or self._parts.store.doubt(problem):
                    self._give_up(f"store, during {name}", str(problem).splitlines()[0])
                    return
                what = f"store did not answer during {name} ({str(problem).splitlines()[0]})"
                if troubles.get(name) != what:
                    log.warning("store did not answer", extra={"fields": {"during": name, "what": what}})
                troubles[name] = what
            except Exception as problem:  # one turn that fails must not be the last one
                what = f"{name} failed ({type(problem).__name__}: {problem})"
                if troubles.get(name) != what:
                    log.exception("task failed", extra={"fields": {"task": name}})
                troubles[name] = what
            self._parts.busy.pop(name, None)
            await asyncio.sleep(max(0.05, seconds - (monotonic() - started)))

    async def _flush(self) -> None:
        await self._parts.memory.flush()

    async def _last_flush(self) -> None:
        try:
            await asyncio.wait_for(self._parts.memory.flush(), _STOP_SECONDS)
        except (StoreError, OSError, StoreProblem, TimeoutError) as problem:
            what = next(iter(str(problem).splitlines()), f"no answer within {_STOP_SECONDS:.0f} s")
            log.warning("store did not take the last flush; the journal keeps it", extra={"fields": {"what": what}})

    async def _judge(self) -> None:
        parts = self._parts
        if parts.receiver.counters.spans:
            await asyncio.to_thread(parts.store.attach, parts.clock.now())
        if not parts.declared.loaded and not parts.pulls and await asyncio.to_thread(parts.store.attached_at) is None:
            return
        as_of = parts.clock.now() - parts.settings.rounds.settle
        done = await asyncio.to_thread(parts.rounds.run, as_of)
        parts.last_round = replace(done, changes=())  # the store has them
        parts.round_seconds.add(parts.last_round.seconds)
        await asyncio.to_thread(self._site.state.refresh)  # the next look at a page, or scrape, waits for nothing
        await asyncio.to_thread(self._telemetry.refresh)
        await asyncio.to_thread(give_back)

    async def _maintain(self) -> None:
        """Roll up and delete by the time that is sure; what a clock wrongly took for old is gone for good."""
        store, settle, clock = self._parts.store, self._parts.settings.rounds.settle, self._parts.clock
        while await asyncio.to_thread(store.roll_up, clock.sure() - settle):
            pass
        while await asyncio.to_thread(store.prune, clock.sure()):
            pass
        await asyncio.to_thread(store.keep_sure, clock.sure())

    async def _tell(self) -> None:
        """Note on the store what the receiver heard, and how quickly it comes; ask what it knows of recordings."""
        parts = self._parts
        if not self._begun:
            names = [OTLP, *(told.source for told in parts.pulls.told)]
            await asyncio.to_thread(self._hearing.begin, names, parts.clock.now())
            self._begun = True
        parts.recordings = await asyncio.to_thread(recordings, parts.store)
        spans = parts.receiver.counters.spans
        before = getattr(self, "_spans_before", 0)
        self._spans_before = spans
        parts.rate = (spans - before) / 5.0
        if spans > before:
            parts.last_spans = parts.clock.now()
            counted = [Counted(OTLP, "", spans, "received")]
            await asyncio.to_thread(
                parts.store.touch_source, OTLP, parts.last_spans, fact_at=parts.last_spans, counted=counted
            )
            await asyncio.to_thread(self._hearing.note, OTLP, parts.last_spans)


@contextmanager
def _told_late(name: str) -> Iterator[None]:
    """Say so while the store keeps a task waiting that asks it for little: whether it ever ends is not known."""
    if name not in QUICK:
        yield
        return
    fields = {"during": name, "seconds": PATIENCE}
    tell = partial(log.warning, "store has not answered yet", extra={"fields": fields})
    late = asyncio.get_running_loop().call_later(PATIENCE, tell)
    try:
        yield
    finally:
        late.cancel()


def _site(parts: Parts, metrics: Telemetry) -> FastAPI:
    return site(
        parts.store,
        catalogue(),
        clock=parts.clock.now,
        status=lambda: status(parts),
        metrics=lambda accept: metrics.render(figures(parts), accept),
        declared=parts.declared,
    )


def listen(settings: Settings, *, next_free: bool) -> dict[str, socket.socket]:
    """Bind both doors; with `next_free` a taken port gives way to the next one. Raise PortError where none is free."""
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
                    raise _refused(name, f"{host}:{port}", problem, next_free=next_free) from problem
    return sockets


def _refused(name: str, address: str, problem: OSError, *, next_free: bool) -> PortError:
    head = f"Cannot listen on {address} ({problem.strerror})."
    if problem.errno != errno.EADDRINUSE:
        return PortError(f"{head} Set listen.{name} to an address that this user may take.", in_use=False)
    if next_free:
        head, more = f"{head} So are the 49 ports after it.", f"Stop what uses them, or set listen.{name}."
    else:
        more = f"Stop what uses it, set listen.{name}, or add --next-free-port."
    return PortError(f"{head} {more}", in_use=True)


def run(settings: Settings, parts: Parts, sockets: dict[str, socket.socket]) -> int:
    """Run an agent to its end."""
    one_arena()
    settled()
    sys.setswitchinterval(_TURN_SECONDS)
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
