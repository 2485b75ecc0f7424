"""The screens. Routes are thin: a question to the views, a headline that is the verdict, a template."""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from agent.web.curves import finding_picture, map_of, seam_picture, sparks
from agent.web.draw.map import MOST
from agent.web.frame import Frame
from agent.web.overview import FindingView, Overview, SeamView
from agent.web.status import Status
from agent.web.views import Views

PER_PAGE = 100
RANGES = {
    "1h": timedelta(hours=1),
    "3h": timedelta(hours=3),
    "24h": timedelta(days=1),
    "14d": timedelta(days=14),
}
_SEAM_STATES = (
    ("", "All"),
    ("page", "Act now"),
    ("fix", "Fix"),
    ("tidy", "Tidy"),
    ("blind", "Blind"),
    ("good", "Healthy"),
)
_FINDING_STATES = (("open", "Open"), ("pending", "Pending"), ("quiet", "Set aside"), ("all", "All"))


def plural(number: int, one: str, many: str) -> str:
    """`1 seam needs`, `2 seams need`."""
    return f"{number:,} {one if number == 1 else many}"


def headline(o: Overview) -> str:
    """The verdict of the whole estate in one sentence."""
    act, fix, tidy = (len(o.of(mark)) for mark in ("page", "fix", "tidy"))
    if act:
        return f"{plural(act, 'seam needs', 'seams need')} a person now"
    if fix:
        return f"Nothing is burning; {plural(fix, 'finding', 'findings')} to fix"
    if tidy:
        return f"Nothing is burning; {plural(tidy, 'finding', 'findings')} to tidy"
    judged = o.counts.get("good", 0)
    return f"All {judged} seams we can judge are healthy" if judged else "No seam can be judged yet"


def paged(items: Sequence[Any], page: int, request: Request) -> tuple[Sequence[Any], Markup]:
    """One page of a list, with links to its neighbours."""
    last = max(0, (len(items) - 1) // PER_PAGE)
    page = min(max(0, page), last)
    links = []
    for step, words in ((-1, "Previous"), (1, "Next")):
        if 0 <= page + step <= last:
            url = request.url.include_query_params(page=page + step)
            links.append(Markup('<a class="btn" href="?{}">{} {}</a>').format(url.query, words, PER_PAGE))
    pager = Markup('<div class="pad">{}</div>').format(Markup(" ").join(links)) if links else Markup("")
    return items[page * PER_PAGE : (page + 1) * PER_PAGE], pager


def router(views: Views, frame: Frame, status: Callable[[], Status]) -> APIRouter:
    """Every page."""
    pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    _now(pages, views, frame, status)
    _findings(pages, views, frame)
    _seams(pages, views, frame)
    _rules(pages, views, frame)
    _collectors(pages, views, frame, status)
    return pages


def _now(pages: APIRouter, views: Views, frame: Frame, status: Callable[[], Status]) -> None:
    @pages.get("/")
    def now(request: Request) -> HTMLResponse:
        """Is anything wrong, where, since when, whose is it, and can we see everything."""
        o, told = views.overview(), status()
        if not o.seams and not o.findings:
            otlp = told.addresses.get("otlp", "127.0.0.1:4318")
            return frame.page(request, "first.html", "Waiting for the first span", here="Now", otlp=otlp)
        picture, title = map_of(o, trouble=bool(o.findings) or len(o.seams) > MOST)
        note = "seams with findings and their neighbours;" if title == "Where it hurts" else ""
        quiet = sum(1 for view in o.findings if view.quiet)
        return frame.page(
            request,
            "now.html",
            headline(o),
            here="Now",
            sparks=sparks(views, o),
            map=picture,
            map_title=title,
            map_note=note,
            quiet=quiet,
        )


def _findings(pages: APIRouter, views: Views, frame: Frame) -> None:
    @pages.get("/findings")
    def findings(
        request: Request,
        owner: Annotated[str, Query(max_length=200)] = "",
        rule: Annotated[str, Query(max_length=20)] = "",
        state: Annotated[str, Query(max_length=20)] = "open",
        page: int = 0,
    ) -> HTMLResponse:
        """Every finding, filtered."""
        everything = views.findings(everything=True)
        by_state = {key: [view for view in everything if _in(view, key)] for key, _ in _FINDING_STATES}
        by_state["pending"] = [view for view in views.findings() if view.finding.signal.value == "pending"]
        chosen = by_state.get(state, by_state["open"])
        chosen = [v for v in chosen if (not owner or v.finding.owner == owner) and (not rule or v.finding.rule == rule)]
        order = {"page": 0, "fix": 1, "tidy": 2}
        chosen.sort(key=lambda v: (order[v.mark], v.finding.opened or views.now(), v.finding.fingerprint))
        shown, pager = paged(chosen, page, request)
        return frame.page(
            request,
            "findings.html",
            plural(len(by_state["open"]), "finding is open", "findings are open"),
            here="Findings",
            views=shown,
            pager=pager,
            owners=sorted({view.finding.owner for view in everything if view.finding.owner}),
            rules=sorted({view.finding.rule for view in everything}),
            states=_FINDING_STATES,
            tallies={key: len(found) for key, found in by_state.items()},
            chosen={"owner": owner, "rule": rule, "state": state},
        )

    @pages.get("/findings/{fingerprint}")
    def finding(request: Request, fingerprint: str) -> HTMLResponse:
        """One finding: what we saw, what to do, why it was flagged."""
        return finding_page(views, frame, request, fingerprint, "", 200)


def finding_page(
    views: Views, frame: Frame, request: Request, fingerprint: str, error: str, status_code: int
) -> HTMLResponse:
    """One finding's page, with what was wrong in a form that was sent."""
    found = views.finding(fingerprint)
    if found is None:
        raise HTTPException(404, f"There is no finding {fingerprint}.")
    picture = finding_picture(found, views.now())
    says = found.view.finding.says
    return frame.page(
        request, "finding.html", says, here="Findings", status_code=status_code, p=found, picture=picture, error=error
    )


def _in(view: FindingView, state: str) -> bool:
    if state == "open":
        return view.finding.shown and not view.quiet
    if state == "quiet":
        return view.finding.shown and view.quiet
    return state == "all"


def _seams(pages: APIRouter, views: Views, frame: Frame) -> None:
    @pages.get("/seams")
    def seams(
        request: Request,
        q: Annotated[str, Query(max_length=200)] = "",
        paradigm: Annotated[str, Query(max_length=20)] = "",
        state: Annotated[str, Query(max_length=20)] = "",
        page: int = 0,
    ) -> HTMLResponse:
        """The whole estate: what is connected to what, by which paradigm, and where is the trouble."""
        o = views.overview()
        found = [view for view in o.seams if _matches(view, q, paradigm, state)]
        order = {"page": 0, "fix": 1, "tidy": 2, "blind": 3, "good": 4}
        found.sort(key=lambda view: (order[view.mark], view.name, str(view.key)))
        shown, pager = paged(found, page, request)
        picture, title = map_of(dataclasses.replace(o, seams=tuple(found)), trouble=len(found) > MOST)
        good = o.counts.get("good", 0)
        return frame.page(
            request,
            "seams.html",
            f"{good} of {len(o.seams)} seams are healthy",
            here="Seams",
            views=shown,
            pager=pager,
            map=picture,
            map_title=title,
            states=_SEAM_STATES,
            tallies={key: len(o.seams) if not key else o.counts.get(key, 0) for key, _ in _SEAM_STATES},
            chosen={"q": q, "paradigm": paradigm, "state": state},
        )

    @pages.get("/seams/{number}")
    def seam(request: Request, number: int, range: Annotated[str, Query(max_length=4)] = "3h") -> HTMLResponse:  # noqa: A002
        """Does it keep up, what changed, and do the witnesses agree."""
        span = RANGES.get(range, RANGES["3h"])
        found = views.seam(number, span)
        if found is None:
            raise HTTPException(404, f"There is no seam {number}.")
        loud = [view for view in found.view.findings if not view.quiet]
        words = loud[0].finding.says if loud else f"{found.view.name} {_state(found.view)}"
        picture = seam_picture(found, views.now(), span)
        return frame.page(request, "seam.html", words, here="Seams", p=found, picture=picture, range=range)


def _state(view: SeamView) -> str:
    return "is healthy" if view.mark == "good" else "is not judged yet"


def _matches(view: SeamView, text: str, paradigm: str, state: str) -> bool:
    wanted = text.strip().lower()
    if wanted and wanted not in str(view.key).lower():
        return False
    return (not paradigm or view.paradigm == paradigm) and (not state or view.mark == state)


def _rules(pages: APIRouter, views: Views, frame: Frame) -> None:
    @pages.get("/rules")
    def rules(request: Request) -> HTMLResponse:
        """The catalogue with what each rule says now."""
        counts = {(rule, outcome.value): number for (rule, outcome), number in views.counts().items()}
        failing = sum(1 for rule in views.rules if counts.get((rule, "fails")))
        words = f"{failing} of {plural(len(views.rules), 'rule fails', 'rules fail')} somewhere"
        return frame.page(request, "rules.html", words, here="Rules", rules=list(views.rules.values()), counts=counts)

    @pages.get("/rules/{rule_id}")
    def rule(request: Request, rule_id: str) -> HTMLResponse:
        """Is this rule worth its pages."""
        found = views.rule(rule_id)
        if found is None:
            raise HTTPException(404, f"There is no rule {rule_id}.")
        thresholds = list(dataclasses.asdict(found.rule.defaults).items())
        return frame.page(request, "rule.html", found.rule.title, here="Rules", p=found, thresholds=thresholds)


def _collectors(pages: APIRouter, views: Views, frame: Frame, status: Callable[[], Status]) -> None:
    @pages.get("/collectors")
    def collectors(request: Request) -> HTMLResponse:
        """What can't we see, why, and which line mends it."""
        told = status()
        waiting = sum(1 for one in told.collectors if one.state in ("waiting", "stale"))
        words = f"{plural(waiting, 'source is', 'sources are')} silent" if waiting else "Every source speaks"
        return frame.page(request, "collectors.html", words, here="Collectors", blind=views.blind())
