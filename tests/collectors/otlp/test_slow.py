"""Who sends slowly holds what he has sent, and nobody else's place."""

import asyncio
import gzip
from collections.abc import MutableMapping
from contextlib import ExitStack
from typing import Any

from collectors.otlp.decode import Decoder
from collectors.otlp.receiver import PROTOBUF, Limits, Receiver
from tests.collectors.otlp.door import BODY, Kept, opened
from tests.collectors.otlp.test_door import GOOD, HEAD


class Room(Kept):
    """A sink with the room of an intake, for two bodies."""

    def __init__(self) -> None:
        super().__init__()
        self.most = self.inside = 0

    def why_not(self, size: int) -> str:
        return "busy" if self.held and self.held + size > 2 * BODY else ""

    def hold(self, size: int) -> None:
        super().hold(size)
        self.most, self.inside = max(self.most, self.held), self.inside + 1

    def release(self, size: int) -> None:
        super().release(size)
        self.inside -= 1


def test_senders_of_one_byte_take_nobodys_place_whatever_they_announce() -> None:
    with opened() as door, ExitStack() as open_ones:
        door.receiver._sink = sink = Room()
        for _ in range(8):
            wire = open_ones.enter_context(door.connect())
            wire.sendall(HEAD + f"content-length: {BODY}\r\n\r\n".encode() + b"\x0a")
        assert door.post(GOOD).status == 200
        assert door.post(gzip.compress(GOOD), content_encoding="gzip").status == 200
        assert (sink.inside, sink.held) == (0, 0), "no commit waits for a body that is not there"
        assert sink.most == max(len(GOOD), len(gzip.compress(GOOD)))


def ask(receiver: Receiver, *parts: bytes | asyncio.Event) -> "asyncio.Task[int]":
    """Send a body in parts; an event is waited for."""
    rest = list(parts)
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        part = rest.pop(0)
        if isinstance(part, asyncio.Event):
            await part.wait()
            part = b""
        return {"type": "http.request", "body": part, "more_body": bool(rest)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def asked() -> int:
        scope = {"type": "http", "method": "POST", "path": "/v1/traces"}
        await receiver(scope | {"headers": [(b"content-type", PROTOBUF.encode())]}, receive, send)
        status: int = sent[0]["status"]
        return status

    return asyncio.get_running_loop().create_task(asked())


def test_bodies_that_are_not_whole_are_bounded_together_and_one_alone_always_comes() -> None:
    async def run() -> None:
        receiver = Receiver(Decoder(), Kept(), Limits(body=1_000, inflated=1_000, arriving=100))
        assert await ask(receiver, GOOD[:50], GOOD[50:]) == 200  # 100 bytes and more, alone
        go_on = asyncio.Event()
        slow = ask(receiver, GOOD[:90], go_on, GOOD[90:])
        await asyncio.sleep(0)
        assert receiver._arriving == 90
        assert await ask(receiver, GOOD) == 429
        assert await ask(receiver, b"") == 200
        assert receiver.counters.refused == {"busy": 1}
        go_on.set()
        assert await slow == 200
        assert receiver._arriving == 0
        assert await ask(receiver, GOOD) == 200

    assert len(GOOD) > 100
    asyncio.run(run())


def test_a_body_for_which_there_is_no_room_once_it_is_whole_is_refused_and_holds_nothing() -> None:
    class Filling(Kept):
        def why_not(self, size: int) -> str:
            return "busy" if size else ""  # an unknown length was let in

    async def run() -> None:
        sink = Filling()
        receiver = Receiver(Decoder(), sink)
        assert await ask(receiver, GOOD) == 429
        assert (sink.held, sink.taken) == (0, [])

    asyncio.run(run())
