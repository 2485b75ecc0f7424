"""More of the matrix on a real broker: topics, and groups whose partitions differ; each trouble beside its twin."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.app.hearing import OTLP, Hearing
from agent.model.attempts import Attempts
from agent.model.facts import Column
from agent.model.flush import Flush, WindowDelta
from agent.model.seam import Component, consumes
from agent.model.verdict import Evidence
from tests.kafka.estate import Estate
from tests.kafka.virtual import Virtual, said, virtually

pytestmark = [pytest.mark.real, pytest.mark.slow]
LOOKS = 80  #: 40 minutes


@pytest.fixture
def virtual(broker: str, estate: Estate, tmp_path: Path) -> Iterator[Virtual]:
    with virtually(broker, estate, tmp_path) as found:
        yield found


def poisoned(v: Virtual, name: str, *, stands: int, until: int) -> tuple[str, str]:
    """Six partitions that are read on, of which one stands from step 5 on; `until` a step."""
    topic, group = v.estate.topic(name, partitions=6), v.estate.name(name)

    def step(number: int) -> None:
        for partition in range(6):
            v.write(topic, 4, partition)
        if number:
            offsets = v.done.setdefault((group, topic), {})
            for partition in range(6):
                if partition < 6 - stands or not 5 <= number < until:
                    offsets[partition] = offsets.get(partition, 0) + 4
            v.estate.commit(group, {(topic, p): at for p, at in offsets.items()})

    v.steps.append(step)
    return topic, group


def failing(v: Virtual, topic: str, group: str, offset: int, count: int) -> None:
    """What spans told: a message of partition 5 failed so often, once in 20 s."""
    key = consumes(Component("topic", f"test/{topic}"), Component("group", f"test/{group}"))
    told = Attempts(5, offset, count, v.now - timedelta(seconds=20 * (count - 1)), v.now)
    values = [0] * len(Column)
    values[Column.COUNT] = values[Column.IDENTIFIED] = values[Column.ERRORS] = count
    window = WindowDelta(
        key, v.now.replace(second=0, microsecond=0), tuple(values), exemplars=(told.exemplar("1f", "2e"),)
    )
    v.store.ensure_writer(topic)
    v.store.flush(Flush(topic, 0, 1, (window,)))


def test_a_partition_that_stands_alone_is_found_and_one_that_takes_long_is_not(
    virtual: Virtual, capsys: pytest.CaptureFixture[str]
) -> None:
    v = virtual
    stuck, slow = poisoned(v, "poisoned", stands=1, until=1_000), poisoned(v, "slow-message", stands=1, until=40)
    outage, short = poisoned(v, "outage", stands=6, until=1_000), poisoned(v, "seen", stands=1, until=1_000)
    v.run(20)
    failing(v, *short, offset=16, count=20)
    v.judge()
    assert said(v, "DLQ-05", short[1]) == "fails", "its spans fail: 5 min are enough"
    assert v.verdicts["DLQ-05", short[1]].says.startswith(
        f"One message in partition 5 of test/{short[0]} failed 20 times"
    )
    assert said(v, "DLQ-05", stuck[1]) == "meets", "nobody tells why: it may still be a message that takes long"
    v.run(LOOKS - 20)
    v.judge()
    rows = [("DLQ-05", one[1], said(v, "DLQ-05", one[1])) for one in (stuck, slow, outage)]
    with capsys.disabled():
        sys.stdout.write("\n" + "".join("{:<8} {:<22} {}\n".format(*row) for row in rows))
    assert [row[2] for row in rows] == ["fails", "meets", "meets"]
    shown = v.verdicts["DLQ-05", stuck[1]].show
    assert (shown["partition"], shown["committed offset"], shown["partitions that go on"]) == (5, 16, 5)
    assert v.verdicts["DLQ-05", stuck[1]].evidence is Evidence.INFERRED, "no spans tell why"


def test_a_source_that_falls_silent_is_found_where_what_it_tells_of_goes_on(virtual: Virtual) -> None:
    v = virtual
    topic, group = v.estate.topic("traced"), v.estate.name("traced")
    hearing, reads = Hearing(v.store), True

    def step(number: int) -> None:
        v.write(topic, 4)
        if reads:
            v.read(group, topic, 4)
        v.store.touch_source("kafka/test", v.now)

    def spans(count: int) -> None:
        """Deliveries of the group, and that spans were heard, as the agent notes it."""
        key = consumes(Component("topic", f"test/{topic}"), Component("group", f"test/{group}"))
        values = [0] * len(Column)
        values[Column.COUNT] = count
        v.store.ensure_writer("spans")
        v.store.flush(Flush("spans", 0, 1, (WindowDelta(key, v.now.replace(second=0, microsecond=0), tuple(values)),)))

    v.steps.append(step)
    v.store.touch_source(OTLP, v.now)
    hearing.begin([OTLP, "kafka/test"], v.now)
    v.run(1)
    spans(100)
    for _ in range(65):
        hearing.note(OTLP, v.now)
        v.run(2)
    v.judge()
    assert said(v, "TRC-05", OTLP) == "meets"
    assert said(v, "TRC-05", "kafka/test") == "meets"

    reads = False
    v.run(20)
    v.judge()
    assert said(v, "TRC-05", OTLP) == "meets", "nothing is read: there is nothing that spans could tell of"
    reads = True
    v.run(4)
    v.judge()
    assert said(v, "TRC-05", OTLP) == "fails", v.verdicts["TRC-05", OTLP].says
    assert said(v, "TRC-05", "kafka/test") == "meets"

    v.now += timedelta(minutes=7)
    v.judge()
    assert said(v, "TRC-05", "kafka/test") == "fails"
    hearing.begin([OTLP], v.now)
    v.judge()
    assert said(v, "TRC-05", "kafka/test") == "not_applicable", "it was taken out of the configuration"
