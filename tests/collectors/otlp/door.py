"""The receiver behind the real server on loopback, with a sink that keeps what it is given."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from agent.model.columns import SpanColumns
from agent.serving import bind, server
from collectors.otlp.decode import Decoder
from collectors.otlp.receiver import Limits, Receiver
from tests.conftest import free_port

PROTOBUF, JSON = "application/x-protobuf", "application/json"
BODY, INFLATED = 64 << 10, 256 << 10


@dataclass
class Kept:
    """A sink that keeps columns, and says what it is told to say."""

    why: str = ""
    outcome: str = "new"
    taken: list[SpanColumns] = field(default_factory=list)
    held: int = 0

    def why_not(self, size: int) -> str:
        return self.why

    def hold(self, size: int) -> None:
        self.held += size

    def release(self, size: int) -> None:
        self.held -= size

    async def submit(self, columns: SpanColumns) -> str:
        self.taken.append(columns)
        return self.outcome


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Door:
    """A running receiver; talk to it in bytes."""

    def __init__(self, port: int) -> None:
        self.port, self.sink, self.decoder = port, Kept(), Decoder()
        self.receiver = Receiver(self.decoder, self.sink, Limits(BODY, INFLATED))

        self.strangers: Callable[[], Counter[str]] = Counter

    @property
    def seams(self) -> list[str]:
        """The seams of every span that came through, in order."""
        numbers = [number for columns in self.sink.taken for number in columns.shape.tolist()]
        return [str(key) for number in numbers for key in self.decoder.shapes[number].seams]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def raw(self, request: bytes, *more: bytes) -> Answer:
        """Send bytes, and read one answer."""
        with self.connect() as wire:
            for piece in (request, *more):
                try:
                    wire.sendall(piece)
                except OSError:  # refused before all of it was read
                    break
            return read(wire)

    def post(
        self,
        content: bytes = b"",
        kind: str = PROTOBUF,
        *,
        method: str = "POST",
        path: str = "/v1/traces",
        **head: object,
    ) -> Answer:
        headers = {"host": "x", "content-length": len(content)} | ({"content-type": kind} if kind else {})
        headers |= {name.replace("_", "-"): str(one) for name, one in head.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {one}" for name, one in headers.items())]
        return self.raw("\r\n".join([*lines, "", ""]).encode() + content)


def read(wire: socket.socket) -> Answer:
    """One answer with its body."""
    stream = wire.makefile("rb")
    status = int(stream.readline().split()[1])
    headers = {}
    while line := stream.readline().strip():
        name, _, told = line.decode().partition(":")
        headers[name.lower()] = told.strip()
    return Answer(status, headers, stream.read(int(headers.get("content-length", 0))))


@contextmanager
def opened(*, head_seconds: float = 5.0, body_seconds: float = 5.0) -> Iterator[Door]:
    """A door, open while the block runs."""
    port = free_port(23_100)
    door = Door(port)
    listener = bind("127.0.0.1", port)
    listener.listen()
    one = server(door.receiver, head_seconds=head_seconds, body_seconds=body_seconds)
    door.strangers = lambda: one.strangers
    thread = threading.Thread(target=lambda: asyncio.run(one.serve(sockets=[listener])))
    thread.start()
    try:
        yield door
    finally:
        one.should_exit = True
        thread.join(timeout=10)
        listener.close()
