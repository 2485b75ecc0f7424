"""A real HTTP server in a thread that answers what a test says."""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agent.model.pull import NotSeenError

CAPTURES = Path(__file__).parent / "captures"
Says = Callable[[BaseHTTPRequestHandler], None]
Route = tuple[int, Any] | Says  #: a status with JSON or bytes, or whoever writes to the wire itself


MISSING: Route = (404, {"error_code": 404, "message": "HTTP 404 Not Found"})


class Answers:
    """The same without a wire. A list is one answer after the other; a text is why there is none."""

    def __init__(self, routes: dict[str, Any]) -> None:
        self.routes = routes
        self.asked: list[str] = []

    def get(self, path: str) -> tuple[int, Any]:
        self.asked.append(path)
        found = self.routes.get(path, MISSING)
        if isinstance(found, list):
            found = found.pop(0)
        if isinstance(found, str):
            raise NotSeenError(found)
        status, value = found
        return status, value


class Answering:
    """Answers each path with what `routes` says of it, else 404; counts what it was asked."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self.routes = dict(routes)
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.done = threading.Event()
        ours = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                ours.asked.append(self.path)
                ours.headers.append(self.headers)
                ours.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.done.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        route = self.routes.get(handler.path, MISSING)
        if callable(route):
            route(handler)
        else:
            send(handler, *route)


def send(handler: BaseHTTPRequestHandler, status: int, told: Any, headers: Mapping[str, str] | None = None) -> None:
    """One answer with its length."""
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def sends(status: int, told: Any, headers: Mapping[str, str]) -> Says:
    """An answer with headers."""
    return lambda handler: send(handler, status, told, headers)


def recorded(name: str) -> dict[str, Route]:
    """What a real server answered, by path."""
    exchanges: Iterable[dict[str, Any]] = json.loads((CAPTURES / name).read_text())
    return {one["path"]: (one["status"], one["response"]) for one in exchanges}
