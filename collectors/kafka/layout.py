"""What a cluster consists of, as its metadata tells: topics and partitions in a fixed order, and who leads what."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.model.kafka.look import Segments, TopicAbout, Whole

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Layout:
    """The topics that may be seen, ascending by name; `leader` is the broker of each partition, NOBODY without one."""

    rows: Segments
    leader: Whole
    about: Mapping[str, TopicAbout]
    brokers: tuple[int, ...]
    cluster_id: str | None
    index: Mapping[str, int]  #: topic -> its place in rows


def layout(metadata: Any, before: Layout | None = None) -> Layout:
    """Read an answer to Metadata. Where the partitions are those of before, the rows are the same object."""
    topics = sorted((one for one in metadata.topics if one.name and not one.error_code), key=lambda one: one.name)
    runs: list[tuple[str, list[int]]] = []
    leaders: list[int] = []
    about: dict[str, TopicAbout] = {}
    for topic in topics:
        partitions = sorted(topic.partitions, key=lambda one: one.partition_index)
        runs.append((topic.name, [one.partition_index for one in partitions]))
        leaders += [one.leader_id for one in partitions]
        about[topic.name] = _about(topic, partitions)
    rows = Segments.of(runs)
    if before is not None and _same(before.rows, rows):
        rows = before.rows
    brokers = tuple(sorted(one.node_id for one in metadata.brokers))
    index = {name: place for place, name in enumerate(rows.names)}
    return Layout(rows, np.array(leaders, dtype=np.int64), about, brokers, metadata.cluster_id, index)


def _same(one: Segments, other: Segments) -> bool:
    return (
        one.names == other.names and np.array_equal(one.first, other.first) and np.array_equal(one.number, other.number)
    )


def _about(topic: Any, partitions: Iterable[Any]) -> TopicAbout:
    replicas = [len(one.replica_nodes) for one in partitions]
    in_sync = [len(one.isr_nodes) for one in partitions]
    return TopicAbout(
        identity=identity(getattr(topic, "topic_id", None)),
        replication=min(replicas, default=None),
        in_sync=min(in_sync, default=None),
        offline=sum(one.leader_id < 0 for one in partitions),
    )


def identity(topic_id: Any) -> str | None:
    """A topic's id as Kafka's tools write it."""
    if topic_id is None or not getattr(topic_id, "int", 0):
        return None
    return base64.urlsafe_b64encode(topic_id.bytes).decode().rstrip("=")
