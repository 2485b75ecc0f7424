"""The table of spans against a dictionary: it grows, turns over, and keeps equal keys in the order of arrival."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ingest.table import MOST_EQUAL, Generation, SpanKeys, SpanTable


def keys(numbers: list[int]) -> SpanKeys:
    column = np.array(numbers, np.uint64)
    return SpanKeys(column * np.uint64(7), column, column + np.uint64(1))


def rows(values: list[int]) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    return np.array(values, np.int64).reshape(-1, 1)


@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(0, 300), max_size=900), max_size=12))
def test_a_generation_that_grows_finds_what_a_dictionary_finds(batches: list[list[int]]) -> None:
    table, first, every, number = Generation(20_000, 1, 0.0), {}, {}, 0
    for batch in batches:
        table.add(keys(batch), rows([number + at for at in range(len(batch))]))
        for at, key in enumerate(batch):
            first.setdefault(key, number + at)
            every.setdefault(key, []).append(number + at)
        number += len(batch)
    wanted = list(range(302))
    found = table.find(keys(wanted))
    assert [int(table.data[row, 0]) if row >= 0 else None for row in found] == [first.get(key) for key in wanted]
    query, there = table.find_all(keys(wanted))
    got: dict[int, list[int]] = {}
    for key, row in zip(query.tolist(), there.tolist(), strict=True):
        got.setdefault(key, []).append(int(table.data[row, 0]))
    assert {key: sorted(values) for key, values in got.items()} == every


def test_a_table_holds_no_more_than_two_generations_and_counts_what_it_forgets() -> None:
    table = SpanTable(5_000, 1, 60.0)
    for start in range(0, 20_000, 1_000):
        table.rotate(0.0)
        table.add(keys(list(range(start, start + 1_000))), rows(list(range(1_000))), 0.0)
    assert len(table) <= 10_000
    assert table.evicted == 20_000 - len(table)
    assert table.find(keys([19_999])).hit.all()
    assert not table.find(keys([0])).hit.any()


def test_an_idle_table_is_small() -> None:
    young = Generation(50_000, 17, 0.0)
    assert young.room == 50_000
    assert young.data.nbytes < 300_000


def test_thousands_of_one_key_cost_no_more_than_thousands_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is counted in steps of whole arrays: it must not grow with how many rows have one key."""
    steps: list[int] = []
    same = Generation._same
    monkeypatch.setattr(
        Generation,
        "_same",
        lambda self, rows, keys, queries: steps.append(len(queries)) or same(self, rows, keys, queries),
    )
    work = {}
    for name, numbers in (("one", [7] * 40_000), ("many", list(range(40_000)))):
        steps.clear()
        table = SpanTable(50_000, 1, 60.0)
        for start in range(0, 40_000, 4_000):
            table.add(keys(numbers[start : start + 4_000]), rows(list(range(start, start + 4_000))), 0.0)
        query, found = table.find_all(keys([7, 8]))
        work[name] = sum(steps)
        if name == "one":
            assert table.evicted == 40_000 - MOST_EQUAL, "and what has no room is counted"
            assert query.tolist() == [0] * MOST_EQUAL
            assert found.get(0).tolist() == list(range(MOST_EQUAL)), "the first ones, in the order of arrival"
        else:
            assert table.evicted == 0
            assert found.get(0).tolist() == [7, 8]
    assert max(work.values()) < 4 * 40_000, "each row is looked at a few times, growth included, and not once a row"
