"""Members and partitions as they are shown: what is written is read back, in bounds whatever the size of a group."""

import itertools

import numpy as np
import pytest

from agent.model.facts import Setting
from agent.model.kafka.facts import Fold
from agent.model.kafka.look import Group, Member
from agent.model.kafka.snapshots import (
    MOST_CELLS,
    MOST_TEXT,
    Stands,
    members_of,
    members_text,
    numbers,
    partitions_of,
    partitions_text,
    ranges,
)
from tests.model.kafka.test_fold import look


@pytest.mark.parametrize(
    ("text", "found"), [("", []), ("0", [0]), ("0-3,7", [0, 1, 2, 3, 7]), ("5,9-10", [5, 9, 10]), ("12", [12])]
)
def test_numbers_in_short_are_read_back(text: str, found: list[int]) -> None:
    assert ranges(reversed(found)) == text
    assert numbers(text) == found


def parts(*numbers: int, topic: str = "orders") -> frozenset[tuple[str, int]]:
    return frozenset((topic, number) for number in numbers)


def test_members_are_read_back_with_what_they_have_and_are_to_have() -> None:
    moving = Member("m-1", "billing-1", "i-1", parts(0, 1), parts(0), "/10.0.0.7")
    settled = Member("m-2", "billing-2", None, parts(2) | parts(4, topic="books"), parts(2) | parts(4, topic="books"))
    idle, unsure = Member("m-3", "billing-3", None, parts()), Member("m-4", None)
    text = members_text(Group(members=(moving, settled, idle, unsure)))
    assert text is not None
    assert "m-1" not in text, "the ids of members are left out"
    found = members_of(text)
    assert (found.number, found.idle) == (4, 1)
    one = {member.client: member for member in found.shown}
    assert (one["billing-1"].host, one["billing-1"].instance) == ("10.0.0.7", "i-1")
    assert (one["billing-1"].assigned, one["billing-1"].target) == ({"orders": "0-1"}, {"orders": "0"})
    assert (one["billing-2"].assigned, one["billing-2"].target) == ({"books": "4", "orders": "2"}, None)
    assert (one["billing-3"].assigned, one[""].assigned) == ({}, None)


def test_nobody_is_told_and_unseen_members_are_not() -> None:
    assert members_text(Group()) is None
    text = members_text(Group(members=()))
    assert text is not None
    assert members_of(text).number == 0


def test_members_are_bounded_and_all_are_counted() -> None:
    many = tuple(Member(f"m-{n}", f"client-{n:06}" * 20, None, parts(*range(0, 200, 2))) for n in range(3_000))
    text = members_text(Group(members=(*many, Member("idle", "z", None, parts()))))
    assert text is not None
    assert len(text) < MOST_TEXT + 10_000
    found = members_of(text)
    assert (found.number, found.idle) == (3_001, 1)
    assert 0 < len(found.shown) < 3_000
    assert all(len(one.client) <= 200 for one in found.shown)


def test_partitions_are_read_back_each_with_lag_age_and_share() -> None:
    lag, age = np.array([0, 40, -1]), np.array([0.0, 61.4, np.nan])
    found = partitions_of(partitions_text(Stands(np.arange(3), lag, age, np.array([10, 30, 0]))))
    told = [(cell.number, cell.lag, cell.age, cell.share) for cell in found.cells]
    assert told == [(0, 0, 0, 0.25), (1, 40, 61, 0.75), (2, None, None, 0.0)]
    quiet = partitions_of(partitions_text(Stands(np.arange(3), lag, age, np.zeros(3, dtype=np.int64))))
    assert {cell.share for cell in quiet.cells} == {None}, "a part of nothing is no part"


def test_of_very_many_partitions_those_furthest_behind_are_kept() -> None:
    lag = np.arange(5_000)
    many = Stands(np.arange(5_000), lag, lag.astype(float), lag, lag / 7, lag / 7, lag.astype(float))
    text = partitions_text(many)
    found = partitions_of(text)
    assert (found.number, len(found.cells)) == (5_000, MOST_CELLS)
    assert [cell.number for cell in found.cells] == list(range(4_000, 5_000))
    assert len(text) < 40_000
    same = partitions_text(Stands(np.arange(1_000), np.zeros(1_000, dtype=np.int64), np.zeros(1_000)))
    assert len(same) < 100, "what is the same everywhere is written once"
    assert len(partitions_of(same).cells) == 1_000


def test_partitions_are_told_once_a_minute_while_something_waits_and_once_after_it() -> None:
    fold, told = Fold(), list[int]()
    steps = [([10], [10])] * 3 + [([10 + n], [10]) for n in range(1, 7)] + [([16], [16])] * 4
    for at, (ends, done) in enumerate(steps):
        facts = fold.facts(look(15 * at, ends, done))
        told += [at for fact in facts if isinstance(fact, Setting) and fact.name == "now.on:orders"]
    assert told == [3, 7, 9], "healthy before; at once, a minute later, and when all is read"


def test_partitions_are_told_with_what_is_written_and_read_a_second_and_when_their_commit_went_on() -> None:
    fold, told = Fold(), []
    for at in range(10):
        facts = fold.facts(look(15 * at, [100 + 30 * at, 50], [min(100 + 15 * at, 160), 50]))
        told += [
            partitions_of(str(fact.value)) for fact in facts if isinstance(fact, Setting) and "now.on:" in fact.name
        ]
    first, later, last = told
    assert [(cell.written, cell.read, cell.still) for cell in first.cells] == [(None, None, 0), (None, None, None)]
    assert [(cell.written, cell.read, cell.still) for cell in later.cells] == [(2, 0.75, 15), (0, 0, None)]
    assert [(cell.written, cell.read, cell.still) for cell in last.cells] == [(2, 0, 75), (0, 0, None)]


def test_of_a_group_that_has_caught_up_partitions_are_told_now_and_then_while_it_reads() -> None:
    fold, told = Fold(), []
    ends = [10, 10, *range(11, 60), *[60] * 60]  # written to and read at once but for the second look; then nothing
    for at, end in enumerate(ends):
        done = 5 if at == 1 else end
        facts = fold.facts(look(15 * at, [end], [max(done, 5)]))
        told += [at for fact in facts if isinstance(fact, Setting) and fact.name == "now.on:orders"]
    assert told[:2] == [1, 2], "behind, and all read"
    assert [later - before for before, later in itertools.pairwise(told[1:])][:2] == [20, 20], "each five minutes"
    assert told[-1] < 75, "nothing is told while nothing moves"
