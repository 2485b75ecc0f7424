"""More of the matrix on a real broker: topics, and groups whose partitions differ; each trouble beside its twin."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.app.hearing import OTLP, Hearing
from agent.model.attempts import Attempts
from agent.model.declared import Declarations, Workflow
from agent.model.facts import Column
from agent.model.flush import Flush, WindowDelta
from agent.model.seam import Component, consumes
from agent.model.verdict import Evidence
from tests.kafka.estate import Estate
from tests.kafka.virtual import Virtual, said, shown, virtually

pytestmark = [pytest.mark.real, pytest.mark.slow]
LOOKS = 80  #: 40 minutes


@pytest.fixture
def longer(broker: str, estate: Estate, tmp_path: Path) -> Iterator[Virtual]:
    with virtually([broker], estate, tmp_path, ago=timedelta(days=2)) as found:
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
    shown(rows, capsys)
    assert [row[2] for row in rows] == ["fails", "meets", "meets"]
    told = v.verdicts["DLQ-05", stuck[1]].show
    assert (told["partition"], told["committed offset"], told["partitions that go on"]) == (5, 16, 5)
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


def paced(v: Virtual, name: str, written: int, read: int) -> tuple[str, str]:
    """So many records a step, all read; from step 120 on nobody reads for 20, and then `read` a step at most."""
    topic, group = v.estate.topic(name), v.estate.name(name)
    waiting = 0

    def step(number: int) -> None:
        nonlocal waiting
        v.write(topic, written)
        waiting += written
        if not 120 <= number < 140:
            now = min(waiting, read)
            v.read(group, topic, now)
            waiting -= now

    v.steps.append(step)
    return topic, group


def test_a_group_near_what_it_ever_read_is_found_and_one_that_never_was_behind_is_not_judged(virtual: Virtual) -> None:
    v = virtual
    near, half, calm = paced(v, "near", 20, 22), paced(v, "half", 20, 40), rising_never(v, "calm")
    v.run(180)
    v.judge()
    assert said(v, "GRW-01", near[1]) == "fails", v.verdicts["GRW-01", near[1]]
    assert v.verdicts["GRW-01", near[1]].says.startswith(f"test/{near[0]} gets 40/min at a peak, 91%")
    assert said(v, "GRW-01", half[1]) == "meets", v.verdicts["GRW-01", half[1]]
    assert said(v, "GRW-01", calm[1]) == "blind", "it keeps up: nobody knows what it can"


def rising_never(v: Virtual, name: str) -> tuple[str, str]:
    """Ten records a step, read at once."""
    topic, group = v.estate.topic(name), v.estate.name(name)

    def step(number: int) -> None:
        v.write(topic, 10)
        v.read(group, topic, 10)

    v.steps.append(step)
    return topic, group


def test_a_declared_hop_without_spans_is_found_and_one_with_spans_is_not(longer: Virtual) -> None:
    v = longer
    dark, seen, other = (rising_never(v, name) for name in ("dark", "seen", "undeclared"))
    keys = [
        consumes(Component("topic", f"test/{topic}"), Component("group", f"test/{group}"))
        for topic, group in (dark, seen)
    ]
    v.declared = Declarations(workflows=(Workflow(name="order-to-cash", seams=tuple(keys)),), loaded=True)
    v.run(160, timedelta(minutes=10))
    values = [0] * len(Column)
    values[Column.COUNT] = 1_400
    v.store.ensure_writer("spans")
    at = v.now.replace(second=0, microsecond=0) - timedelta(hours=1)
    v.store.flush(Flush("spans", 0, 1, (WindowDelta(keys[1], at, tuple(values)),)))
    v.judge()
    assert said(v, "TRC-02", dark[1]) == "fails"
    assert v.verdicts["TRC-02", dark[1]].says.endswith(
        "1,440 messages of test/" + dark[0] + " in 24 h, and sent no spans."
    )
    assert said(v, "TRC-02", seen[1]) == "meets"
    assert said(v, "TRC-02", other[1]) == "not_applicable", "no workflow names it"
