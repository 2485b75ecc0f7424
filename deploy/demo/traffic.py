"""What happens on the demo's real broker, second by second. Each trouble stands beside one that only looks like it.

- orders -> invoicing: reads 12 of 20 messages a second (LAG-01). Beside it search keeps up, and reports reads in
  batches.
- payments -> fraud: nine of ten have one key, so that one partition is far behind (LAG-05, LAG-01), and what fails has
  no dead-letter topic (DLQ-01). Invoicing is evenly behind, and has orders-dlq.
- clicks -> sessions: reads as fast as it is written to, 8.5 min late, and after 10 min messages are deleted (LAG-04).
  Beside it trends is at the end.
- audit -> archive: stood still while the first messages were deleted (LAG-07). Auditors had read them before.
- mail-retry: what fails is tried again, and there is nowhere to put it at last (DLQ-06). Parcels end in parcels-dlq.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from deploy.demo.kafka import Kafka

PREFIX = "seamwatch-demo-"
PARTITIONS = 3
SINGLE = ("audit", "clicks")  #: topics of one partition
KEPT = 600  #: seconds that clicks are kept
LATE = 510  #: seconds that sessions is behind
BATCH = 240.0  #: seconds between two reads of reports
RATES = {"orders": 20, "payments": 10, "clicks": 5, "mail-retry": 1, "parcels-retry": 1}  #: messages a second
TOPICS: dict[str, dict[str, str]] = {
    **{name: {} for name in ("orders", "payments", "audit", "mail", "mail-retry")},
    **{name: {} for name in ("parcels", "parcels-retry", "parcels-dlq", "orders-dlq", "clicks-dlq", "audit-dlq")},
    "clicks": {"retention.ms": str(KEPT * 1000), "segment.ms": "120000"},
}
#: the topic of each group, and how many messages of each partition it reads a second, with a member for each; none: one
#: member reads all that there is
GROUPS: dict[str, tuple[str, int | None]] = {
    "invoicing": ("orders", 4),
    "search": ("orders", None),
    "reports": ("orders", None),
    "fraud": ("payments", 4),
    "sessions": ("clicks", RATES["clicks"]),
    "trends": ("clicks", None),
    "archive": ("audit", 20),
    "auditors": ("audit", None),
}
_AUDITED, _DELETED = 240, 180  #: messages of one partition, and how many of them are deleted
_SILENT = 60.0  #: seconds without an answer after which a broker is gone
_JOIN = 120.0  #: seconds for all groups to get their partitions
_QUICK = {"bootstrap_timeout_ms": 5_000}  #: at the end, when the broker may be gone


class _End(Exception):  # noqa: N818  # it ends the traffic and is no error of ours
    """Why the part of the demo on the broker ends, as what is said of the broker."""


class _Gone(_End):
    """The broker does not answer any more."""

    def __init__(self) -> None:
        super().__init__("does not answer any more")


class _Slow(_End):
    """What was waited for did not come in time."""

    def __init__(self, what: str) -> None:
        super().__init__(f"answers, and {what} within {_JOIN:.0f} s")


@dataclass
class _Reader:
    """A group's members, in this process."""

    members: list[Any]
    rate: int | None
    read: int = 0


def _why(problem: Exception) -> str:
    """What is said of a broker on which the demo cannot go on."""
    name = type(problem).__name__
    if isinstance(problem, _End):
        return str(problem)
    if isinstance(problem, (KafkaTimeoutError, KafkaConnectionError, OSError)):
        return f"does not answer any more ({name})"
    return f"refuses what the demo does ({name})"


def _hush() -> None:
    """What the client says of a lost broker is said by us, in one line."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


class Traffic:
    """Topics, writers and groups under a prefix of their own, in a thread, until `stop`."""

    def __init__(self, kafka: Kafka, say: Callable[[str], None], alive: Callable[[], bool] = lambda: True) -> None:
        self._kafka, self._say, self._alive = kafka, say, alive
        self.prefix = "demo." if kafka.own else f"{PREFIX}{secrets.token_hex(2)}."
        self._settings: dict[str, Any] = {"bootstrap_servers": kafka.address}
        self._readers: dict[str, _Reader] = {}
        self._open: list[Any] = []
        self._answered = time.monotonic()
        self._over = threading.Event()
        self.ready = threading.Event()  #: every group reads
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and delete what was made; of our own broker all goes with it."""
        self._over.set()
        self._thread.join(60)

    def _run(self) -> None:
        _hush()
        try:
            self._make()
            self._live()
        except (_End, KafkaError, OSError) as problem:
            if not self._over.is_set():
                where = f"The broker at {self._kafka.address} {_why(problem)}"
                self._say(f"{where}. Its part of the demo ends; the simulated shop goes on.")
        finally:
            self._close()

    def _make(self) -> None:
        """Topics, with what had happened before anybody looked."""
        self._admin = self._opened(KafkaAdminClient(**self._settings))
        self._admin.create_topics(
            {
                self.prefix + name: {"num_partitions": 1 if name in SINGLE else PARTITIONS, "configs": settings}
                for name, settings in TOPICS.items()
            },
            wait_for_metadata=True,
        )
        self._producer = self._opened(
            KafkaProducer(**self._settings, linger_ms=20, batch_size=1_024, max_block_ms=10_000)
        )
        now = time.time()
        for number in range(LATE * RATES["clicks"]):
            self._write("clicks", number, at=now - LATE + number / RATES["clicks"])
        for number in range(_AUDITED):
            self._write("audit", number)
        self._flush()
        for group, (topic, rate) in GROUPS.items():
            self._join(group, topic, rate)
        self._assigned()
        self._audit()
        self.ready.set()

    def _opened(self, client: Any) -> Any:
        self._open.append(client)
        return client

    def _join(self, group: str, topic: str, rate: int | None) -> None:
        settings = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "group_id": self.prefix + group}
        count = 1 if rate is None or topic in SINGLE else PARTITIONS
        members = [
            self._opened(
                KafkaConsumer(self.prefix + topic, client_id=f"{group}-{number}", **settings, **self._settings)
            )
            for number in range(count)
        ]
        self._readers[group] = _Reader(members, rate)

    def _assigned(self) -> None:
        """Let every member get its partitions; what was sent to it meanwhile counts as read."""
        end = time.monotonic() + _JOIN
        while not self._over.is_set():
            for reader in self._readers.values():
                for member in reader.members:
                    reader.read += _count(member.poll(timeout_ms=50, max_records=1))
            if all(map(_shared, self._readers.values())):
                return
            if time.monotonic() > end:
                waiting = sorted(name for name, reader in self._readers.items() if not _shared(reader))
                message = f"gave {', '.join(waiting)} no partitions"
                raise _Slow(message)

    def _audit(self) -> None:
        """Archive stands still after its first messages, of which most are deleted; auditors had read them all."""
        for group, wanted in (("archive", GROUPS["archive"][1] or 0), ("auditors", _AUDITED)):
            reader = self._readers[group]
            end = time.monotonic() + _JOIN
            while reader.read < wanted and not self._over.is_set():
                reader.read += _count(reader.members[0].poll(timeout_ms=200, max_records=wanted - reader.read))
                if time.monotonic() > end:
                    message = f"sent {group} {reader.read} of {wanted} messages"
                    raise _Slow(message)
            reader.members[0].commit()
        archive = self._readers["archive"].members[0]
        archive.pause(*archive.assignment())
        self._admin.delete_records({TopicPartition(f"{self.prefix}audit", 0): _DELETED})

    def _live(self) -> None:
        begun = time.monotonic()
        tick = 0
        batch = begun
        while not self._over.wait(max(0.0, begun + tick - time.monotonic())):
            if not self._alive():
                raise _Gone
            for topic, rate in RATES.items():
                for number in range(rate):
                    self._write(topic, tick * rate + number)
            if tick % 5 == 0:
                self._flush()
            due = time.monotonic() >= batch
            batch = time.monotonic() + BATCH if due else batch
            for group, reader in self._readers.items():
                if group != "reports" or due:
                    self._read(group, reader)
            tick = max(tick + 1, int(time.monotonic() - begun))  # what a busy machine missed is not made up for

    def _write(self, topic: str, number: int, at: float | None = None) -> None:
        """One message; payments have one key nine times of ten."""
        partition = 0 if topic in SINGLE else number % PARTITIONS
        if topic == "payments":
            partition = 0 if number % 10 else 1 + number // 10 % 2
        stamp = None if at is None else int(at * 1000)
        body = b'{"number": %d}' % number
        self._producer.send(self.prefix + topic, body, partition=partition, timestamp_ms=stamp).add_callback(
            self._heard
        )

    def _heard(self, _: object) -> None:
        self._answered = time.monotonic()

    def _flush(self) -> None:
        with suppress(KafkaError):
            self._producer.flush(timeout=5)
        if time.monotonic() - self._answered > _SILENT:
            raise _Gone

    def _read(self, group: str, reader: _Reader) -> None:
        """What a group reads in this second, committed."""
        for member in reader.members:
            if reader.rate is not None:
                member.poll(timeout_ms=20, max_records=reader.rate)
            while reader.rate is None and _count(member.poll(timeout_ms=20, max_records=2_000)):
                pass
            if group != "archive":
                member.commit_async()

    def _close(self) -> None:
        if not self._kafka.own:
            self._delete()
        for client in reversed(self._open):
            with suppress(KafkaError, OSError):
                _end(client)

    def _delete(self) -> None:
        """Every group leaves, and is deleted with the topics; nothing else is touched."""
        for member in (member for reader in self._readers.values() for member in reader.members):
            with suppress(KafkaError, OSError):
                member.close(autocommit=False, timeout_ms=5_000)
        try:
            admin = KafkaAdminClient(**self._settings, **_QUICK)
            try:
                told: dict[str, str] = admin.delete_groups([self.prefix + group for group in self._readers])
                admin.delete_topics([name for name in admin.list_topics() if name.startswith(self.prefix)])
            finally:
                admin.close()
        except (KafkaError, OSError) as problem:
            left = type(problem).__name__
        else:
            there = {group: said for group, said in told.items() if said not in ("OK", "GroupIdNotFoundError")}
            left = ", ".join(f"{group}: {said}" for group, said in there.items())
        if left:
            self._say(f"Not all that begins with {self.prefix} could be deleted on {self._kafka.address} ({left}).")


def _shared(reader: _Reader) -> bool:
    """Each member has partitions, and none has those of another."""
    counts = [len(member.assignment()) for member in reader.members]
    return all(counts) and (len(counts) == 1 or max(counts) == 1)


def _end(client: Any) -> None:
    if isinstance(client, KafkaConsumer):
        client.close(autocommit=False, timeout_ms=2_000)
    elif isinstance(client, KafkaProducer):
        client.close(timeout=2)
    else:
        client.close()


def _count(found: dict[Any, Sequence[Any]]) -> int:
    return sum(map(len, found.values()))
