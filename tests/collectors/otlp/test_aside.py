"""Large requests are decoded beside the event loop: who sends a small one does not wait for them."""

import asyncio
import gc
import gzip
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from agent.model.columns import SpanColumns
from collectors.otlp import receiver
from collectors.otlp.aside import Aside
from collectors.otlp.decode import Decoder
from tests.collectors.otlp.build import PRODUCER, body, sent, span
from tests.collectors.otlp.door import INFLATED, JSON, PROTOBUF, Door, opened

SEND = {"messaging.system": "kafka", "messaging.destination.name": "t"}
SMALL = body(sent("s", span(PRODUCER, SEND)))
LARGE = body(sent("large", *(span(PRODUCER, SEND) for _ in range(60))))


class Held(Decoder):
    """A decoder that stays at a large request until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.threads: list[str] = []

    def decode(self, request: bytes) -> SpanColumns:
        self.threads.append(threading.current_thread().name)
        if len(request) > 2_000:
            self.begun.set()
            assert self.go_on.wait(30)
        return super().decode(request)


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Door, Held]]:
    monkeypatch.setattr(receiver, "_AT_ONCE", 2_000)
    with opened() as one:
        decoder = Held()
        one.decoder = one.receiver._decoder = decoder
        yield one, decoder
        decoder.go_on.set()
        assert one.sink.held == 0


@pytest.mark.parametrize("zipped", [False, True])
def test_while_a_large_request_is_decoded_small_ones_are_answered(door: tuple[Door, Held], zipped: bool) -> None:
    one, decoder = door
    head = {"content_encoding": "gzip"} if zipped else {}
    with ThreadPoolExecutor(1) as pool:
        large = pool.submit(one.post, gzip.compress(LARGE) if zipped else LARGE, PROTOBUF, **head)
        assert decoder.begun.wait(30)
        for _ in range(5):
            assert one.post(gzip.compress(SMALL) if zipped else SMALL, PROTOBUF, **head).status == 200
        assert not large.done()
        decoder.go_on.set()
        assert large.result(30).status == 200
    assert [len(columns) for columns in one.sink.taken] == [1] * 5 + [60]
    assert decoder.threads[0] == "aside"
    assert "aside" not in decoder.threads[1:], "what is small is decoded where it came in"


def test_what_is_wrong_with_a_large_request_is_told_as_with_a_small_one(door: tuple[Door, Held]) -> None:
    one, decoder = door
    decoder.go_on.set()
    zipped = {"content_encoding": "gzip"}
    assert one.post(b"\xff" * 3_000).status == 400
    assert one.post(b"[" * 3_000, JSON).status == 400
    assert one.post(gzip.compress(b"\xff" * 3_000), **zipped).status == 400
    assert one.post(gzip.compress(LARGE)[:-20], **zipped).status == 400
    assert one.post(gzip.compress(b"\0" * (INFLATED + 1)), **zipped).status == 413
    assert one.post(LARGE).status == 200
    assert [len(columns) for columns in one.sink.taken] == [60]


def test_who_is_cancelled_before_his_turn_has_nothing_done_and_who_comes_after_has() -> None:
    async def main() -> None:
        aside, done, begun, go_on = Aside(), [], threading.Event(), threading.Event()
        first = asyncio.create_task(aside.do(lambda: (begun.set(), go_on.wait(30))))
        second = asyncio.create_task(aside.do(lambda: done.append(2)))
        third = asyncio.create_task(aside.do(lambda: done.append(3)))
        assert await asyncio.to_thread(begun.wait, 30)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        go_on.set()
        await asyncio.gather(first, third)
        assert done == [3]
        with pytest.raises(KeyError):
            await aside.do(lambda: {}["none"])
        assert await aside.do(lambda: 5) == 5

    asyncio.run(main())


def test_who_is_being_decoded_when_the_agent_stops_is_told_to_come_back(door: tuple[Door, Held]) -> None:
    one, decoder = door
    told: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": LARGE}

    async def send(message: Any) -> None:
        told.append(message)

    async def main() -> None:
        headers = [(b"content-type", PROTOBUF.encode()), (b"content-length", str(len(LARGE)).encode())]
        scope = {"type": "http", "path": "/v1/traces", "method": "POST", "headers": headers}
        request = asyncio.create_task(one.receiver(scope, receive, send))
        assert await asyncio.to_thread(decoder.begun.wait, 30)
        request.cancel()
        await request

    asyncio.run(main())
    assert told[0]["status"] == 503
    assert dict(told[0]["headers"])[b"retry-after"] == b"2"
    assert one.sink.taken == []


def test_nothing_of_a_request_is_held_once_it_is_answered() -> None:
    class Large:
        pass

    async def main() -> "weakref.ref[Large]":
        aside, large = Aside(), Large()
        told = weakref.ref(large)
        await aside.do(lambda one=large: id(one))  # type: ignore[misc]
        del large
        await aside.do(lambda: None)
        return told

    assert asyncio.run(main())() is None


def test_no_exit_waits_for_what_is_done_aside() -> None:
    script = """
import asyncio, threading
from collectors.otlp.aside import Aside
async def main():
    begun = threading.Event()
    asyncio.ensure_future(Aside().do(lambda: (begun.set(), threading.Event().wait())))
    while not begun.is_set():
        await asyncio.sleep(0)
asyncio.run(main())
print("left")
"""
    left = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (left.returncode, left.stdout) == (0, "left\n"), left.stderr


class Large:
    """Something that a job holds."""


def test_what_a_job_held_that_failed_is_gone_at_once_and_not_when_garbage_is_searched_for() -> None:
    async def run() -> list[bool]:
        aside, gone = Aside(), []
        for fails in (False, True):
            large = Large()
            held = weakref.ref(large)

            def work(large: Large = large, fails: bool = fails) -> int:
                if fails:
                    raise ValueError(large)
                return 1

            del large
            job = partial(work)
            del work
            with suppress(ValueError):
                await aside.do(job)
            del job
            await asyncio.sleep(0.05)  # the thread lets go of it
            gone.append(held() is None)
        return gone

    gc.disable()
    try:
        assert asyncio.run(run()) == [True, True]
    finally:
        gc.enable()


def test_a_large_body_is_inflated_once_and_one_that_lies_about_its_length_is_no_danger(
    door: tuple[Door, Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, decoder = door
    decoder.go_on.set()
    limits: list[int] = []
    inflate = receiver.inflate
    monkeypatch.setattr(receiver, "inflate", lambda data, limit: limits.append(limit) or inflate(data, limit))
    whole = gzip.compress(LARGE)
    assert one.post(whole, PROTOBUF, content_encoding="gzip").status == 200
    assert limits == [one.receiver._limits.inflated]
    two = gzip.compress(LARGE) + gzip.compress(b"")  # the last part alone tells its length
    assert one.post(two, PROTOBUF, content_encoding="gzip").status == 200
    assert limits[1:] == [2_000, one.receiver._limits.inflated]
    lie = gzip.compress(SMALL)[:-4] + b"\xff" * 4
    assert one.post(lie, PROTOBUF, content_encoding="gzip").status == 400
