"""The pages' data as JSON under /api/v1, from the same views."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import StreamingResponse

from agent.model.declared import Workflow
from agent.model.facts import Column
from agent.model.finding import UNSAID, Signal
from agent.model.rule import Rule
from agent.model.seam import Component
from agent.model.verdict import Claim, Verdict
from agent.store.names import parts
from agent.store.settings import Changed
from agent.store.verdicts import BlindCause
from agent.web.errors import shown
from agent.web.overview import FindingView, Overview, SeamView
from agent.web.pages import RANGES, Range, headline
from agent.web.shapes import (
    CauseShape,
    ChangeShape,
    ClaimShape,
    CollectorsShape,
    FindingPageShape,
    FindingShape,
    JudgedShape,
    NowShape,
    RulePageShape,
    RuleShape,
    SeamPageShape,
    SeamShape,
    SeamState,
    VerdictShape,
    WorkflowShape,
    answers,
)
from agent.web.status import Status
from agent.web.views import Views

CHANGES = 100  #: of a page
Kind = Literal["topic", "group", "source", "connector", "subject", "service", "route", "job"]
State = Literal["", "pending", "open", "recovering", "resolved", "stale"]
_STATES: Mapping[str, SeamState] = {
    "page": "act now",
    "fix": "fix",
    "tidy": "tidy",
    "quiet": "set aside",
    "blind": "not judged",
    "good": "healthy",
    "na": "nothing to judge",
}


def _time(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None


def _claim(claim: Claim) -> ClaimShape:
    return {"claim": claim.claim, "saw": claim.saw, "fails": claim.fails, "truth": claim.truth}


def _workflow(one: Workflow) -> WorkflowShape:
    return {"name": one.name, "owner": one.owner, "on_call": one.on_call, "runbook": one.runbook}


def finding(view: FindingView) -> FindingShape:
    """A finding, as the scan's contract has it and more."""
    found = view.finding
    said = found.said if view.told else UNSAID
    return {
        "rule": found.rule,
        "subject": found.subject.as_dict(),
        "severity": found.severity.value,
        "severity_because": found.weighed,
        "evidence": found.evidence.value,
        "state": found.signal.value,
        "urgency": {"page": "act now", "fix": "fix", "tidy": "tidy"}[view.mark],
        "opened": _time(found.opened),
        "resolved": _time(found.resolved),
        "says": found.says,
        "claims": [_claim(claim) for claim in found.claims],
        "show": dict(found.show),
        "do": list(found.do),
        "owner": found.owner,
        "workflows": [_workflow(one) for one in view.workflows],
        "known_at_attach": found.known_at_attach,
        "flapping": found.flapping,
        "said": {
            "disposition": said.disposition.value,
            "owner": said.owner,
            "reason": said.reason,
            "until": _time(said.until),
        },
        "fingerprint": found.fingerprint,
    }


def _verdict(verdict: Verdict) -> VerdictShape:
    return {
        "outcome": verdict.outcome.value,
        "says": verdict.says,
        "why_not": verdict.why_not,
        "reason": verdict.reason.value if verdict.reason else None,
        "missing": list(verdict.missing),
        "learn": list(verdict.learn),
        "claims": [_claim(claim) for claim in verdict.claims],
        "do": list(verdict.do),
    }


def _cause(cause: BlindCause) -> CauseShape:
    return {
        "rule": cause.rule,
        "reason": cause.reason.value,
        "learn": cause.learn,
        "missing": cause.missing,
        "subjects": cause.subjects,
        "named": [subject.as_dict() for subject in cause.named],
    }


def _seam(view: SeamView) -> SeamShape:
    values = view.values or (0,) * len(Column)
    return {
        "id": view.row.id,
        "kind": view.key.kind,
        "source": str(view.key.source),
        "target": str(view.key.target),
        "paradigm": view.paradigm,
        "state": _STATES[view.state],
        "first_seen": _time(view.row.first_seen),
        "last_seen": _time(view.row.last_seen),
        "day": {column.name.lower(): values[column] for column in Column},
        "attributes": dict(view.row.attributes),
        "findings": [found.finding.fingerprint for found in view.findings],
    }


def rule(found: Rule) -> RuleShape:
    """A rule with its thresholds."""
    thresholds = {
        name: value.total_seconds() if isinstance(value, timedelta) else value
        for name, value in dataclasses.asdict(found.defaults).items()
    }
    return {
        "id": found.id,
        "name": found.name,
        "title": found.title,
        "pitfall": found.pitfall,
        "severity": found.severity.value,
        "evidence": found.evidence.value,
        "stability": found.stability.value,
        "pages": found.pages,
        "thresholds": thresholds,
    }


def _change(one: Changed) -> ChangeShape:
    return {
        "at": _time(one.at),
        "about": str(one.component),
        "name": one.name,
        "before": one.before,
        "value": one.value,
        "read_by": one.source,
    }


def _aware(at: datetime | None) -> datetime | None:
    """A time without a zone is in UTC; one that only its zone takes beyond the years that there are is refused."""
    if at is None or at.tzinfo is None:
        return at and at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise HTTPException(422, f"{at.isoformat()} is outside the years 1 to 9999 in UTC.") from None


def _before(end: datetime, span: timedelta) -> datetime:
    """So long before an instant, or the first that there is."""
    first = datetime.min.replace(tzinfo=UTC)
    return end - span if end - first > span else first


def _components(about: str) -> tuple[Component, ...]:
    if not about:
        return ()
    try:
        return (Component.parse(about),)
    except ValueError:
        raise HTTPException(
            422, f"{shown(about)} is no component. Write kind:name, such as topic:prod/orders."
        ) from None


def _listed(rows: Iterable[SeamShape | FindingShape]) -> Iterator[bytes]:
    """A JSON list in pieces: thousands of rows are never all objects at once."""
    head = b"["
    for part in parts(rows):
        yield head + b",".join(map(orjson.dumps, part))
        head = b","
    yield b"[]" if head == b"[" else b"]"


def _told(pieces: Iterator[bytes], o: Overview) -> StreamingResponse:
    """A list, and in its head when the store was read: a list has no other place for it."""
    return StreamingResponse(pieces, media_type="application/json", headers={"As-Of": _time(o.at) or ""})


def router(views: Views, status: Callable[[], Status]) -> APIRouter:
    """Every JSON twin."""
    api = APIRouter(prefix="/api/v1")
    _estate(api, views)
    _seams(api, views, status)
    _rules(api, views)
    return api


def _estate(api: APIRouter, views: Views) -> None:
    @api.get("/now", **answers(NowShape))
    def now() -> NowShape:
        """The estate in one object."""
        o = views.overview()
        return {
            "as_of": _time(o.at),
            "headline": headline(o),
            "seams": len(o.seams),
            "states": dict(o.counts),
            "findings": [finding(view) for view in o.findings],
        }

    @api.get("/findings", **answers(list[FindingShape]))
    def findings(rule: str = "", owner: str = "", state: State = "") -> StreamingResponse:
        """Findings that ever opened, filtered; those that are pending where `state=pending` asks for them."""
        o = views.overview()
        chosen = [
            view
            for view in (views.others(o) if state == Signal.PENDING.value else views.opened(o))
            if (not rule or view.finding.rule == rule)
            and (not owner or view.finding.owner == owner)
            and (not state or view.finding.signal.value == state)
        ]
        chosen.sort(
            key=lambda view: (view.finding.opened or view.finding.since or o.at, view.finding.fingerprint), reverse=True
        )
        told = _listed(finding(view) for view in chosen)
        return _told(told, o)

    @api.get("/findings/{fingerprint}", **answers(FindingPageShape, missing=True))
    def one_finding(fingerprint: str) -> FindingPageShape:
        """One finding with its evidence and history."""
        found = views.finding(fingerprint)
        if found is None:
            raise HTTPException(404, f"There is no finding {shown(fingerprint)}.")
        return {
            **finding(found.view),
            "verdict": _verdict(found.verdict) if found.verdict else None,
            "history": [dataclasses.asdict(event) for event in found.events],
            "exemplars": [dataclasses.asdict(exemplar) for exemplar in found.exemplars],
        }


def _seams(api: APIRouter, views: Views, status: Callable[[], Status]) -> None:
    @api.get("/seams", **answers(list[SeamShape]))
    def seams() -> StreamingResponse:
        """Every seam."""
        o = views.overview()
        return _told(_listed(_seam(view) for view in o.seams), o)

    @api.get("/seams/{number}", **answers(SeamPageShape, missing=True))
    def one_seam(number: int, range: Range = "3h") -> SeamPageShape:  # noqa: A002  # the address says it so
        """One seam with its windows; the last one may still be open."""
        found = views.seam(number, RANGES[range])
        if found is None:
            raise HTTPException(404, f"There is no seam {number}.")
        return {
            **_seam(found.view),
            "windows": [
                {"start": _time(window.start), "tier": window.tier.value, "values": list(window.values)}
                for window in found.windows
            ],
            "p95_ms": found.duration.quantile_ms(0.95),
            "verdicts": [{"rule": row.rule, **_verdict(row.verdict)} for _, row in found.verdicts],
            "measures": {name: [list(series.times), list(series.values)] for name, series in found.measures.items()},
            "aliases": list(found.aliases),
            "workflows": [_workflow(one) for one in found.workflows],
        }

    @api.get("/changes", **answers(list[ChangeShape]))
    def changes(
        since: Annotated[datetime | None, Query(description="RFC 3339; 7 days ago without it.")] = None,
        until: Annotated[datetime | None, Query(description="RFC 3339; now without it.")] = None,
        about: Annotated[str, Query(max_length=600, description="One component, such as `topic:prod/orders`.")] = "",
        kind: Annotated[
            list[Kind], Query(description="Only of such; `source` has brokers, rights, client metrics.")
        ] = [],  # noqa: B006
        page: Annotated[int, Query(ge=0, le=10_000)] = 0,
    ) -> list[ChangeShape]:
        """What was set to another value, newest first, 100 a page: settings of topics, groups, brokers, rights."""
        end = _aware(until) or views.now()
        begin = _aware(since) or _before(end, timedelta(days=7))
        found = views.changes(begin, end, _components(about), kind, page * CHANGES, CHANGES)
        return [_change(one) for one in found]

    @api.get("/collectors", **answers(CollectorsShape))
    def collectors() -> CollectorsShape:
        """What is seen, refused, dropped, lost, and what cannot be judged."""
        told = status()
        blind = [_cause(cause) for cause in views.causes()]
        heard, lost = ([dataclasses.asdict(one) for one in some] for some in (told.collectors, told.losses))
        return {"collectors": heard, "clock": told.clock, "losses": lost, "blind": blind}


def _rules(api: APIRouter, views: Views) -> None:
    @api.get("/rules", **answers(list[RuleShape]))
    def rules() -> list[RuleShape]:
        """The catalogue with what each rule says now."""
        counts = views.counts()
        return [
            {**rule(found), "verdicts": {outcome.value: n for (of, outcome), n in counts.items() if of == found.id}}
            for found in views.rules.values()
        ]

    @api.get("/rules/{rule_id}", **answers(RulePageShape, missing=True))
    def one_rule(rule_id: str) -> RulePageShape:
        """One rule with what it says of whom."""
        found = views.rule(rule_id)
        if found is None:
            raise HTTPException(404, f"There is no rule {shown(rule_id)}.")
        subjects: list[JudgedShape] = [
            {"subject": row.subject.as_dict(), **_verdict(row.verdict)} for row in found.rows
        ]
        return {**rule(found.rule), "text": found.text, "asked": found.asked, "subjects": subjects}
