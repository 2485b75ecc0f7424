"""Puts the screens together: pages, API, health, metrics, errors."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from agent import __version__
from agent.model.declared import UNDECLARED, Declarations
from agent.model.rule import Rule
from agent.store.patience import within
from agent.store.store import Store
from agent.web import api, changes, errors, guard, pages
from agent.web.frame import Frame
from agent.web.status import Status
from agent.web.views import Views

_PROBES = ["GET", "HEAD"]
_PAGE_SECONDS = 6.0  #: that the store has for all that one request asks of it
METRICS = "text/plain; version=0.0.4; charset=utf-8"
Metrics = Callable[[str], tuple[bytes, str]]  #: the page and its content type, for an Accept header


def site(
    store: Store,
    rules: Sequence[Rule],
    *,
    clock: Callable[[], datetime],
    status: Callable[[], Status],
    metrics: Metrics | None = None,
    declared: Declarations = UNDECLARED,
) -> FastAPI:
    """The ASGI application of port 8740; `state.refresh` reads the estate anew, ahead of the next look."""
    app = FastAPI(
        title="Seamwatch",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    views = Views(store, rules, clock, declared)
    app.state.refresh = views.refresh
    frame = Frame(views, status, clock, _silent(store))
    app.add_middleware(_InTime)
    guard.install(app)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.include_router(pages.router(views, frame, status))
    app.include_router(api.router(views, status))
    app.include_router(changes.router(store, views, frame))
    _health(app, status, metrics)
    errors.install(app, frame, _silent(store))
    return app


def _silent(store: Store) -> str:
    """What is told where the store does not answer."""
    check = "Check that its disk can be read" if store.path else "Check that its server runs and can be reached"
    kept = "Traces are still taken while the journal has room."
    return f"The store at {store.place} does not answer. {kept} {check}; pages are back once it answers."


class _InTime:
    """Gives the store a deadline for each request: what asks it in a thread of the request inherits it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        with within(_PAGE_SECONDS):
            await self._app(scope, receive, send)


def _health(app: FastAPI, status: Callable[[], Status], metrics: Metrics | None) -> None:
    """Probes and scrapes: served where every thread that serves pages waits for the store."""
    own = CapacityLimiter(4)

    @app.api_route("/healthz", methods=_PROBES, include_in_schema=False)
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.api_route("/readyz", methods=_PROBES, include_in_schema=False)
    async def readyz() -> PlainTextResponse:
        now = await to_thread.run_sync(status, limiter=own)
        return PlainTextResponse(
            "ready\n" if now.ready else f"not ready: {now.why_not_ready}\n", 200 if now.ready else 503
        )

    @app.api_route("/metrics", methods=_PROBES, include_in_schema=False)
    async def scrape(request: Request) -> Response:
        if metrics is None:
            return Response(headers={"Content-Type": METRICS})
        body, content_type = await to_thread.run_sync(partial(metrics, request.headers.get("accept", "")), limiter=own)
        return Response(body, headers={"Content-Type": content_type})
