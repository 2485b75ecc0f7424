"""LAG-01 over simulated backlogs: 30-s samples of 6 h, healthy and failing shapes, seeds no threshold was tuned on.

A series counts once: a healthy one is a false alarm if the rule fires at any look, a failing one is found if it fires
after its onset.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest

from agent.model.seam import group, topic
from agent.model.series import Series
from agent.model.subjects import Backlog
from agent.model.verdict import Outcome
from rules.backlog.rising_lag.rule import Config, rising_lag

Floats = npt.NDArray[np.float64]

STEP = 5  #: seconds of the simulation
HOURS = 6
STEPS = HOURS * 3600 // STEP
SAMPLE = 30 // STEP
LOOK_EVERY = timedelta(minutes=2)
FIRST_LOOK = timedelta(minutes=80)  #: delays of up to 15 min fill up first, and an hour is looked back
EPOCH = datetime(2026, 6, 1, tzinfo=UTC)
SEEDS = range(24)
CLOCK = np.arange(STEPS) * float(STEP)


@dataclass(frozen=True)
class World:
    """One simulated group on a topic: what is produced and what is committed, every 5 s; the onset of its trouble."""

    produced: Floats
    committed: Floats
    age: Floats
    onset: float = 0.0


Shape = Callable[[np.random.Generator], World]


def wobble(random: np.random.Generator, size: float) -> Floats:
    """A factor around 1 that drifts from minute to minute."""
    drift, value = np.empty(STEPS // 12), 0.0
    for minute in range(len(drift)):
        value = 0.8 * value + random.normal(0, size * 0.6)
        drift[minute] = value
    factor: Floats = np.clip(1 + np.repeat(drift, 12), 0.2, 3)
    return factor


def arrivals(random: np.random.Generator, rate: Floats) -> Floats:
    produced: Floats = random.poisson(rate * wobble(random, 0.05) * STEP).astype(float)
    return produced


def serve(random: np.random.Generator, arriving: Floats, capacity: Floats, commit_every: float = STEP) -> World:
    """A queue in front of a consumer of a given capacity (messages a second) that commits now and then."""
    room = capacity * wobble(random, 0.05) * STEP
    waiting, lags = 0.0, np.empty(STEPS)
    for step in range(STEPS):
        waiting = max(0.0, waiting + arriving[step] - room[step])
        lags[step] = waiting
    produced = np.cumsum(arriving)
    return world(produced, held(produced - lags, commit_every))


def held(read: Floats, every: float) -> Floats:
    """What is committed when commits happen only every so many seconds."""
    last = (CLOCK // every * every / STEP).astype(int)
    committed: Floats = np.floor(read[last])
    return committed


def delayed(produced: Floats, seconds: float) -> Floats:
    behind: Floats = np.concatenate([np.zeros(int(seconds / STEP)), produced])[:STEPS]
    return behind


def world(produced: Floats, committed: Floats, onset: float = 0.0) -> World:
    oldest = np.searchsorted(produced, committed, side="right")
    age = np.where(committed < produced, CLOCK - CLOCK[np.minimum(oldest, STEPS - 1)], 0.0)
    return World(produced, committed, np.maximum(age, 0.0), onset)


def flat(rate: float) -> Floats:
    return np.full(STEPS, rate)


def between(start: float, minutes: float) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = (start <= CLOCK) & (start + minutes * 60 > CLOCK)
    return inside


def some_rate(random: np.random.Generator) -> float:
    return float(random.uniform(20, 200))


def some_time(random: np.random.Generator) -> float:
    return float(random.uniform(85, 160) * 60)


# Healthy.


def morning_ramp(random: np.random.Generator) -> World:
    start, hours = some_time(random), random.uniform(1.5, 3)
    rate = some_rate(random) * (1 + 2 * np.clip((CLOCK - start) / (hours * 3600), 0, 1))
    produced = np.cumsum(arrivals(random, rate))
    return world(produced, delayed(produced, 30))


def nightly_dump(random: np.random.Generator) -> World:
    rate, start = some_rate(random), some_time(random)
    minutes = random.uniform(1, 4)
    dump = between(start, minutes) * rate * random.uniform(20, 40) * 60 / minutes
    return serve(random, arrivals(random, flat(rate) + dump), flat(rate * random.uniform(1.4, 2)))


def batch_poller(random: np.random.Generator) -> World:
    produced = np.cumsum(arrivals(random, flat(some_rate(random))))
    return world(produced, held(produced, 900))


def commit_sawtooth(random: np.random.Generator) -> World:
    rate = some_rate(random)
    every = float(random.choice([60, 120, 300]))
    return serve(random, arrivals(random, flat(rate)), flat(rate * random.uniform(1.2, 1.6)), commit_every=every)


def pause(random: np.random.Generator) -> World:
    rate, start = some_rate(random), some_time(random)
    capacity = np.where(between(start, 8), 0.0, rate * random.uniform(1.5, 2.5))
    return serve(random, arrivals(random, flat(rate)), capacity)


def burst(random: np.random.Generator) -> World:
    rate, start = some_rate(random), some_time(random)
    arriving = np.where(between(start, 10), rate * random.uniform(2, 3.5), rate)
    return serve(random, arrivals(random, arriving), flat(rate * random.uniform(1.4, 1.8)))


def deploy_restart(random: np.random.Generator) -> World:
    rate, start = some_rate(random), some_time(random)
    down = between(start, 1.5) | between(start + 300, 1.5) | between(start + 600, 1.5)
    return serve(random, arrivals(random, flat(rate)), np.where(down, 0.0, rate * random.uniform(1.5, 2.5)))


def weekly_peak(random: np.random.Generator) -> World:
    rate, top = some_rate(random), random.uniform(3, 5) * 3600
    wave = 1 + 1.5 * np.exp(-(((CLOCK - top) / random.uniform(2400, 5400)) ** 2))
    return serve(random, arrivals(random, rate * wave), flat(rate * random.uniform(3, 3.5)), commit_every=10)


def idle(random: np.random.Generator) -> World:
    rate = np.where(between(some_time(random), 5), 0.2, 0.0)
    return serve(random, random.poisson(rate * STEP).astype(float), flat(5.0))


def slow_steady(random: np.random.Generator) -> World:
    rate = random.uniform(0.02, 0.2)
    produced = np.cumsum(random.poisson(flat(rate) * STEP).astype(float))
    return world(produced, delayed(produced, 60))


def recovered_spike(random: np.random.Generator) -> World:
    rate, start = some_rate(random), some_time(random)
    capacity = np.where(between(start, 5), rate * 0.4, rate * random.uniform(1.5, 2))
    return serve(random, arrivals(random, flat(rate)), capacity)


def constant_backlog(random: np.random.Generator) -> World:
    produced = np.cumsum(arrivals(random, flat(some_rate(random))))
    return world(produced, delayed(produced, random.uniform(300, 900)))


# Failing.


def short_of(random: np.random.Generator, low: float, high: float) -> World:
    rate, onset = some_rate(random), some_time(random)
    capacity = np.where(onset > CLOCK, rate * 1.4, rate * random.uniform(low, high))
    ran = serve(random, arrivals(random, flat(rate)), capacity)
    return world(ran.produced, ran.committed, onset)


def capacity_97(random: np.random.Generator) -> World:
    return short_of(random, 0.97, 0.97)


def slow_growth(random: np.random.Generator) -> World:
    return short_of(random, 0.97, 0.985)


def dead_consumer(random: np.random.Generator) -> World:
    return short_of(random, 0, 0)


def capacity_halved(random: np.random.Generator) -> World:
    return short_of(random, 0.5, 0.7)


def stuck_partition(random: np.random.Generator) -> World:
    rate, onset, share = some_rate(random), some_time(random), 1 / random.integers(3, 13)
    stuck = serve(random, arrivals(random, flat(rate * share)), np.where(onset > CLOCK, rate, 0.0))
    rest = serve(random, arrivals(random, flat(rate * (1 - share))), flat(rate * 1.4))
    return World(
        stuck.produced + rest.produced, stuck.committed + rest.committed, np.maximum(stuck.age, rest.age), onset
    )


HEALTHY: tuple[Shape, ...] = (
    morning_ramp,
    nightly_dump,
    batch_poller,
    commit_sawtooth,
    pause,
    burst,
    deploy_restart,
    weekly_peak,
    idle,
    slow_steady,
    recovered_spike,
    constant_backlog,
)
FAILING: tuple[Shape, ...] = (capacity_97, slow_growth, dead_consumer, capacity_halved, stuck_partition)


def series(values: Floats) -> Series:
    times = EPOCH.timestamp() + CLOCK[::SAMPLE]
    return Series(tuple(times.tolist()), tuple(values[::SAMPLE].tolist()))


def first_alarm(seen: World, after: float) -> timedelta | None:
    """How long after `after` (seconds) the rule first fires, or None."""
    lag, age = series(seen.produced - seen.committed), series(seen.age)
    committed, produced = series(seen.committed), series(seen.produced)
    look = EPOCH + max(FIRST_LOOK, timedelta(seconds=after // 60 * 60))
    while look < EPOCH + timedelta(hours=HOURS):
        end = look.timestamp()
        parts = [whole.since(end - 4200, end) for whole in (lag, age, committed, produced)]
        backlog = Backlog(
            as_of=look, group=group("g", "sim"), topic=topic("t", "sim"),
            lag=parts[0], age=parts[1], committed=parts[2], produced=parts[3],
        )  # fmt: skip
        if rising_lag.judge(backlog, Config()).outcome is Outcome.FAILS:
            return look - EPOCH - timedelta(seconds=after)
        look += LOOK_EVERY
    return None


def alarms(shape: Shape) -> list[timedelta | None]:
    runs = [shape(np.random.default_rng([seed, *shape.__name__.encode()])) for seed in SEEDS]
    return [first_alarm(run, run.onset) for run in runs]


@pytest.mark.slow
def test_rising_lag_is_found_and_healthy_shapes_stay_silent() -> None:
    false = {shape.__name__: sum(found is not None for found in alarms(shape)) for shape in HEALTHY}
    found = {shape.__name__: sum(hit is not None for hit in alarms(shape)) for shape in FAILING}
    hits, wrong, failing = sum(found.values()), sum(false.values()), len(FAILING) * len(SEEDS)
    precision, recall = hits / (hits + wrong), hits / failing
    told = f"precision {precision:.3f}, recall {recall:.3f}; false {false}; found {found} of {len(SEEDS)} each"
    assert precision >= 0.97, told
    assert recall >= 0.95, told
