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
from agent.web.views import ASKED
from agent.web.words import plain, span, subject_name

FEW = 1_000  #: seams; beyond it a page does not read every verdict to say why of each
_WAIT = "nothing to do: it is judged once it has watched long enough"
_NAMED = 3
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
    rules: tuple[Rule, ...] = ()
    asked: bool = True  #: False: nobody asked for it, which is a choice, and not blind


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
    # What only takes time ends by itself: it is told before what stays until somebody does something.
    row = min(rows, key=lambda row: (row.verdict.reason is not Reason.LEARNING, row.since, row.rule))
    missing = row.verdict.missing[0] if row.verdict.missing else row.verdict.says
    return Unjudged(view, plain(missing), "; ".join(row.verdict.learn), row.since)


def _unsaid(view: SeamView, at: datetime) -> str:
    """Why no rule is blind on a seam that is not judged."""
    if view.pending:
        return "a rule fails on it and waits to be sure"
    quiet = at - view.row.last_seen
    return f"nothing crossed it for {span(quiet)}" if quiet > DAY else "no round has looked at it yet"


def gaps(causes: Iterable[BlindCause], rules: Mapping[str, Rule]) -> list[Gap]:
    """What is not seen, by rule and what is missing, the widest gap of a rule first; cures of one kind are one row."""
    alike: dict[tuple[str, Reason, str], list[BlindCause]] = defaultdict(list)
    for cause in causes:
        alike[cause.rule, cause.reason, cause.missing].append(cause)
    return [_gap(found, rules) for found in alike.values()]


def _gap(found: Sequence[BlindCause], rules: Mapping[str, Rule]) -> Gap:
    first = found[0]
    learn = first.learn or (_WAIT if first.reason is Reason.LEARNING else "")
    likewise = f"; and likewise for {len(found) - 1} more" if len(found) > 1 else ""
    return Gap(
        first.rule,
        rules[first.rule].name if first.rule in rules else first.rule,
        REASONS.get(first.reason.value, first.reason.value),
        first.missing,
        f"{learn}{likewise}",
        tuple(sorted(subject_name(one) for cause in found for one in cause.named)[:_NAMED]),
        sum(cause.subjects for cause in found),
        (rules[first.rule],) if first.rule in rules else (),
    )


def unasked(rows: Iterable[tuple[Rule, VerdictRow]]) -> list[Gap]:
    """What is seen only where somebody asks for it, and nobody did: one row for all rules and subjects of it."""
    found: dict[str, dict[SubjectRef, str]] = defaultdict(dict)
    of: dict[str, dict[str, Rule]] = defaultdict(dict)
    for rule, row in rows:
        part = row.verdict.unfit
        if part is not None and part.what.startswith(ASKED):
            what = part.what.partition(": ")[2] or part.what
            found[what][row.subject], of[what][rule.id] = part.learn, rule
    return [
        Gap(
            next(iter(of[what])),
            "",
            "not asked for",
            what,
            next(iter(subjects.values())),
            tuple(sorted(map(subject_name, subjects))[:_NAMED]),
            len(subjects),
            tuple(of[what].values()),
            asked=False,
        )
        for what, subjects in found.items()
    ]
