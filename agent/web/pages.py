"""The screens. Routes are thin: a question to the views, a headline that is the verdict, a template."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from agent.model.finding import Signal
from agent.model.verdict import Outcome
from agent.web import changed, now, verdicts
from agent.web.atlas import estate_map
from agent.web.blind import FEW, gaps, unasked, unjudged
from agent.web.brokers import lacks_of
from agent.web.curves import finding_picture, seam_picture
from agent.web.errors import shown
from agent.web.frame import Frame
from agent.web.near import nearest
from agent.web.overview import URGENT, FindingView, Overview, SeamView
from agent.web.status import CollectorStatus, Status
from agent.web.thresholds import thresholds
from agent.web.told import few
from agent.web.verdicts import blindness, headline
from agent.web.views import Views, proof, section
from agent.web.witness import differ, figures, seen, witnesses
from agent.web.words import ago

__all__ = ["RANGES", "finding_page", "headline", "router"]

PER_PAGE = 100
Range = Literal["1h", "3h", "24h", "14d"]
RANGES: Mapping[Range, timedelta] = {
    "1h": timedelta(hours=1),
    "3h": timedelta(hours=3),
    "24h": timedelta(days=1),
    "14d": timedelta(days=14),
}
_RANGE_WORDS = {"1h": "last hour", "3h": "3 h", "24h": "24 h", "14d": "14 d"}
_SEAM_STATES = (
    ("", "All"),
    ("page", "Act now"),
    ("fix", "Fix"),
    ("tidy", "Tidy"),
    ("quiet", "Set aside"),
    ("blind", "Blind"),
    ("good", "Healthy"),
    ("na", "Nothing to judge"),
)
_FINDING_STATES = (("open", "Open"), ("pending", "Pending"), ("quiet", "Set aside"), ("all", "All"))
_SHOWN = 50  #: subjects on a rule's page


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
    pages.include_router(now.router(views, frame, status))
    views.ahead += [lambda _: frame.load(), partial(now.ahead, views), partial(_ahead, views)]
    _findings(pages, views, frame)
    _seams(pages, views, frame, status)
    pages.include_router(changed.router(views, frame, status))
    _rules(pages, views, frame)
    _collectors(pages, views, frame, status)
    return pages


def _ahead(views: Views, o: Overview) -> None:
    """Draw what everybody looks at first, and run the stories, once."""
    estate_map(o, chosen_seams(o), "/")
    for rule in views.rules.values():
        few(rule)


def _findings(pages: APIRouter, views: Views, frame: Frame) -> None:
    @pages.get("/findings")
    def findings(
        request: Request,
        owner: Annotated[str, Query(max_length=200)] = "",
        rule: Annotated[str, Query(max_length=20)] = "",
        state: Literal["", "open", "pending", "quiet", "all"] = "open",
        page: int = 0,
    ) -> HTMLResponse:
        """Every finding, filtered."""
        o = views.overview()
        everything = views.opened(o)
        by_state = {key: [view for view in everything if _in(view, key)] for key, _ in _FINDING_STATES}
        by_state["pending"] = [view for view in views.others(o) if view.finding.signal is Signal.PENDING]
        by_state["quiet"] += [view for view in by_state["pending"] if view.quiet]
        by_state["all"] += by_state["pending"]
        state = state or "open"
        chosen = by_state[state]
        chosen = [v for v in chosen if (not owner or v.finding.owner == owner) and (not rule or v.finding.rule == rule)]
        chosen.sort(key=_urgency)
        shown, pager = paged(chosen, page, request)
        return frame.page(
            request,
            "findings.html",
            verdicts.of_findings(by_state["open"]),
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
        raise HTTPException(404, f"There is no finding {shown(fingerprint)}.")
    picture = finding_picture(found, views.now())
    return frame.page(
        request,
        "finding.html",
        verdicts.of_finding(found.view, views.now()),
        here="Findings",
        status_code=status_code,
        p=found,
        picture=picture,
        proof=proof(found.exemplars),
        error=error,
    )


def _urgency(view: FindingView) -> tuple[int, bool, float, str]:
    """The worst first, of those what nobody works on, and of those the newest."""
    began = view.finding.opened or view.finding.since
    return URGENT[view.mark], view.taken, -began.timestamp() if began else 0.0, view.finding.fingerprint


def _in(view: FindingView, state: str) -> bool:
    if state == "open":
        return view.finding.shown and not view.quiet
    if state == "quiet":
        return view.finding.shown and view.quiet
    return state == "all"


def _seams(pages: APIRouter, views: Views, frame: Frame, status: Callable[[], Status]) -> None:
    @pages.get("/seams")
    def seams(
        request: Request,
        q: Annotated[str, Query(max_length=200)] = "",
        paradigm: Literal["", "event", "batch", "api", "unknown"] = "",
        state: Literal["", "page", "fix", "tidy", "quiet", "blind", "good", "na"] = "",
        page: int = 0,
    ) -> HTMLResponse:
        """The whole estate: what is connected to what, by which paradigm, and where is the trouble."""
        o = views.overview()
        found = chosen_seams(o, q, paradigm, state)
        shown, pager = paged(found, page, request)
        picture, title, note = estate_map(o, found, "" if q else f"{paradigm}/{state}")
        dark = len(o.seams) <= FEW and any(view.mark == "blind" for view in shown)
        return frame.page(
            request,
            "seams.html",
            verdicts.of_seams(o),
            here="Seams",
            views=shown,
            read={view.row.id: views.read_rate(view) for view in shown if not view.values},
            number=len(found),
            why={one.view.row.id: one.why for one in unjudged(o, views.blind(), views.rules)} if dark else {},
            pager=pager,
            map=picture,
            map_title=title,
            map_note=note,
            paradigms=Counter(view.paradigm for view in found),
            states=_SEAM_STATES,
            tallies={key: len(o.seams) if not key else o.counts.get(key, 0) for key, _ in _SEAM_STATES},
            chosen={"q": q, "paradigm": paradigm, "state": state},
        )

    @pages.get("/seams/{number}")
    def seam(request: Request, number: int, range: Range = "3h") -> HTMLResponse:  # noqa: A002
        """Does it keep up, what changed, and do the witnesses agree."""
        span = RANGES[range]
        found = views.seam(number, span)
        if found is None:
            raise HTTPException(404, f"There is no seam {number}.")
        sums = seen(found, span)
        return frame.page(
            request,
            "seam.html",
            verdicts.of_seam(found.view, views.now()),
            here="Seams",
            p=found,
            picture=seam_picture(found, views.now(), span),
            figures=figures(found, sums, _RANGE_WORDS[range]),
            proof=proof(found.exemplars),
            witnesses=witnesses(found, sums) if found.view.key.kind == "consumes" else (),
            differ=differ(sums),
            broker=bool(found.measures),
            b=found.brokers,
            lacks=lacks_of(status(), found.brokers.cluster) if found.brokers else (),
            range=range,
            range_words=_RANGE_WORDS[range],
        )


def chosen_seams(o: Overview, text: str = "", paradigm: str = "", state: str = "") -> Sequence[SeamView]:
    """The seams that a reader asked for, the most urgent first."""
    if not (text or paradigm or state):
        return o.ranked
    return [view for view in o.ranked if _matches(view, text, paradigm, state)]


def _matches(view: SeamView, text: str, paradigm: str, state: str) -> bool:
    wanted = text.strip().lower()
    if wanted and wanted not in f"{view.key} {view.name}".lower():
        return False
    return (not paradigm or view.paradigm == paradigm) and (not state or view.state == state)


def _rules(pages: APIRouter, views: Views, frame: Frame) -> None:
    @pages.get("/rules")
    def rules(request: Request) -> HTMLResponse:
        """The catalogue with what each rule says now."""
        counts = {(rule, outcome.value): number for (rule, outcome), number in views.counts().items()}
        failing = sum(1 for rule in views.rules if counts.get((rule, "fails")))
        words = verdicts.of_rules(failing, len(views.rules))
        return frame.page(
            request,
            "rules.html",
            words,
            here="Rules",
            rules=list(views.rules.values()),
            counts=counts,
            counted=lambda rule: {outcome for (of, outcome), number in counts.items() if of == rule and number},
        )

    @pages.get("/rules/{rule_id}")
    def rule(request: Request, rule_id: str) -> HTMLResponse:
        """Is this rule worth its pages."""
        found = views.rule(rule_id)
        if found is None:
            raise HTTPException(404, f"There is no rule {shown(rule_id)}.")
        order = [Outcome.FAILS, Outcome.BLIND, Outcome.MEETS, Outcome.NOT_APPLICABLE]
        rows = [row for outcome in order for row in found.rows if row.outcome is outcome]
        small = len(found.rows) <= FEW
        first, more = few(found.rule)
        parts = {title: section(found.text, title) for title in ("What it does", "Why it hurts", "How to fix")}
        below = {title: section(found.text, title) for title in ("When to ignore", "Evidence it needs", "Sources")}
        return frame.page(
            request,
            "rule.html",
            verdicts.of_rule(found),
            here="Rules",
            p=found,
            rows=rows[:_SHOWN],
            findings=found.findings[:_SHOWN],
            counts=found.counts,
            parts=parts,
            below=below,
            thresholds=thresholds(found.rule),
            stories=first,
            more=more,
            near=nearest(found.rows, 4) if small else [],
            blind=[row for row in rows if row.outcome is Outcome.BLIND][:3],
            where=views.overview().addresses if small else {},
        )


def _collectors(pages: APIRouter, views: Views, frame: Frame, status: Callable[[], Status]) -> None:
    @pages.get("/collectors")
    def collectors(request: Request) -> HTMLResponse:
        """What can't we see, why, and which line mends it."""
        told, o = status(), views.overview()
        live = [one for one in told.collectors if one.state not in ("replayed", "unused")]
        fresh = [one for one in live if one.mark(told.started, views.now()) == "good"]
        waiting = sum(1 for one in live if one.last_fact is None)
        newest = o.once("newest", lambda: max((view.row.last_seen for view in o.seams), default=None))
        return frame.page(
            request,
            "collectors.html",
            blindness(told, views.now()) or _sources(waiting, live, ago(told.started, views.now())),
            here="Collectors",
            live=live,
            fresh=len(fresh),
            lost=sorted(_lost(told), key=lambda one: (-one[2], one[0], one[1])),
            refused=sum(sum(one.refused.values()) for one in told.collectors),
            facts=sum(one.facts for one in told.collectors if one.counts_spans),
            newest=newest,
            blindness=blindness(told, views.now()),
            gaps=gaps(views.causes(), views.rules),
            unasked=unasked(views.unasked()),
            judged=any(views.counts().values()),
            dark=o.counts.get("blind", 0),
            lacking=[(one, lack) for one in told.collectors for lack in one.lacks],
        )


def _sources(waiting: int, live: Sequence[CollectorStatus], running: str) -> str:
    if waiting == len(live) == 1:
        return f"The one source has not spoken since the start {running} ago"
    return verdicts.of_sources(waiting, live, running)


def _lost(told: Status) -> list[tuple[str, str, int, int]]:
    """Source, reason, number and of how many (0: not known), for what was dropped."""
    return [
        (one.name, reason, number, one.facts if one.counts_spans else 0)
        for one in told.collectors
        for reason, number in one.dropped.items()
    ]
