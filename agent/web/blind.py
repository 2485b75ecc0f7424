"""What cannot be judged: by seam for the Now page, by its cure for the Collectors page."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.model.rule import Rule, Stability
from agent.model.seam import SubjectRef
from agent.store.findings import VerdictRow
from agent.web.views import Overview, SeamView, subjects_of
from agent.web.words import plain, subject_name

FEW = 1_000  #: seams; beyond it a page does not read every verdict to say why of each
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
        mine = [row for subject in subjects_of(view.key) for row in rows.get(subject, ())]
        # A preview keeps no seam from being healthy; it is named only where nothing else is.
        stable = [row for row in mine if rules[row.rule].stability is Stability.STABLE]
        found.append(_why(view, stable or mine))
    return sorted(found, key=lambda one: (one.since, one.view.name))


def _why(view: SeamView, rows: Sequence[VerdictRow]) -> Unjudged:
    if not rows:
        return Unjudged(view, "no rule has judged it yet", "", view.row.first_seen)
    row = min(rows, key=lambda row: (row.since, row.rule))
    missing = row.verdict.missing[0] if row.verdict.missing else row.verdict.says
    return Unjudged(view, plain(missing), "; ".join(row.verdict.learn), row.since)


def gaps(blind: Iterable[VerdictRow], rules: Mapping[str, Rule]) -> list[Gap]:
    """What is not seen, grouped by rule and cure, the widest gap of a rule first."""
    groups: dict[tuple[str, str, str], list[VerdictRow]] = defaultdict(list)
    for row in blind:
        reason = row.verdict.reason.value if row.verdict.reason else "not_sent"
        groups[row.rule, reason, "; ".join(row.verdict.learn)].append(row)
    found = [_gap(key, rows, rules) for key, rows in groups.items()]
    return sorted(found, key=lambda gap: (gap.rule, -gap.number, gap.learn))


def _gap(key: tuple[str, str, str], rows: Sequence[VerdictRow], rules: Mapping[str, Rule]) -> Gap:
    rule, reason, learn = key
    missing = "; ".join(part.partition(":")[0] for part in rows[0].verdict.missing)
    names = sorted(subject_name(row.subject) for row in rows[:_NAMED])
    return Gap(
        rule,
        rules[rule].name if rule in rules else rule,
        REASONS.get(reason, reason),
        missing,
        learn or ("nothing to do: it is judged once it has watched long enough" if reason == "learning" else ""),
        tuple(names),
        len(rows),
    )
