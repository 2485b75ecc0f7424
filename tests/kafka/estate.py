"""What happens on a cluster: small verbs over kafka-python, and over Kafka's own consumers for newer groups."""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    OffsetSpec,
    ResourcePattern,
    ResourceType,
)
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NoError,
    NotCoordinatorError,
    TopicAlreadyExistsError,
)
from kafka.structs import OffsetAndMetadata

from tests.kafka.members import Member, Tool

RETRIABLE = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)
T = TypeVar("T")
Place = tuple[str, int]  #: topic and partition


def eventually(condition: Callable[[], object], what: str, within: float = 30) -> None:
    """Wait until something is so, at most that many seconds."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s: {what}"
        time.sleep(0.05)


@dataclass(frozen=True)
class Record:
    """What is produced; `at` is its timestamp, now where it is not given."""

    value: bytes | None = b"{}"
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    at: datetime | None = None
    partition: int | None = 0


class Estate:
    """A cluster as those who use it see it. Settings are kafka-python's (`secure.login("agent")`)."""

    def __init__(self, bootstrap: str | Sequence[str], **settings: Any) -> None:
        self.bootstrap = bootstrap
        self._settings = {"bootstrap_servers": bootstrap, **settings}
        self._open = ExitStack()
        self.admin = self._open.enter_context(KafkaAdminClient(**self._settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let every member leave, abort what is left open, close every client."""
        self._open.close()

    # Topics

    def name(self, word: str = "orders") -> str:
        """A name of this test's own."""
        return f"{word}-{secrets.token_hex(4)}"

    def topic(
        self, word: str = "orders", partitions: int = 1, replicas: int = 1, config: Mapping[str, str] | None = None
    ) -> str:
        """A new topic with a name of its own, ready for use."""
        name = self.name(word)
        self._create(name, partitions, replicas, config or {})
        return name

    def _create(self, name: str, partitions: int, replicas: int, config: Mapping[str, str]) -> None:
        wanted = {"num_partitions": partitions, "replication_factor": replicas, "configs": dict(config)}
        self.admin.create_topics({name: wanted}, wait_for_metadata=True)

    def drop(self, topic: str) -> None:
        """Delete a topic, and wait until the cluster does not know it."""
        self.admin.delete_topics([topic])
        eventually(lambda: topic not in self.admin.list_topics(), f"{topic} is gone")

    def recreate(self, topic: str, partitions: int = 1, replicas: int = 1) -> None:
        """Delete a topic, and create one of the same name."""

        def created() -> bool:
            try:
                self._create(topic, partitions, replicas, {})
            except TopicAlreadyExistsError:
                return False
            return True

        self.drop(topic)
        eventually(created, f"{topic} is created again")

    def configure(self, kind: str, name: str, values: Mapping[str, str]) -> None:
        """Set values of a `topic`, a `broker` or a `group`."""
        wanted = ConfigResource(kind, name, dict(values))
        said = self.admin.alter_configs([wanted], raise_on_unknown=False)
        assert "Error" not in str(said).replace("NoError", ""), said

    # Records

    def send(self, topic: str, records: Iterable[Record], **settings: Any) -> list[int]:
        """Produce records, and tell their offsets; idempotent unless `enable_idempotence=False`."""
        with self.producer(**settings) as producer:
            return _sent(producer, topic, records)

    def produce(
        self, topic: str, count: int = 1, record: Record | None = None, every: timedelta = timedelta(), **settings: Any
    ) -> list[int]:
        """Produce one record several times, its timestamp `every` so much later."""
        return self.send(topic, _repeated(record or Record(), count, every), **settings)

    def transact(self, topic: str, count: int = 1, record: Record | None = None) -> str:
        """Produce in a transaction and commit it; its transactional ID."""
        producer, name = self._begun(topic, count, record)
        with producer:
            producer.commit_transaction()
        return name

    def abort(self, topic: str, count: int = 1, record: Record | None = None) -> str:
        """Produce in a transaction and abort it; its transactional ID."""
        producer, name = self._begun(topic, count, record)
        with producer:
            producer.abort_transaction()
        return name

    def leave_open(self, topic: str, count: int = 1, record: Record | None = None, **settings: Any) -> str:
        """Produce in a transaction that stays open as long as the estate, or `transaction_timeout_ms`; its ID.

        A minute is the client's own, which a test on a busy machine outlasts; 15 are the most that a broker allows.
        """
        producer, name = self._begun(topic, count, record, **{"transaction_timeout_ms": 900_000, **settings})
        self._open.callback(_abandon, producer)
        return name

    def _begun(self, topic: str, count: int, record: Record | None, **settings: Any) -> tuple[KafkaProducer, str]:
        name = self.name("transaction")
        producer = self.producer(transactional_id=name, **settings)
        producer.init_transactions()
        producer.begin_transaction()
        _sent(producer, topic, _repeated(record or Record(), count, timedelta()))
        return producer, name

    def producer(self, **settings: Any) -> KafkaProducer:
        """A producer; the caller closes it."""
        return KafkaProducer(**{**self._settings, **settings})

    def read(self, topic: str, count: int, **settings: Any) -> list[ConsumerRecord]:
        """The first records of a topic, of all its partitions, without a group."""
        seen: list[ConsumerRecord] = []
        consumer = KafkaConsumer(topic, **{**self._settings, "auto_offset_reset": "earliest", **settings})

        def enough() -> bool:
            for found in consumer.poll(timeout_ms=100).values():
                seen.extend(found)
            return len(seen) >= count

        with closing(consumer):
            eventually(enough, f"{count} records of {topic}")
        return seen

    def cut(self, topic: str, before: int, partition: int = 0) -> None:
        """Delete the records before an offset."""
        self.admin.delete_records({TopicPartition(topic, partition): before})

    def starts(self, topic: str) -> dict[int, int]:
        """The first offset of each partition."""
        return self._offsets(topic, OffsetSpec.EARLIEST, "READ_UNCOMMITTED")

    def ends(self, topic: str) -> dict[int, int]:
        """The next offset of each partition."""
        return self._offsets(topic, OffsetSpec.LATEST, "READ_UNCOMMITTED")

    def stable_ends(self, topic: str) -> dict[int, int]:
        """Where a reader of committed records ends: before the first open transaction of each partition."""
        return self._offsets(topic, OffsetSpec.LATEST, "READ_COMMITTED")

    def _offsets(self, topic: str, spec: OffsetSpec, isolation: str) -> dict[int, int]:
        [told] = self.admin.describe_topics([topic])
        wanted = {TopicPartition(topic, each["partition_index"]): spec for each in told["partitions"]}
        found = self.admin.list_partition_offsets(wanted, isolation_level=isolation)
        return {place.partition: at.offset for place, at in found.items()}

    # Groups

    def commit(self, group: str, offsets: Mapping[Place, int]) -> None:
        """Commit for a group without joining it."""
        wanted = {TopicPartition(*place): OffsetAndMetadata(at, "", -1) for place, at in offsets.items()}

        def done() -> None:
            for error in set(self.admin.alter_group_offsets(group, wanted).values()) - {NoError}:
                raise error(group)

        _patiently(done)

    def committed(self, group: str) -> dict[Place, int]:
        """What a group has committed."""
        found = _patiently(lambda: self.admin.list_group_offsets(group))[group]
        return {(place.topic, place.partition): at.offset for place, at in found.items()}

    def groups(self) -> dict[str, tuple[str, str]]:
        """Each group's kind and state, in small letters."""
        told = _patiently(self.admin.list_groups)
        return {each["group_id"]: (each["group_type"].lower(), each["group_state"].lower()) for each in told}

    def join(self, group: str, *topics: str, instance: str | None = None, **settings: Any) -> Member:
        """Join a classic group, statically with an `instance`, and read; returns once partitions are assigned."""
        member = Member(topics, {**self._settings, "group_id": group, "group_instance_id": instance, **settings})
        self._open.callback(member.leave)
        member.wait_until_stable()
        return member

    def join_consumer(self, group: str, topic: str) -> Tool:
        """Join a group of the newer protocol (KIP-848) with Kafka's own consumer, and read from the beginning."""
        words = "--command-property", "group.protocol=consumer", "--from-beginning"
        return self._join_by_tool("console-consumer", group, topic, words)

    def join_share(self, group: str, topic: str) -> Tool:
        """Join a share group with Kafka's own consumer, and read from the beginning."""
        self.configure("group", group, {"share.auto.offset.reset": "earliest"})
        return self._join_by_tool("console-share-consumer", group, topic, ())

    def join_streams(self, group: str) -> Tool:
        """Join a streams group (KIP-1071) with Kafka's own word count, which reads `streams-plaintext-input`."""
        servers = self.bootstrap if isinstance(self.bootstrap, str) else ",".join(self.bootstrap)
        started = Tool(group, servers, "{folder}", script="streams.sh")
        self._open.callback(started.close)
        stable = ("streams", "stable")
        eventually(lambda: started.must_live() and self.groups().get(group) == stable, f"{group} joined", within=120)
        return started

    def _join_by_tool(self, name: str, group: str, topic: str, words: Sequence[str]) -> Tool:
        servers = self.bootstrap if isinstance(self.bootstrap, str) else ",".join(self.bootstrap)
        started = Tool(name, "--bootstrap-server", servers, "--group", group, "--topic", topic, *words)
        self._open.callback(started.close)
        eventually(lambda: started.must_live() and self.groups().get(group, ("", ""))[1] == "stable", f"{group} joined")
        return started

    # Permissions

    def grant(self, principal: str, operation: str, kind: str, name: str, pattern: str = "LITERAL") -> None:
        """Allow `User:agent` to `READ` a `TOPIC`; the cluster's name is `kafka-cluster`."""
        said = self.admin.create_acls([_acl(principal, operation, kind, name, pattern)])
        assert not said["failed"], said

    def revoke(self, principal: str, operation: str, kind: str, name: str, pattern: str = "LITERAL") -> None:
        """Take back what was granted in the same words."""
        [(_, taken, error)] = self.admin.delete_acls([_acl(principal, operation, kind, name, pattern)])
        assert (len(taken), error) == (1, NoError), (taken, error)


def _patiently(call: Callable[[], T], within: float = 30) -> T:
    """Ask until a coordinator is there: a cluster has none for a group before it is asked for one."""
    end = time.monotonic() + within
    while True:
        try:
            return call()
        except RETRIABLE:
            assert time.monotonic() < end, f"not within {within} s: a coordinator"
        time.sleep(0.05)


def _repeated(record: Record, count: int, every: timedelta) -> list[Record]:
    return [replace(record, at=record.at and record.at + every * turn) for turn in range(count)]


def _sent(producer: KafkaProducer, topic: str, records: Iterable[Record]) -> list[int]:
    """Hand records over, and wait for their offsets."""
    sent = [
        producer.send(
            topic,
            value=record.value,
            key=record.key,
            headers=list(record.headers),
            partition=record.partition,
            timestamp_ms=int(record.at.timestamp() * 1000) if record.at else None,
        )
        for record in records
    ]
    producer.flush(timeout=30)
    return [future.get(timeout=30).offset for future in sent]


def _abandon(producer: KafkaProducer) -> None:
    with producer, suppress(KafkaError):  # the cluster may have aborted it before us
        producer.abort_transaction()


def _acl(principal: str, operation: str, kind: str, name: str, pattern: str) -> ACL:
    where = ResourcePattern(ResourceType[kind], name, ACLResourcePatternType[pattern])
    return ACL(principal, "*", ACLOperation[operation], ACLPermissionType.ALLOW, where)
