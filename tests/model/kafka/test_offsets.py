"""The age of an oldest unread record, bracketed by our own samples of end offsets."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.model.kafka.look import UNSEEN
from agent.model.kafka.offsets import IDLE_SECONDS, EndOffsets


@dataclass(frozen=True)
class Age:
    """A bracket of one partition; None for what is not known."""

    least: float | None
    likely: float | None
    most: float | None


CAUGHT_UP, NOTHING = Age(0, 0, 0), Age(None, None, None)


class One(EndOffsets):
    """End offsets of topics with one partition."""

    def add(self, topic: str, time: float, end: int) -> None:
        self.feed(topic, time, np.array([end], dtype=np.int64))

    def of(self, topic: str, committed: int, now: float) -> Age:
        found = self.age(topic, np.array([0]), np.array([committed], dtype=np.int64), now)
        return Age(*(None if np.isnan(part[0]) else float(part[0]) for part in (found.least, found.likely, found.most)))


def fed(*samples: tuple[float, int], **bounds: int) -> One:
    offsets = One(**bounds)
    for time, end in samples:
        offsets.add("p", time, end)
    return offsets


def test_the_record_came_between_two_samples() -> None:
    offsets = fed((0, 100), (60, 200), (120, 300))
    assert offsets.of("p", 150, 120) == Age(least=60, likely=90, most=120)
    assert offsets.of("p", 200, 130) == Age(least=10, likely=70, most=70)


def test_a_group_that_has_caught_up_is_not_late() -> None:
    assert fed((0, 100)).of("p", 100, 500) == CAUGHT_UP
    assert fed((0, 100)).of("p", 101, 500) == CAUGHT_UP


def test_what_came_before_the_first_sample_is_at_least_as_old_as_that() -> None:
    assert fed((0, 100), (60, 200)).of("p", 99, 60) == Age(60, None, None)
    assert fed((0, 100)).of("q", 99, 60) == NOTHING
    assert One().of("p", 0, 0) == NOTHING


def test_an_idle_stretch_does_not_make_a_record_older() -> None:
    samples = [(60.0 * minute, 100) for minute in range(60)] + [(3600.0, 110)]
    offsets = fed(*samples)
    assert offsets.of("p", 100, 3600) == Age(least=0, likely=60, most=60)


def test_samples_out_of_order_are_counted_and_ignored() -> None:
    offsets = fed((60, 200), (0, 100), (60, 250), (120, 300))
    assert offsets.late == 2
    assert offsets.of("p", 150, 120) == Age(60, None, None)


def test_an_end_that_goes_back_voids_the_history() -> None:
    offsets = fed((0, 100), (60, 200), (120, 5), (180, 15))
    assert offsets.restarts == 1
    assert offsets.of("p", 3, 180) == Age(60, None, None)
    assert offsets.of("p", 10, 180) == Age(least=0, likely=30, most=60)


def test_partitions_are_bounded_and_an_idle_one_makes_room() -> None:
    offsets = One(partitions=2)
    offsets.add("a", 0, 1)
    offsets.add("b", 10, 1)
    offsets.add("c", 20, 1)
    assert (len(offsets), offsets.refused) == (2, 1)
    offsets.add("c", IDLE_SECONDS + 5, 1)
    assert (len(offsets), offsets.refused) == (2, 1)
    assert offsets.of("a", 1, 0) == NOTHING


def test_memory_is_bounded_and_the_past_is_thinned_but_not_lost() -> None:
    offsets = fed(*[(60.0 * step, 10 * step) for step in range(100_000)], samples=240)
    now = 60.0 * 99_999
    for back in (1, 60, 600, 6_000, 60_000):
        age = offsets.of("p", 10 * (99_999 - back), now)
        assert age.least is not None
        assert age.likely is not None
        assert age.most is not None
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
    times, ends, offsets = [0.0], [0], One(samples=bound)
    for wait, count in steps:
        times.append(times[-1] + wait)
        ends.append(ends[-1] + count)
    for time, end in zip(times, ends, strict=True):
        offsets.add("p", time, end)
    age = offsets.of("p", committed, times[-1])
    if committed >= ends[-1]:
        assert age == CAUGHT_UP
        return
    arrived_by = times[bisect_right(ends, committed)]  # the first sample that has the record
    assert age.least is not None
    assert age.likely is not None
    assert age.most is not None
    assert age.most >= times[-1] - arrived_by >= age.least
    assert age.least <= age.likely <= age.most


@given(
    st.lists(st.tuples(st.floats(-1e9, 1e12), st.integers(0, 2**63 - 1))), st.integers(0, 2**63 - 1), st.floats(0, 1e12)
)
def test_no_samples_crash_it(samples: list[tuple[float, int]], committed: int, now: float) -> None:
    age = fed(*samples, samples=4).of("p", committed, now)
    assert age.least is None or age.least >= 0
    assert age.most is None or age.least is None or age.least <= age.most


def feed(offsets: EndOffsets, time: float, *ends: int) -> None:
    offsets.feed("t", time, np.array(ends, dtype=np.int64))


def ages(offsets: EndOffsets, now: float, *committed: int) -> list[float]:
    asked = np.array(committed, dtype=np.int64)
    return [float(age) for age in offsets.age("t", np.arange(len(asked)), asked, now).likely]


def test_partitions_of_a_topic_are_told_apart() -> None:
    offsets = EndOffsets()
    feed(offsets, 0, 0, 0)
    feed(offsets, 60, 60, 0)
    feed(offsets, 120, 60, 60)
    assert ages(offsets, 120, 30, 30) == [90, 30]


def test_a_partition_that_was_added_or_not_seen_has_no_guessed_age() -> None:
    offsets = EndOffsets()
    feed(offsets, 0, 0)
    feed(offsets, 60, 60, 10)
    feed(offsets, 120, UNSEEN, 20)
    feed(offsets, 180, 90, 20)
    first, second = ages(offsets, 180, 70, 15)
    assert np.isnan(first), "nobody knows when it came: the look before did not see this partition"
    assert second == 90
    assert np.isnan(ages(offsets, 180, 90, 5)[1])
    assert offsets.restarts == 0


def test_what_was_written_in_a_while_is_told_by_partition() -> None:
    offsets = EndOffsets()
    for minute in range(30):
        feed(offsets, 60.0 * minute, 10 * minute, 3)
    assert offsets.written("t", 60.0 * 19) is not None
    assert list(offsets.written("t", 60.0 * 19)) == [100, 0]
    assert offsets.written("u", 0) is None
