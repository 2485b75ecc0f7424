"""The frame around every page: navigation with tallies, whether anything is coming in, and the last page known."""

import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import escape

from agent.web.status import CollectorStatus, Status
from agent.web.templating import environment
from agent.web.views import Views
from agent.web.words import ago, clock

_LIVE = timedelta(minutes=2)
_OLD = timedelta(seconds=15)  #: of a reading: until then nobody calls it old
_KEPT = 24  #: pages shown last, compressed: 5 to 20 KB each
_NOTHING = {"act": "", "findings": "", "seams": "", "rules": "", "silent": "", "live": False}


def _foot(told: Status, newest: CollectorStatus | None, now: datetime, *, live: bool) -> str:
    """What came last and when: a span that was sent, or a look at a source that is asked."""
    if newest is None or newest.last_fact is None:
        return f"Waiting for a {'look' if any(one.asked for one in told.collectors) else 'span'}"
    what = "look" if newest.asked else "span" if newest.counts_spans else "fact"
    return f"{what.capitalize() if live else f'Last {what}'} {clock(newest.last_fact, now)} UTC"


class Frame:
    """Renders a template inside the frame."""

    def __init__(
        self, views: Views, status: Callable[[], Status], clock: Callable[[], datetime], unanswered: str
    ) -> None:
        self._views, self._status, self._clock = views, status, clock
        self._unanswered = unanswered  #: what is told where the store does not answer
        self._templates = environment(clock)
        self._pages: OrderedDict[str, tuple[datetime, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def page(
        self, request: Request, template: str, headline: str, *, here: str = "", status_code: int = 200, **values: Any
    ) -> HTMLResponse:
        """One page; its headline is the verdict, also in the tab."""
        overview, now = self._views.overview(), self._status()
        heard = [one for one in now.collectors if one.last_fact is not None and one.state != "replayed"]
        newest = max(heard, key=lambda one: one.last_fact or now.started, default=None)
        last = newest.last_fact if newest else None
        silent = now.silent(self._clock())
        loud = [view for view in overview.findings if not view.quiet]
        live = last is not None and self._clock() - last < _LIVE
        frame = {
            "act": len(overview.needs) or "",
            "findings": len(loud) or "",
            "seams": len(overview.seams) or "",
            "rules": len(self._views.rules),
            "silent": f"{len(silent)} silent" if silent else "",
            "live": live,
            "foot": _foot(now, newest, self._clock(), live=live),
        }
        values = {"sparks": {}, "o": overview, "status": now, "now": self._clock(), "at": overview.at, **values}
        html = self._render(request, template, headline, here=here, frame=frame, **values)
        if status_code == 200 and request.method == "GET":
            self._keep(str(request.url), html, overview.at)
        if self._clock() - overview.at > _OLD and (now.unanswered or self._views.unanswered):
            html = self._aged(html, overview.at, self._unanswered)
        return HTMLResponse(html, status_code)

    def bare(self, request: Request, template: str, headline: str, status_code: int, **values: Any) -> HTMLResponse:
        """A page that asks the store nothing: its frame has no tallies."""
        frame = {**_NOTHING, "foot": "The store does not answer"}
        values = {"here": "", "frame": frame, "now": self._clock(), "at": self._clock(), **values}
        return HTMLResponse(self._render(request, template, headline, **values), status_code)

    def last_known(self, request: Request, what: str) -> HTMLResponse:
        """The page as it was, dimmed, with its age in the title; where it was never shown, only what happened."""
        with self._lock:
            at, zipped = self._pages.get(str(request.url), (None, b""))
        if at is None:
            return self.bare(request, "error.html", "The store does not answer", 503, what=what)
        return HTMLResponse(self._aged(zlib.decompress(zipped).decode(), at, what), 503)

    def _aged(self, html: str, at: datetime, what: str) -> str:
        """A page, dimmed and under a banner, with its age in the title."""
        age = escape(f", as of {ago(at, self._clock())} ago")
        html = html.replace(" · Seamwatch</title>", f"{age} · Seamwatch</title>", 1).replace("</h1>", f"{age}</h1>", 1)
        html = html.replace("<body>", '<body class="old">', 1)
        banner = f'<div class="banner" role="alert"><strong>This is the last page known.</strong> {escape(what)}</div>'
        return html.replace('<div class="head">', banner + '<div class="head">', 1)

    def load(self) -> None:
        """Compile every template, so that no look waits for it."""
        for name in self._templates.list_templates():
            self._templates.get_template(name)

    def _render(self, request: Request, template: str, headline: str, **values: Any) -> str:
        values = {"title": headline, "headline": headline, "request": request, **values}
        return self._templates.get_template(template).render(**values)

    def _keep(self, address: str, html: str, at: datetime) -> None:
        zipped = zlib.compress(html.encode(), 1)
        with self._lock:
            self._pages[address] = (at, zipped)
            self._pages.move_to_end(address)
            while len(self._pages) > _KEPT:
                self._pages.popitem(last=False)
