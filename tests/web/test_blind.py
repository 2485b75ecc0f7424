"""Why something cannot be judged: what ends by itself before what does not, and cures of one kind in one row."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent.model.seam import SubjectRef, consumes, group, topic
from agent.model.verdict import OnlyIf, Outcome, Reason, Verdict, fails_when
from agent.store.findings import VerdictRow
from agent.store.store import SeamRow
from agent.store.verdicts import BlindCause
from agent.web.blind import ASKED, gaps, unasked, unjudged
from agent.web.overview import Overview, SeamView
from agent.web.views import asked_for
from agent.web.words import plain
from tests.web.test_site import RULES

BY_ID = {rule.id: rule for rule in RULES}


def cause(name: str, number: int, learn: str) -> BlindCause:
    return BlindCause("IDM-03", Reason.LEARNING, learn, "records looked at", number, (SubjectRef("topic", name),))


def test_one_thing_that_is_missing_of_many_subjects_is_one_row_with_their_number_and_names() -> None:
    [gap] = gaps([cause(f"prod/t{n}", 1, f"wait: {n} records of it were looked at so far") for n in range(5)], BY_ID)
    assert (gap.number, gap.subjects) == (5, ("t0", "t1", "t2"))
    assert gap.learn == "wait: 0 records of it were looked at so far; and likewise for 4 more"


def test_what_is_missing_is_told_without_what_python_calls_it() -> None:
    assert plain("lag: None, fails when >= 300.0") == "lag: not seen, fails when at least 300"
    assert plain("is it so: False, fails when == True") == "is it so: no, fails when yes"
    assert plain("s: 1,680.0, needs <= 600.05") == "s: 1,680, needs at most 600.05"
    assert plain("Kafka 4.0 needs 4.0.1") == "Kafka 4.0 needs 4.0.1"


def test_of_two_reasons_the_one_that_ends_by_itself_is_told() -> None:
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    key = consumes(topic("orders", "c"), group("billing", "c"))
    row = SeamRow(key, at, at, {}, (1,))
    seam = SeamView(row, key, "orders → billing", (), "event", "blind", (), 0, 2, (key.subject,))
    never = Verdict(Outcome.BLIND, "No.", reason=Reason.NOT_SENT, missing=("spans",), learn=("send spans",))
    soon = Verdict(Outcome.BLIND, "Not yet.", reason=Reason.LEARNING, missing=("samples: 3",), learn=("wait",))
    rows = [
        VerdictRow("IDM-01", key.subject, Outcome.BLIND, never, at),
        VerdictRow("LAG-01", key.subject, Outcome.BLIND, soon, at + timedelta(minutes=1)),
    ]
    [told] = unjudged(Overview(at, (seam,), (), {"blind": 1}, None), rows, BY_ID)
    assert (told.why, told.learn) == ("samples: 3", "wait")


def test_a_topic_to_which_a_rule_does_not_apply_anyway_is_not_said_to_be_not_asked_for() -> None:
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    own = OnlyIf("a topic of somebody's own (it is internal by its name)", False)
    asked = OnlyIf(f"{ASKED}: only where `sample` names it", False, "sample: [x]")
    rows = [
        VerdictRow("IDM-03", SubjectRef("topic", name), Outcome.NOT_APPLICABLE, fails_when(*parts, says=""), at)
        for name, parts in (("c/__consumer_offsets", (own, asked)), ("c/orders", (replace(own, saw=True), asked)))
    ]
    assert [asked_for(row) for row in rows] == [False, True]
    [gap] = unasked((BY_ID["IDM-03"], row) for row in rows)
    assert (gap.number, gap.subjects) == (1, ("orders",))
