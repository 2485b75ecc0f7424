"""What cannot be judged: by seam for the Now page, by its cure for the Collectors page."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.model.rule import Rule, Stability
from agent.model.seam import SubjectRef
from agent.model.verdict import Reason
from agent.store.findings import VerdictRow
from agent.store.verdicts import BlindCause
from agent.web.overview import DAY, Overview, SeamView
from agent.web.words import plain, span, subject_name

FEW = 1_000  #: seams; beyond it a page does not read every verdict to say why of each
_WAIT = "nothing to do: it is judged once it has watched long enough"
REASONS = {
    "error": "the rule broke",
    "no_right": "no right to look",
    "instrument_cannot": "the instrumentation cannot show it",
    "not_sent": "not sent to us",
    "learning": "still watching",
}


@dataclass(frozen=True, slots=True)
class Unjudged:
    """One seam that is neither healthy nor failing, and why."""

    view: SeamView
    why: str
    learn: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """One rule that is blind on some subjects for one reason, and what would cure it."""

    rule: str
    name: str
    reason: str
    missing: str
    learn: str
    subjects: tuple[str, ...]  #: the first few
    number: int


def unjudged(o: Overview, blind: Iterable[VerdictRow], rules: Mapping[str, Rule]) -> list[Unjudged]:
    """Every seam that cannot be judged, with the first thing that is missing."""
    rows: dict[SubjectRef, list[VerdictRow]] = defaultdict(list)
    for row in blind:
        if row.rule in rules:
            rows[row.subject].append(row)
    found = []
    for view in o.seams:
        if view.mark != "blind":
            continue
        mine = [row for subject in view.subjects for row in rows.get(subject, ())]
        # A preview keeps no seam from being healthy; it is named only where nothing else is.
        stable = [row for row in mine if rules[row.rule].stability is Stability.STABLE]
        found.append(_why(view, stable or mine, o.at))
    return sorted(found, key=lambda one: (one.since, one.view.name))


def _why(view: SeamView, rows: Sequence[VerdictRow], at: datetime) -> Unjudged:
    if not rows:
        return Unjudged(view, _unsaid(view, at), "", view.row.first_seen)
    row = min(rows, key=lambda row: (row.since, row.rule))
    missing = row.verdict.missing[0] if row.verdict.missing else row.verdict.says
    return Unjudged(view, plain(missing), "; ".join(row.verdict.learn), row.since)


def _unsaid(view: SeamView, at: datetime) -> str:
    """Why no rule is blind on a seam that is not judged."""
    if view.pending:
        return "a rule fails on it and waits to be sure"
    quiet = at - view.row.last_seen
    return f"nothing crossed it for {span(quiet)}" if quiet > DAY else "no round has looked at it yet"


def gaps(causes: Iterable[BlindCause], rules: Mapping[str, Rule]) -> list[Gap]:
    """What is not seen, by rule and cure, the widest gap of a rule first."""
    return [
        Gap(
            cause.rule,
            rules[cause.rule].name if cause.rule in rules else cause.rule,
            REASONS.get(cause.reason.value, cause.reason.value),
            cause.missing,
            cause.learn or (_WAIT if cause.reason is Reason.LEARNING else ""),
            tuple(sorted(map(subject_name, cause.named))),
            cause.subjects,
        )
        for cause in causes
    ]
