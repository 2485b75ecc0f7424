"""Findings: failing verdicts that live over time. `step` is pure; the store keeps what it returns.

A finding is its signal (what the rule says) times its disposition (what people said of it).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from agent.model.rule import Hold
from agent.model.seam import SubjectRef
from agent.model.verdict import Claim, Evidence, Outcome, Reason, Scalar, Severity, Verdict

FLAP_WINDOW = timedelta(hours=2)  #: openings within it are counted as one trouble
FLAP_LIMIT = 3  #: that many openings and it is held open until it has been quiet for the window


class Signal(StrEnum):
    """The states of the published contract, and `clear` for a finding that never opened."""

    CLEAR = "clear"
    PENDING = "pending"
    OPEN = "open"
    RECOVERING = "recovering"
    RESOLVED = "resolved"
    STALE = "stale"


ALIVE = (Signal.PENDING, Signal.OPEN, Signal.RECOVERING, Signal.STALE)
SHOWN = (Signal.OPEN, Signal.RECOVERING, Signal.STALE)


class Disposition(StrEnum):
    """What a person said of it."""

    NONE = "none"
    ACKNOWLEDGED = "acknowledged"
    WAIVED = "waived"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Said:
    """A disposition with who said it, why, and until when."""

    disposition: Disposition = Disposition.NONE
    owner: str = ""
    reason: str = ""
    at: datetime | None = None
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """False once it has run out."""
        return self.disposition is not Disposition.NONE and (self.until is None or now < self.until)

    @property
    def change(self) -> str:
        """What the history calls it: to say nothing any more takes back what was said."""
        return "taken back" if self.disposition is Disposition.NONE else self.disposition.value


UNSAID = Said()


class UnsaidError(Exception):
    """Nothing holds that could be taken back."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One failing verdict of one rule on one subject, over time. Frozen: `step` returns the next one."""

    fingerprint: str
    rule: str
    subject: SubjectRef
    severity: Severity
    evidence: Evidence
    signal: Signal
    says: str
    claims: tuple[Claim, ...] = ()
    show: Mapping[str, Scalar] = field(default_factory=dict)
    do: tuple[str, ...] = ()  #: what to do, in steps that name its subject
    weighed: str = ""  #: why its severity is another than its rule's
    since: datetime | None = None  #: first failing verdict of this stretch
    opened: datetime | None = None
    clear_since: datetime | None = None  #: first meeting verdict after it opened
    resolved: datetime | None = None
    closed_because: str = ""  #: gone | rule changed | recovered
    judged: datetime | None = None  #: last round that could see
    rounds: int = 0  #: rounds in a row: failing while pending, meeting while recovering
    stale_since: datetime | None = None
    stale_from: Signal | None = None  #: what it was before it went blind
    openings: tuple[datetime, ...] = ()  #: within the flap window
    flapping: bool = False
    known_at_attach: bool = False
    said: Said = UNSAID
    owner: str | None = None
    critical: bool = False
    version: int = 0

    @property
    def shown(self) -> bool:
        """Open, recovering or stale: it belongs on a screen."""
        return self.signal in SHOWN


class Change(StrEnum):
    """What a step did, for the history and for alerts."""

    PENDING = "pending"
    OPENED = "opened"
    REOPENED = "reopened"
    UPDATED = "updated"
    RECOVERING = "recovering"
    RESOLVED = "resolved"
    WENT_STALE = "went stale"
    CAME_BACK = "seen again"
    WITHDRAWN = "withdrawn"  #: pending, and cleared before it opened
    FLAPPING = "flapping"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict with all that the step needs to know about its rule and subject."""

    fingerprint: str
    rule: str
    subject: SubjectRef
    severity: Severity
    evidence: Evidence
    hold: Hold
    verdict: Verdict
    owner: str | None = None
    critical: bool = False
    weighed: str = ""  #: why its severity is another than the rule's
    attached: bool = False  #: within the first 24 h of the agent on this subject's source


def step(old: Finding | None, judged: Judged, now: datetime) -> tuple[Finding | None, Change | None]:
    """The next state of a finding after one verdict, and what changed; the same input gives the same output.

    Blind freezes the clocks and never resolves. Not applicable closes.
    """
    outcome = judged.verdict.outcome
    if outcome is Outcome.FAILS:
        return _failing(old, judged, now)
    if old is None or old.signal not in ALIVE:
        return old, None
    if outcome is Outcome.BLIND:
        return _blind(old, now)
    if outcome is Outcome.NOT_APPLICABLE:
        return _closed(old, now, "does not apply any more")
    return _meeting(_awake(old, now), judged, now)


def close(old: Finding, now: datetime, because: str) -> tuple[Finding, Change | None]:
    """Close a finding whose subject is gone or whose rule changed."""
    if old.signal not in ALIVE:
        return old, None
    return _closed(old, now, because)


def _closed(old: Finding, now: datetime, because: str) -> tuple[Finding, Change]:
    signal = Signal.CLEAR if old.signal is Signal.PENDING else Signal.RESOLVED
    return replace(old, signal=signal, resolved=now, closed_because=because, rounds=0, stale_since=None), Change.CLOSED


def _blind(old: Finding, now: datetime) -> tuple[Finding, Change | None]:
    if old.signal is Signal.STALE:
        return old, None
    return replace(old, signal=Signal.STALE, stale_from=old.signal, stale_since=now), Change.WENT_STALE


def _awake(old: Finding, now: datetime) -> Finding:
    """A stale finding that can be judged again, its clocks moved on by the time it was blind."""
    if old.signal is not Signal.STALE or old.stale_since is None:
        return old
    blind = now - old.stale_since
    shift = None if old.clear_since is None else old.clear_since + blind
    since = old.since
    if old.stale_from is Signal.PENDING and since is not None:
        since = since + blind
    return replace(
        old, signal=old.stale_from or Signal.OPEN, stale_since=None, stale_from=None, clear_since=shift, since=since
    )


def _failing(old: Finding | None, judged: Judged, now: datetime) -> tuple[Finding, Change | None]:
    was_stale = old is not None and old.signal is Signal.STALE
    fresh = old is None or old.signal in (Signal.CLEAR, Signal.RESOLVED)
    base = _new(old, judged, now) if fresh or old is None else _awake(old, now)
    base = replace(
        base,
        severity=judged.severity,
        evidence=judged.evidence,
        says=judged.verdict.says,
        claims=judged.verdict.claims,
        show=judged.verdict.show,
        do=judged.verdict.do,
        weighed=judged.weighed,
        owner=judged.owner,
        critical=judged.critical,
        judged=now,
        rounds=base.rounds + 1 if base.signal is Signal.PENDING else 0,
        clear_since=None,
    )
    if base.signal is Signal.PENDING:
        return _maybe_open(base, judged.hold, now, fresh=fresh)
    change = Change.CAME_BACK if was_stale else None
    if base.signal is Signal.RECOVERING:
        return replace(base, signal=Signal.OPEN), Change.REOPENED
    return replace(base, signal=Signal.OPEN), change or (Change.UPDATED if old and old.says != base.says else None)


def _new(old: Finding | None, judged: Judged, now: datetime) -> Finding:
    return Finding(
        fingerprint=judged.fingerprint,
        rule=judged.rule,
        subject=judged.subject,
        severity=judged.severity,
        evidence=judged.evidence,
        signal=Signal.PENDING,
        says=judged.verdict.says,
        since=now,
        openings=tuple(at for at in (old.openings if old else ()) if now - at < FLAP_WINDOW),
        known_at_attach=judged.attached,
        said=old.said if old is not None and old.said.holds(now) else UNSAID,
        version=old.version if old else 0,
    )


def _maybe_open(base: Finding, hold: Hold, now: datetime, *, fresh: bool) -> tuple[Finding, Change | None]:
    since = base.since or now
    if now - since < hold.before_open or base.rounds < hold.rounds:
        return base, Change.PENDING if fresh else None
    openings = (*base.openings, now)
    flapping = len(openings) >= FLAP_LIMIT
    opened = replace(base, signal=Signal.OPEN, opened=now, resolved=None, openings=openings, flapping=flapping)
    return opened, Change.FLAPPING if flapping else Change.OPENED


def _meeting(old: Finding, judged: Judged, now: datetime) -> tuple[Finding, Change | None]:
    if old.signal is Signal.PENDING:
        return replace(old, signal=Signal.CLEAR, rounds=0, judged=now), Change.WITHDRAWN
    clear_since = old.clear_since or now
    rounds = old.rounds + 1 if old.signal is Signal.RECOVERING else 1
    hold = max(judged.hold.before_resolved, FLAP_WINDOW) if old.flapping else judged.hold.before_resolved
    quiet = replace(old, signal=Signal.RECOVERING, clear_since=clear_since, judged=now, rounds=rounds)
    if now - clear_since < hold or rounds < judged.hold.rounds:
        return quiet, Change.RECOVERING if old.signal is Signal.OPEN else None
    healed = replace(quiet, signal=Signal.RESOLVED, resolved=now, closed_because="recovered", rounds=0, flapping=False)
    return healed, Change.RESOLVED


def blind_reason(verdict: Verdict) -> Reason | None:
    """Why a verdict is blind, or None."""
    return verdict.reason if verdict.outcome is Outcome.BLIND else None


class Urgency(StrEnum):
    """What a screen asks for."""

    ACT_NOW = "act now"
    FIX = "fix"
    TIDY = "tidy"


def urgency(finding: Finding, *, pages: bool) -> Urgency:
    """Act now: a paging rule that is critical, or high on a critical workflow; fix: other critical and high."""
    if pages and (finding.severity is Severity.CRITICAL or (finding.severity is Severity.HIGH and finding.critical)):
        return Urgency.ACT_NOW
    return Urgency.FIX if finding.severity in (Severity.CRITICAL, Severity.HIGH) else Urgency.TIDY
