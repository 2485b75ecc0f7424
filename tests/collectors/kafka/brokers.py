"""Brokers of a made-up cluster that speak enough of Kafka's protocol to be looked at, each as badly as it is told."""

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from kafka.protocol.admin import DescribeGroupsRequest, DescribeGroupsResponse, ListGroupsResponse
from kafka.protocol.consumer import ListOffsetsRequest, ListOffsetsResponse, OffsetFetchResponse
from kafka.protocol.metadata import ApiVersionsResponse, MetadataResponse

from collectors.kafka.access import Access
from collectors.kafka.watch import Watch

METADATA, LIST_OFFSETS, LIST_GROUPS, API_VERSIONS, DESCRIBE_GROUPS, OFFSET_FETCH = 3, 2, 16, 18, 15, 9
OFFERED = {
    METADATA: (0, 4),
    LIST_OFFSETS: (0, 3),
    LIST_GROUPS: (0, 2),
    API_VERSIONS: (0, 0),
    DESCRIBE_GROUPS: (0, 0),
    OFFSET_FETCH: (2, 5),
}
TOPIC, END = "orders", 7
Manner = Callable[[int, bytes], Sequence[bytes] | None]  #: kind of request, frame -> what is sent of it; None: silence


def honest(_: int, frame: bytes) -> Sequence[bytes]:
    """The answer as it is."""
    return (frame,)


def silent(_: int, __: bytes) -> None:
    """What a frozen process says."""


class Node:
    """One broker on loopback."""

    def __init__(self) -> None:
        self.manner: Manner = honest
        self.counts: Counter[int] = Counter()  #: requests that came, by kind
        self.cluster: Sequence[Node] = ()
        self.groups: Sequence[str] = ()  #: each has one member, whose every name is that of the group
        self.offsets_error = 0  #: instead of committed offsets
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self._lines: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._door.accept()
                self._lines.append(line)
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError), line:
            while (head := _exactly(line, 4)) and (frame := _exactly(line, struct.unpack(">i", head)[0])):
                kind, version, number = struct.unpack_from(">hhi", frame)
                self.counts[kind] += 1
                body = struct.pack(">i", number) + self._answer(kind, version, frame)
                for part in self.manner(kind, struct.pack(">i", len(body)) + body) or ():
                    line.sendall(part)

    def _answer(self, kind: int, version: int, frame: bytes) -> bytes:
        made = {
            API_VERSIONS: _api_versions,
            METADATA: self._metadata,
            LIST_OFFSETS: _offsets,
            LIST_GROUPS: self._groups,
            DESCRIBE_GROUPS: _members,
            OFFSET_FETCH: self._committed,
        }[kind](frame, version)
        return bytes(made.encode(version=version))

    def _groups(self, _: bytes, __: int) -> Any:
        kind = ListGroupsResponse.ListedGroup
        told = [kind(group_id=name, protocol_type="consumer") for name in self.groups]
        return ListGroupsResponse(throttle_time_ms=0, error_code=0, groups=told)

    def _committed(self, _: bytes, __: int) -> Any:
        kind = OffsetFetchResponse.OffsetFetchResponseTopic
        part = kind.OffsetFetchResponsePartition(
            partition_index=0, committed_offset=1, committed_leader_epoch=-1, metadata="", error_code=0
        )
        topics = [] if self.offsets_error else [kind(name=TOPIC, partitions=[part])]
        return OffsetFetchResponse(throttle_time_ms=0, topics=topics, error_code=self.offsets_error)

    def _metadata(self, _: bytes, __: int) -> Any:
        kind = MetadataResponse.MetadataResponseTopic
        brokers = [
            MetadataResponse.MetadataResponseBroker(node_id=number, host="127.0.0.1", port=node.port, rack=None)
            for number, node in enumerate(self.cluster, 1)
        ]
        partitions = [
            kind.MetadataResponsePartition(
                error_code=0, partition_index=at, leader_id=at + 1, replica_nodes=[at + 1], isr_nodes=[at + 1],
                offline_replicas=[],
            )
            for at in range(len(self.cluster))
        ]  # fmt: skip
        topic = kind(error_code=0, name=TOPIC, is_internal=False, partitions=partitions)
        return MetadataResponse(
            throttle_time_ms=0, brokers=brokers, cluster_id="made-up", controller_id=1, topics=[topic]
        )


def _api_versions(_: bytes, __: int) -> Any:
    kind = ApiVersionsResponse.ApiVersion
    keys = [kind(api_key=key, min_version=low, max_version=high) for key, (low, high) in OFFERED.items()]
    return ApiVersionsResponse(error_code=0, api_keys=keys)


def _members(frame: bytes, version: int) -> Any:
    asked: Any = DescribeGroupsRequest.decode(frame, version=version, header=True)
    kind = DescribeGroupsResponse.DescribedGroup
    return DescribeGroupsResponse(
        groups=[
            kind(
                error_code=0, group_id=name, group_state="Stable", protocol_type="consumer", protocol_data=name,
                members=[
                    kind.DescribedGroupMember(
                        member_id=name, client_id=name, client_host=name, member_metadata=b"",
                        member_assignment=assigned(name),
                    )
                ],
            )
            for name in asked.groups
        ]
    )  # fmt: skip


def assigned(topic: str) -> bytes:
    """An assignment as a member may write it."""
    name = topic.encode()[:30_000]
    return struct.pack(f">hih{len(name)}sii", 0, 1, len(name), name, 1, 0) + bytes(4)


def _offsets(frame: bytes, version: int) -> Any:
    asked: Any = ListOffsetsRequest.decode(frame, version=version, header=True, framed=False)
    kind = ListOffsetsResponse.ListOffsetsTopicResponse
    topics = [
        kind(
            name=topic.name,
            partitions=[
                kind.ListOffsetsPartitionResponse(
                    partition_index=part.partition_index, error_code=0, timestamp=-1, offset=END
                )
                for part in topic.partitions
            ],
        )
        for topic in asked.topics
    ]
    return ListOffsetsResponse(throttle_time_ms=0, topics=topics)


def _exactly(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = line.recv(size - len(found))
        if not part:
            return b""
        found += part
    return found


@contextmanager
def nodes(count: int = 3) -> Iterator[list[Node]]:
    """A cluster of some brokers, of which each leads one partition of `orders`."""
    made = [Node() for _ in range(count)]
    for node in made:
        node.cluster = made
    try:
        yield made
    finally:
        for node in made:
            node.close()


@contextmanager
def watched(made: Sequence[Node], timeout: float, **access: Any) -> Iterator[Watch]:
    """A watch of a cluster; it hangs up at the end."""
    watch = Watch(Access("test", (f"127.0.0.1:{made[0].port}",), timeout=timeout, **access))
    try:
        yield watch
    finally:
        watch.close()


def seconds(done: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.monotonic()
    done()
    return time.monotonic() - began
