"""The age of an oldest unread record, bracketed by our own samples of end offsets."""

from bisect import bisect_right

from hypothesis import given
from hypothesis import strategies as st

from agent.model.offsets import CAUGHT_UP, IDLE_SECONDS, Bracket, EndOffsets


def fed(*samples: tuple[float, int], **bounds: int) -> EndOffsets:
    offsets = EndOffsets(**bounds)
    for time, end in samples:
        offsets.feed("p", time, end)
    return offsets


def test_the_record_came_between_two_samples() -> None:
    offsets = fed((0, 100), (60, 200), (120, 300))
    assert offsets.age("p", 150, 120) == Bracket(least=60, likely=90, most=120)
    assert offsets.age("p", 200, 130) == Bracket(least=10, likely=70, most=70)


def test_a_group_that_has_caught_up_is_not_late() -> None:
    assert fed((0, 100)).age("p", 100, 500) == CAUGHT_UP
    assert fed((0, 100)).age("p", 101, 500) == CAUGHT_UP


def test_what_came_before_the_first_sample_has_no_known_age() -> None:
    assert fed((0, 100), (60, 200)).age("p", 99, 60) is None
    assert fed((0, 100)).age("q", 99, 60) is None
    assert EndOffsets().age("p", 0, 0) is None


def test_an_idle_stretch_does_not_make_a_record_older() -> None:
    samples = [(60.0 * minute, 100) for minute in range(60)] + [(3600.0, 110)]
    offsets = fed(*samples)
    assert offsets.age("p", 100, 3600) == Bracket(least=0, likely=60, most=60)


def test_samples_out_of_order_are_counted_and_ignored() -> None:
    offsets = fed((60, 200), (0, 100), (60, 250), (120, 300))
    assert offsets.late == 2
    assert offsets.age("p", 150, 120) is None


def test_an_end_that_goes_back_voids_the_history() -> None:
    offsets = fed((0, 100), (60, 200), (120, 5), (180, 15))
    assert offsets.restarts == 1
    assert offsets.age("p", 3, 180) is None
    assert offsets.age("p", 10, 180) == Bracket(least=0, likely=30, most=60)


def test_partitions_are_bounded_and_an_idle_one_makes_room() -> None:
    offsets = EndOffsets(partitions=2)
    offsets.feed("a", 0, 1)
    offsets.feed("b", 10, 1)
    offsets.feed("c", 20, 1)
    assert (len(offsets), offsets.refused) == (2, 1)
    offsets.feed("c", IDLE_SECONDS + 5, 1)
    assert (len(offsets), offsets.refused) == (2, 1)
    assert offsets.age("a", 1, 0) is None


def test_memory_is_bounded_and_the_past_is_thinned_but_not_lost() -> None:
    offsets = fed(*[(60.0 * step, 10 * step) for step in range(100_000)], samples=240)
    now = 60.0 * 99_999
    for back in (1, 60, 600, 6_000, 60_000):
        age = offsets.age("p", 10 * (99_999 - back), now)
        assert age is not None
        assert age.least <= 60.0 * back <= age.most
        assert abs(age.likely - 60.0 * back) < 1e-6, "steady traffic is interpolated exactly"
        assert age.most - age.least <= max(120.0, 60.0 * back / 8), "a small share of its age"


@given(
    st.lists(st.tuples(st.floats(0.5, 100), st.integers(0, 50)), min_size=2, max_size=200),
    st.integers(0, 2_000),
    st.integers(4, 300),
)
def test_the_true_arrival_is_always_within_the_bracket(
    steps: list[tuple[float, int]], committed: int, bound: int
) -> None:
    times, ends, offsets = [0.0], [0], EndOffsets(samples=bound)
    for wait, count in steps:
        times.append(times[-1] + wait)
        ends.append(ends[-1] + count)
    for time, end in zip(times, ends, strict=True):
        offsets.feed("p", time, end)
    age = offsets.age("p", committed, times[-1])
    assert age is not None
    if committed >= ends[-1]:
        assert age == CAUGHT_UP
        return
    arrived_by = times[bisect_right(ends, committed)]  # the first sample that has the record
    assert age.most >= times[-1] - arrived_by >= age.least
    assert age.least <= age.likely <= age.most


@given(
    st.lists(st.tuples(st.floats(-1e9, 1e12), st.integers(0, 2**63 - 1))), st.integers(0, 2**63 - 1), st.floats(0, 1e12)
)
def test_no_samples_crash_it(samples: list[tuple[float, int]], committed: int, now: float) -> None:
    age = fed(*samples, samples=4).age("p", committed, now)
    assert age is None or 0 <= age.least <= age.most
