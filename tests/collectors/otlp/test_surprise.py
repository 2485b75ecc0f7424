"""A request that breaks the receiver itself is told, counted, and harms no other."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import orjson
import pytest

from agent.model.columns import SpanColumns
from collectors.otlp.decode import Decoder
from collectors.otlp.receiver import JSON, Receiver


class Breaks:
    """A sink that fails on its first request, in a way that nobody thought of."""

    def __init__(self) -> None:
        self.held = 0
        self.asked = 0

    def why_not(self, _size: int) -> str:
        return ""

    def hold(self, size: int) -> None:
        self.held += size

    def release(self, size: int) -> None:
        self.held -= size

    async def submit(self, _columns: SpanColumns) -> str:
        self.asked += 1
        if self.asked == 1:
            raise ZeroDivisionError("a bug")
        return "new"


def ask(receiver: Receiver, body: bytes) -> tuple[int, dict[str, Any]]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/traces", "headers": headers}
    asyncio.run(receiver(scope, receive, send))
    return sent[0]["status"], orjson.loads(sent[1]["body"])


def test_a_bug_is_an_answer_and_a_counter_and_the_next_request_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    sink = Breaks()
    receiver = Receiver(Decoder(), sink)
    status, told = ask(receiver, b'{"resourceSpans":[]}')
    assert (status, told["code"]) == (500, 2)
    assert receiver.counters.refused == {"internal error": 1}
    assert "ZeroDivisionError" in caplog.text
    assert ask(receiver, b'{"resourceSpans":[]}') == (200, {})
    assert sink.held == 0
