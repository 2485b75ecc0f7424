"""The rest of the matrix on three real brokers: what topics, their writers and their dead letters look like."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from agent.model.facts import Column
from agent.model.flush import Flush, WindowDelta
from agent.model.seam import Component, consumes
from tests.kafka.estate import Estate, Record
from tests.kafka.servers import Cluster
from tests.kafka.virtual import Virtual, said, shown, virtually

pytestmark = [pytest.mark.real, pytest.mark.slow]
LOOKS = 50  #: 25 minutes
SAFE = {"min.insync.replicas": "2"}


@dataclass
class Named:
    """Topics whose names belong together."""

    v: Virtual

    def topic(self, base: str, ending: str = "", partitions: int = 1, replicas: int = 3, **config: str) -> str:
        """`base` with an ending of its own, such as `-retry-1`."""
        name = f"{base}{ending}"
        self.v.estate._create(name, partitions, replicas, {**SAFE, "retention.ms": "-1", **config})
        return name


@pytest.fixture
def virtual(cluster: Cluster, tmp_path: Path) -> Iterator[Virtual]:
    with Estate(cluster.bootstrap) as estate, virtually(cluster.bootstrap, estate, tmp_path, ["sampled-*"]) as found:
        yield found


def written(v: Virtual, topic: str, count: int, every: int = 1) -> None:
    """So many records a step."""
    v.steps.append(lambda number: v.write(topic, count) if number % every == 0 else None)


def kept_up(v: Virtual, topic: str, group: str, count: int) -> None:
    """So many records a step, all of them read."""

    def step(_: int) -> None:
        v.write(topic, count)
        v.read(group, topic, count)

    v.steps.append(step)


def weak(v: Virtual, name: Named, word: str, *, idempotent: bool) -> str:
    """A topic whose writer is idempotent or not, and writes at each step."""
    topic = name.topic(v.estate.name(word))
    producer = v.estate.producer(enable_idempotence=idempotent)
    v.estate._open.callback(producer.close)

    def step(_: int) -> None:
        producer.send(topic, b"x", partition=0, timestamp_ms=int(v.now.timestamp() * 1000))
        producer.flush()

    v.steps.append(step)
    return topic


def copies(v: Virtual, name: Named, word: str, in_sync: str) -> str:
    topic = name.topic(v.estate.name(word), **{"min.insync.replicas": in_sync})
    written(v, topic, 1)
    return topic


def letters(v: Virtual, name: Named, word: str, count: int, old: timedelta) -> str:
    """A topic with dead letters beside it, which nobody reads."""
    base = v.estate.name(word)
    written(v, name.topic(base), 4)
    queue = name.topic(base, ".DLT")
    v.estate.send(queue, [Record(at=v.now - old)] * count)
    return queue


def surge(v: Virtual, name: Named, word: str, count: int, every: int) -> str:
    """Of 100 records a step so many end as dead letters, each so many steps."""
    base = v.estate.name(word)
    written(v, name.topic(base), 100)
    queue = name.topic(base, ".DLT")
    written(v, queue, count, every)
    return queue


def retried(v: Virtual, name: Named, word: str, *, ends: bool) -> str:
    """A retry topic, with or without dead letters behind it."""
    base = v.estate.name(word)
    written(v, name.topic(base), 1)
    if ends:
        name.topic(base, "-dlt")
    return name.topic(base, "-retry-1")


def failing(v: Virtual, name: Named, word: str, *, parked: bool) -> str:
    """A group whose deliveries fail now and then, as spans tell, with or without dead letters."""
    base = v.estate.name(word)
    topic, group = name.topic(base), v.estate.name(word)
    if parked:
        name.topic(base, ".DLT")
    kept_up(v, topic, group, 2)
    values = [0] * len(Column)
    values[Column.COUNT], values[Column.ERRORS] = 200, 3
    key = consumes(Component("topic", f"test/{topic}"), Component("group", f"test/{group}"))
    v.store.ensure_writer(topic)
    at = v.now.replace(second=0, microsecond=0)
    v.store.flush(Flush(topic, 0, 1, (WindowDelta(key, at, tuple(values)),)))
    return group


def shared(v: Virtual, name: Named, word: str, *, framed: bool) -> str:
    """A topic that three groups read, with or without a registry's frame."""
    topic = name.topic(v.estate.name(f"sampled-{word}"))
    body = b"\0\0\0\0\x07avro" if framed else json.dumps({"total": 3}).encode()
    v.estate.send(topic, [Record(body)] * 150)
    for number in range(3):
        v.estate.commit(v.estate.name(f"reader-{number}"), {(topic, 0): 150})
    return topic


def slip(v: Virtual, name: Named, word: str, *, near: bool) -> str:
    """A topic that somebody writes to and nobody reads, named nearly as a busy one, or not."""
    base = v.estate.name(word)
    busy, group = name.topic(f"{base}-checkouts"), v.estate.name(word)
    kept_up(v, busy, group, 20)
    other = f"{base}-checkotus" if near else f"{base}-payments"
    v.estate.send(other, [Record(at=v.now)] * 3)  # the brokers make it
    return other


def ceiling(v: Virtual, name: Named, word: str, partitions: int) -> str:
    """One member, which commits nothing more, on a topic of so many partitions that is written to."""
    topic, group = name.topic(v.estate.name(word), partitions=partitions), v.estate.name(word)
    v.estate.commit(group, {(topic, partition): 0 for partition in range(partitions)})
    v.estate.join(group, topic, enable_auto_commit=False)

    def step(_: int) -> None:
        for partition in range(partitions):
            v.write(topic, 20, partition)

    v.steps.append(step)
    return group


def test_troubles_of_topics_and_their_groups_beside_their_healthy_twins(
    virtual: Virtual, capsys: pytest.CaptureFixture[str]
) -> None:
    v, name = virtual, Named(virtual)
    day = timedelta(days=1)
    pairs = {
        "IDM-05": (weak(v, name, "plain", idempotent=False), weak(v, name, "idempotent", idempotent=True)),
        "RCV-10": (copies(v, name, "one-place", "1"), copies(v, name, "two-places", "2")),
        "DLQ-01": (failing(v, name, "fails", parked=False), failing(v, name, "parks", parked=True)),
        "DLQ-03": (letters(v, name, "waiting", 12, 3 * day), letters(v, name, "fresh", 2, timedelta(minutes=20))),
        "DLQ-04": (surge(v, name, "surge", 4, 1), surge(v, name, "calm", 1, 25)),
        "DLQ-06": (retried(v, name, "endless", ends=False), retried(v, name, "ending", ends=True)),
        "SCH-03": (shared(v, name, "bare", framed=False), shared(v, name, "framed", framed=True)),
        "GOV-08": (slip(v, name, "slip", near=True), slip(v, name, "other", near=False)),
    }
    v.run(LOOKS)
    v.judge()
    rows = [(rule, bad, said(v, rule, bad), good, said(v, rule, good)) for rule, (bad, good) in pairs.items()]
    shown(rows, capsys)
    assert {row[0]: row[2] for row in rows} == dict.fromkeys(pairs, "fails")
    assert {row[0]: row[4] for row in rows} == dict.fromkeys(pairs, "meets")


@pytest.fixture
def month(cluster: Cluster, tmp_path: Path) -> Iterator[Virtual]:
    ago = timedelta(days=35)
    with Estate(cluster.bootstrap) as estate, virtually(cluster.bootstrap, estate, tmp_path, ago=ago) as found:
        yield found


def test_a_ceiling_and_what_nobody_reads_take_a_day_and_a_month(
    month: Virtual, capsys: pytest.CaptureFixture[str]
) -> None:
    v, name = month, Named(month)
    full, room = ceiling(v, name, "full", 1), ceiling(v, name, "room", 3)
    idle, used = name.topic(v.estate.name("idle")), name.topic(v.estate.name("used"))
    group = v.estate.name("used")
    v.estate.send(idle, [Record(at=v.now)] * 5)
    kept_up(v, used, group, 1)
    v.run(50, timedelta(minutes=30))
    v.run(125)
    v.judge()
    found = [("GRW-02", full, said(v, "GRW-02", full), room, said(v, "GRW-02", room))]
    v.run(63, timedelta(hours=11.5))
    v.run(3)
    v.judge()
    found.append(("GOV-07", idle, said(v, "GOV-07", idle), used, said(v, "GOV-07", used)))
    shown(found, capsys)
    assert [row[2] for row in found] == ["fails", "fails"]
    assert [row[4] for row in found] == ["meets", "meets"]
