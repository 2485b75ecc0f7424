"""`seamwatch scan`: judges captures in virtual time, and says what it saw as one JSON object (published, version 1)."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agent.app.inputs import Inputs, find
from agent.app.replay import Progress, Replay, stretches
from agent.app.wiring import catalogue, declared_by, decoder, thresholds
from agent.config import workflow
from agent.config.problem import Problem
from agent.config.raising import ConfigError
from agent.config.settings import Settings
from agent.engine.round import Outcomes, Rounds
from agent.model.declared import Declarations
from agent.model.facts import Column
from agent.model.finding import Finding, Signal
from agent.model.seam import SeamKey
from agent.model.verdict import Outcome, Severity
from agent.store.findings import VerdictRow
from agent.store.store import Store, open_store

_NAMES = {"count": Column.COUNT, "errors": Column.ERRORS, "duplicates": Column.DUPLICATES, "retries": Column.RETRIES}


@dataclass(slots=True)
class Scan:
    """The result of a scan."""

    inputs: Inputs
    problems: tuple[Problem, ...] = ()  #: of workflow files; such a file is left out as a whole
    start: datetime | None = None
    end: datetime | None = None
    seams: dict[SeamKey, Counter[str]] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    last: Outcomes | None = None
    blind: Sequence[VerdictRow] = ()  #: of its last round
    beyond: datetime | None = None  #: of the first thing that happened, where all happened after `as_of`

    def unseen(self, *, gate: bool) -> str:
        """Why it could not look, in a sentence; empty where it could. A mistyped path must not pass a gate."""
        if not self.inputs.readable:
            return "None of the inputs could be read."
        if self.beyond is not None:
            return f"Nothing was looked at: the first of it is of {_time(self.beyond)}, after --as-of."
        if self.last is None:
            return "Nothing was looked at: the inputs tell of nothing that happened."
        if gate and self.problems:
            left_out = ", ".join(dict.fromkeys(problem.file for problem in self.problems))
            return f"Left out for mistakes in it: {left_out}. The rest was judged."
        if gate and self.inputs.absent:
            several = len(self.inputs.absent) > 1
            return f"{', '.join(self.inputs.absent)} {'do' if several else 'does'} not exist: the rest was judged."
        return ""

    @property
    def coverage(self) -> float:
        """Share of the last step's verdicts, of rules that apply, that are not blind; 1 for none."""
        counts = self.last.counts if self.last else {}
        judged = sum(n for (_, outcome), n in counts.items() if outcome in (Outcome.FAILS, Outcome.MEETS))
        blind = sum(n for (_, outcome), n in counts.items() if outcome is Outcome.BLIND)
        return judged / (judged + blind) if judged + blind else 1.0

    def worst(self) -> Severity | None:
        """The worst severity among findings that are open at the end."""
        shown = [finding.severity for finding in self.findings.values() if finding.shown]
        return min(shown, key=lambda severity: severity.rank, default=None)

    def as_dict(self) -> dict[str, Any]:
        """The published form."""
        rules = {rule.id: {outcome.value: 0 for outcome in Outcome} for rule in catalogue()}
        for (rule, outcome), count in (self.last.counts if self.last else {}).items():
            rules[rule][outcome.value] = count
        findings = sorted(self.findings.values(), key=lambda f: (f.severity.rank, f.rule, str(f.subject)))
        return {
            "scan": 1,
            "from": _time(self.start),
            "to": _time(self.end),
            "inputs": [
                {
                    "path": i.path,
                    "format": i.format,
                    "facts": i.facts,
                    "rejected": i.rejected,
                    "reasons": dict(i.reasons),
                }
                for i in self.inputs.files
            ],
            "seams": [_seam(key, counts) for key, counts in sorted(self.seams.items())],
            "findings": [_finding(finding) for finding in findings],
            "verdicts": rules,
            "blind": self._blind(),
        }

    def _blind(self) -> list[dict[str, Any]]:
        return [
            {
                "rule": one.rule,
                "subject": one.subject.as_dict(),
                "reason": one.verdict.reason.value if one.verdict.reason else "not_sent",
                "missing": list(one.verdict.missing),
                "learn": list(one.verdict.learn),
            }
            for one in self.blind
        ]


def _time(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None


def _seam(key: SeamKey, counts: Counter[str]) -> dict[str, Any]:
    ends = {"kind": key.kind, "source": str(key.source), "target": str(key.target)}
    return {**ends, **{name: counts[name] for name in _NAMES}}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "subject": finding.subject.as_dict(),
        "severity": finding.severity.value,
        "evidence": finding.evidence.value,
        "state": finding.signal.value,
        "opened": _time(finding.opened),
        "resolved": _time(finding.resolved),
        "says": finding.says,
        "claims": [
            {"claim": claim.claim, "saw": claim.saw, "fails": claim.fails, "truth": claim.truth}
            for claim in finding.claims
        ],
        "fingerprint": finding.fingerprint,
    }


def scan(
    paths: Sequence[Path],
    *,
    every: timedelta,
    as_of: datetime | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Scan:
    """Judge everything below some paths; what cannot be read is counted, and the rest judged."""
    inputs = find(paths)
    declared, problems = _declared(inputs, settings)
    _left_out(inputs, problems)
    result = Scan(inputs, problems)
    with tempfile.TemporaryDirectory(prefix="seamwatch-scan-") as folder:
        one: Replay | None = None
        store: Store | None = None
        for fresh, happened in stretches(inputs.happened()):
            if as_of is not None and happened.at > as_of:
                if one is None:
                    result.beyond = happened.at
                elif not fresh:
                    one.wait(as_of)
                break
            if fresh:
                _finish(result, one, store)
                store = open_store(f"sqlite:///{Path(folder) / f'{happened.at.timestamp():.0f}.db'}")
                rounds = Rounds(store, catalogue(), declared, thresholds=thresholds(settings))
                one = Replay(decoder(settings), store, rounds, every=every, progress=progress)
            if one is not None:
                one.run([happened])
        if one is None and declared.loaded:
            store = open_store(f"sqlite:///{Path(folder) / 'declared.db'}")
            at = as_of or datetime.now().astimezone()
            rounds = Rounds(store, catalogue(), declared, thresholds=thresholds(settings))
            store.attach(at)
            result.last = rounds.run(at, elapsed=True)
            result.blind = store.verdicts(outcome=Outcome.BLIND)
            result.findings |= {finding.fingerprint: finding for finding in store.findings()}
            store.close()
        else:
            _finish(result, one, store)
    return result


def _declared(inputs: Inputs, settings: Settings | None) -> tuple[Declarations, tuple[Problem, ...]]:
    """What workflow files declare, the configured ones too; a mistake in one of those is one of the configuration."""
    given = {Path(path).resolve() for path, _ in inputs.workflows}
    configured: list[tuple[str, str]] = []
    if settings is not None and settings.workflows:
        declared_by(settings)
        files, _ = workflow.find(settings.workflows, settings.base)
        others = [file for file in files if file.resolve() not in given]
        configured = [(str(file), file.read_text("utf-8", "replace")) for file in others]
    return workflow.declare([*configured, *inputs.workflows])


def _left_out(inputs: Inputs, problems: Sequence[Problem]) -> None:
    """Count what is wrong with workflow files."""
    files = {source.path: source for source in inputs.files if source.format == "workflow"}
    if others := tuple(problem for problem in problems if problem.file not in files):
        raise ConfigError(others)
    for problem in problems:
        source = files[problem.file]
        source.facts = source.taken = 0
        source.reject(str(problem).removeprefix(f"{problem.file}, ").removeprefix(f"{problem.file}: "))


def _finish(result: Scan, one: Replay | None, store: Store | None) -> None:
    """Judge the end of a stretch and take its result over."""
    if one is None or store is None or one.first is None or one.now is None:
        return
    result.last = one.finish()
    result.blind = store.verdicts(outcome=Outcome.BLIND)
    result.start = min(one.first, result.start or one.first)
    result.end = one.now
    for finding in store.findings():
        if finding.signal is not Signal.CLEAR:
            result.findings[finding.fingerprint] = finding
    totals = store.sums(one.first - timedelta(days=3), one.now + timedelta(minutes=3))
    for row in store.seams():
        if isinstance(row.key, SeamKey):
            values = totals.get(row.key)
            if values is None and row.key.kind != "consumes":
                continue
            if values is not None and not values[Column.COUNT] and row.key.kind == "calls":
                continue  # calls whose other side was seen stand at the callee's route
            counts = result.seams.setdefault(row.key, Counter())
            counts.update({name: values[column] for name, column in _NAMES.items()} if values else {})
    store.close()
