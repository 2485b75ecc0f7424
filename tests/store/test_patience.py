"""Who asks a store that does not answer: one at a time, and whoever gives no deadline."""

import threading

import pytest

from agent.store.patience import Line, SilentError, left, within


def test_a_deadline_is_for_all_inside_and_begins_with_the_first_question() -> None:
    assert left() is None
    with within(5.0):
        assert left() == pytest.approx(5.0, abs=1.0)
        with within(100.0):
            assert left() == pytest.approx(100.0, abs=1.0)
        before = left()
        assert before is not None
        assert 0 < (left() or 0) <= before <= 5.0
    with within(0.0):
        assert left() == 0
    assert left() is None


def test_while_a_store_is_silent_one_asks_and_the_others_are_told_at_once() -> None:
    line, told = Line(), list[str]()

    def ask() -> None:
        try:
            with within(5.0), line.turn():
                told.append("asked")
        except SilentError as problem:
            told.append(str(problem))

    def another() -> None:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()

    with within(5.0), line.turn():
        another()
    line.silent()
    with within(5.0), line.turn():
        another()
        with line.turn():
            told.append("nested")
    another()
    line.spoke()
    with within(5.0), line.turn():
        another()
    silent = "the store has not answered, and is being asked"
    assert told == ["asked", silent, "nested", "asked", "asked"]


def test_who_gives_no_deadline_asks_in_any_case() -> None:
    line = Line()
    line.silent()
    with within(5.0), line.turn():
        done = []
        thread = threading.Thread(target=lambda: done.append(line.turn().__enter__()))
        thread.start()
        thread.join()
        assert done == [None]


def test_who_has_no_time_left_asks_nothing() -> None:
    line = Line()
    with within(0.0), pytest.raises(SilentError, match="is over"), line.turn():
        pytest.fail("asked")
