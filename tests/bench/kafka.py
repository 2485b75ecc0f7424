"""What watching Kafka costs: 100 groups x 200 partitions, beside confluent-kafka's Admin for the same lag, in turns."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collectors.kafka.access import Access
from collectors.kafka.watch import Watch

TESTBED = Path(__file__).parent.parent / "testbed"
PORT = 27_092
TOPICS, PARTITIONS, GROUPS, EACH = 200, 10, 100, 20  #: each group reads so many topics
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


def fill(address: str, groups: int) -> None:
    """Topics with records of the last hour, and groups that are behind on some of them."""
    from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": address})
    names = [f"t-{number:03}" for number in range(TOPICS)]
    for future in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]).values():
        future.result()
    producer = Producer({"bootstrap.servers": address, "linger.ms": 50, "queue.buffering.max.messages": 1_000_000})
    now = int(time.time() * 1000)
    for step in range(RECORDS):
        for name in names:
            for partition in range(PARTITIONS):
                at = now - 3_600_000 + step * 60_000
                producer.produce(name, b"x", partition=partition, timestamp=at)
    producer.flush()
    done = (RECORDS, RECORDS, RECORDS, 10, 5)  #: records that a group has read of a partition, by turns
    for group in range(groups):
        offsets = [
            TopicPartition(
                names[(group * 2 + topic) % TOPICS], partition, (RECORDS, RECORDS, RECORDS, 10, 5)[place % 5]
            )
            for topic in range(EACH)
            for partition in range(PARTITIONS)
            for place in [partition + group]
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


def looks(address: str, groups: int) -> None:
    """Print requests and CPU of both."""
    watch, peer = Watch(Access("bench", (address,))), Theirs(address)
    before = time.process_time()
    watch.look()
    first_cpu, first = 1000 * (time.process_time() - before), watch.link.requests.total()
    if ours(watch) != peer.lag():
        raise SystemExit("the two do not agree on the lag")
    mine, other, asked = [], [], []
    for _ in range(ROUNDS):
        sent, before = watch.link.requests.total(), time.process_time()
        watch.look()
        mine.append(1000 * (time.process_time() - before))
        asked.append(watch.link.requests.total() - sent)
        before = time.process_time()
        peer.lag()
        other.append(1000 * (time.process_time() - before))
    pairs = sorted(zip(mine, other, strict=True), key=lambda pair: pair[0] / pair[1])
    cpu, theirs_cpu = pairs[len(pairs) // 2]
    rows = groups * EACH * PARTITIONS
    print(f"kafka: first look at {rows:,} group-partitions   {first} requests (bar 40), {first_cpu:.0f} ms of CPU")
    print(f"kafka: a look with lag in seconds              {max(asked)} requests at most (bar 10)")
    print(
        f"kafka: CPU of it beside confluent-kafka's Admin  {cpu:.0f} / {theirs_cpu:.0f} ms = {cpu / theirs_cpu:.2f} "
        f"(bar 0.50), median of {statistics.median(mine):.0f}"
    )
    watch.close()


def main(groups: int = GROUPS) -> None:
    """Start a broker, fill it, measure."""
    if not shutil.which("java") or not shutil.which("mvn"):
        print("kafka: not measured, Java and Maven are not installed")
        return
    with broker() as address:
        fill(address, groups)
        looks(address, groups)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else GROUPS)
