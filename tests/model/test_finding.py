"""The life of a finding: every state, every clock, and that a restart at any tick changes nothing."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from agent.model.finding import FLAP_WINDOW, Change, Disposition, Finding, Judged, Said, Signal, close, step
from agent.model.rule import GOVERNANCE, HARM, LAG, SLOW, Hold
from agent.model.seam import SubjectRef, fingerprint
from agent.model.verdict import Evidence, Outcome, Reason, Severity, Verdict
from agent.store.codec import dumps, finding_of

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REF = SubjectRef("group", "c/g", (("topic", "c/t"),))
FAILS, MEETS = Verdict(Outcome.FAILS, "bad"), Verdict(Outcome.MEETS, "good")
BLIND = Verdict(Outcome.BLIND, "dark", reason=Reason.NOT_SENT)
MINUTE = timedelta(minutes=1)


def judged(verdict: Verdict, hold: Hold = SLOW) -> Judged:
    return Judged(fingerprint("X", REF), "X", REF, Severity.HIGH, Evidence.OBSERVED, hold, verdict)


def live(verdicts: list[Verdict], hold: Hold, every: timedelta = MINUTE) -> tuple[Finding | None, list[Change]]:
    """Step through verdicts; each step goes through the store's form, as a restart would."""
    finding: Finding | None = None
    changes = []
    for number, verdict in enumerate(verdicts):
        finding, change = step(finding, judged(verdict, hold), NOON + number * every)
        finding = finding_of(dumps(finding)) if finding else None
        changes += [change] if change else []
    return finding, changes


def test_harm_opens_at_once_and_stays_a_day() -> None:
    finding, changes = live([FAILS, MEETS], HARM)
    assert changes == [Change.OPENED, Change.RECOVERING]
    finding, changes = live([FAILS] + [MEETS] * 26, HARM, timedelta(hours=1))
    assert changes == [Change.OPENED, Change.RECOVERING, Change.RESOLVED]
    assert finding is not None
    assert finding.signal is Signal.RESOLVED


def test_it_waits_before_it_opens_and_a_short_trouble_is_withdrawn() -> None:
    _, changes = live([FAILS] * 5 + [MEETS], SLOW)
    assert changes == [Change.PENDING, Change.WITHDRAWN]
    finding, changes = live([FAILS] * 12, SLOW)
    assert changes == [Change.PENDING, Change.OPENED]
    assert finding is not None
    assert finding.opened == NOON + 10 * MINUTE


def test_governance_takes_two_rounds_each_way() -> None:
    finding, changes = live([FAILS], GOVERNANCE)
    assert changes == [Change.PENDING]
    finding, changes = live([FAILS, FAILS, MEETS], GOVERNANCE)
    assert finding is not None
    assert (finding.signal, changes) == (Signal.RECOVERING, [Change.PENDING, Change.OPENED, Change.RECOVERING])
    finding, _ = live([FAILS, FAILS, MEETS, MEETS], GOVERNANCE)
    assert finding is not None
    assert finding.signal is Signal.RESOLVED


def test_blind_freezes_every_clock_and_never_resolves() -> None:
    finding, changes = live([FAILS, MEETS] + [BLIND] * 600, LAG)
    assert finding is not None
    assert finding.signal is Signal.STALE
    assert changes == [Change.OPENED, Change.RECOVERING, Change.WENT_STALE]
    finding, changes = live([FAILS] + [MEETS] * 5 + [BLIND] * 60 + [MEETS] * 3, LAG)
    assert finding is not None
    assert finding.signal is Signal.RECOVERING  # five minutes and three are not ten
    finding, _ = live([FAILS] + [MEETS] * 5 + [BLIND] * 60 + [MEETS] * 9, LAG)
    assert finding is not None
    assert finding.signal is Signal.RESOLVED


def test_a_pending_one_that_goes_blind_has_not_waited_meanwhile() -> None:
    finding, _ = live([FAILS] * 3 + [BLIND] * 60 + [FAILS] * 3, SLOW)
    assert finding is not None
    assert finding.signal is Signal.PENDING


def test_flapping_is_told_once_and_held_open_until_it_is_quiet() -> None:
    again = [FAILS] + [MEETS] * 11
    finding, changes = live(again * 3 + [MEETS] * 60, LAG)
    assert finding is not None
    assert finding.flapping
    assert changes.count(Change.FLAPPING) == 1
    assert finding.signal is Signal.RECOVERING
    finding, changes = live(again * 3 + [MEETS] * int(FLAP_WINDOW / MINUTE), LAG)
    assert finding is not None
    assert (finding.signal, finding.flapping) == (Signal.RESOLVED, False)


def test_it_closes_when_its_subject_is_gone_or_the_rule_no_longer_applies() -> None:
    finding, _ = live([FAILS], HARM)
    assert finding is not None
    closed, change = close(finding, NOON, "gone")
    assert (closed.signal, closed.closed_because, change) == (Signal.RESOLVED, "gone", Change.CLOSED)
    other, change = step(finding, judged(Verdict(Outcome.NOT_APPLICABLE, "no")), NOON)
    assert other is not None
    assert (other.signal, change) == (Signal.RESOLVED, Change.CLOSED)


def test_a_waiver_outlives_a_recovery_until_it_ends() -> None:
    finding, _ = live([FAILS], HARM)
    assert finding is not None
    waived = replace(finding, said=Said(Disposition.WAIVED, "me", "why", NOON, NOON + timedelta(days=10)))
    gone, _ = close(waived, NOON, "gone")
    back, _ = step(gone, judged(FAILS, HARM), NOON + timedelta(days=5))
    assert back is not None
    assert back.said.disposition is Disposition.WAIVED
    late, _ = step(gone, judged(FAILS, HARM), NOON + timedelta(days=11))
    assert late is not None
    assert late.said.disposition is Disposition.NONE


@pytest.mark.parametrize("outcome", [MEETS, BLIND])
def test_nothing_that_never_failed_becomes_a_finding(outcome: Verdict) -> None:
    assert live([outcome] * 5, HARM) == (None, [])


def test_the_fingerprint_is_the_contract_s() -> None:
    lines = "IDM-01\ngroup:c/g\ntopic=c/t"

    assert fingerprint("IDM-01", REF) == hashlib.sha256(lines.encode()).hexdigest()[:20]


def test_a_finding_that_was_kept_before_steps_were_is_read_without_any() -> None:
    new, _ = step(None, judged(FAILS), NOON)
    assert new is not None
    row = orjson.loads(dumps(new))
    del row["do"]
    assert finding_of(orjson.dumps(row).decode()).do == ()
