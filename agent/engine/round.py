"""One round: judge every subject as of an instant, step every finding, save what changed. Sends nothing itself."""

import dataclasses
import gc
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agent.engine.joins import joins
from agent.engine.subjects import BUILDERS, Estate
from agent.model.declared import Declarations
from agent.model.finding import Change, Finding, Judged, close, step
from agent.model.rule import Hold, Rule
from agent.model.seam import SubjectRef, fingerprint, source, subject_of
from agent.model.subjects import Subject
from agent.model.verdict import Evidence, Outcome, Reason, Severity, Verdict
from agent.store.store import Store

log = logging.getLogger(__name__)

ATTACH = timedelta(hours=24)

Told = Callable[[Finding, Change], None]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What one round found."""

    as_of: datetime
    counts: Mapping[tuple[str, Outcome], int]
    blind: Mapping[tuple[str, Reason], int]
    verdicts: Sequence[tuple[Rule, SubjectRef, Verdict]]
    changes: Sequence[tuple[Finding, Change]]
    seconds: float
    errors: Mapping[str, str] = field(default_factory=dict)


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

    def judge(self, as_of: datetime) -> list[tuple[Rule, Subject | SubjectRef, Verdict]]:
        """Every verdict as of an instant; a rule that raises blinds itself, and no other."""
        estate = Estate(self._store, self._declared, as_of)
        built: dict[type, list[Subject]] = {}
        verdicts: list[tuple[Rule, Subject | SubjectRef, Verdict]] = []
        for rule in self._rules:
            if rule.subject not in built:
                build = BUILDERS.get(rule.subject)
                built[rule.subject] = list(build(estate)) if build else []
            config = self._configs[rule.id]
            verdicts += [(rule, subject, _safely(rule, subject, config)) for subject in built[rule.subject]]
        return verdicts

    def run(self, as_of: datetime, *, elapsed: bool = False) -> Outcomes:
        """Judge, step and save. With `elapsed`, every wait before a finding opens counts as over."""
        with _no_collection():
            return self._run(as_of, elapsed=elapsed)

    def _run(self, as_of: datetime, *, elapsed: bool) -> Outcomes:
        started = time.process_time()
        for alias in joins(self._store, as_of):
            self._store.add_alias(alias)
        judged = self.judge(as_of)
        counts = Counter((rule.id, verdict.outcome) for rule, _, verdict in judged)
        blind = Counter((rule.id, verdict.reason) for rule, _, verdict in judged if verdict.reason is not None)
        changes = self._step(judged, as_of, elapsed=elapsed)
        rows = [(rule.id, _ref(subject), verdict) for rule, subject, verdict in judged]
        self._store.save_verdicts(as_of, rows, counts)
        for finding, change in changes:
            self._told(finding, change)
        errors = {rule.id: verdict.says for rule, _, verdict in judged if verdict.reason is Reason.ERROR}
        plain = [(rule, _ref(subject), verdict) for rule, subject, verdict in judged]
        return Outcomes(as_of, counts, blind, plain, changes, time.process_time() - started, errors)

    def _step(
        self, judged: Sequence[tuple[Rule, Subject | SubjectRef, Verdict]], now: datetime, *, elapsed: bool
    ) -> list[tuple[Finding, Change]]:
        alive = {(finding.rule, finding.subject): finding for finding in self._store.findings()}
        attached = self._store.attached_at() or now
        steps: list[tuple[Finding, Change | None, datetime]] = []
        seen: set[tuple[str, SubjectRef]] = set()
        for rule, subject, verdict in (*judged, *_about_rules(judged)):
            key = (rule.id, _ref(subject))
            seen.add(key)
            old = alive.get(key)
            if old is None and verdict.outcome is not Outcome.FAILS:
                continue
            told = _judged(rule, subject, verdict, old, attached=now - attached < ATTACH)
            if elapsed:
                told = dataclasses.replace(told, hold=Hold(timedelta(0), rule.hold.before_resolved))
            new, change = step(old, told, now)
            if new is not None and new != old:
                steps.append((new, change, now))
        for key, old in alive.items():
            if key not in seen:
                closed, change = close(old, now, "gone")
                if change is not None:
                    steps.append((closed, change, now))
        self._store.save_findings(steps)
        return [(finding, change) for finding, change, _ in steps if change is not None]


@contextmanager
def _no_collection() -> Iterator[None]:
    """No search for garbage meanwhile: a round makes a million objects without a cycle, and a third of it was that."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _ref(subject: Subject | SubjectRef) -> SubjectRef:
    return subject if isinstance(subject, SubjectRef) else subject.ref


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


def _safely(rule: Rule, subject: Subject, config: Any) -> Verdict:
    try:
        return rule.judge(subject, config)
    except Exception as problem:  # a rule is a plugin: whatever it raises must harm no other
        log.warning("rule raised", extra={"fields": {"rule": rule.id, "subject": str(subject.ref)}}, exc_info=True)
        says = f"{rule.id} raised {type(problem).__name__} on {subject.ref}: {problem}"
        learn = ("report this with `seamwatch explain`'s output",)
        return Verdict(Outcome.BLIND, says, reason=Reason.ERROR, missing=("a working rule",), learn=learn)


def _about_rules(
    judged: Iterable[tuple[Rule, Subject | SubjectRef, Verdict]],
) -> list[tuple[Rule, SubjectRef, Verdict]]:
    """A rule that raises is a finding about Seamwatch, one a rule."""
    raised: dict[str, tuple[Rule, Verdict]] = {}
    for rule, _, verdict in judged:
        if verdict.reason is Reason.ERROR:
            raised.setdefault(rule.id, (rule, verdict))
    return [
        (rule, subject_of(source("rule", rule.id)), dataclasses.replace(verdict, outcome=Outcome.FAILS, reason=None))
        for rule, verdict in raised.values()
    ]


def _judged(
    rule: Rule, subject: Subject | SubjectRef, verdict: Verdict, old: Finding | None, *, attached: bool
) -> Judged:
    ref = _ref(subject)
    critical = not isinstance(subject, SubjectRef) and subject.critical
    evidence = verdict.evidence or rule.evidence
    severity = verdict.severity
    if severity is None:  # RULES §0: one step down where inferred, one up on a critical workflow
        severity = rule.severity.step(int(evidence is Evidence.INFERRED) - int(critical))
    if isinstance(subject, SubjectRef):
        severity = Severity.MEDIUM
    return Judged(
        fingerprint=old.fingerprint if old else fingerprint(rule.id, ref),
        rule=rule.id,
        subject=ref,
        severity=severity,
        evidence=evidence,
        hold=rule.hold,
        verdict=verdict,
        owner=None if isinstance(subject, SubjectRef) else subject.owner,
        critical=critical,
        attached=attached,
    )
