"""What every request passes: a loopback Host, same-origin changes, and headers that leave nothing open."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response

from agent.web.errors import shown, told

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_READS = ("GET", "HEAD", "OPTIONS")
MOST_BYTES = 64 << 10  #: of a form or a change; the longest reason takes 6 KB
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
        return f"This agent answers on loopback only, not as {shown(host)}. Open it by 127.0.0.1."
    if request.method in _READS:
        return ""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = urlsplit(request.headers.get("origin") or request.headers.get("referer") or "")
    if site not in ("same-origin", "none") or (origin.scheme, origin.netloc) != (request.url.scheme, host):
        return "Changes are taken from this agent's own pages only. Send an Origin header that equals the Host."
    return ""


def too_large(request: Request) -> bool:
    """A change that is larger than any, or that does not say how large it is."""
    if request.method in _READS:
        return False
    length = request.headers.get("content-length", "")
    if not length and "transfer-encoding" not in request.headers:
        return False  # it has no body
    return not (length.isascii() and length.isdigit() and len(length) < 9 and int(length) <= MOST_BYTES)


def install(app: FastAPI) -> None:
    """Put the guard in front of an application."""

    @app.middleware("http")
    async def guard(request: Request, following: Callable[[Request], Awaitable[Response]]) -> Response:
        if why := refusal(request):
            response = told(request, 403, why)
        elif too_large(request):
            text = f"A change takes at most {MOST_BYTES:,} bytes, told by Content-Length. Send less."
            response = told(request, 413, text, {"Connection": "close"})
        else:
            response = await following(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if not request.url.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response
