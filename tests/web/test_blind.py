"""Why something cannot be judged: what ends by itself before what does not, and cures of one kind in one row."""

from agent.model.seam import SubjectRef
from agent.model.verdict import Reason
from agent.store.verdicts import BlindCause
from agent.web.blind import gaps
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
