"""One round: judge every subject as of an instant, step every finding, save what changed. Sends nothing itself."""

import dataclasses
import logging
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agent.engine.builders import BUILDERS
from agent.engine.estate import Estate
from agent.engine.joins import joins
from agent.model.declared import Declarations
from agent.model.finding import Change, Finding, Judged, close, step
from agent.model.garbage import unsearched
from agent.model.rule import Hold, Rule
from agent.model.seam import SubjectRef, fingerprint, source, subject_of
from agent.model.subjects import Subject
from agent.model.verdict import Evidence, Outcome, Reason, Severity, Verdict
from agent.store.store import Store

log = logging.getLogger(__name__)

ATTACH = timedelta(hours=24)

Told = Callable[[Finding, Change], None]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one rule says of one subject, with what a finding needs to know of it; the subject itself is let go."""

    rule: Rule
    subject: SubjectRef
    verdict: Verdict
    owner: str | None = None
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What one round found."""

    as_of: datetime
    counts: Mapping[tuple[str, Outcome], int]
    blind: Mapping[tuple[str, Reason], int]
    changes: Sequence[tuple[Finding, Change]]
    seconds: float
    errors: Mapping[str, str] = field(default_factory=dict)


_Place = tuple[str, SubjectRef]  #: rule and subject
_Step = tuple[Finding, Change | None, datetime]


class _Tally:
    """What a round must still know once all is judged: numbers, and what may change a finding. The rest is let go."""

    def __init__(self, alive: Iterable[Finding]) -> None:
        self.alive = {(finding.rule, finding.subject) for finding in alive}  #: as the round began
        self.counts: Counter[tuple[str, Outcome]] = Counter()
        self.blind: Counter[tuple[str, Reason]] = Counter()
        self.raised: dict[str, Judgement] = {}  #: the first of each rule
        self.unseen: set[str] = set()  #: rules whose subjects could not all be built: nothing of theirs is gone
        self.kept: dict[_Place, Judgement] = {}

    def passing(self, judged: Iterable[Judgement]) -> Iterator[tuple[str, SubjectRef, Verdict]]:
        """Each judgement counted, and given on as the store takes it."""
        for one in judged:
            rule, verdict = one.rule.id, one.verdict
            self.counts[rule, verdict.outcome] += 1
            if verdict.reason is not None:
                self.blind[rule, verdict.reason] += 1
            if verdict.reason is Reason.ERROR:
                self.raised.setdefault(rule, one)
                self.unseen |= {rule} if one.subject == _itself(one.rule) else set()
            place = (rule, one.subject)
            if verdict.outcome is Outcome.FAILS or place in self.alive:
                self.kept[place] = one
            yield rule, one.subject, verdict


class Rounds:
    """Judges an estate round after round; all state is in the store."""

    def __init__(
        self,
        store: Store,
        rules: Sequence[Rule],
        declared: Declarations,
        *,
        thresholds: Mapping[str, Mapping[str, Any]] | None = None,
        told: Told | None = None,
    ) -> None:
        self._store, self._rules, self._declared = store, rules, declared
        self._told = told or (lambda _finding, _change: None)
        self._configs = {rule.id: configured(rule, (thresholds or {}).get(rule.id, {})) for rule in rules}

    def judge(self, as_of: datetime) -> Iterator[Judgement]:
        """Every verdict as of an instant, one at a time; a rule that raises blinds itself, and no other."""
        estate = Estate(self._store, self._declared, as_of)
        by_type: dict[type, list[Rule]] = {}
        for rule in self._rules:
            by_type.setdefault(rule.subject, []).append(rule)
        for kind, rules in by_type.items():
            yield from self._of_kind(kind, rules, estate)

    def _of_kind(self, kind: type, rules: Sequence[Rule], estate: Estate) -> Iterator[Judgement]:
        """Each subject is judged as it is built, and let go: all of a kind at once would be a round's largest burst."""
        subjects = _built(kind, estate)
        while True:
            try:
                subject = next(subjects, None)
            except Exception as problem:  # what one kind of subject is made from must harm no other kind
                log.exception("subjects not built", extra={"fields": {"kind": kind.__name__}})
                yield from (Judgement(rule, _itself(rule), _raised(rule, kind.__name__, problem)) for rule in rules)
                return
            if subject is None:
                return
            for rule in rules:
                yield self._judged(rule, subject)

    def _judged(self, rule: Rule, subject: Subject) -> Judgement:
        verdict = _safely(rule, subject, self._configs[rule.id])
        return Judgement(rule, subject.ref, verdict, subject.owner, subject.critical)

    def run(self, as_of: datetime, *, elapsed: bool = False) -> Outcomes:
        """Judge, step and save. With `elapsed`, every wait before a finding opens counts as over."""
        with unsearched():  # a third of a round was that
            return self._run(as_of, elapsed=elapsed)

    def _run(self, as_of: datetime, *, elapsed: bool) -> Outcomes:
        started = time.process_time()
        for alias in joins(self._store, as_of):
            self._store.add_alias(alias)
        tally = _Tally(self._store.findings())
        self._store.save_verdicts(as_of, tally.passing(self.judge(as_of)))
        changes = self._step(tally, as_of, elapsed=elapsed)
        for finding, change in changes:
            self._told(finding, change)
        errors = {rule: one.verdict.says for rule, one in tally.raised.items()}
        return Outcomes(as_of, tally.counts, tally.blind, changes, time.process_time() - started, errors)

    def _step(self, tally: _Tally, now: datetime, *, elapsed: bool) -> list[tuple[Finding, Change]]:
        alive = {(finding.rule, finding.subject): finding for finding in self._store.findings()}
        attached = self._store.attached_at() or now
        steps: list[_Step] = []
        seen: set[_Place] = set()
        for one in (*self._in_order(tally), *_about_rules(tally.raised.values())):
            key = (one.rule.id, one.subject)
            seen.add(key)
            old = alive.get(key)
            if old is None and one.verdict.outcome is not Outcome.FAILS:
                continue
            told = _told(one, old, attached=now - attached < ATTACH)
            if elapsed:
                told = dataclasses.replace(told, hold=Hold(timedelta(0), one.rule.hold.before_resolved))
            new, change = step(old, told, now)
            if new is not None and new != old:
                steps.append((new, change, now))
        steps += _gone([alive[key] for key in sorted(tally.alive - seen) if key in alive], tally.unseen, now)
        self._store.save_findings(steps)
        return [(finding, change) for finding, change, _ in steps if change is not None]

    def _in_order(self, tally: _Tally) -> list[Judgement]:
        """What may change a finding, as the rules are listed."""
        order = {rule.id: number for number, rule in enumerate(self._rules)}
        told_of = [one for one in tally.kept.values() if one.rule.id not in tally.unseen]
        return sorted(told_of, key=lambda one: order[one.rule.id])


def _gone(left: Iterable[Finding], unseen: Container[str], now: datetime) -> Iterator[_Step]:
    """Close what has no subject any more; where the clock went back, one that was first seen later is only hidden."""
    for old in left:
        if old.rule not in unseen and (old.judged is None or old.judged <= now):
            closed, change = close(old, now, "gone")
            if change is not None:
                yield closed, change, now


def configured(rule: Rule, changed: Mapping[str, Any]) -> Any:
    """A rule's thresholds with some changed; raise ValueError for an unknown name or a value of another kind."""
    fields = {known.name: known for known in dataclasses.fields(rule.config)}
    values: dict[str, Any] = {}
    for name, given in changed.items():
        if name not in fields:
            msg = f'{rule.id} has no threshold "{name}"; it has {", ".join(fields) or "none"}'
            raise ValueError(msg)
        default = getattr(rule.defaults, name)
        value = timedelta(seconds=given) if isinstance(default, timedelta) and isinstance(given, int | float) else given
        fits = isinstance(value, type(default)) or (isinstance(default, float) and isinstance(value, int))
        if not fits or isinstance(value, bool) != isinstance(default, bool):
            kind = type(default).__name__
            raise ValueError(f"{rule.id}.{name} is {given!r}; it takes {kind}, such as {default!r}")
        values[name] = value
    return rule.config(**values)


def _built(kind: type, estate: Estate) -> Iterator[Subject]:
    yield from BUILDERS[kind](estate)


def _safely(rule: Rule, subject: Subject, config: Any) -> Verdict:
    try:
        return rule.judge(subject, config)
    except Exception as problem:  # a rule is a plugin: whatever it raises must harm no other
        log.warning("rule raised", extra={"fields": {"rule": rule.id, "subject": str(subject.ref)}}, exc_info=True)
        return _raised(rule, str(subject.ref), problem)


def _raised(rule: Rule, on: str, problem: Exception) -> Verdict:
    says = f"{rule.id} raised {type(problem).__name__} on {on}: {problem}"
    learn = ("report this with `seamwatch explain`'s output",)
    return Verdict(Outcome.BLIND, says, reason=Reason.ERROR, missing=("a working rule",), learn=learn)


def _itself(rule: Rule) -> SubjectRef:
    return subject_of(source("rule", rule.id))


def _about_rules(raised: Iterable[Judgement]) -> list[Judgement]:
    """A rule that raises is a finding about Seamwatch, one a rule."""
    return [Judgement(one.rule, _itself(one.rule), _failing(one.verdict)) for one in raised]


def _failing(raised: Verdict) -> Verdict:
    return dataclasses.replace(raised, outcome=Outcome.FAILS, reason=None, do=raised.learn)


def weighed(one: Judgement) -> tuple[Severity, str]:
    """The severity of a failing verdict, and why it is another than its rule's; empty where it is the same."""
    own = one.rule.severity
    if one.subject == _itself(one.rule):
        found, why = Severity.MEDIUM, "a rule that cannot judge is a trouble of Seamwatch, none of the estate"
    elif one.verdict.severity is not None:
        found, why = one.verdict.severity, one.verdict.weighed
    else:
        found, why = _stepped(one)
    return found, "" if found is own else why


def _stepped(one: Judgement) -> tuple[Severity, str]:
    """One step down where it is inferred, one up on a critical workflow (RULES §0)."""
    inferred = (one.verdict.evidence or one.rule.evidence) is Evidence.INFERRED
    why = (
        "one step up, for it serves a workflow declared critical"
        if one.critical
        else "one step down, for it is inferred"
    )
    return one.rule.severity.step(int(inferred) - int(one.critical)), why


def _told(one: Judgement, old: Finding | None, *, attached: bool) -> Judged:
    rule, verdict = one.rule, one.verdict
    severity, why = weighed(one)
    return Judged(
        fingerprint=old.fingerprint if old else fingerprint(rule.id, one.subject),
        rule=rule.id,
        subject=one.subject,
        severity=severity,
        evidence=verdict.evidence or rule.evidence,
        hold=rule.hold,
        verdict=verdict,
        owner=one.owner,
        critical=one.critical,
        weighed=why,
        attached=attached,
    )
