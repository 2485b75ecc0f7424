"""What a look costs a broker, counted by a proxy between; and older brokers, whose versions the proxy gives."""

import os
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from collectors.kafka.access import Access
from collectors.kafka.watch import FIRST, STEADY, Watch
from tests.conftest import free_port
from tests.kafka.estate import Estate, Record
from tests.kafka.looking import ages, lag
from tests.kafka.sharing import Script, serving

pytestmark = pytest.mark.real
API_VERSIONS = 18
GROUPS, TOPICS, PARTITIONS, EACH = 60, 40, 5, 8


class Proxy:
    """Passes frames between a client and a broker, counts requests by kind, and may make the broker look older."""

    def __init__(self, port: int, behind: int) -> None:
        self.counts: Counter[int] = Counter()
        self.most: dict[int, int] = {}  #: kind of request -> highest version that the client is told; -1 for none
        self._behind = behind
        self._door = socket.create_server(("127.0.0.1", port))
        self._asked: dict[tuple[int, int], tuple[int, int]] = {}
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        self._door.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                broker = socket.create_connection(("127.0.0.1", self._behind))
                for source, target, sent in ((client, broker, True), (broker, client, False)):
                    threading.Thread(target=self._pass, args=(source, target, sent, id(client)), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, sent: bool, line: int) -> None:
        with suppress(OSError), source, target:
            while (head := _exactly(source, 4)) is not None:
                frame = _exactly(source, struct.unpack(">i", head)[0])
                if frame is None:
                    return
                frame = self._request(frame, line) if sent else self._answer(frame, line)
                target.sendall(head + frame)

    def _request(self, frame: bytes, line: int) -> bytes:
        kind, version, number = struct.unpack_from(">hhi", frame)
        self.counts[kind] += 1
        self._asked[line, number] = (kind, version)
        return frame

    def _answer(self, frame: bytes, line: int) -> bytes:
        (number,) = struct.unpack_from(">i", frame)
        kind, version = self._asked.pop((line, number), (-1, 0))
        if kind != API_VERSIONS or not self.most or version < 3:
            return frame
        told, at = bytearray(frame), 7  # number, error, count (all brokers have under 127 kinds)
        for _ in range(told[6] - 1):
            api, _, high = struct.unpack_from(">hhh", told, at)
            struct.pack_into(">h", told, at + 4, min(high, self.most.get(api, high)))
            at += 7
        return bytes(told)


def _exactly(stream: socket.socket, size: int) -> bytes | None:
    found = b""
    while len(found) < size:
        part = stream.recv(size - len(found))
        if not part:
            return None
        found += part
    return found


@pytest.fixture(scope="module")
def counted(servers: Path) -> Iterator[tuple[str, Proxy]]:
    """A broker that says it is reached by a proxy: the address, and the proxy."""
    told = servers / f"proxy-{os.getpid()}"
    port = free_port(24_000)
    told.write_text(str(port))
    extra = f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}"
    name = f"counted-{os.getpid()}"
    with (
        serving(
            name, Script("kafka.sh", servers, {"KAFKA_NAME": name, "KAFKA_EXTRA": extra}), ["1"], 22_000, (1, 100)
        ) as behind,
        _between(port, behind) as proxy,
    ):
        yield f"127.0.0.1:{port}", proxy


@contextmanager
def _between(port: int, behind: int) -> Iterator[Proxy]:
    proxy = Proxy(port, behind)
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.fixture(scope="module")
def filled(counted: tuple[str, Proxy]) -> dict[str, dict[tuple[str, int], int]]:
    """Groups with what they have committed, half of them behind."""
    address, _ = counted
    told: dict[str, dict[tuple[str, int], int]] = {}
    with Estate(address) as estate:
        topics = [estate.topic(partitions=PARTITIONS) for _ in range(TOPICS)]
        with estate.producer() as producer:
            for topic in topics:
                for partition in range(PARTITIONS):
                    for _ in range(4):
                        producer.send(topic, b"x", partition=partition)
        for number in range(GROUPS):
            mine = [topics[(number + step) % TOPICS] for step in range(EACH)]
            name = estate.name("reader")
            told[name] = {(topic, p): 4 - 2 * (number % 2) for topic in mine for p in range(PARTITIONS)}
            estate.commit(name, told[name])
    return told


def right(watch: Watch, filled: dict[str, dict[tuple[str, int], int]]) -> None:
    """One look, in which every group is where it is."""
    look = watch.look()
    for name, offsets in filled.items():
        for topic in {topic for topic, _ in offsets}:
            assert lag(look, name, topic) == {p: 4 - offsets[topic, p] for p in range(PARTITIONS)}
            assert len(ages(look, name, topic)) == PARTITIONS


def test_a_look_costs_ten_requests_and_the_first_forty_whatever_the_number_of_groups(
    counted: tuple[str, Proxy], filled: dict[str, dict[tuple[str, int], int]]
) -> None:
    address, proxy = counted
    watch = Watch(Access("test", (address,)))
    proxy.counts.clear()
    right(watch, filled)
    assert proxy.counts.total() - proxy.counts[API_VERSIONS] <= FIRST
    asked = []
    for _ in range(12):  # errands come by turns
        proxy.counts.clear()
        right(watch, filled)
        asked.append(proxy.counts.total())
    assert max(asked) <= STEADY, asked
    watch.close()


def test_a_broker_of_28_is_watched_and_what_it_does_not_offer_is_said(
    counted: tuple[str, Proxy], filled: dict[str, dict[tuple[str, int], int]]
) -> None:
    address, proxy = counted
    absent = (61, 65, 66, 69, 74, 77, 89, 90)  # producers, transactions, and everything of KIP-714, 848, 932 and 1071
    proxy.most = {2: 6, 3: 9, 9: 7, 15: 5, 16: 4} | dict.fromkeys(absent, -1)
    watch = Watch(Access("test", (address,)))
    try:
        right(watch, filled)
        refused = {}
        for _ in range(10):
            refused |= {name: why for name, why in watch.look().refused.items() if why}
        assert set(refused) >= {"producers", "transactions", "client metrics"}
        assert "DescribeProducers: not offered by this broker" in refused["producers"]
    finally:
        watch.close()
        proxy.most = {}


def test_a_broker_with_offsets_of_the_old_kind_is_watched(counted: tuple[str, Proxy]) -> None:
    address, proxy = counted
    proxy.most = {2: 5}
    with Estate(address) as estate:
        topic, name = estate.topic(), estate.name("reader")
        estate.produce(topic, 3, Record())
        estate.commit(name, {(topic, 0): 1})
        watch = Watch(Access("test", (address,)))
        try:
            look = watch.look()
            assert lag(look, name, topic) == {0: 2}
            assert ages(look, name, topic)[0] < 60
        finally:
            watch.close()
            proxy.most = {}
