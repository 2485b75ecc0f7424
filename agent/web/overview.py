"""The whole estate at one instant, read in one go and kept: no page waits for it once it was read."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from agent.engine.beside import Beside
from agent.model.declared import Workflow
from agent.model.finding import SHOWN, Disposition, Finding, Urgency, urgency
from agent.model.rule import Rule, Stability
from agent.model.seam import Component, SeamKey, SubjectRef, group_on_topic
from agent.model.verdict import Outcome
from agent.store.store import SeamRow, Store
from agent.web.duty import Duties
from agent.web.lagging import Lagging, lagging
from agent.web.paradigms import paradigm, ways
from agent.web.words import seam_name, subject_name

T = TypeVar("T")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
URGENT = {"page": 0, "fix": 1, "tidy": 2, "quiet": 3, "blind": 4, "good": 5, "na": 6}
_ON_ITS_WAY = timedelta(minutes=2)  #: a seam may come to the store so much later than it was first seen
_MARKS = {Urgency.ACT_NOW: "page", Urgency.FIX: "fix", Urgency.TIDY: "tidy"}
_LOUDEST = ("page", "fix", "tidy")


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding as a row or a head."""

    finding: Finding
    rule: Rule | None
    mark: str  #: page | fix | tidy
    name: str  #: its subject, as people call it
    quiet: bool  #: set aside: silenced, disputed or waived, and that still holds
    taken: bool = False  #: acknowledged: somebody works on it, and it is as open as before
    workflows: tuple[Workflow, ...] = ()  #: that its subject belongs to

    @property
    def told(self) -> bool:
        """Something that a person said of it holds."""
        return self.quiet or self.taken


@dataclass(frozen=True, slots=True)
class SeamView:
    """A seam as a row."""

    row: SeamRow
    key: SeamKey
    name: str
    values: tuple[int, ...]
    paradigm: str  #: event | api | batch | unknown
    mark: str  #: page | fix | tidy | good | blind | na
    findings: tuple[FindingView, ...]
    meets: int
    blind: int
    subjects: tuple[SubjectRef, ...]  #: that its marks come from
    pending: int = 0  #: rules that fail on it and have not opened a finding
    aside: bool = False  #: all that is wrong with it was set aside; its mark says what that is

    @property
    def state(self) -> str:
        """What it is listed and counted as: its mark, or `quiet` where that was set aside."""
        return "quiet" if self.aside else self.mark

    def mark_of(self, rule: str, subject: SubjectRef) -> str:
        """The mark of a rule's finding on a subject; empty where it has none that is shown."""
        mine = (one for one in self.findings if (one.finding.rule, one.finding.subject) == (rule, subject))
        return next((one.mark for one in mine), "")

    @property
    def needs(self) -> bool:
        """Something on it cannot wait, and nobody has taken that on."""
        return any(one.mark == "page" and not one.told for one in self.findings)

    @property
    def loudest(self) -> FindingView | None:
        """The worst finding that is open, else the worst that was set aside."""
        return next((view for view in self.findings if view.mark == self.mark and view.quiet == self.aside), None)


@dataclass(frozen=True)
class Overview:
    """The whole estate at one instant."""

    at: datetime
    seams: tuple[SeamView, ...]
    findings: tuple[FindingView, ...]  #: shown ones, most urgent first
    counts: Mapping[str, int]  #: seams by state
    attached: datetime | None
    lag: Lagging = field(default_factory=Lagging)
    made: dict[str, Any] = field(default_factory=dict, compare=False)  #: what `once` keeps

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What is made of this reading alone: by the first look, for all that follow."""
        if name not in self.made:
            self.made[name] = make()
        found: T = self.made[name]
        return found

    def of(self, mark: str) -> tuple[FindingView, ...]:
        """Findings of one urgency that nobody has set aside."""
        return tuple(view for view in self.findings if view.mark == mark and not view.quiet)

    @property
    def needs(self) -> tuple[FindingView, ...]:
        """What cannot wait, and nobody has taken on."""
        return tuple(view for view in self.of("page") if not view.taken)

    @property
    def taken(self) -> tuple[FindingView, ...]:
        """What cannot wait, and somebody works on."""
        return tuple(view for view in self.of("page") if view.taken)

    @cached_property
    def needing(self) -> int:
        """How many seams need a person now."""
        return sum(1 for view in self.seams if view.needs)

    @property
    def worked(self) -> int:
        """How many seams cannot wait and are being worked on, all that is urgent on them."""
        return self.counts.get("page", 0) - self.needing

    @property
    def judgeable(self) -> int:
        """How many seams there is something to judge of: all but those to which no rule applies."""
        return len(self.seams) - self.counts.get("na", 0)

    @cached_property
    def paradigms(self) -> Mapping[str, int]:
        """How many seams each has."""
        return Counter(view.paradigm for view in self.seams)

    @cached_property
    def ranked(self) -> tuple[SeamView, ...]:
        """Seams, the most urgent first, then by name."""
        return tuple(sorted(self.seams, key=lambda view: (URGENT[view.state], view.name, view.row.id)))

    @cached_property
    def by_number(self) -> Mapping[int, SeamView]:
        """Seams by each of their numbers."""
        return {number: view for view in self.seams for number in view.row.ids}

    @cached_property
    def addresses(self) -> Mapping[SubjectRef, int]:
        """From a subject to the number of the seam that it is judged on."""
        return {subject: view.row.id for subject, view in self.by_subject.items()}

    @cached_property
    def by_subject(self) -> Mapping[SubjectRef, SeamView]:
        """The first seam of each subject that its marks come from."""
        found: dict[SubjectRef, SeamView] = {}
        for view in self.seams:
            for subject in (*view.subjects, *(one.finding.subject for one in view.findings)):
                found.setdefault(subject, view)
        return found


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What never changes of a seam."""

    subjects: tuple[SubjectRef, ...]
    name: str
    table: str


@dataclass(slots=True)
class _Judged:
    """What the last round said of a subject."""

    meets: int = 0
    blind: int = 0
    unsure: int = 0  #: blind rules that are previews: they keep no seam from being healthy
    fails: int = 0


class Overviews:
    """Reads the estate; looks between two readings share one, and a new one is made beside them."""

    def __init__(self, store: Store, rules: Mapping[str, Rule], clock: Callable[[], datetime], duties: Duties) -> None:
        self._store, self._rules, self._clock, self._duties = store, rules, clock, duties
        self._fixed: dict[SeamKey, _Fixed] = {}
        self._looked: datetime | None = None  #: the instant that the last round judged
        self.ahead: list[Callable[[Overview], object]] = []  #: what is made of each reading before it is shown
        beside = Beside(self._read, clock, "overview")
        self._beside = beside
        self.look, self.refresh, self.forget = beside.look, beside.refresh, beside.forget

    @property
    def unanswered(self) -> bool:
        """Whether the store was asked for a new reading, and does not answer."""
        return self._beside.unanswered

    def view(self, finding: Finding) -> FindingView:
        """A finding as a row."""
        rule = self._rules.get(finding.rule)
        pages = rule is not None and rule.pages and rule.stability is Stability.STABLE
        mark = _MARKS[urgency(finding, pages=pages)]
        told, taken = finding.said.holds(self._clock()), finding.said.disposition is Disposition.ACKNOWLEDGED
        return FindingView(
            finding,
            rule,
            mark,
            subject_name(finding.subject),
            told and not taken,
            told and taken,
            self._duties.of(finding.subject),
        )

    def _read(self) -> Overview:
        now = self._clock()
        views = [self.view(finding) for finding in self._store.findings(signals=SHOWN)]
        views.sort(
            key=lambda v: (
                v.quiet,
                _LOUDEST.index(v.mark),
                v.taken,
                -(v.finding.opened or now).timestamp(),
                v.finding.fingerprint,
            )
        )
        by_subject: dict[SubjectRef, list[FindingView]] = defaultdict(list)
        for view in views:
            by_subject[view.finding.subject].append(view)
        # With the minute that is still open: a seam that was just found has crossings from its first look on.
        sums, judged = self._store.sums(now + MINUTE - DAY, now + MINUTE), self._judged()
        self._looked = self._store.judged_at()
        tables: dict[str, list[SubjectRef]] = defaultdict(list)
        for subject in {*judged, *by_subject}:
            if subject.kind == "table" and subject.labels:
                tables[subject.name].append(subject)
        held = {subject: subject for subject in judged}  # one copy of each, shared with the store
        rows, seams = [], tuple(self._store.seams())
        known = ways(seams)
        for row in seams:
            if isinstance(row.key, SeamKey):
                values = sums.get(row.key, ())
                if _elsewhere(row.key, values) and row.key.subject not in by_subject:
                    continue
                rows.append(self._row(row, row.key, values, by_subject, judged, tables, held, known))
        if len(self._fixed) > 2 * len(rows) + 1000:
            self._fixed.clear()
        counts = Counter(row.state for row in rows)
        lag = lagging(self._store, self._looked, now)
        return self._prepared(Overview(now, tuple(rows), tuple(views), counts, self._store.attached_at(), lag))

    def _prepared(self, found: Overview) -> Overview:
        """What every page needs is made here, so that none waits for it."""
        _ = found.addresses, found.by_number, found.ranked
        for make in self.ahead:
            make(found)
        return found

    def _judged(self) -> Mapping[SubjectRef, _Judged]:
        stable = {rule.id for rule in self._rules.values() if rule.stability is Stability.STABLE}
        found: dict[SubjectRef, _Judged] = {}
        for rule, subject, outcome in self._store.outcomes():
            one = found.get(subject) or found.setdefault(subject, _Judged())
            if outcome is Outcome.MEETS:
                one.meets += rule in self._rules
            elif outcome is Outcome.BLIND:
                one.blind += rule in stable
                one.unsure += rule not in stable
            else:
                one.fails += 1
        return found

    def _row(
        self,
        row: SeamRow,
        key: SeamKey,
        values: tuple[int, ...],
        findings: Mapping[SubjectRef, list[FindingView]],
        judged: Mapping[SubjectRef, _Judged],
        tables: Mapping[str, list[SubjectRef]],
        held: Mapping[SubjectRef, SubjectRef],
        known: Mapping[Component, str],
    ) -> SeamView:
        fixed = self._fixed.get(key)
        if fixed is None:
            ends = (end for end in (key.source, key.target) if end.kind == "table")
            table = next((end.name for end in ends), "")
            subjects = tuple(held.get(subject, subject) for subject in subjects_of(key))
            fixed = self._fixed[key] = _Fixed(subjects, seam_name(key), table)
        subjects = fixed.subjects
        if fixed.table and fixed.table in tables:
            subjects = (*subjects, *(one for one in tables[fixed.table] if _is_at(one, row.attributes)))
        mine = [view for subject in subjects for view in findings.get(subject, ())] if findings else ()
        told = _summed(judged, subjects)
        loud = _loudest(view for view in mine if not view.quiet)
        mark = loud or _loudest(mine) or self._unfailing(row, told)
        return SeamView(
            row,
            key,
            fixed.name,
            values,
            paradigm(key, known),
            mark,
            tuple(mine),
            told.meets,
            told.blind,
            subjects,
            told.fails if not mine else 0,
            bool(mine) and not loud,
        )

    def _unfailing(self, row: SeamRow, told: _Judged) -> str:
        """The mark of a seam without a finding; one that no round has looked at is blind, not one without rules."""
        if told.meets or told.blind or told.unsure or told.fails:
            return "good" if told.meets and not told.blind else "blind"
        return "na" if self._looked is not None and row.first_seen <= self._looked - _ON_ITS_WAY else "blind"


def _summed(judged: Mapping[SubjectRef, _Judged], subjects: Iterable[SubjectRef]) -> _Judged:
    found = _Judged()
    for subject in subjects:
        if one := judged.get(subject):
            found.meets += one.meets
            found.blind += one.blind
            found.unsure += one.unsure
            found.fails += one.fails
    return found


def _elsewhere(key: SeamKey, values: tuple[int, ...]) -> bool:
    """Calls to a service whose other side was seen: they stand at the callee's routes."""
    return key.kind == "calls" and key.target.kind == "service" and not any(values[:1])


def _is_at(table: SubjectRef, attributes: Mapping[str, str]) -> bool:
    """A seam that tells its servers belongs to the tables on these; one that does not, to all of the name."""
    servers = attributes.get("server", "")
    labels = dict(table.labels)
    return not servers or f"{labels.get('host', '')}:{labels.get('port', '')}" in servers.split("|")


def _loudest(views: Iterable[FindingView]) -> str:
    found = {view.mark for view in views}
    return next((mark for mark in _LOUDEST if mark in found), "")


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
