"""The frame around every page: navigation with tallies, and whether anything is coming in."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from agent.web.status import Status
from agent.web.templating import environment
from agent.web.views import Views
from agent.web.words import ago

_LIVE = timedelta(minutes=2)


class Frame:
    """Renders a template inside the frame."""

    def __init__(self, views: Views, status: Callable[[], Status], clock: Callable[[], datetime]) -> None:
        self._views, self._status, self._clock = views, status, clock
        self._templates = environment(clock)

    def page(
        self, request: Request, template: str, headline: str, *, here: str = "", status_code: int = 200, **values: Any
    ) -> HTMLResponse:
        """One page; its headline is the verdict, also in the tab."""
        overview, now = self._views.overview(), self._status()
        heard = [one.last_fact for one in now.collectors if one.last_fact is not None and one.state != "replayed"]
        last = max(heard, default=None)
        frame = {
            "act": len(overview.of("page")) or "",
            "findings": len(overview.findings) or "",
            "seams": len(overview.seams) or "",
            "rules": len(self._views.rules),
            "live": last is not None and self._clock() - last < _LIVE,
            "foot": f"Last span {ago(last, self._clock())} ago" if last else "Waiting for the first span",
        }
        values = {"sparks": {}, "o": overview, "status": now, **values}
        html = self._templates.get_template(template).render(
            request=request, title=headline, headline=headline, here=here, frame=frame, **values
        )
        return HTMLResponse(html, status_code)
