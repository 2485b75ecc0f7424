"""What is not written again because it did not change is there all the same when a rule reads it."""

from agent.engine.held import MOST, held
from agent.model.series import NO_SERIES, Series

LOOKS = Series(tuple(float(at) for at in range(0, 1200, 30)), (1.0,) * 40)


def test_a_value_stands_until_the_next_one_is_told() -> None:
    found = held(Series((0.0, 120.0, 150.0), (5.0, 7.0, 9.0)), LOOKS.since(0, 180))
    assert found.times == (0, 30, 60, 90, 120, 150, 180)
    assert found.values == (5, 5, 5, 5, 7, 9, 9)


def test_a_subject_that_is_no_longer_told_of_is_not_seen_for_ever() -> None:
    found = held(Series((0.0,), (5.0,)), LOOKS)
    assert found.times[-1] < MOST
    assert len(found) == 12


def test_nothing_is_put_before_the_first_sample_or_without_looks() -> None:
    assert held(Series((600.0,), (5.0,)), LOOKS.since(0, 630)).times == (600, 630)
    assert held(Series((600.0,), (5.0,)), NO_SERIES).times == (600,)
    assert held(NO_SERIES, LOOKS) == NO_SERIES


def test_samples_between_two_looks_stay_where_they_are() -> None:
    assert held(Series((10.0, 40.0), (1.0, 2.0)), LOOKS.since(0, 60)).times == (10, 30, 40, 60)
