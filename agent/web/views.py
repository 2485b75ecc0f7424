"""Between the store and the screens: one function a question, its answer used by the page and by its JSON twin."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.engine.catalogue import readme
from agent.model.facts import Column, Exemplar, Window
from agent.model.finding import ALIVE, SHOWN, Finding, Urgency, urgency
from agent.model.histogram import EMPTY, Histogram
from agent.model.rule import Rule, Stability
from agent.model.seam import Component, SeamKey, SubjectRef, group_on_topic
from agent.model.subjects import Series
from agent.model.verdict import Outcome, Verdict
from agent.store.findings import Event, VerdictRow
from agent.store.store import SeamRow, Store
from agent.web.words import seam_name, subject_name

DAY = timedelta(days=1)
_FRESH = timedelta(seconds=2)
_MARKS = {Urgency.ACT_NOW: "page", Urgency.FIX: "fix", Urgency.TIDY: "tidy"}


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding as a row or a head."""

    finding: Finding
    rule: Rule | None
    mark: str  #: page | fix | tidy
    name: str  #: its subject, as people call it
    quiet: bool  #: acknowledged, silenced or waived, and that still holds


@dataclass(frozen=True, slots=True)
class SeamView:
    """A seam as a row."""

    row: SeamRow
    key: SeamKey
    name: str
    values: tuple[int, ...]
    paradigm: str
    mark: str  #: page | fix | tidy | good | blind
    findings: tuple[FindingView, ...]
    meets: int
    blind: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole estate at one instant."""

    at: datetime
    seams: tuple[SeamView, ...]
    findings: tuple[FindingView, ...]  #: shown ones, most urgent first
    counts: Mapping[str, int]  #: seams by mark
    attached: datetime | None

    def of(self, mark: str) -> tuple[FindingView, ...]:
        """Findings of one urgency that nobody has set aside."""
        return tuple(view for view in self.findings if view.mark == mark and not view.quiet)


@dataclass(frozen=True, slots=True)
class SeamPage:
    """One seam with its curves."""

    view: SeamView
    windows: tuple[Window, ...]
    duration: Histogram
    queue: Histogram
    exemplars: tuple[Exemplar, ...]
    verdicts: tuple[tuple[Rule | None, VerdictRow], ...]
    measures: Mapping[str, Series] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingPage:
    """One finding with what stands behind it."""

    view: FindingView
    verdict: Verdict | None
    events: tuple[Event, ...]
    seam: SeamView | None
    beside: tuple[tuple[Rule | None, VerdictRow], ...]
    exemplars: tuple[Exemplar, ...]
    measures: Mapping[str, Series]
    windows: tuple[Window, ...]
    fix: str  #: the rule's *How to fix*


@dataclass(frozen=True, slots=True)
class RulePage:
    """One rule with what it says of whom."""

    rule: Rule
    text: str
    rows: tuple[VerdictRow, ...]
    findings: tuple[FindingView, ...]


class Views:
    """Answers, with the expensive overview kept for two seconds."""

    def __init__(self, store: Store, rules: Sequence[Rule], clock: Callable[[], datetime], settle: timedelta) -> None:
        self._store, self._clock, self._settle = store, clock, settle
        self.rules = {rule.id: rule for rule in rules}
        self._kept: Overview | None = None
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The clock on the wall."""
        return self._clock()

    def forget(self) -> None:
        """Something changed: the next look is a fresh one."""
        self._kept = None

    def overview(self) -> Overview:
        """Every seam and every shown finding."""
        with self._lock:
            if self._kept is None or self._clock() - self._kept.at > _FRESH:
                self._kept = self._overview()
            return self._kept

    def view(self, finding: Finding) -> FindingView:
        """A finding as a row."""
        rule = self.rules.get(finding.rule)
        pages = rule is not None and rule.pages and rule.stability is Stability.STABLE
        mark = _MARKS[urgency(finding, pages=pages)]
        return FindingView(finding, rule, mark, subject_name(finding.subject), finding.said.holds(self._clock()))

    def _overview(self) -> Overview:
        now = self._clock()
        views = [self.view(finding) for finding in self._store.findings(signals=SHOWN)]
        order = {"page": 0, "fix": 1, "tidy": 2}
        views.sort(
            key=lambda v: (v.quiet, order[v.mark], -(v.finding.opened or now).timestamp(), v.finding.fingerprint)
        )
        sums = self._store.sums(now - DAY, now)
        outcomes = self._outcomes()
        by_subject: dict[SubjectRef, list[FindingView]] = defaultdict(list)
        for view in views:
            by_subject[view.finding.subject].append(view)
        rows = []
        for row in self._store.seams():
            if isinstance(row.key, SeamKey):
                values = sums.get(row.key, ())
                if row.key.kind == "calls" and row.key.target.kind == "service" and not any(values[:1]):
                    continue  # its calls stand at the callee's route
                rows.append(self._row(row, row.key, values, by_subject, outcomes))
        counts = Counter(row.mark for row in rows)
        return Overview(now, tuple(rows), tuple(views), counts, self._store.attached_at())

    def _outcomes(self) -> Mapping[SubjectRef, Counter[str]]:
        found: dict[SubjectRef, Counter[str]] = defaultdict(Counter)
        for row in self._store.outcomes():
            rule = self.rules.get(row[0])
            if rule is not None and (rule.stability is Stability.STABLE or row[2] is not Outcome.BLIND):
                found[row[1]][row[2].value] += 1
        return found

    def _row(
        self,
        row: SeamRow,
        key: SeamKey,
        values: tuple[int, ...],
        findings: Mapping[SubjectRef, list[FindingView]],
        outcomes: Mapping[SubjectRef, Counter[str]],
    ) -> SeamView:
        subjects = subjects_of(key)
        mine = [view for subject in subjects for view in findings.get(subject, ())]
        counted: Counter[str] = Counter()
        for subject in subjects:
            counted.update(outcomes.get(subject, Counter()))
        loud = [view.mark for view in mine if not view.quiet]
        mark = next((mark for mark in ("page", "fix", "tidy") if mark in loud), "")
        if not mark:
            mark = "good" if counted["meets"] and not counted["blind"] else "blind"
        paradigm = key.paradigm or "batch"
        return SeamView(
            row, key, seam_name(key), values, paradigm, mark, tuple(mine), counted["meets"], counted["blind"]
        )

    def findings(self, *, everything: bool = False) -> list[FindingView]:
        """Findings that are alive, or all that ever opened."""
        found = self._store.findings(signals=None if everything else ALIVE)
        return [self.view(finding) for finding in found if finding.opened is not None or not everything]

    def finding(self, fingerprint: str) -> FindingPage | None:
        """One finding with its evidence."""
        finding = self._store.finding(fingerprint)
        if finding is None:
            return None
        view = self.view(finding)
        seam = next((one for one in self.overview().seams if finding.subject in subjects_of(one.key)), None)
        rows = self._store.verdicts(subject=finding.subject)
        verdict = next((row.verdict for row in rows if row.rule == finding.rule), None)
        beside = [(self.rules.get(row.rule), row) for row in rows if row.rule != finding.rule]
        now = self._clock()
        until = max(finding.judged or now, finding.opened or now)
        return FindingPage(
            view,
            verdict,
            tuple(self._store.finding_events(fingerprint)),
            seam,
            tuple(beside),
            self._store.exemplars(seam.key) if seam else (),
            self._measures(finding.subject, until, timedelta(hours=3)),
            tuple(self._store.windows(seam.key, until - DAY, until)) if seam else (),
            section(readme(view.rule), "How to fix") if view.rule else "",
        )

    def _measures(self, subject: SubjectRef, until: datetime, span: timedelta) -> Mapping[str, Series]:
        names = ("lag", "age_seconds", "committed", "produced")
        found = self._store.series_of(names, until - span, until) if subject.kind == "group" else {}
        return {name: series for (of, name), series in found.items() if of == subject}

    def seam(self, number: int, span: timedelta) -> SeamPage | None:
        """One seam by its number."""
        view = next((one for one in self.overview().seams if number in one.row.ids), None)
        if view is None:
            return None
        now = self._clock()
        duration, queue = self._store.histograms_between([view.key], now - span, now).get(view.key, (EMPTY, EMPTY))
        rows = [row for subject in subjects_of(view.key) for row in self._store.verdicts(subject=subject)]
        ends = {view.key.source, view.key.target}
        joined = [
            f"{alias.old} is read as {alias.new}: {alias.reason}"
            for alias in self._store.aliases()
            if alias.new in ends
        ]
        measures: Mapping[str, Series] = {}
        if view.key.kind == "consumes":
            measures = self._measures(group_on_topic(view.key.source, view.key.target), now, span)
        return SeamPage(
            view,
            tuple(self._store.windows(view.key, now - span, now)),
            duration,
            queue,
            self._store.exemplars(view.key),
            tuple((self.rules.get(row.rule), row) for row in rows),
            measures,
            tuple(joined),
        )

    def rule(self, rule_id: str) -> RulePage | None:
        """One rule by its ID."""
        rule = self.rules.get(rule_id)
        if rule is None:
            return None
        found = [self.view(finding) for finding in self._store.findings(signals=ALIVE, rule=rule_id)]
        return RulePage(rule, readme(rule), tuple(self._store.verdicts(rule=rule_id)), tuple(found))

    def counts(self) -> Mapping[tuple[str, Outcome], int]:
        """Verdicts of the last round by rule and outcome."""
        return self._store.verdict_counts()

    def blind(self) -> list[VerdictRow]:
        """What cannot be judged, with what would cure it."""
        return self._store.verdicts(outcome=Outcome.BLIND)


def subjects_of(key: SeamKey) -> tuple[SubjectRef, ...]:
    """The subjects that a seam's marks come from: itself, its group on its topic, its table."""
    found = [key.subject]
    if key.kind == "consumes":
        found.append(group_on_topic(key.source, key.target))
    if key.kind == "writes" and key.target.kind == "table":
        found.append(_of(key.target))
    if key.kind == "reads" and key.source.kind == "table":
        found.append(_of(key.source))
    return tuple(found)


def _of(component: Component) -> SubjectRef:
    return SubjectRef(component.kind, component.name)


def section(text: str, heading: str) -> str:
    """One section of a README, without its heading."""
    found: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("## "):
            inside = line[3:].strip().lower() == heading.lower()
        elif inside:
            found.append(line)
    return "\n".join(found).strip()


def total(views: Sequence[SeamView], column: Column) -> int:
    """One column over several seams."""
    return sum(view.values[column] for view in views if view.values)
