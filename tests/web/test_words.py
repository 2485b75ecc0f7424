"""What the pages say: numbers, conditions, how near, why not, and which witness saw it."""

from datetime import UTC, datetime, timedelta

import pytest

import rules
from agent.engine.catalogue import discover
from agent.model.facts import Exemplar, ExemplarKind
from agent.model.finding import Finding, Signal
from agent.model.seam import Component, SeamKey, SubjectRef
from agent.model.verdict import Claim, Evidence, Outcome, Reason, Severity, Verdict
from agent.store.findings import VerdictRow
from agent.store.store import SeamRow
from agent.store.verdicts import BlindCause
from agent.web import prose, thresholds, told, verdicts, words
from agent.web.blind import gaps, unjudged
from agent.web.near import nearest
from agent.web.overview import FindingView, Overview, SeamView, subjects_of
from agent.web.status import CollectorStatus, Status
from agent.web.views import proof
from agent.web.witness import Seen, differ

NOW = datetime(2026, 11, 30, 15, tzinfo=UTC)
RULES = {rule.id: rule for rule in discover(rules)}
READS = SeamKey("consumes", Component("topic", "prod/orders"), Component("group", "prod/billing"))
GROUP = SubjectRef("group", "prod/billing", (("topic", "prod/orders"),))


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(0, "at once"), (45, "45 s"), (900, "15 min"), (4200, "1 h 10 min"), (86_460, "1 d"), (604_800, "7 d")],
)
def test_a_length_of_time_has_at_most_two_units(seconds: float, says: str) -> None:
    assert words.span(timedelta(seconds=seconds)) == says


def test_conditions_are_words_and_long_numbers_are_cut() -> None:
    assert words.plain("gap, s: 1,018.2585480213165, needs <= 180.0") == "gap, s: 1,018.2585, needs at most 180"
    assert words.condition(">=", 1000) == "at least 1,000"
    assert words.condition("==", False) == "no"
    assert words.condition("!=", True) == "no"


def test_a_share_that_is_not_nothing_is_never_told_as_nothing() -> None:
    assert words.share(1, 1_000_000) == "under 0.01%"
    assert words.share(0, 10) == "0%"
    assert words.share(3, 0) == ""


def row(outcome: Outcome, *claims: Claim, rule: str = "LAG-01", subject: SubjectRef = GROUP) -> VerdictRow:
    return VerdictRow(rule, subject, outcome, Verdict(outcome, "It is so.", claims), NOW)


def test_the_nearest_verdict_is_as_far_as_its_furthest_claim_on_its_nearest_path() -> None:
    close, far = Claim("age", 79, ">", 100, path="fast"), Claim("rise", 1, ">", 100, path="fast")
    other = Claim("growth", 30, ">", 60, path="slow")
    [near] = nearest([row(Outcome.MEETS, close, far, other)], 5)
    assert (near.percent, near.claim) == (50, other)
    [near] = nearest([row(Outcome.MEETS, close)], 5)
    assert near.percent == 79


def test_what_was_not_seen_or_already_fails_is_never_called_close() -> None:
    unseen = row(Outcome.MEETS, Claim("age", None, ">", 100))
    fails = row(Outcome.FAILS, Claim("age", 200, ">", 100))
    zero = row(Outcome.MEETS, Claim("repeats", 0, ">=", 1))
    assert nearest([unseen, fails, zero], 5) == []


def test_a_lower_bound_is_nearer_the_smaller_it_gets() -> None:
    [near] = nearest([row(Outcome.MEETS, Claim("members", 4, "<", 3))], 5)
    assert near.percent == 75


def seam(mark: str, key: SeamKey = READS, pending: int = 0) -> SeamView:
    stored = SeamRow(key, NOW - timedelta(days=3), NOW, {}, (7,))
    return SeamView(stored, key, "orders → billing", (), "event", mark, (), 0, 1, subjects_of(key), pending)


def overview(*seams: SeamView, findings: tuple[FindingView, ...] = ()) -> Overview:
    counts = {mark: sum(1 for view in seams if view.mark == mark) for mark in ("page", "good", "blind")}
    return Overview(NOW, seams, findings, counts, None)


def blind(rule: str, missing: str, *learn: str) -> VerdictRow:
    verdict = Verdict(Outcome.BLIND, "Unknown.", reason=Reason.NOT_SENT, missing=(missing,), learn=learn)
    return VerdictRow(rule, GROUP, Outcome.BLIND, verdict, NOW - timedelta(days=1))


def test_an_unjudged_seam_says_what_a_stable_rule_misses_before_a_preview() -> None:
    rows = [blind("IDM-02", "writes"), blind("LAG-01", "samples: 4, needs >= 20")]
    [found] = unjudged(overview(seam("blind"), seam("good")), rows, RULES)
    assert (found.why, found.since) == ("samples: 4, needs at least 20", NOW - timedelta(days=1))
    [found] = unjudged(overview(seam("blind")), rows[:1], RULES)
    assert found.why == "writes"
    [found] = unjudged(overview(seam("blind")), [], RULES)
    assert found.why == "no round has looked at it yet"
    [found] = unjudged(overview(seam("blind", pending=1)), [], RULES)
    assert found.why == "a rule fails on it and waits to be sure"
    assert unjudged(overview(seam("na"), seam("good")), [], RULES) == []


def test_a_gap_says_in_words_what_is_missing_on_whom_and_what_to_do() -> None:
    causes = [
        BlindCause("IDM-01", Reason.NOT_SENT, "", "identity", 1, (GROUP,)),
        BlindCause("LAG-01", Reason.LEARNING, "", "samples", 5, (GROUP, GROUP, GROUP)),
        BlindCause("GONE-9", Reason.NO_RIGHT, "grant it", "topics", 1, (GROUP,)),
    ]
    first, second, gone = gaps(causes, RULES)
    assert (first.name, first.reason, first.learn, first.number) == ("duplicate-effect", "not sent to us", "", 1)
    assert first.subjects == (words.subject_name(GROUP),)
    assert (second.missing, second.number, len(second.subjects)) == ("samples", 5, 3)
    assert second.learn.startswith("nothing to do")
    assert (gone.name, gone.learn) == ("GONE-9", "grant it")


def source(state: str, last: datetime | None) -> CollectorStatus:
    return CollectorStatus("otlp", "Traces", state, last, 5, 1.0, {}, {}, "", "")


def test_a_silent_source_is_named_before_any_seam_and_a_recording_never_is() -> None:
    calm = overview(seam("good"), seam("good"))
    speaks = Status("1", NOW - timedelta(hours=1), collectors=(source("fresh", NOW),))
    assert verdicts.verdict(calm, speaks, NOW) == "All 2 seams we can judge are healthy"
    silent = Status("1", NOW - timedelta(hours=1), collectors=(source("fresh", NOW - timedelta(minutes=6)),))
    assert verdicts.verdict(calm, silent, NOW) == (
        "Traces has been silent for 6 min; all 2 seams we can judge are healthy"
    )
    never = Status("1", NOW - timedelta(minutes=9), collectors=(source("waiting", None), source("fresh", NOW)))
    assert verdicts.blindness(never, NOW) == "Traces has not spoken for 9 min"
    starting = Status("1", NOW - timedelta(minutes=1), collectors=(source("waiting", None),))
    replayed = Status("1", NOW - timedelta(days=1), collectors=(source("replayed", NOW - timedelta(hours=9)),))
    assert verdicts.blindness(starting, NOW) == verdicts.blindness(replayed, NOW) == ""


def finding(signal: Signal, subject: SubjectRef = GROUP) -> FindingView:
    found = Finding(
        "f" * 20,
        "LAG-01",
        subject,
        Severity.HIGH,
        Evidence.OBSERVED,
        signal,
        "billing is late.",
        opened=NOW - timedelta(hours=2),
        resolved=NOW - timedelta(hours=1) if signal is Signal.RESOLVED else None,
        stale_since=NOW - timedelta(minutes=9) if signal is Signal.STALE else None,
    )
    return FindingView(found, RULES["LAG-01"], "page", "orders → billing", quiet=False)


def test_what_is_over_or_unseen_is_not_told_as_if_it_went_on() -> None:
    assert verdicts.of_finding(finding(Signal.OPEN), NOW) == "billing is late"
    assert verdicts.of_finding(finding(Signal.RESOLVED), NOW) == "Resolved 1 h ago: billing is late"
    assert verdicts.of_finding(finding(Signal.STALE), NOW) == "Not seen for 9 min: billing is late"


def test_a_finding_on_no_seam_is_not_counted_as_one() -> None:
    workflow = finding(Signal.OPEN, SubjectRef("workflow", "order-to-cash"))
    assert verdicts.headline(overview(seam("good"), findings=(workflow,))) == "1 finding needs a person now"


def seen(read: float | None, crossed: int) -> Seen:
    return Seen(timedelta(hours=1), crossed, 0, 0, 0, 0, crossed, read, read, None, None, 3600.0)


def test_two_witnesses_are_compared_only_where_both_saw() -> None:
    assert differ(seen(None, 50)) == differ(seen(50, 0)) == ""
    assert differ(seen(100, 99)) == "Broker and traces agree on what was read."
    assert differ(seen(1000, 10)).startswith("Traces show 1% of what the broker counts as read")
    assert differ(seen(100, 200)).startswith("Traces count 2.0 times")


def test_a_threshold_comes_with_the_reason_that_stands_beside_it() -> None:
    found = {one.name: one for one in thresholds.thresholds(RULES["LAG-01"])}
    assert found["age"].value == 90.0
    assert found["age"].why.startswith("s; younger")
    above = {one.name: one for one in thresholds.thresholds(RULES["SCH-04"])}
    assert above["writers"].why.startswith("owners that write one table")


@pytest.mark.parametrize("rule", RULES)
def test_a_rules_page_tells_stories_of_each_outcome_first(rule: str) -> None:
    first, more = told.few(RULES[rule])
    assert {"fails", "meets", "blind"} <= {story.outcome for story in first}
    assert len(first) + len(more) == len(told.told(RULES[rule]))


def test_a_list_of_what_to_do_is_steps_and_a_text_stays_a_text() -> None:
    assert prose.steps("1. Stop `it`.\n2. Start\n   again.").count("<li>") == 2
    assert "<code>it</code>" in prose.steps("1. Stop `it`.\n2. Start.")
    assert "<ol" not in prose.steps("Only a text, 1. with a number.")
    assert "<script>" not in prose.steps("1. <script>\n2. *<b>*")


def test_a_claim_says_whether_it_is_so_and_not_twice_what_it_is() -> None:
    told = [words.holds(Claim("owner missing", saw, "==", True)) for saw in (True, False, None)]
    assert told == ["holds", "does not hold", "not seen"]
    assert Claim("owner missing", True, "==", True, path="owner missing").way == ""
    assert Claim("lag", 9, ">", 1, path="fast").way == "fast"


def test_what_was_slow_is_listed_from_the_slowest_after_what_went_wrong() -> None:
    def of(kind: ExemplarKind, note: str) -> Exemplar:
        return Exemplar(kind, "a" * 32, "b" * 16, NOW, note)

    slow = [of(ExemplarKind.SLOWEST, note) for note in ("51313.2 ms", "74,434.8 ms", "9.5 ms", "")]
    error = of(ExemplarKind.ERROR, "")
    told = [words.kept(one) for one in proof([*slow, error])]
    assert told == ["no detail is kept", "74.4 s", "51.3 s", "10 ms", "no detail is kept"]
    assert proof([*slow, error])[0] is error
