"""A round's verdicts are written as they come, on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agent.model import seam
from agent.model.seam import SubjectRef
from agent.model.verdict import Outcome, Verdict
from agent.store.store import Store, open_store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MANY = 1_200
FINE, BAD = Verdict(Outcome.MEETS, "fine"), Verdict(Outcome.FAILS, "bad")

Row = tuple[str, SubjectRef, Verdict]


def subject(number: int) -> SubjectRef:
    return seam.publishes(seam.service(f"s{number}"), seam.topic("t", "c")).subject


def said(store: Store) -> dict[SubjectRef, str]:
    return {row.subject: row.verdict.says for row in store.verdicts(rule="R")}


def test_few_verdicts_of_a_round_are_held_at_a_time(store: Store) -> None:
    there: list[int] = []

    def judged() -> Iterator[Row]:
        for number in range(MANY):
            if number % 400 == 0:
                there.append(len(store.verdicts(rule="R")))
            yield "R", subject(number), FINE

    store.save_verdicts(NOON, judged())
    assert there == [0, 0, 500]
    assert len(said(store)) == MANY
    assert store.verdict_counts() == {("R", Outcome.MEETS): MANY}


def test_a_round_that_breaks_off_is_made_whole_by_the_next(store: Store) -> None:
    def broken() -> Iterator[Row]:
        for number in range(MANY):
            if number == 900:
                raise OSError
            yield "R", subject(number), BAD

    store.save_verdicts(NOON, [("R", subject(number), FINE) for number in range(MANY)])
    with pytest.raises(OSError):  # noqa: PT011  # raised above, without words
        store.save_verdicts(NOON + MINUTE, broken())
    told = said(store)
    assert (len(told), set(told.values())) == (MANY, {"fine", "bad"})
    assert store.verdict_counts() == {("R", Outcome.MEETS): MANY}, "counts are those of the last whole round"
    store.save_verdicts(NOON + 2 * MINUTE, [("R", subject(number), FINE) for number in range(1_000)])
    assert said(store) == {subject(number): "fine" for number in range(1_000)}


def test_two_that_write_rounds_at_once_leave_the_store_to_the_next_whole_one(store: Store, url: str) -> None:
    other = open_store(url)

    def meanwhile() -> Iterator[Row]:
        for number in range(MANY):
            if number == 800:
                other.save_verdicts(NOON, [("R", subject(number), BAD) for number in range(3)])
            yield "R", subject(number), FINE

    store.save_verdicts(NOON, meanwhile())
    other.close()
    store.save_verdicts(NOON + MINUTE, [("R", subject(number), FINE) for number in range(MANY)])
    assert said(store) == {subject(number): "fine" for number in range(MANY)}
