"""The agent's clock: what a step of the clock on the wall changes, and when."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.app.clock import HOLD, SURE, Clock

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))


class Machine:
    """Two clocks that a test moves; the agent looks at them every minute, as it does every few seconds."""

    def __init__(self) -> None:
        self.wall, self.steady = NOON.timestamp(), 5_000.0
        self.clock = Clock(lambda: self.wall, lambda: self.steady)
        self.true = NOON

    def wait(self, span: timedelta, *, drift: float = 1.0) -> None:
        for _ in range(int(span / MINUTE)):
            self.steady += 60.0
            self.wall += 60.0 * drift
            self.true += MINUTE
            self.clock.now()

    def jump(self, by: timedelta) -> None:
        self.wall += by.total_seconds()

    @property
    def off(self) -> timedelta:
        """How far what is believed is from the true time."""
        return self.clock.now() - self.true


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.mark.parametrize("by", [2 * HOUR, 40 * DAY, 500 * DAY, -2 * HOUR, -3 * DAY])
def test_a_jump_and_back_changes_nothing(machine: Machine, by: timedelta) -> None:
    machine.wait(10 * MINUTE)
    machine.jump(by)
    machine.wait(HOLD - 2 * MINUTE)
    assert machine.off == timedelta(0)
    assert machine.clock.sure() == machine.true
    assert "The clock of this machine jumped" in machine.clock.doubt()
    machine.jump(-by)
    assert machine.off == timedelta(0)
    assert machine.clock.doubt() == ""
    machine.wait(2 * HOLD)
    assert (machine.off, machine.clock.sure()) == (timedelta(0), machine.true)


@pytest.mark.parametrize("by", [4 * MINUTE, -4 * MINUTE])
def test_what_a_clock_is_set_by_is_followed_at_once(machine: Machine, by: timedelta) -> None:
    machine.jump(by)
    assert (machine.off, machine.clock.doubt()) == (by, "")


def test_a_clock_that_runs_fast_is_no_jump(machine: Machine) -> None:
    machine.wait(2 * DAY, drift=1.001)
    assert timedelta(minutes=2) < machine.off < timedelta(minutes=4)
    assert (machine.clock.sure(), machine.clock.doubt()) == (machine.clock.now(), "")


def test_a_jump_that_stays_is_believed_and_deletes_nothing_for_a_day(machine: Machine) -> None:
    machine.jump(40 * DAY)
    machine.wait(HOLD + MINUTE)
    assert machine.off == 40 * DAY
    assert machine.clock.sure() == machine.true
    machine.wait(SURE - HOUR)
    assert machine.clock.sure() == machine.true
    machine.wait(2 * HOUR)
    assert machine.clock.sure() == machine.clock.now()


def test_a_jump_that_was_believed_and_goes_back_has_deleted_nothing(machine: Machine) -> None:
    machine.jump(500 * DAY)
    machine.wait(6 * HOUR)
    machine.jump(-500 * DAY)
    machine.wait(HOLD + MINUTE)
    assert (machine.off, machine.clock.sure()) == (timedelta(0), machine.true)
    machine.wait(2 * DAY)
    assert machine.clock.sure() == machine.true


def test_a_step_back_that_stays_is_believed_and_deletes_by_the_earlier_time(machine: Machine) -> None:
    machine.jump(-3 * DAY)
    machine.wait(HOLD + MINUTE)
    assert machine.off == -3 * DAY
    assert machine.clock.sure() == machine.clock.now()


def test_a_clock_that_jumps_about_is_never_believed(machine: Machine) -> None:
    for number in range(20):
        machine.jump((HOUR, -2 * HOUR, 3 * HOUR)[number % 3])
        machine.wait(HOLD / 3)
        assert machine.off == timedelta(0)


@pytest.mark.parametrize(("away", "kept"), [(HOUR, False), (3 * DAY, True), (500 * DAY, True)])
def test_after_a_long_silence_nothing_is_deleted_for_a_day(machine: Machine, away: timedelta, kept: bool) -> None:
    machine.clock.since(NOON - away)
    assert (machine.clock.sure() == NOON - away) is kept
    machine.wait(SURE + MINUTE)
    assert machine.clock.sure() == machine.true


def test_a_store_that_was_last_used_in_the_future_is_no_reason_to_wait(machine: Machine) -> None:
    machine.clock.since(NOON + 40 * DAY)
    assert machine.clock.sure() == NOON
