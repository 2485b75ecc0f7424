"""HTTP servers on loopback with deadlines: a slow head or body is dropped, a good request beside it is served."""

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = logging.getLogger(__name__)

MOST_HEAD_BYTES = 64 << 10  #: of a request's line and headers; a piece of a body may come with them


_FIRST_BYTES = 16  #: of a head, which tell what it is
_TOLD_EVERY = 60.0  #: seconds


class Strangers:
    """Connections that spoke no HTTP that we know, or not in time: counted, and told once a minute at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock()
        self.counts: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()

    def add(self, what: str) -> None:
        """Count one."""
        self.counts[what] += 1
        self._untold[what] += 1
        if self._clock() >= self._next:
            log.warning("connections dropped", extra={"fields": {"what": dict(self._untold)}})
            self._untold.clear()
            self._next = self._clock() + _TOLD_EVERY


def kind_of(head: bytes) -> str:
    """What a head is that is no good HTTP/1.1."""
    if head[:2] == b"\x16\x03":
        return "TLS on a plain port"
    return "HTTP/2 on a port of HTTP/1.1" if head.startswith(b"PRI * HTTP/2") else "malformed HTTP"


def _untold_by_uvicorn(record: logging.LogRecord) -> bool:
    """Leave out uvicorn's line for each of them."""
    return record.msg != "Invalid HTTP request received."


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with a deadline for each request's head and body."""

    strangers = Strangers()  #: each server's own
    _first = b""  #: bytes of the head that is coming
    head_seconds = 5.0
    body_seconds = 10.0
    _head_bytes = 0  #: of the head that is coming
    _in_body = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own type
        """A connection is open: its first head must come in time."""
        super().connection_made(transport)
        self._due(self.head_seconds)

    def data_received(self, data: bytes) -> None:
        """Bytes came; idle connections between requests have uvicorn's keep-alive timer."""
        if self._deadline is None:
            self._due(self.head_seconds)
        if not self._in_body:
            self._head_bytes += len(data)
            if len(self._first) < _FIRST_BYTES:
                self._first += data[:_FIRST_BYTES]
        super().data_received(data)
        if not self._in_body and self._head_bytes > MOST_HEAD_BYTES:
            self._end("head too long")

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP/1.1."""
        self.strangers.add(kind_of(self._first))
        super().send_400_response(msg)

    def on_headers_complete(self) -> None:
        """The head is whole: now the body must come in time."""
        self._in_body, self._head_bytes, self._first = True, 0, b""
        super().on_headers_complete()
        self._due(self.body_seconds)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_body = False
        super().on_message_complete()
        self._met()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._met()
        super().connection_lost(exc)

    def _due(self, seconds: float) -> None:
        self._met()
        self._deadline = self.loop.call_later(seconds, self._drop)

    def _met(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _drop(self) -> None:
        self._deadline = None
        self._end("body too slow" if self._in_body else "head too slow" if self._first else "silent")

    def _end(self, why: str) -> None:
        if not self.transport.is_closing():
            self.strangers.add(why)
            self.transport.abort()


def guarded(head_seconds: float, body_seconds: float) -> type[GuardedProtocol]:
    """The protocol with its deadlines."""
    own = {"head_seconds": head_seconds, "body_seconds": body_seconds, "strangers": Strangers()}
    return type("Guarded", (GuardedProtocol,), own)


class Server(uvicorn.Server):
    """A server that leaves signals to the application."""

    @property
    def strangers(self) -> Counter[str]:
        """Connections that were dropped because of what they sent, or did not, by reason."""
        protocol: type[GuardedProtocol] = self.config.http  # type: ignore[assignment]  # as `server` made it
        return protocol.strangers.counts

    def install_signal_handlers(self) -> None:
        """Nothing: the application handles them."""

    def capture_signals(self) -> Any:
        """Nothing: the application handles them."""
        from contextlib import nullcontext

        return nullcontext()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, so that the port is ours from now on; raise OSError where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def server(app: Any, *, head_seconds: float, body_seconds: float) -> Server:
    """A server of one ASGI application; serve it with `serve(sockets=[...])`."""
    logging.getLogger("uvicorn.error").addFilter(_untold_by_uvicorn)  # one and the same, however often
    config = uvicorn.Config(
        app,
        http=guarded(head_seconds, body_seconds),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=5,
    )
    return Server(config)
