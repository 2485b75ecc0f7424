"""The matrix of detections on a real broker: beside each group in trouble its healthy twin, judged by every rule.

Only the clock is ours: looks are half a minute apart in virtual time, and records are stamped by it.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.kafka.estate import Estate, Record
from tests.kafka.members import Member
from tests.kafka.virtual import Virtual, said, shown, virtually

pytestmark = [pytest.mark.real, pytest.mark.slow]
LOOKS = 150  #: 75 minutes: the slow path of LAG-01 reads an hour


@pytest.fixture
def longer(broker: str, estate: Estate, tmp_path: Path) -> Iterator[Virtual]:
    with virtually([broker], estate, tmp_path, ago=timedelta(days=6.5)) as found:
        yield found


def rising(v: Virtual, name: str, share: int) -> tuple[str, str]:
    """Ten records a step, of which `share` are read, two steps later."""
    topic, group = v.estate.topic(name), v.estate.name(name)

    def step(number: int) -> None:
        v.write(topic, 10)
        if number >= 2:
            v.read(group, topic, share)

    v.steps.append(step)
    return topic, group


def stalled(v: Virtual, name: str, *, until: int, writes: bool = True, every: int = 1) -> tuple[str, str]:
    """A group that commits every so many steps, up to one step."""
    topic, group = v.estate.topic(name), v.estate.name(name)

    def step(number: int) -> None:
        if writes or number < until:
            v.write(topic, 4)
        if number < until and number % every == every - 1:
            v.read(group, topic, 4 * every)

    v.steps.append(step)
    return topic, group


def aged(v: Virtual, name: str, kept: timedelta, old: timedelta) -> tuple[str, str]:
    """A group whose oldest unread record is old, on a topic that keeps records for so long; it reads on slowly."""
    millis = str(int(kept.total_seconds() * 1000))
    topic, group = v.estate.topic(name, config={"retention.ms": millis}), v.estate.name(name)
    v.write(topic, 400, old=old)
    v.producer.flush()

    def step(number: int) -> None:
        v.write(topic, 1)
        v.read(group, topic, 1)

    v.steps.append(step)
    return topic, group


def skewed(v: Virtual, name: str, hot: int) -> tuple[str, str]:
    """Six partitions, of which one gets `hot` records a step and the others 20; 20 are read of each."""
    topic, group = v.estate.topic(name, partitions=6), v.estate.name(name)

    def step(number: int) -> None:
        for partition in range(6):
            v.write(topic, hot if partition == 3 else 20, partition)
        if number:
            for partition in range(6):
                offsets = v.done.setdefault((group, topic), {})
                offsets[partition] = offsets.get(partition, 0) + 20
            v.estate.commit(group, {(topic, p): at for p, at in v.done[group, topic].items()})

    v.steps.append(step)
    return topic, group


def lost(v: Virtual, name: str, *, cut: bool) -> tuple[str, str]:
    """Records before an offset are deleted: those that were read, or more than these."""
    topic, group = v.estate.topic(name), v.estate.name(name)

    def step(number: int) -> None:
        v.write(topic, 4)
        if number < 100 or not cut:
            v.read(group, topic, 4)
        if number == 120:
            v.producer.flush()
            v.estate.cut(topic, before=450 if cut else 300)

    v.steps.append(step)
    return topic, group


def held(v: Virtual, name: str, *, hangs: bool) -> tuple[str, str]:
    """A transaction that stays open, or one that is committed at once; the reader waits behind it."""
    topic, group = v.estate.topic(name), v.estate.name(name)

    def step(number: int) -> None:
        if number == 60:
            (v.estate.leave_open if hangs else v.estate.transact)(topic, 2, Record(at=v.now))
        v.write(topic, 2)
        if number < 60 or not hangs:
            v.read(group, topic, 2)

    v.steps.append(step)
    return topic, group


def restless(v: Virtual, name: str, times: int) -> tuple[str, str]:
    """A group whose one member leaves and comes again, so many times, in the last minutes."""
    topic, group = v.estate.topic(name, partitions=2), v.estate.name(name)
    members: list[Member] = []

    def step(number: int) -> None:
        v.write(topic, 2)
        if number >= LOOKS - 12 and number % 2 == 0 and len(members) < times:
            if members:
                members[-1].leave()
            members.append(v.estate.join(group, topic))

    v.steps.append(step)
    return topic, group


def test_every_trouble_of_a_group_is_found_and_none_of_its_healthy_twins(
    virtual: Virtual, capsys: pytest.CaptureFixture[str]
) -> None:
    v = virtual
    day, week = timedelta(days=1), timedelta(days=7)
    pairs = {
        "LAG-01": (rising(v, "rising", 7), rising(v, "steady", 10)),
        "LAG-02": (stalled(v, "stalled", until=90), stalled(v, "by-design", until=LOOKS, every=40)),
        "LAG-04": (aged(v, "racing", day, timedelta(hours=20)), aged(v, "long-kept", week, timedelta(hours=20))),
        "LAG-05": (skewed(v, "hot", 120), skewed(v, "even", 20)),
        "LAG-06": (restless(v, "restless", 5), restless(v, "restarted", 2)),
        "LAG-07": (lost(v, "lost", cut=True), lost(v, "trimmed", cut=False)),
        "LAG-08": (held(v, "hanging", hangs=True), held(v, "committed", hangs=False)),
    }
    idle = stalled(v, "idle", until=60, writes=False)
    v.run(LOOKS)
    v.judge()
    rows = [(rule, bad, said(v, rule, bad), good, said(v, rule, good)) for rule, ((_, bad), (_, good)) in pairs.items()]
    shown(rows, capsys)
    assert {row[0]: row[2] for row in rows} == dict.fromkeys(pairs, "fails")
    assert all(row[4] != "fails" for row in rows)
    assert said(v, "LAG-02", idle[1]) != "fails", "nothing is written: nothing is waited for"


def leaving(v: Virtual, name: str, at: int) -> tuple[str, str]:
    """A member that reads all and leaves at one step."""
    topic, group = v.estate.topic(name), v.estate.name(name)
    members: list[Member] = []

    def step(number: int) -> None:
        v.write(topic, 4)
        if number == 0:
            members.append(v.estate.join(group, topic))
        if number == at:
            members.pop().leave()

    v.steps.append(step)
    return topic, group


def test_offsets_that_will_expire_are_found_while_the_group_could_still_come_back(longer: Virtual) -> None:
    v = longer
    gone, alive = leaving(v, "gone", at=25), leaving(v, "alive", at=10_000)
    v.run(30)
    v.run(60, timedelta(hours=2.5))  # the broker keeps offsets for seven days
    v.judge()
    assert said(v, "LAG-09", gone[1]) == "fails", v.verdicts["LAG-09", gone[1]]
    assert said(v, "LAG-09", alive[1]) != "fails"
