"""Puts the screens together: pages, API, health, metrics, errors."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from agent import __version__
from agent.model.rule import Rule
from agent.store.engine import StoreProblem
from agent.store.store import Store
from agent.web import api, changes, guard, pages
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
    settle: timedelta,
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
    views = Views(store, rules, clock, settle)
    app.state.refresh = views.refresh
    frame = Frame(views, status, clock)
    guard.install(app)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.include_router(pages.router(views, frame, status))
    app.include_router(api.router(views, status))
    app.include_router(changes.router(store, views, frame))
    _health(app, status, metrics)
    _errors(app, frame)
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


def _errors(app: FastAPI, frame: Frame) -> None:
    def answer(request: Request, code: int, headline: str, what: str) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": headline, "what": what}, code)
        try:
            return frame.page(request, "error.html", headline, status_code=code, what=what)
        except StoreProblem:
            return frame.bare(request, "error.html", headline, code, what=what)

    @app.exception_handler(HTTPException)
    def http(request: Request, problem: Exception) -> Response:
        code = problem.status_code if isinstance(problem, HTTPException) else 500
        words = {404: "There is nothing here", 405: "That cannot be done here"}
        detail = str(getattr(problem, "detail", ""))
        what = detail if detail not in ("Not Found", "Method Not Allowed") else f"No page is at {request.url.path}."
        return answer(request, code, words.get(code, "That did not work"), what)

    @app.exception_handler(RequestValidationError)
    def wrong(request: Request, problem: Exception) -> Response:
        errors = problem.errors() if isinstance(problem, RequestValidationError) else []
        what = "; ".join(f"{'.'.join(map(str, error['loc'][1:]))}: {error['msg']}" for error in errors[:5])
        return answer(request, 422, "That request has mistakes", what)

    @app.exception_handler(StoreProblem)
    def unreachable(request: Request, _problem: Exception) -> Response:
        what = "The store does not answer. Traces are still taken, and kept in the journal. Try again in a moment."
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": "store unreachable", "what": what}, 503)
        return frame.last_known(request, what)
