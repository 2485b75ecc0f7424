"""Members and partitions as a card, of few partitions and of many; and what is not seen is said."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.model.kafka.now import GroupNow, MemberNow, PartitionNow
from agent.web.members import CELLS, FEW, ROWS, card

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def group(*parts: PartitionNow, members: tuple[MemberNow, ...] | None = (), **more: object) -> GroupNow:
    return GroupNow(NOON, "classic", "Stable", 1, members, parts, **more)  # type: ignore[arg-type]


def part(number: int, lag: int | None = 0, age: float | None = 0.0, **more: object) -> PartitionNow:
    return PartitionNow(number, lag, age, **more)  # type: ignore[arg-type]


def test_a_partition_that_nobody_reads_while_messages_wait_stands_out_and_its_twins_do_not() -> None:
    stands = part(0, 50, 300.0, moved=NOON - timedelta(minutes=4), written=3.0, read=0.0)
    moves = part(1, 50, 300.0, moved=NOON - timedelta(seconds=20))
    caught_up = part(2, 0, 0.0, moved=NOON - timedelta(hours=3))
    fresh = part(3, 50, 40.0)
    unseen = part(4, None, None)
    rows = card(group(stands, moves, caught_up, fresh, unseen), NOON).rows
    assert [row.mark for row in rows] == ["page", "good", "good", "good", "na"]
    assert (rows[0].written, rows[0].read, rows[0].behind, rows[0].commit) == ("3/s", "none", "50, 5 min", "11:56:00")
    assert (rows[4].written, rows[4].behind, rows[4].commit) == ("not seen", "not seen", "not seen")


@pytest.mark.parametrize(
    ("count", "rows", "cells"), [(1, 1, 0), (6, 6, 0), (24, 24, 24), (60, FEW, 60), (1_000, FEW, 200)]
)
def test_of_many_partitions_the_furthest_behind_are_told_and_all_are_in_the_strip(
    count: int, rows: int, cells: int
) -> None:
    found = card(group(*(part(number, number, float(number * 10)) for number in range(count))), NOON)
    assert (len(found.rows), len(found.cells), found.total) == (rows, cells, count)
    assert len(found.cells) <= CELLS
    assert found.rows[-1].partition == count - 1
    if count > ROWS:
        assert found.foot[0] == f"The {FEW} furthest behind of {count:,} partitions."
        assert found.cells[-1].heat >= 2
        assert found.cells[0].heat <= 1
        assert f"the furthest is {count - 1}" in found.says


def test_a_calm_strip_says_so() -> None:
    found = card(group(*(part(number, 5, 2.0) for number in range(9))), NOON)
    assert found.says == "9 partitions, none over 1 min behind."
    assert {cell.heat for cell in found.cells} == {1}


def test_who_reads_is_said_and_who_is_not_shown_why() -> None:
    members = MemberNow("a", (0,), (0, 1)), MemberNow("b", static=True)
    found = card(group(part(0, member="a"), part(1), members=members), NOON)
    assert found.note == "1 of 2 members reading, classic"
    assert [row.member for row in found.rows] == ["a", "nobody"]
    assert found.foot == (
        "The coordinator is moving partitions of 1 member right now.",
        "1 member is static: its partitions stay with it until the session ends.",
        "The group is stable. Its coordinator is broker 1.",
    )
    hidden = card(group(part(0), members=None, refused="the right Describe Group is missing"), NOON)
    assert hidden.note == "not shown"
    assert hidden.rows[0].member == "not seen"
    assert "the right Describe Group is missing" in hidden.foot[0]
    assert card(group(part(0)), NOON).note == "no members, classic"
