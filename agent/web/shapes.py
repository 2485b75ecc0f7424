"""The JSON of `/api/v1` as OpenAPI publishes it: what each address answers, field by field."""

from typing import (
    Any,
    Literal,
    NotRequired,  # pydantic takes no other before Python 3.12
)

from typing_extensions import TypedDict

Subject = dict[str, str]  #: kind, name, and the labels of its identity


class ClaimShape(TypedDict):
    """One three-valued statement of a rule."""

    claim: str
    saw: int | float | str | bool | None
    fails: str
    truth: bool | None


class SaidShape(TypedDict):
    """What a person said of a finding and still holds; what has run out is in its history."""

    disposition: str
    owner: str
    reason: str
    until: str | None


class WorkflowShape(TypedDict):
    """A declared workflow, and whom to ask about it."""

    name: str
    owner: str | None
    on_call: str | None
    runbook: str | None


class FindingShape(TypedDict):
    """A failing verdict that lives over time."""

    rule: str
    subject: Subject
    severity: str
    severity_because: str
    evidence: str
    state: str
    urgency: str
    opened: str | None
    resolved: str | None
    says: str
    claims: list[ClaimShape]
    show: dict[str, int | float | str | bool | None]
    do: list[str]
    owner: str | None
    workflows: list[WorkflowShape]
    known_at_attach: bool
    flapping: bool
    said: SaidShape
    fingerprint: str


class VerdictShape(TypedDict):
    """What a rule says of a subject."""

    outcome: str
    says: str
    why_not: str
    reason: str | None
    missing: list[str]
    learn: list[str]
    claims: list[ClaimShape]
    do: list[str]


class RuledShape(VerdictShape):
    """A verdict with its rule."""

    rule: str


class JudgedShape(VerdictShape):
    """A verdict with its subject."""

    subject: Subject


class FindingPageShape(FindingShape):
    """A finding with its evidence and history."""

    verdict: VerdictShape | None
    history: list[dict[str, Any]]
    exemplars: list[dict[str, Any]]


#: `set aside`: something is wrong with it, and somebody silenced, disputed or waived all of that;
#: what is acknowledged is as open as before;
#: `not judged`: a rule lacks what it needs, or no round has looked yet; `nothing to judge`: no rule applies to it
SeamState = Literal["act now", "fix", "tidy", "set aside", "not judged", "healthy", "nothing to judge"]


class SeamShape(TypedDict):
    """A seam with the sums of its last 24 hours."""

    id: int
    kind: str
    source: str
    target: str
    paradigm: str
    state: SeamState
    first_seen: str | None
    last_seen: str | None
    day: dict[str, int]
    attributes: dict[str, str]
    findings: list[str]


class WindowShape(TypedDict):
    """One interval of a seam; `values` are in the order of `day`."""

    start: str | None
    tier: str
    values: list[int]


class ChangeShape(TypedDict):
    """One setting that got another value; null: unset, or not there. `source` tells where the new value comes from."""

    kind: str
    component: str
    name: str
    at: str | None
    before: str | None
    after: str | None
    source: str


class ChangesShape(TypedDict):
    """What changed, newest first; `next` is the `before` of the page that follows, null on the last."""

    changes: list[ChangeShape]
    next: str | None


class BrokerShape(TypedDict):
    """What a broker told of a seam, as it was seen last; null: not seen. At most 50 members and 1,000 partitions."""

    cluster: str
    members: list[dict[str, Any]] | None
    members_in_all: int | None
    members_at: str | None
    partitions: list[dict[str, int | float | None]] | None
    partitions_in_all: int | None
    partitions_at: str | None
    settings: list[dict[str, Any]]
    changes: list[ChangeShape]


class SeamPageShape(SeamShape):
    """A seam with its windows, verdicts and measures."""

    windows: list[WindowShape]
    p95_ms: float | None
    verdicts: list[RuledShape]
    measures: dict[str, list[list[float]]]
    aliases: list[str]
    workflows: list[WorkflowShape]
    broker: BrokerShape | None


class UnsureShape(TypedDict):
    """A backlog whose lag cannot be judged yet, and from when it can; null: no time tells."""

    subject: Subject
    unread: int
    judged_from: str | None
    why: str


class NowShape(TypedDict):
    """The estate in one object, as it was read at `as_of`: up to two minutes ago where the store does not answer."""

    as_of: str | None
    headline: str
    seams: int
    states: dict[str, int]
    lag: list[UnsureShape]
    findings: list[FindingShape]


class CauseShape(TypedDict):
    """Why a rule is blind, by what would cure it."""

    rule: str
    reason: str
    learn: str
    missing: str
    subjects: int
    named: list[Subject]


class CollectorsShape(TypedDict):
    """What is seen, refused, dropped, lost, and what cannot be judged."""

    collectors: list[dict[str, Any]]
    clock: str
    losses: list[dict[str, Any]]
    blind: list[CauseShape]


class RuleShape(TypedDict):
    """A rule with its thresholds."""

    id: str
    name: str
    title: str
    pitfall: str
    severity: str
    evidence: str
    stability: str
    pages: bool
    thresholds: dict[str, Any]
    verdicts: NotRequired[dict[str, int]]


class RulePageShape(RuleShape):
    """A rule with what it says of whom: `subjects` are the first, failing ones foremost, of `asked`."""

    text: str
    asked: int
    subjects: list[JudgedShape]


class ErrorShape(TypedDict):
    """What went wrong, and what to do."""

    error: str
    what: str


def answers(shape: Any, *, missing: bool = False) -> dict[str, Any]:
    """The keywords of a route: its answer's schema, and those of its errors. Nothing is checked at run time."""
    codes = (403, 422, 503, *((404,) if missing else ()))
    return {"response_model": None, "responses": {200: {"model": shape}, **errors(*codes)}}


_ERRORS = {
    400: "The body cannot be read.",
    403: "The request is not from this machine or this origin.",
    404: "There is no such thing.",
    413: "The body is too large.",
    422: "The request has mistakes.",
    503: "The store does not answer.",
}


def errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, all of one shape."""
    return {code: {"model": ErrorShape, "description": _ERRORS[code]} for code in codes}
