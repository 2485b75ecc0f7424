"""The Now page in its three states: nothing judged yet, calm, trouble."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from agent.model.seam import Component
from agent.model.verdict import Outcome
from agent.store.findings import VerdictRow
from agent.web.atlas import trouble_map
from agent.web.blind import FEW, unjudged
from agent.web.curves import sparks
from agent.web.frame import Frame
from agent.web.near import nearest
from agent.web.overview import FindingView, Overview
from agent.web.status import Status
from agent.web.verdicts import blindness, headline, off_seams, verdict
from agent.web.views import Views

#: What can be judged first: the rule that tells that it is, what, and what it takes.
_TRACED = (
    ("", "Seams and the map", "1 span"),
    ("IDM-01", "Writes repeated", "1 redelivery"),
    ("LAG-01", "Rising lag", "20 min of looks"),
    ("TRC-01", "Broken traces", "a day of spans"),
    ("IDM-01", "No write repeated", "299 deliveries"),
    ("SCH-04", "Shared tables", "7 days"),
)
_ASKED = (
    ("", "Seams and the map", "1 look"),
    ("LAG-07", "Messages lost", "2 looks"),
    ("LAG-04", "Messages soon deleted", "30 min of looks"),
    ("LAG-02", "Groups that stopped", "10 min of commits"),
    ("LAG-01", "Rising lag", "20 min of looks"),
    ("GRW-01", "Room to grow", "an hour of looks"),
)
_JUDGED = (Outcome.FAILS, Outcome.MEETS)


def router(views: Views, frame: Frame, status: Callable[[], Status]) -> APIRouter:
    """The first page."""
    pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @pages.get("/")
    def now(request: Request) -> HTMLResponse:
        """Is anything wrong, where, since when, whose is it, and can we see everything."""
        o, told = views.overview(), status()
        if not o.findings and not o.counts.get("good"):
            return _first(request, views, frame, told)
        words = verdict(o, told, views.now())
        quiet = [view for view in o.findings if view.quiet]
        if len(quiet) == len(o.findings):
            return _calm(request, views, frame, words, quiet)
        return frame.page(
            request,
            "now.html",
            words,
            here="Now",
            sparks=sparks(views, o),
            map=trouble_map(o),
            later=(*o.of("fix"), *o.of("tidy")),
            quiet=quiet,
            elsewhere=len(off_seams(o)),
        )

    return pages


def ahead(views: Views, o: Overview) -> None:
    """Draw what everybody looks at first."""
    if len(o.findings) > sum(view.quiet for view in o.findings):
        sparks(views, o)
        trouble_map(o)


def _first(request: Request, views: Views, frame: Frame, told: Status) -> HTMLResponse:
    """Nothing is judged yet: what to point at us, whether it came, and what can be judged when."""
    o = views.overview()
    heard = any(one.last_fact is not None for one in told.collectors) or bool(o.seams)
    newest = sorted(o.seams, key=lambda view: (view.row.first_seen, view.row.id), reverse=True)
    return frame.page(
        request,
        "first.html",
        _waiting(o, told, views.now(), heard=heard),
        here="Now",
        otlp=told.addresses.get("otlp", "127.0.0.1:4318"),
        traces=next((one for one in told.collectors if one.kind == "otlp"), None),
        asked=[one for one in told.collectors if one.asked],
        steps=_ASKED if _untraced(told) else _TRACED,
        untraced=_untraced(told),
        recordings=[one for one in told.collectors if one.state == "replayed"],
        services=sum(1 for end in _ends(o) if end.kind == "service"),
        through=sum(1 for view in o.seams if view.paradigm == "event"),
        newest=newest[:5],
        judged={rule for (rule, outcome), number in views.counts().items() if outcome in _JUDGED and number},
    )


def _waiting(o: Overview, told: Status, now: datetime, *, heard: bool) -> str:
    """What is awaited; a source that is asked is silent before anything is waited for."""
    if silent := blindness(told, now):
        return silent
    if heard:
        return headline(o) if o.lag.says else "Facts are in; no seam can be judged yet"
    asked = [one.called for one in told.collectors if one.asked]
    return f"Waiting for the first look at {asked[0]}" if asked else "Waiting for the first span"


def _calm(request: Request, views: Views, frame: Frame, words: str, quiet: Sequence[FindingView]) -> HTMLResponse:
    """Nothing is wrong: what is closest to trouble, what cannot be judged, and what changed last."""
    o = views.overview()
    few = len(o.seams) <= FEW
    rows = [row for rule in views.rules for row in _rows(views, rule)] if few else []
    changes = lately(views.opened(o))
    return frame.page(
        request,
        "calm.html",
        words,
        here="Now",
        near=nearest(rows, 5),
        judged=sum(number for (_, outcome), number in views.counts().items() if outcome in _JUDGED),
        where=o.addresses,
        rules=views.rules,
        blind=unjudged(o, views.blind(), views.rules) if few else [],
        components=len(_ends(o)),
        paradigms=Counter(view.paradigm for view in o.seams),
        changes=changes[:6],
        since=next((at for at, _, change in changes if change == "resolved"), o.attached),
        quiet=quiet,
    )


def _untraced(told: Status) -> bool:
    """Sources are asked, and nobody has sent a span: whoever set that up waits for none."""
    return any(one.asked for one in told.collectors) and not any(
        one.kind == "otlp" and one.last_fact for one in told.collectors
    )


def _ends(o: Overview) -> set[Component]:
    return {end for view in o.seams for end in (view.key.source, view.key.target)}


def _rows(views: Views, rule: str) -> Sequence[VerdictRow]:
    found = views.rule(rule)
    return found.rows if found else ()


def lately(findings: Sequence[FindingView]) -> list[tuple[datetime, FindingView, str]]:
    """What opened and what was resolved, the newest first."""
    told = [(view.finding.opened, view, "opened") for view in findings]
    told += [(view.finding.resolved, view, "resolved") for view in findings]
    known = [(at, view, change) for at, view, change in told if at is not None]
    return sorted(known, key=lambda one: (one[0], one[1].finding.fingerprint), reverse=True)
