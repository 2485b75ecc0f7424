"""HTTP servers on loopback with deadlines: a slow head or body is dropped, a good request beside it is served."""

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 64 << 10  #: of a request's line and headers; a piece of a body may come with them


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with a deadline for each request's head and body."""

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
        super().data_received(data)
        if not self._in_body and self._head_bytes > MOST_HEAD_BYTES:
            self._drop()

    def on_headers_complete(self) -> None:
        """The head is whole: now the body must come in time."""
        self._in_body, self._head_bytes = True, 0
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
        if not self.transport.is_closing():
            self.transport.abort()


def guarded(head_seconds: float, body_seconds: float) -> type[GuardedProtocol]:
    """The protocol with its deadlines."""
    return type("Guarded", (GuardedProtocol,), {"head_seconds": head_seconds, "body_seconds": body_seconds})


class Server(uvicorn.Server):
    """A server that leaves signals to the application."""

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
