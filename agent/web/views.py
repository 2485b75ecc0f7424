"""Between the store and the screens: one function a question, its answer used by the page and by its JSON twin."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agent.engine.catalogue import readme
from agent.model.declared import UNDECLARED, Declarations, Workflow
from agent.model.facts import Column, Exemplar, ExemplarKind, Window
from agent.model.finding import SHOWN, Finding, Signal
from agent.model.histogram import EMPTY, Histogram
from agent.model.rule import Rule
from agent.model.seam import SubjectRef, group_on_topic
from agent.model.series import Series
from agent.model.things import Topic
from agent.model.verdict import Outcome, Verdict
from agent.store.findings import Event, VerdictRow
from agent.store.history import Asked, Change
from agent.store.store import Store
from agent.store.verdicts import BlindCause
from agent.web.brokers import Brokers, behind, brokers_of
from agent.web.duty import Duties
from agent.web.overview import DAY, MINUTE, FindingView, Overview, Overviews, SeamView
from agent.web.partitions import Heat
from agent.web.words import slowness

MOST_ROWS = 100  #: subjects of a rule that its page lists
MOST_BLIND = 10_000
ASKED = "asked for"  #: how a condition begins that somebody has to choose
HOUR = timedelta(hours=1)
_MEASURES = ("lag", "age_seconds", "committed", "produced")
_OF_SEAM = (*_MEASURES, "retention_left_seconds", "lost")
_CURVE = timedelta(hours=3)
_OTHERS = [signal for signal in Signal if signal not in SHOWN]


@dataclass(frozen=True, slots=True)
class SeamPage:
    """One seam with its curves; the last of its windows may still be open."""

    view: SeamView
    windows: tuple[Window, ...]
    duration: Histogram
    queue: Histogram
    exemplars: tuple[Exemplar, ...]
    verdicts: tuple[tuple[Rule | None, VerdictRow], ...]
    measures: Mapping[str, Series] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    workflows: tuple[Workflow, ...] = ()  #: that it belongs to
    brokers: Brokers | None = None  #: what a broker told of it
    judged: datetime | None = None  #: the instant that the last round looked at

    @property
    def last_seen(self) -> datetime:
        """When anything told of it last: a crossing, or a commit that its broker counts."""
        read = self.measures.get("committed")
        told = datetime.fromtimestamp(read.times[-1], UTC) if read else self.view.row.last_seen
        return max(self.view.row.last_seen, told)


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
    until: datetime  #: of its curves
    behind: Heat | None  #: of a backlog that is there: its partitions, now
    read: float | None  #: of its seam, messages/s in the last hour, where only its broker tells


@dataclass(frozen=True, slots=True)
class RulePage:
    """One rule with what it says of whom."""

    rule: Rule
    text: str
    rows: tuple[VerdictRow, ...]  #: failing ones first, at most `MOST_ROWS`
    counts: Mapping[str, int]  #: subjects by outcome
    findings: tuple[FindingView, ...]  #: that are shown

    @property
    def asked(self) -> int:
        """Of how many subjects."""
        return sum(self.counts.values())


class Views:
    """Answers, one a question; none reads more than its page shows."""

    def __init__(
        self,
        store: Store,
        rules: Sequence[Rule],
        clock: Callable[[], datetime],
        declared: Declarations = UNDECLARED,
    ) -> None:
        self._store, self._clock, self._duties = store, clock, Duties(declared)
        self.rules = {rule.id: rule for rule in rules}
        self._overviews = Overviews(store, self.rules, clock, self._duties)
        self.view, self.overview, self.ahead = self._overviews.view, self._overviews.look, self._overviews.ahead
        self.forget, self.refresh = self._overviews.forget, self._overviews.refresh

    @property
    def unanswered(self) -> bool:
        """Whether the store was asked for a new reading of the estate, and does not answer."""
        return self._overviews.unanswered

    def now(self) -> datetime:
        """The clock on the wall."""
        return self._clock()

    def opened(self, o: Overview) -> list[FindingView]:
        """Every finding that ever opened: those that are shown, and those that were resolved."""
        return [*o.findings, *(view for view in self.others(o) if view.finding.opened is not None)]

    def others(self, o: Overview) -> Sequence[FindingView]:
        """Findings that are not shown: pending ones, and those that were resolved."""
        return o.once("others", lambda: [self.view(one) for one in self._store.findings(signals=_OTHERS)])

    def curves(self, view: FindingView, o: Overview) -> tuple[Series | None, Sequence[Window]]:
        """The lag of the last hours, where there is one, and the windows of the last day of a finding's seam."""
        until = self.until(view.finding)
        seam = o.by_subject.get(view.finding.subject)
        windows = self._store.windows(seam.key, until - DAY, until) if seam else ()
        return self._measures(view.finding.subject, until, _CURVE, ("lag",)).get("lag"), windows

    def until(self, finding: Finding) -> datetime:
        """The end of a finding's curves: when it was last judged."""
        now = self._clock()
        return max(finding.judged or now, finding.opened or now)

    def finding(self, fingerprint: str) -> FindingPage | None:
        """One finding with its evidence."""
        finding = self._store.finding(fingerprint)
        if finding is None:
            return None
        view = self.view(finding)
        seam = self.overview().by_subject.get(finding.subject)
        rows = self._store.verdicts(subject=finding.subject)
        verdict = next((row.verdict for row in rows if row.rule == finding.rule), None)
        beside = [(self.rules.get(row.rule), row) for row in rows if row.rule != finding.rule]
        until = self.until(finding)
        return FindingPage(
            view,
            verdict,
            tuple(self._store.finding_events(fingerprint)),
            seam,
            tuple(beside),
            self._store.exemplars(seam.key) if seam else (),
            self._measures(finding.subject, until, _CURVE),
            tuple(self._store.windows(seam.key, until - DAY, until)) if seam else (),
            section(readme(view.rule), "How to fix") if view.rule else "",
            until,
            behind(self._store, finding.subject, self._clock()) if _is_backlog(view) and view.finding.shown else None,
            self.read_rate(seam) if seam and not seam.values else None,
        )

    def _measures(
        self, subject: SubjectRef, until: datetime, span: timedelta, names: Sequence[str] = _MEASURES
    ) -> Mapping[str, Series]:
        if subject.kind != "group":
            return {}
        found = {name: self._store.series(subject, name, until - span, until) for name in names}
        return {name: series for name, series in found.items() if series}

    def read_rate(self, view: SeamView) -> float | None:
        """Messages a second that a group read of a topic in the last hour, as its broker counts; None: not known."""
        if view.key.kind != "consumes" or view.key.target.kind != "group":
            return None
        now = self._clock()
        told = self._store.series(group_on_topic(view.key.source, view.key.target), "committed", now - HOUR, now)
        if len(told) < 2 or told.grown is None:
            return None
        return told.grown / max(60.0, now.timestamp() - told.times[0])

    def seam(self, number: int, span: timedelta) -> SeamPage | None:
        """One seam by its number."""
        view = self.overview().by_number.get(number)
        if view is None:
            return None
        now = self._clock()
        start, until = now + MINUTE - span, now + MINUTE  # with the minute that is still open
        duration, queue = self._store.histograms_between([view.key], start, until).get(view.key, (EMPTY, EMPTY))
        rows = [row for subject in view.subjects for row in self._store.verdicts(subject=subject)]
        ends = {view.key.source, view.key.target}
        joined = [
            f"{alias.old} is read as {alias.new}: {alias.reason}"
            for alias in self._store.aliases()
            if alias.new in ends
        ]
        measures: Mapping[str, Series] = {}
        if view.key.kind == "consumes":
            measures = self._measures(group_on_topic(view.key.source, view.key.target), now, span, _OF_SEAM)
        late = any(_is_backlog(one) and not one.quiet for one in view.findings)
        return SeamPage(
            view,
            tuple(self._store.windows(view.key, start, until)),
            duration,
            queue,
            self._store.exemplars(view.key),
            tuple((self.rules.get(row.rule), row) for row in rows),
            measures,
            tuple(joined),
            self._duties.of(view.key.subject),
            brokers_of(self._store, view.key, measures, now, wrong=late),
            self._store.judged_at(),
        )

    def changes(self, asked: Asked, most: int) -> list[Change]:
        """What changed when, newest first; raise ValueError for a cursor that is none."""
        return self._store.changes(asked, most)

    def rule(self, rule_id: str) -> RulePage | None:
        """One rule by its ID."""
        rule = self.rules.get(rule_id)
        if rule is None:
            return None
        o = self.overview()
        return o.once(f"rule {rule_id}", lambda: self._rule(rule, o))

    def _rule(self, rule: Rule, o: Overview) -> RulePage:
        found = [view for view in o.findings if view.finding.rule == rule.id]
        counts = {outcome.value: number for (of, outcome), number in self.counts().items() if of == rule.id}
        rows = self._store.verdicts(rule=rule.id, most=MOST_ROWS)
        return RulePage(rule, readme(rule), tuple(rows), counts, tuple(found))

    def counts(self) -> Mapping[tuple[str, Outcome], int]:
        """Verdicts of the last round by rule and outcome."""
        return self._store.verdict_counts()

    def causes(self) -> list[BlindCause]:
        """What cannot be judged, by what would cure it."""
        return self._store.blind_causes()

    def unasked(self) -> list[tuple[Rule, VerdictRow]]:
        """What does not apply to topics since nobody asked for it, by rule and subject."""
        return self.overview().once("unasked", self._unasked)

    def _unasked(self) -> list[tuple[Rule, VerdictRow]]:
        """All of a rule are read only where some of the first are so."""
        found: list[tuple[Rule, VerdictRow]] = []
        for rule in (one for one in self.rules.values() if one.subject is Topic):
            rows = self._unapplied(rule, MOST_ROWS)
            if len(rows) == MOST_ROWS and any(map(asked_for, rows)):
                rows = self._unapplied(rule, MOST_BLIND)
            found += [(rule, row) for row in rows if asked_for(row)]
        return found

    def _unapplied(self, rule: Rule, most: int) -> list[VerdictRow]:
        return self._store.verdicts(rule=rule.id, outcome=Outcome.NOT_APPLICABLE, most=most)

    def blind(self) -> list[VerdictRow]:
        """What cannot be judged, subject by subject, at most `MOST_BLIND`."""
        return self._store.verdicts(outcome=Outcome.BLIND, most=MOST_BLIND)


def asked_for(row: VerdictRow) -> bool:
    """Whether it does not apply since nobody asked for it, which is a choice."""
    part = row.verdict.unfit
    return part is not None and part.what.startswith(ASKED)


def proof(exemplars: Sequence[Exemplar]) -> list[Exemplar]:
    """What happened last before what was slow, for it proves more; of what was slow, the slowest first."""
    return sorted(exemplars, key=lambda one: (one.kind is ExemplarKind.SLOWEST, -(slowness(one) or 0.0)))


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


def _is_backlog(view: FindingView) -> bool:
    return view.rule is not None and view.rule.pitfall == "backlog"
