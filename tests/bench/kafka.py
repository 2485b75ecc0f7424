"""What watching Kafka costs: 100 groups x 200 partitions, beside confluent-kafka's Admin for the same lag, in turns."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collectors.kafka.access import Access
from collectors.kafka.watch import Watch

TESTBED = Path(__file__).parent.parent / "testbed"
PORT = 27_092
TOPICS, PARTITIONS, GROUPS, MANY, EACH = 200, 10, 100, 500, 20  #: each group reads so many topics
RECORDS = 20  #: of each partition
ROUNDS = 7


@contextmanager
def broker() -> Iterator[str]:
    """A real broker on loopback."""
    run = tempfile.mkdtemp(prefix="seamwatch-bench-", dir="/var/tmp")
    environ = {**os.environ, "TESTBED_RUN": run, "KAFKA_NAME": "bench", "KAFKA_HEAP": "512m"}
    script = ["bash", str(TESTBED / "kafka.sh")]
    subprocess.run([*script, "up", "1", str(PORT)], env=environ, check=True, stdout=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{PORT}"
    finally:
        subprocess.run([*script, "down"], env=environ, check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(run, ignore_errors=True)


def records(address: str, names: list[str]) -> None:
    """Some of the last hour in every partition."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": address, "linger.ms": 50, "queue.buffering.max.messages": 1_000_000})
    now = int(time.time() * 1000)
    for step in range(RECORDS):
        for name in names:
            for partition in range(PARTITIONS):
                producer.produce(name, b"x", partition=partition, timestamp=now - 3_600_000 + step * 60_000)
    producer.flush()


def fill(address: str, groups: range) -> None:
    """Topics with records of the last hour, and groups that are behind on some of them."""
    from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": address})
    names = [f"t-{number:03}" for number in range(TOPICS)]
    done = (RECORDS, RECORDS, RECORDS, 10, 5)  #: records that a group has read of a partition, by turns
    if not groups.start:
        for future in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]).values():
            future.result()
        records(address, names)
    for group in groups:
        offsets = [
            TopicPartition(names[(group * 2 + topic) % TOPICS], partition, done[(partition + group) % len(done)])
            for topic in range(EACH)
            for partition in range(PARTITIONS)
        ]
        asked = [ConsumerGroupTopicPartitions(f"g-{group:04}", offsets)]
        for future in admin.alter_consumer_group_offsets(asked).values():
            future.result()


class Theirs:
    """The lag of every group by confluent-kafka's Admin: it asks for the offsets of one group at a time."""

    def __init__(self, address: str) -> None:
        from confluent_kafka.admin import AdminClient

        self._admin = AdminClient({"bootstrap.servers": address})

    def lag(self) -> dict[tuple[str, str, int], int]:
        """Group, topic and partition to unread records."""
        from confluent_kafka import ConsumerGroupTopicPartitions
        from confluent_kafka.admin import OffsetSpec

        groups = [one.group_id for one in self._admin.list_consumer_groups().result().valid]
        waiting = [
            self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)])[name] for name in groups
        ]
        committed: dict[str, list[Any]] = {}
        for name, future in zip(groups, waiting, strict=True):
            committed[name] = future.result().topic_partitions
        wanted = {(one.topic, one.partition): one for some in committed.values() for one in some}
        ends = self._admin.list_offsets({one: OffsetSpec.latest() for one in wanted.values()})
        latest = {(one.topic, one.partition): future.result().offset for one, future in ends.items()}
        return {
            (name, one.topic, one.partition): max(0, latest[one.topic, one.partition] - one.offset)
            for name, some in committed.items()
            for one in some
        }


def ours(watch: Watch) -> dict[tuple[str, str, int], int]:
    """The same from one look; ages come with it."""
    look = watch.look()
    committed, topics = look.committed, look.topics
    if committed is None or topics is None:
        raise SystemExit("nothing was seen")
    index = {name: place for place, name in enumerate(topics.rows.names)}
    found = {}
    for pair, (group, topic) in enumerate(committed.rows.names):
        rows, first = committed.rows.rows(pair), int(topics.rows.first[index[topic]])
        for number, offset in zip(committed.rows.number[rows].tolist(), committed.offset[rows].tolist(), strict=True):
            found[group, topic, number] = max(0, int(topics.end[first + number]) - offset)
    return found


def looks(address: str, groups: int) -> tuple[int, int, float, float]:
    """Requests of the first look and of later ones; CPU of a look in ms, ours and theirs (the pair of median ratio)."""
    watch, peer = Watch(Access("bench", (address,))), Theirs(address)
    watch.look()
    first = watch.link.requests.total()
    if ours(watch) != peer.lag():
        raise SystemExit("the two do not agree on the lag")
    pairs, asked = [], []
    for _ in range(ROUNDS):
        sent, before = watch.link.requests.total(), time.process_time()
        watch.look()
        mine = 1000 * (time.process_time() - before)
        asked.append(watch.link.requests.total() - sent)
        before = time.process_time()
        peer.lag()
        pairs.append((mine, 1000 * (time.process_time() - before)))
    watch.close()
    cpu, other = sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]
    return first, max(asked), cpu, other


def measure(told: Callable[[str, str, str, bool], None]) -> None:
    """Start a broker, fill it, measure at 20,000 group-partitions and at five times as many."""
    if not shutil.which("java") or not shutil.which("mvn"):
        print("Kafka: not measured, for Java or Maven is not installed")
        return
    with broker() as address:
        fill(address, range(GROUPS))
        first, later, cpu, other = looks(address, GROUPS)
        fill(address, range(GROUPS, MANY))
        _, _, more, _ = looks(address, MANY)
    told("Kafka: requests of a first look at 20,000 group-partitions", str(first), "<= 40", first <= 40)
    told("Kafka: requests of a look, lag in seconds of all that lag", str(later), "<= 10", later <= 10)
    ratio = cpu / other
    told(
        "Kafka: CPU of it, ms, beside confluent-kafka's Admin",
        f"{cpu:.0f} / {other:.0f} = {ratio:.2f}",
        "<= 0.5",
        ratio <= 0.5,
    )
    told("Kafka: CPU at 100,000 group-partitions, of that at 20,000", f"{more / cpu:.1f}", "<= 5", more / cpu <= 5)


if __name__ == "__main__":
    measure(print)
