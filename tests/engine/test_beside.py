"""What is read beside its readers: who waits, who shares, and what a failing store does."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from agent.engine import beside as room
from agent.engine.beside import Beside
from agent.store.patience import SilentError, left, within

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Source:
    """Counts its readings; may be slow, and may fail."""

    def __init__(self) -> None:
        self.now = NOON
        self.readings = 0
        self.fails = False
        self.go = threading.Event()
        self.go.set()

    def clock(self) -> datetime:
        return self.now

    def read(self) -> int:
        self.go.wait(5)
        if self.fails:
            raise OperationalError("SELECT 1", {}, Exception("gone"))
        self.readings += 1
        return self.readings


def wait_for(beside: Beside[int], value: int) -> None:
    deadline = time.monotonic() + 5
    while shown(beside) != value and time.monotonic() < deadline:
        time.sleep(0.005)
    assert beside.look() == value


def shown(beside: Beside[int]) -> int | None:
    try:
        return beside.look()
    except SilentError:
        return None


def test_a_look_takes_what_is_kept_and_has_it_read_anew_beside_it() -> None:
    source = Source()
    beside = Beside(source.read, source.clock, "test")
    assert [beside.look(), beside.look()] == [1, 1]
    source.go.clear()
    source.now += timedelta(seconds=30)
    assert [beside.look(), beside.look()] == [1, 1]  # nobody waits, and one reading is under way
    source.go.set()
    wait_for(beside, 2)
    assert source.readings == 2


def test_only_what_is_stale_is_waited_for_and_a_change_is_seen_at_once() -> None:
    source = Source()
    beside = Beside(source.read, source.clock, "test")
    assert beside.look() == 1
    source.now += timedelta(minutes=3)
    assert beside.look() == 2
    beside.forget()
    assert beside.look() == 3


def test_a_store_that_fails_is_told_to_who_must_wait_and_to_nobody_else() -> None:
    source = Source()
    beside = Beside(source.read, source.clock, "test")
    assert beside.look() == 1
    source.fails = True
    source.now += timedelta(seconds=30)
    assert beside.look() == 1
    source.now += timedelta(minutes=3)
    with pytest.raises(OperationalError):
        beside.look()


def test_what_does_not_answer_is_known_until_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    beside = Beside(source.read, source.clock, "test")
    assert (beside.look(), beside.unanswered) == (1, False)
    source.fails = True
    source.now += timedelta(seconds=30)
    assert beside.look() == 1
    deadline = time.monotonic() + 5
    while not beside.unanswered and time.monotonic() < deadline:
        time.sleep(0.005)
    assert beside.unanswered
    source.fails = False
    wait_for(beside, 2)
    assert not beside.unanswered
    source.go.clear()  # now it neither answers nor fails
    monkeypatch.setattr(room, "LOOK_SECONDS", 0.05)
    source.now += timedelta(seconds=30)
    assert beside.look() == 2
    time.sleep(0.1)
    assert beside.unanswered
    source.go.set()
    wait_for(beside, 3)
    assert not beside.unanswered


def test_what_was_forgotten_while_it_was_read_is_not_kept() -> None:
    source = Source()
    beside = Beside(source.read, source.clock, "test")
    source.go.clear()
    first = threading.Thread(target=beside.refresh)
    first.start()
    while beside._under_way is None:
        time.sleep(0.001)
    beside.forget()
    source.go.set()
    first.join()
    assert beside.look() == 2


def test_a_look_waits_a_while_for_a_reading_then_all_are_told_at_once_and_the_next_one_shows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "LOOK_SECONDS", 0.2)
    source = Source()
    source.go.clear()
    beside = Beside(source.read, source.clock, "test")
    for _ in range(100):
        with pytest.raises(SilentError, match="the test is being read, and that takes long"):
            beside.look()
    source.go.set()
    wait_for(beside, 1)
    assert source.readings == 1, "a hundred looks began one reading"


def test_who_has_less_time_waits_less_and_the_reading_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOOK_SECONDS", 60.0)
    source = Source()
    source.go.clear()
    beside = Beside(source.read, source.clock, "test")
    with within(0.1), pytest.raises(SilentError):
        beside.look()
    source.go.set()
    wait_for(beside, 1)
    assert source.readings == 1


def test_a_reading_has_a_deadline_of_its_own() -> None:
    beside = Beside(left, Source().clock, "test")
    with within(1.0):
        found = beside.look()
    assert found is not None
    assert found > room.LOOK_SECONDS


def test_those_who_wait_for_one_reading_are_told_of_its_failure_together() -> None:
    source = Source()
    source.go.clear()
    source.fails = True
    beside = Beside(source.read, source.clock, "test")
    with ThreadPoolExecutor(20) as pool:
        looks = [pool.submit(beside.look) for _ in range(20)]
        source.go.set()
        assert {type(look.exception(10)) for look in looks} == {OperationalError}
    source.fails = False
    assert beside.look() == 1
