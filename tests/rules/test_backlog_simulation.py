"""LAG-02, 06 and 07 over simulated groups: a look every 30 s for six hours, seeds no threshold was tuned on.

Healthy: pollers, jobs, slow and idle topics, deploys, outages that are made good. Failing: groups that die or hang,
whose messages are deleted, that are reset, or that go back. A healthy group is a false alarm if a rule fires at any
look.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from agent.engine.backlogs import paused
from agent.model.rule import Rule
from agent.model.seam import group, topic
from agent.model.series import Series
from agent.model.subjects import Backlog
from agent.model.verdict import Outcome
from rules.backlog.lost_events.rule import lost_events
from rules.backlog.rebalance_storm.rule import rebalance_storm
from rules.backlog.stalled_group.rule import stalled_group

Floats = npt.NDArray[np.float64]

STEP, LOOKS, SPAN = 30, 720, 160  #: seconds, in six hours, in the 80 min that a rule reads
EPOCH = datetime(2026, 6, 1, tzinfo=UTC)
TIMES = EPOCH.timestamp() + np.arange(LOOKS) * float(STEP)
SEEDS = range(1000, 1016)  #: 200 to 215 were tuned on


def nothing() -> Floats:
    return np.zeros(LOOKS)


@dataclass
class World:
    """One group, look by look; `onset` is the look at which its trouble begins."""

    end: Floats
    committed: Floats
    members: Floats = field(default_factory=lambda: np.full(LOOKS, 3.0))
    joined: Floats = field(default_factory=nothing)
    rebalances: Floats = field(default_factory=nothing)
    unstable: Floats = field(default_factory=nothing)
    lost: Floats = field(default_factory=nothing)
    onset: int = 0


Dice = np.random.Generator
Shape = Callable[[Dice], World]


def written(dice: Dice, rate: float) -> Floats:
    made: Floats = 1000 + np.cumsum(dice.poisson(rate * STEP, LOOKS)).astype(float)
    return made


def some_rate(dice: Dice) -> float:
    return float(10 ** dice.uniform(-0.5, 2.3))


def reading(end: Floats, pace: Floats, at: float = 1000.0) -> Floats:
    """What is committed by a reader that can take so many messages a second, a look later."""
    committed = np.empty(LOOKS)
    for look in range(LOOKS):
        at = min(end[max(0, look - 1)], at + pace[look] * STEP) if pace[look] > 0 else at
        committed[look] = at = max(at, committed[look - 1] if look else at)
    return np.floor(committed)


def turn(world: World, look: int, count: int, *, down: int = 0) -> None:
    """A restart: members go for some looks and come back as new ones."""
    world.members[look : look + down] = 0
    back = min(LOOKS - 1, look + down)
    world.joined[back] += count
    world.rebalances[back] += 1 + (down > 0)
    world.unstable[back] = 1


# Healthy.


def poller(dice: Dice) -> World:
    """Joins, reads all at once, leaves; every 5 to 70 min, attached to at any moment."""
    end, every = written(dice, some_rate(dice)), int(dice.integers(10, 140))
    world = World(end, np.full(LOOKS, 1000.0), members=nothing())
    last = 1000.0
    for look in range(int(dice.integers(0, every)), LOOKS, every):
        last = end[look]
        world.committed[look:] = last
        turn(world, look, 1)
        world.members[look] = dice.integers(0, 2)
    return world


def job(dice: Dice) -> World:
    """The same, for some minutes, with a commit at each look."""
    end, every = written(dice, some_rate(dice)), int(dice.integers(40, 240))
    world = World(end, np.full(LOOKS, 1000.0), members=nothing())
    for look in range(int(dice.integers(0, every)), LOOKS, every):
        long = int(dice.integers(3, 12))
        before = world.committed[look]
        for step in range(min(long, LOOKS - look)):
            world.committed[look + step :] = np.floor(before + (end[look + step] - before) * (step + 1) / long)
        world.members[look : look + long] = 1
        world.joined[look] = world.rebalances[look] = 1
    return world


def daily_job(dice: Dice) -> World:
    """Runs once in what was seen, for up to half an hour."""
    end, look, long = written(dice, some_rate(dice)), int(dice.integers(5, 600)), int(dice.integers(4, 60))
    pace = nothing()
    pace[look : look + long] = 1e6
    world = World(end, reading(end, pace), members=nothing())
    world.members[look : look + long] = 2
    turn(world, look, 2)
    return world


def checkpoints(dice: Dice) -> World:
    """Takes its partitions itself, and commits every 2 to 15 min."""
    end, every = written(dice, some_rate(dice)), int(dice.integers(4, 30))
    phase = int(dice.integers(0, every))
    last = np.maximum(0, (np.arange(LOOKS) - phase) // every * every + phase)
    return World(end, end[last], members=nothing())


def slow_topic(dice: Dice) -> World:
    """A message every 5 to 90 min, worked on for up to 4 min."""
    end = written(dice, 1 / dice.uniform(300, 5400))
    late = int(dice.integers(0, 9))
    return World(end, np.concatenate([np.full(late, 1000.0), end])[:LOOKS])


def slow_transactions(dice: Dice) -> World:
    """The same in transactions, whose ends nobody reads: one of the unread is always left."""
    one = np.cumsum(dice.poisson(STEP / dice.uniform(300, 5400), LOOKS)).astype(float)
    late = np.concatenate([[0.0], one])[:LOOKS]
    end = 1000 + one + late  # the end of a transaction comes a look later
    committed = 1000 + np.maximum(0, one + late - (one > 0))
    return World(end, np.maximum.accumulate(committed))


def deploys(dice: Dice) -> World:
    """Up to 8 min down, now and then; what waited is read at once, or in some looks."""
    rate = some_rate(dice)
    end, pace = written(dice, rate), np.full(LOOKS, rate * dice.uniform(2, 200))
    downs = [(int(dice.integers(20, 100)) + later, int(dice.integers(1, 16))) for later in (0, 230, 460)]
    for look, down in downs:
        pace[look : look + down] = 0
    world = World(end, reading(end, pace))
    for look, down in downs:
        turn(world, look, 3, down=down)
    return world


def slow_dependency(dice: Dice) -> World:
    """Creeps for half an hour, is restarted, and is as fast as it can be."""
    rate, look = some_rate(dice), int(dice.integers(160, 500))
    end, pace = written(dice, rate), np.full(LOOKS, rate * dice.uniform(2, 100))
    pace[look : look + 60] = rate * dice.uniform(0.05, 0.8)
    world = World(end, reading(end, pace))
    turn(world, look + 60, 3)
    return world


def small_rewinds(dice: Dice) -> World:
    """Rebalances that set it back by up to 4 min of data, which it reads again at once."""
    rate = some_rate(dice)
    end, back = written(dice, rate), nothing()
    looks = dice.integers(20, LOOKS - 40, 4)
    for look in looks:
        long = int(dice.integers(2, 9))
        back[look : look + long] += np.linspace(1, 0, long, endpoint=False) * rate * dice.uniform(10, 240)
    world = World(end, np.floor(np.maximum(1000, end - back)))
    for look in looks:
        turn(world, int(look), 0)
    return world


def rolling_restarts(dice: Dice) -> World:
    """Three to twelve members, one after another, a rebalance or two for each that leaves and each that comes."""
    members, each, apart = int(dice.integers(3, 13)), int(dice.integers(1, 3)), int(dice.integers(1, 6))
    end = written(dice, some_rate(dice))
    world = World(end, np.concatenate([[1000.0], end])[:LOOKS], members=np.full(LOOKS, float(members)))
    first = int(dice.integers(20, LOOKS - 120))
    for number in range(members):
        look = first + number * apart
        world.members[look : look + apart // 2] = members - 1
        world.joined[look + apart // 2] += 1
        world.rebalances[look] += each
        world.rebalances[look + apart // 2] += each
        world.unstable[look : look + 1 + apart // 2] = 1
    return world


HEALTHY: tuple[Shape, ...] = (
    poller, job, daily_job, checkpoints, slow_topic, slow_transactions, deploys, slow_dependency, small_rewinds,
    rolling_restarts,
)  # fmt: skip


# Failing.


def stopped(dice: Dice, *, members: bool) -> World:
    rate, onset = some_rate(dice), int(dice.integers(180, 500))
    end, pace = written(dice, rate), np.full(LOOKS, rate * 2)
    pace[onset:] = 0
    world = World(end, reading(end, pace), onset=onset)
    world.members[onset:] = 3 if members else 0
    return world


def died(dice: Dice) -> World:
    return stopped(dice, members=False)


def hangs(dice: Dice) -> World:
    return stopped(dice, members=True)


def deleted(dice: Dice) -> World:
    world = hangs(dice)
    world.lost[world.onset + 40 :] = np.arange(LOOKS - world.onset - 40) * 10.0 + 1
    world.onset += 40
    return world


def set_while_stopped(dice: Dice) -> World:
    rate, onset = float(10 ** dice.uniform(1, 2.3)), int(dice.integers(180, 500))
    down = int(dice.integers(20, 60))
    end, pace = written(dice, rate), np.full(LOOKS, rate * 2)
    pace[onset - down : onset + 10] = 0
    committed = reading(end, pace)
    committed[onset:] = end[onset]
    committed[onset + 10 :] = end[onset + 9 : -1]
    world = World(end, committed, onset=onset)
    turn(world, onset - down, 3, down=down + 10)
    return world


def reset_of_a_slow_group(dice: Dice) -> World:
    rate, onset = float(10 ** dice.uniform(0.5, 2)), int(dice.integers(220, 500))
    end = written(dice, rate)
    pace = np.full(LOOKS, rate * dice.uniform(0.3, 0.8))
    committed = reading(end, pace)
    committed[onset:] = end[onset - 1] + np.floor(pace[onset:].cumsum() * STEP * 0.99)
    world = World(end, committed, onset=onset)
    turn(world, onset, 3)
    return world


def went_back(dice: Dice) -> World:
    rate, onset = float(10 ** dice.uniform(0.5, 2)), int(dice.integers(180, 500))
    end = written(dice, rate)
    committed = np.concatenate([[1000.0], end])[:LOOKS]
    committed[onset:] -= np.floor(rate * dice.uniform(600, 2400))
    return World(end, committed, onset=onset)


def restless(dice: Dice) -> World:
    """One of three members dies and comes back, every minute or two."""
    end, onset = written(dice, some_rate(dice)), int(dice.integers(180, 500))
    world = World(end, np.concatenate([[1000.0], end])[:LOOKS], onset=onset)
    for look in range(onset, LOOKS - 2, int(dice.integers(2, 5))):
        world.members[look] = 2
        world.joined[look + 1] += 1
        world.rebalances[look] += 1
        world.rebalances[look + 1] += 1
    return world


def series(values: Floats, first: int, last: int, *, sparse: bool = False) -> Series:
    times, part = TIMES[first : last + 1], values[first : last + 1]
    if sparse:
        times, part = times[part > 0], part[part > 0]
    return Series(tuple(times.tolist()), tuple(part.tolist()))


def longest_pauses(committed: Floats) -> list[float | None]:
    """What is known of pauses at each look, as our own looks tell it: the first is cut off by the first look."""
    known, last, told = None, 0, list[float | None]([None])
    for look, (before, after) in enumerate(pairwise(committed.tolist()), 1):
        if after > before:
            known = max(known or 0.0, float((look - last) * STEP))
        last = look if after != before else last
        told.append(known)
    return told


def backlog(world: World, look: int, pauses: list[float | None]) -> Backlog:
    first, now = max(0, look - SPAN), float(TIMES[look])
    lag = np.maximum(0, world.end - world.committed)
    same = np.flatnonzero(np.diff(world.committed[: look + 1]))
    since = float(TIMES[int(same[-1]) + 1 if len(same) else 0])
    committed, produced = series(world.committed, 0, look), series(world.end, 0, look)
    stands = paused(committed, produced, since, now) if lag[look] > 0 and since < now else {}
    left = np.flatnonzero(np.diff(world.members[: look + 1] > 0))
    pause = pauses[look]
    return Backlog(
        as_of=datetime.fromtimestamp(now, tz=UTC),
        observed_for=timedelta(seconds=look * STEP),
        group=group("g", "sim"),
        topic=topic("t", "sim"),
        partitions=6,
        state="Stable" if world.members[look] else "Empty",
        state_for=timedelta(seconds=(look - (int(left[-1]) + 1 if len(left) else 0)) * STEP),
        commit_gap=None if pause is None else timedelta(seconds=pause),
        lag=series(lag, first, look),
        committed=committed.since(TIMES[first]),
        produced=produced.since(TIMES[first]),
        members=series(world.members, first, look),
        epochs=series(np.cumsum(world.rebalances), first, look),
        joined=series(world.joined, first, look, sparse=True),
        rebalances=series(world.rebalances, first, look, sparse=True),
        unstable=series(world.unstable, first, look),
        lost=series(world.lost, first, look) if world.lost.any() else Series(),
        looks=series(np.ones(LOOKS), first, look),
        **stands,
    )


def fired(rule: Rule, world: World, every: int = 3) -> float | None:
    """Minutes from the onset to the first look at which the rule fires, or None."""
    pauses = longest_pauses(world.committed)
    for look in range(max(2, world.onset), LOOKS, every):
        if rule.judge(backlog(world, look, pauses), rule.defaults).outcome is Outcome.FAILS:
            return (look - world.onset) * STEP / 60
    return None


def worlds(shape: Shape) -> list[World]:
    return [shape(np.random.default_rng([seed, *shape.__name__.encode()])) for seed in SEEDS]


@pytest.mark.slow
@pytest.mark.parametrize("rule", [stalled_group, rebalance_storm, lost_events], ids=lambda rule: rule.name)
@pytest.mark.parametrize("shape", HEALTHY, ids=lambda shape: shape.__name__)
def test_a_healthy_group_stays_silent(rule: Rule, shape: Shape) -> None:
    alarms = [seed for seed, world in zip(SEEDS, worlds(shape), strict=True) if fired(rule, world) is not None]
    assert alarms == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "shape", "minutes"),
    [
        (stalled_group, died, 15),
        (stalled_group, hangs, 15),
        (lost_events, deleted, 3),
        (lost_events, set_while_stopped, 3),
        (lost_events, reset_of_a_slow_group, 13),
        (lost_events, went_back, 13),
        (rebalance_storm, restless, 16),
    ],
    ids=lambda value: getattr(value, "__name__", getattr(value, "name", str(value))),
)
def test_a_trouble_is_found_in_time(rule: Rule, shape: Shape, minutes: int) -> None:
    found = {seed: fired(rule, world) for seed, world in zip(SEEDS, worlds(shape), strict=True)}
    assert {seed: after for seed, after in found.items() if after is None or after > minutes} == {}
