"""Stamps found by time: within a second on every kind of traffic, from the first look on, in few questions."""

import math
import random
from bisect import bisect_left
from collections.abc import Mapping

import pytest

from collectors.kafka.ages import Ages, Place

NOW = 1_790_000_000_000
DAY, HOUR, MINUTE = 86_400_000, 3_600_000, 60_000
T: Place = ("orders", 0)
COLD, STEADY = 30, 5  #: questions that a first look and a later one have left


def stamps(kind: str, rng: random.Random) -> list[int]:
    """A day up to now, and three hours after it, in Unix milliseconds."""
    at, end, found = NOW - DAY, NOW + 3 * HOUR, list[int]()
    while at < end:
        if kind == "steady":
            at += rng.randint(100, 300)
            found.append(at)
        elif kind == "bursty":
            at += rng.randint(15, 25) * MINUTE
            found += [at + 3 * step for step in range(200)]
        elif kind == "hourly":
            at += HOUR
            found += [at + step for step in range(1000)]
        elif kind == "diurnal":
            rate = 0.2 + 5 * max(0.0, math.sin(at % DAY / DAY * 2 * math.pi))
            at += int(1000 / rate * rng.expovariate(1))
            found.append(at)
        else:
            at += int(rng.expovariate(1 / (4 * MINUTE)))
            found.append(at)
    return found


class Log:
    """One partition: stamps with offsets, of which some are markers of transactions and have no record."""

    def __init__(self, kind: str, rng: random.Random, *, gaps: float = 0.01) -> None:
        self.stamps, self.offsets, offset = stamps(kind, rng), list[int](), 0
        for _ in self.stamps:
            self.offsets.append(offset)
            offset += 1 + (rng.random() < gaps)
        self.questions = 0

    def end(self, now: int) -> int:
        """The next offset to be written."""
        return self.offsets[bisect_left(self.stamps, now) - 1] + 1

    def stamp(self, offset: int) -> int:
        """Of the first record from an offset on."""
        return self.stamps[bisect_left(self.offsets, offset)]

    def probe(self, now: int) -> "object":
        """What ListOffsets answers."""
        there = bisect_left(self.stamps, now)

        def ask(asks: Mapping[Place, int]) -> Mapping[Place, tuple[int, int]]:
            self.questions += 1
            found = {}
            for place, at in asks.items():
                first = bisect_left(self.stamps, at)
                found[place] = (self.offsets[first], self.stamps[first]) if first < there else (-1, -1)
            return found

        return ask


@pytest.mark.parametrize("kind", ["steady", "bursty", "hourly", "diurnal", "sparse"])
def test_a_first_look_finds_the_stamp_within_a_second(kind: str) -> None:
    rng = random.Random(f"cold {kind}")
    for _ in range(25):
        log = Log(kind, rng)
        offset = rng.randrange(log.end(NOW))
        log.questions, ages = 0, Ages()
        found = ages.search({T: [offset]}, {T: [(NOW, log.end(NOW))]}, log.probe(NOW), COLD)  # type: ignore[arg-type]
        assert abs(found[T, offset] - log.stamp(offset)) <= 1000, (offset, log.questions)
        assert ages.unsure == 0


@pytest.mark.parametrize("kind", ["steady", "bursty", "hourly", "diurnal", "sparse"])
def test_later_looks_stay_within_a_second_with_five_questions(kind: str) -> None:
    rng = random.Random(f"steady {kind}")
    errors, looks = [], 0
    for first in (20_000, 5 * MINUTE, 30 * MINUTE, 2 * HOUR):
        delay = first
        log, ages, arrived = Log(kind, rng), Ages(), list[tuple[int, int]]()
        for look in range(100):
            now = NOW + 30_000 * look
            arrived = [*arrived, (now, log.end(now))][-24:]
            delay = max(1_000, delay + rng.randint(-40, 40) * 1000)
            offset = log.offsets[min(bisect_left(log.stamps, now - delay), len(log.offsets) - 1)]
            if offset >= log.end(now):
                continue
            found = ages.search({T: [offset]}, {T: arrived}, log.probe(now), STEADY if look else COLD)  # type: ignore[arg-type]
            errors.append(abs(found[T, offset] - log.stamp(offset)))
            looks += 1
        assert log.questions <= COLD + STEADY * looks
    late = sum(error > 1000 for error in errors)
    assert late <= len(errors) * 0.02, (late, len(errors), max(errors))
    assert max(errors) <= 30_000, "what is coarse is found by the next look"


def test_many_groups_of_one_partition_share_what_is_learnt() -> None:
    rng = random.Random(7)
    log, ages = Log("diurnal", rng), Ages()
    wanted = sorted(rng.sample(range(log.end(NOW)), 10))
    for _ in range(6):
        found = ages.search({T: wanted}, {T: [(NOW, log.end(NOW))]}, log.probe(NOW), COLD)  # type: ignore[arg-type]
    assert max(abs(found[T, offset] - log.stamp(offset)) for offset in wanted) <= 1000
    before = log.questions
    ages.search({T: wanted}, {T: [(NOW, log.end(NOW))]}, log.probe(NOW), COLD)  # type: ignore[arg-type]
    assert log.questions == before, "what is known is not asked for again"


def test_what_was_learnt_is_kept_over_a_restart() -> None:
    rng = random.Random(8)
    log, ages = Log("bursty", rng), Ages()
    offset = log.end(NOW) // 2
    first = ages.search({T: [offset]}, {T: [(NOW, log.end(NOW))]}, log.probe(NOW), COLD)  # type: ignore[arg-type]
    again = Ages()
    for topic, partition, marks in ages.news():
        again.remember(topic, partition, marks)
    ages.told()
    assert ages.news() == []
    before = log.questions
    assert again.search({T: [offset]}, {T: [(NOW, log.end(NOW))]}, log.probe(NOW), COLD) == first  # type: ignore[arg-type]
    assert log.questions == before


def test_a_stamp_of_the_future_before_it_is_told_so_that_its_arrival_can_count() -> None:
    log = Log("steady", random.Random(9), gaps=0)
    at = bisect_left(log.stamps, NOW) - 5_000
    log.stamps = [
        *log.stamps[:at],
        NOW + HOUR,
    ]  # one record is stamped an hour ahead; nothing after it is found by time
    log.offsets = log.offsets[: len(log.stamps)]
    arrived = [(NOW - 10 * MINUTE, at - 100), (NOW - 5 * MINUTE, at + 50), (NOW, at + 100)]

    def probe(asks: Mapping[Place, int]) -> Mapping[Place, tuple[int, int]]:
        found = {place: bisect_left(log.stamps, asked) for place, asked in asks.items()}
        return {place: (log.offsets[i], log.stamps[i]) for place, i in found.items()}

    found = Ages().search({T: [at + 40]}, {T: arrived}, probe, COLD)
    assert found[T, at + 40] == NOW + HOUR, "stamped at the earliest then, by what the broker tells"


def test_a_partition_that_was_cut_is_forgotten_and_nothing_is_claimed_without_an_answer() -> None:
    log, ages = Log("steady", random.Random(10)), Ages()
    arrived = {T: [(NOW, log.end(NOW))]}
    ages.search({T: [50_000]}, arrived, log.probe(NOW), COLD)  # type: ignore[arg-type]
    ages.told()
    ages.cut(T)
    assert ages.news() == [("orders", 0, [])]
    assert ages.search({T: [50_000]}, arrived, lambda _asks: {}, COLD) == {}
