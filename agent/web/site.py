"""Puts the screens together: pages, API, health, metrics, errors."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles

from agent import __version__
from agent.model.rule import Rule
from agent.store.store import Store
from agent.web import api, changes, errors, guard, pages
from agent.web.frame import Frame
from agent.web.status import Status
from agent.web.views import Views

_PROBES = ["GET", "HEAD"]
METRICS = "text/plain; version=0.0.4; charset=utf-8"
Metrics = Callable[[str], tuple[bytes, str]]  #: the page and its content type, for an Accept header


def site(
    store: Store,
    rules: Sequence[Rule],
    *,
    clock: Callable[[], datetime],
    status: Callable[[], Status],
    metrics: Metrics | None = None,
) -> FastAPI:
    """The ASGI application of port 8740; `state.refresh` reads the estate anew, ahead of the next look."""
    app = FastAPI(
        title="Seamwatch",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    views = Views(store, rules, clock)
    app.state.refresh = views.refresh
    frame = Frame(views, status, clock)
    guard.install(app)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.include_router(pages.router(views, frame, status))
    app.include_router(api.router(views, status))
    app.include_router(changes.router(store, views, frame))
    _health(app, status, metrics)
    errors.install(app, frame)
    return app


def _health(app: FastAPI, status: Callable[[], Status], metrics: Metrics | None) -> None:
    @app.api_route("/healthz", methods=_PROBES, include_in_schema=False)
    def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.api_route("/readyz", methods=_PROBES, include_in_schema=False)
    def readyz() -> PlainTextResponse:
        now = status()
        return PlainTextResponse(
            "ready\n" if now.ready else f"not ready: {now.why_not_ready}\n", 200 if now.ready else 503
        )

    @app.api_route("/metrics", methods=_PROBES, include_in_schema=False)
    def scrape(request: Request) -> Response:
        body, content_type = metrics(request.headers.get("accept", "")) if metrics else (b"", METRICS)
        return Response(body, headers={"Content-Type": content_type})
