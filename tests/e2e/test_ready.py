"""Ready is what takes spans: wherever a sender is refused, or made to wait by another process, readiness says why."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.app.parts import Parts, assemble
from agent.app.status import status, why_not_ready
from agent.config.load import load
from agent.config.settings import Settings
from tests.bench.payload import request
from tests.ingest.troubles import Holder, spoil


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    environ = {"SEAMWATCH_DATA_DIR": str(tmp_path / "data"), "SEAMWATCH_JOURNAL__RESERVE_BYTES": str(1 << 20)}
    settings = load(None, environ, tmp_path)
    assert isinstance(settings, Settings)
    made = assemble(settings)
    made.memory.journal._busy_seconds = 0.4
    yield made
    made.memory.journal.close()
    made.store.close()


async def post(parts: Parts, seed: int) -> int:
    """Send one request to the door; the answer's code."""
    body, sent = request(seed), []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    head = [(b"content-type", b"application/x-protobuf"), (b"content-length", str(len(body)).encode())]
    await parts.receiver({"type": "http", "path": "/v1/traces", "method": "POST", "headers": head}, receive, send)
    return int(sent[0]["status"])


def ready(parts: Parts) -> str:
    now = status(parts)
    assert now.ready == (not now.why_not_ready)
    return now.why_not_ready


async def is_ready(parts: Parts) -> None:
    end = time.monotonic() + 10
    while ready(parts):  # the journal's own thread mends it
        assert time.monotonic() < end, ready(parts)
        await asyncio.sleep(0.01)


def running(parts: Parts, work: Callable[[], Awaitable[None]]) -> None:
    """Do something while commits are made."""

    async def both() -> None:
        commits = asyncio.create_task(parts.memory.intake.run())
        await work()
        await parts.memory.intake.stop()
        await asyncio.gather(commits, return_exceptions=True)

    asyncio.run(both())


def test_it_is_ready_while_it_takes_spans(parts: Parts) -> None:
    async def work() -> None:
        assert ready(parts) == ""
        assert await post(parts, 1) == 200
        several = [asyncio.create_task(post(parts, seed)) for seed in range(2, 6)]
        while not all(task.done() for task in several):
            assert ready(parts) == ""
            await asyncio.sleep(0.001)
        assert [task.result() for task in several] == [200] * 4
        await parts.memory.flush()
        assert ready(parts) == ""

    running(parts, work)


def test_it_is_not_ready_from_the_moment_on_at_which_another_process_holds_the_journal(parts: Parts) -> None:
    waits, refused = (
        "spans wait: another process holds the journal",
        "spans are refused: another process holds the journal",
    )

    async def work() -> None:
        one = Holder(parts.memory.journal.path)
        assert ready(parts) == waits, "before anyone sends"
        sent = asyncio.create_task(post(parts, 1))
        while not sent.done():
            assert ready(parts) in (waits, refused)
            await asyncio.sleep(0.01)
        assert sent.result() == 503
        assert ready(parts) == refused
        assert await post(parts, 2) == 503
        one.let_go()
        await is_ready(parts)
        assert [await post(parts, seed) for seed in (1, 2)] == [200, 200]

    running(parts, work)


def test_a_sender_that_waits_for_another_process_is_served_when_that_lets_go(parts: Parts) -> None:
    parts.memory.journal._busy_seconds = 10.0

    async def work() -> None:
        one = Holder(parts.memory.journal.path)
        sent = asyncio.create_task(post(parts, 1))
        await asyncio.sleep(0.1)
        assert "another process" in ready(parts)
        one.let_go()
        assert await sent == 200
        assert ready(parts) == ""

    running(parts, work)


def test_it_is_not_ready_with_too_much_in_flight(parts: Parts) -> None:
    async def work() -> None:
        intake, most = parts.memory.intake, parts.settings.limits.in_flight_bytes
        intake.hold(most)
        assert await post(parts, 1) == 429
        assert ready(parts) == "spans are refused: too much is in flight"
        intake.release(most)
        intake.hold(most // 2)
        assert await post(parts, 1) == 200
        assert ready(parts) == ""
        intake.release(most // 2)

    running(parts, work)


def test_it_is_not_ready_with_a_full_journal(parts: Parts) -> None:
    async def work() -> None:
        journal = parts.memory.journal
        assert await post(parts, 1) == 200
        journal.max_bytes = journal.bytes_held
        assert await post(parts, 2) == 503
        assert ready(parts) == "spans are refused: the store is too far behind"
        await parts.memory.flush()
        assert ready(parts) == ""
        assert await post(parts, 2) == 200

    running(parts, work)


def test_it_is_not_ready_on_a_full_disk(parts: Parts) -> None:
    async def work() -> None:
        connection = parts.memory.journal._connection
        assert connection is not None
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        assert await post(parts, 1) == 503
        assert ready(parts) == "spans are refused: the disk is full"
        connection.execute("PRAGMA max_page_count = 1000000")
        await is_ready(parts)
        assert await post(parts, 1) == 200

    running(parts, work)


def test_it_is_not_ready_with_a_broken_journal_nor_while_it_stops(parts: Parts) -> None:
    async def work() -> None:
        for seed in range(3):
            assert await post(parts, seed) == 200
        spoil(parts.memory.journal.path, parts.memory.journal)
        assert await post(parts, 9) == 503
        assert "malformed" in ready(parts)
        assert ready(parts).endswith("; spans are refused: it is stopping")

    running(parts, work)


def test_it_is_not_ready_while_it_stops(parts: Parts) -> None:
    async def work() -> None:
        await parts.memory.intake.stop()
        assert await post(parts, 1) == 503
        assert ready(parts) == "spans are refused: it is stopping"

    running(parts, work)


@pytest.mark.parametrize(
    ("task", "seconds", "ready"), [("flush", 20, False), ("status", 20, False), ("flush", 5, True), ("round", 60, True)]
)
def test_a_store_that_does_not_come_back_is_said(parts: Parts, task: str, seconds: float, ready: bool) -> None:
    parts.busy[task] = time.monotonic() - seconds
    why = why_not_ready(parts)
    assert (why == "") is ready
    assert ready or re.fullmatch(r"the store has not answered for 2\d s", why)
