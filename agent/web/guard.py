"""What every request passes: a loopback Host, same-origin changes, and headers that leave nothing open."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "testserver")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def _bare(host: str) -> str:
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def refusal(request: Request) -> str:
    """Why a request is not served; empty when it is."""
    host = request.headers.get("host", "")
    if _bare(host) not in _LOOPBACK:
        return f"This agent answers on loopback only, not as {host[:80]!r}. Open it by 127.0.0.1."
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return ""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin") or request.headers.get("referer") or ""
    if site not in ("same-origin", "none") or not origin or urlsplit(origin).netloc != host:
        return "Changes are taken from this agent's own pages only. Send an Origin header that equals the Host."
    return ""


def install(app: FastAPI) -> None:
    """Put the guard in front of an application."""

    @app.middleware("http")
    async def guard(request: Request, following: Callable[[Request], Awaitable[Response]]) -> Response:
        why = refusal(request)
        response = PlainTextResponse(why + "\n", 403) if why else await following(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if not request.url.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response
