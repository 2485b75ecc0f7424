"""The pages' data as JSON under /api/v1, from the same views."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import StreamingResponse

from agent.model.declared import Workflow
from agent.model.facts import Column
from agent.model.finding import UNSAID, Signal
from agent.model.kafka.snapshots import Cell
from agent.model.rule import Rule
from agent.model.verdict import Claim, Verdict
from agent.store.history import Change
from agent.store.names import parts
from agent.store.verdicts import BlindCause
from agent.web import verdicts
from agent.web.brokers import Brokers
from agent.web.changed import Changed
from agent.web.errors import shown
from agent.web.overview import FindingView, Overview, SeamView
from agent.web.pages import RANGES, Range
from agent.web.shapes import (
    BrokerShape,
    CauseShape,
    ChangeShape,
    ChangesShape,
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


def _broker(told: Brokers) -> BrokerShape:
    group, heat = told.group, told.heat
    return {
        "cluster": told.cluster,
        "members": [dataclasses.asdict(row) for row in group.rows] if group else None,
        "members_in_all": group.number if group else None,
        "members_at": _time(group.at) if group else None,
        "partitions": [_cell(cell) for cell in heat.cells] if heat else None,
        "partitions_in_all": heat.number if heat else None,
        "partitions_at": _time(heat.at) if heat else None,
        "settings": [dataclasses.asdict(one) for one in told.settings],
        "changes": [change(one) for one in told.changed],
    }


def _cell(one: Cell) -> dict[str, int | float | None]:
    return {
        "partition": one.number,
        "lag": one.lag,
        "age_seconds": one.age,
        "share_of_writes": one.share,
        "written_per_second": one.written,
        "read_per_second": one.read,
        "seconds_since_commit": one.still,
    }


def change(one: Change) -> ChangeShape:
    """One change of a setting."""
    return {
        "kind": one.kind,
        "component": str(one.component),
        "name": one.name,
        "at": _time(one.at),
        "before": one.before,
        "after": one.after,
        "source": one.source,
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
    _estate(api, views, status)
    _seams(api, views, status)
    _rules(api, views)
    _changes(api, views)
    return api


def _estate(api: APIRouter, views: Views, status: Callable[[], Status]) -> None:
    @api.get("/now", **answers(NowShape))
    def now() -> NowShape:
        """The estate in one object."""
        o = views.overview()
        return {
            "as_of": _time(o.at),
            "headline": verdicts.verdict(o, status(), views.now()),
            "seams": len(o.seams),
            "states": dict(o.counts),
            "lag": [
                {
                    "subject": row.subject.as_dict(),
                    "unread": row.unread,
                    "judged_from": _time(row.since),
                    "why": row.why,
                }
                for row in o.lag.rows
            ],
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
            "broker": _broker(found.brokers) if found.brokers else None,
        }

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


def _changes(api: APIRouter, views: Views) -> None:
    @api.get("/changes", **answers(ChangesShape))
    def changes(asked: Annotated[Changed, Query()]) -> ChangesShape:
        """What changed when: settings of topics, groups, brokers and client metrics, and rights, newest first."""
        found = views.changes(asked.question(views.now()), asked.most + 1)
        rows = found[: asked.most]
        return {"changes": [change(one) for one in rows], "next": rows[-1].cursor if len(found) > len(rows) else None}
