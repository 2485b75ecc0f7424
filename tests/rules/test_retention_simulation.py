"""LAG-04 over the simulated groups: each topic keeps its messages for 1 h to 7 d, as our own looks would tell it."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from agent.model.verdict import Outcome
from rules.backlog.retention_race.rule import retention_race
from tests.rules.test_backlog_simulation import (
    LOOKS,
    SEEDS,
    SPAN,
    STEP,
    TIMES,
    Floats,
    Shape,
    World,
    backlog,
    deploys,
    died,
    hangs,
    longest_pauses,
    poller,
    reading,
    series,
    slow_dependency,
    slow_topic,
    some_rate,
    written,
)

HOUR = 3600


def ages(end: Floats, offset: Floats) -> Floats:
    """How old the message at an offset is at each look; 0 where there is none yet."""
    came = np.searchsorted(end, offset, side="right")
    found: Floats = np.where(offset < end, TIMES - TIMES[np.minimum(came, LOOKS - 1)], 0.0)
    return found


def dump(dice: np.random.Generator) -> World:
    """A dump worth hours of reading, worked off in time."""
    rate = some_rate(dice)
    end = written(dice, rate)
    end[int(dice.integers(100, 300)) :] += rate * dice.uniform(600, 3600)
    return World(end, reading(end, np.full(LOOKS, rate * dice.uniform(1.5, 4))))


def fired(world: World, kept: float, every: int = 5) -> float | None:
    """Minutes from the onset to the first finding of a topic that keeps so many seconds, or None."""
    old = np.maximum(0, np.arange(LOOKS) - int(kept / STEP))
    start = np.where(np.arange(LOOKS) * STEP > kept, world.end[old], 1000.0)
    age = ages(world.end, world.committed)
    first = ages(world.end, start)
    effective = np.where(start > 1000, np.minimum(kept, first), kept)  # as `agent.model.kafka.pairs` takes it
    waits = world.end > world.committed
    left = np.where(waits, np.maximum(0, effective - age), kept)
    used = np.where(waits, age / np.maximum(effective, 1), 0)
    pauses = longest_pauses(world.committed)
    for look in range(max(2, world.onset), LOOKS, every):
        then = max(0, look - SPAN)
        seen = replace(
            backlog(world, look, pauses),
            settings={"cleanup.policy": "delete", "retention.ms": str(int(kept * 1000))},
            retention=timedelta(seconds=kept),
            age=series(age, then, look),
            retention_left=series(left, then, look),
            retention_used=series(used, then, look),
        )
        if retention_race.judge(seen, retention_race.defaults).outcome is Outcome.FAILS:
            return (look - world.onset) * STEP / 60
    return None


def worlds(shape: Shape) -> list[World]:
    return [shape(np.random.default_rng([seed, *shape.__name__.encode()])) for seed in SEEDS]


@pytest.mark.slow
@pytest.mark.parametrize("kept", [4 * HOUR, 24 * HOUR, 7 * 24 * HOUR], ids=lambda kept: f"{kept // HOUR}h")
@pytest.mark.parametrize("shape", [poller, deploys, slow_dependency, slow_topic, dump], ids=lambda one: one.__name__)
def test_a_group_that_is_in_time_stays_silent(shape: Shape, kept: float) -> None:
    alarms = {seed: fired(world, kept) for seed, world in zip(SEEDS, worlds(shape), strict=True)}
    assert {seed: after for seed, after in alarms.items() if after is not None} == {}


@pytest.mark.slow
def test_a_quiet_topic_whose_messages_have_all_expired_but_one_stays_silent() -> None:
    alarms = [seed for seed, world in zip(SEEDS, worlds(slow_topic), strict=True) if fired(world, HOUR) is not None]
    assert alarms == []


@pytest.mark.slow
@pytest.mark.parametrize("shape", [died, hangs], ids=lambda shape: shape.__name__)
def test_a_group_that_stops_is_told_long_before_its_messages_are_deleted(shape: Shape) -> None:
    found = {seed: fired(world, HOUR) for seed, world in zip(SEEDS, worlds(shape), strict=True)}
    assert {seed: after for seed, after in found.items() if after is None or after > 40} == {}
