"""Brokers whose answers are none: slow, cut off, endless, too large, garbage. The others are seen all the same."""

import os
import re
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from kafka.protocol.admin import ListGroupsRequest, ListGroupsResponse
from kafka.protocol.consumer import ListOffsetsResponse
from kafka.protocol.metadata import MetadataResponse

from agent.model.kafka.look import UNSEEN, Look
from collectors.kafka.access import TroubleError, Why
from collectors.kafka.codec import CodecError, Names, assignment, fetched, listed
from collectors.kafka.knock import knock
from collectors.kafka.link import PATIENCE
from collectors.kafka.wire import hollow
from tests.collectors.kafka.brokers import (
    API_VERSIONS,
    END,
    LIST_OFFSETS,
    TOPIC,
    Manner,
    honest,
    nodes,
    seconds,
    watched,
)

TIMEOUT = 0.6  #: s, of one request
LATE, NONE = "timed out", "what it sent is no answer of Kafka's"
EITHER = f"{LATE}|{NONE}"  #: as quickly as the machine passes it on
MOST_MIB = 200  #: that the process may grow by: one answer may have 64, and a made-up broker lives in it too


def dripping(_: int, frame: bytes) -> Iterator[bytes]:  # type: ignore[misc]
    for at in range(len(frame)):
        time.sleep(0.05)
        yield frame[at : at + 1]


def endless(_: int, frame: bytes) -> Iterator[bytes]:
    yield frame
    yield from (bytes(1 << 16) for _ in range(20_000))


def large(_: int, __: bytes) -> Iterator[bytes]:
    yield struct.pack(">i", 64 << 20)
    yield from (bytes(1 << 16) for _ in range(1 << 10))


def slow(kind: int, frame: bytes) -> Sequence[bytes]:
    time.sleep(0.9 * TIMEOUT)
    return (frame,)


def rest(fill: bytes) -> Manner:
    """The length and the number are right, and what follows is none."""
    return lambda kind, frame: (frame if kind == API_VERSIONS else frame[:8] + (fill * len(frame))[: len(frame) - 8],)


MANNERS: dict[str, tuple[Manner, str]] = {
    "a byte at a time": (dripping, LATE),  # type: ignore[dict-item]
    "half a frame": (lambda _, frame: (frame[: len(frame) // 2],), LATE),
    "2 GiB": (lambda _, frame: (b"\x7f\xff\xff\xff" + frame[4:],), NONE),
    "a length below 0": (lambda _, frame: (struct.pack(">i", -5) + frame[4:],), NONE),
    "nothing in a frame": (lambda _, __: (bytes(4),), NONE),
    "two bytes": (lambda _, __: (b"\0\0\0\2ab",), NONE),
    "HTTP": (lambda _, __: (b"HTTP/1.1 400 Bad Request\r\n\r\n",), NONE),
    "null lists": (rest(b"\xff"), NONE),
    "long lists": (rest(b"\x7f"), NONE),
    "another's number": (lambda _, frame: (frame[:4] + b"\x7f\0\0\0" + frame[8:],), NONE),
    "no end": (endless, EITHER),  # type: ignore[dict-item]
    "64 MiB": (large, EITHER),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("manner", MANNERS)
def test_what_is_no_answer_is_told_in_time_and_keeps_nobody_else(manner: str) -> None:
    does, says = MANNERS[manner]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with nodes() as made, watched(made, TIMEOUT) as watch:
        watch.look()
        made[2].manner = does
        for _ in range(2):
            looks: list[Look] = []
            took = seconds(lambda: looks.append(watch.look()))  # noqa: B023
            assert took < 8 * TIMEOUT
            [look] = looks
            assert look.topics is not None
            assert look.topics.end.tolist() == [END, END, UNSEEN]
            assert re.fullmatch(f"broker 3, ListOffsets: (?:{says})", look.refused["offsets"])
        made[2].manner = honest
        assert watch.look().topics is not None
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10 < MOST_MIB


@pytest.mark.parametrize("manner", MANNERS)
def test_where_no_other_answers_it_is_said_in_time(manner: str) -> None:
    does, says = MANNERS[manner]
    with nodes(1) as made, watched(made, TIMEOUT) as watch:
        made[0].manner = does

        def look() -> None:
            with pytest.raises(TroubleError) as raised:
                watch.look()
            assert raised.value.why in (Why.TIMEOUT, Why.BROKEN)
            assert re.fullmatch(f"127.0.0.1:{made[0].port}: (?:{says})", str(raised.value))

        assert seconds(look) < 4 * TIMEOUT


def test_answers_of_random_bytes_are_troubles() -> None:
    with nodes() as made, watched(made, TIMEOUT) as watch:
        watch.look()
        made[2].manner = lambda _, frame: (frame[:8] + os.urandom(len(frame) - 8),)
        for _ in range(30):
            look = watch.look()
            assert look.topics is not None
            assert look.topics.end.tolist()[:2] == [END, END]
            assert look.refused["offsets"]


def test_a_broker_tells_of_what_it_was_asked_and_of_nothing_else() -> None:
    answer = ListOffsetsResponse(throttle_time_ms=0, topics=[])
    with nodes() as made, watched(made, TIMEOUT) as watch:
        watch.look()

        def lying(kind: int, frame: bytes) -> Sequence[bytes]:
            if kind != LIST_OFFSETS:
                return (frame,)
            part = ListOffsetsResponse.ListOffsetsTopicResponse.ListOffsetsPartitionResponse
            answer.topics = [
                ListOffsetsResponse.ListOffsetsTopicResponse(
                    name=TOPIC,
                    partitions=[part(partition_index=0, error_code=0, timestamp=-1, offset=END + 99)],
                )
            ]
            body = frame[4:8] + bytes(answer.encode(version=3))
            return (struct.pack(">i", len(body)) + body,)

        made[2].manner = lying
        look = watch.look()
        assert look.topics is not None
        assert look.topics.end.tolist() == [END, END, UNSEEN]
        assert look.refused["offsets"] == "ListOffsets: 1 partitions were left out of the answer"


def test_a_broker_whose_every_answer_is_nearly_late_has_so_long_and_no_longer() -> None:
    with nodes() as made, watched(made, TIMEOUT) as watch:
        watch.look()
        made[2].manner = slow
        took = seconds(lambda: [watch.link.ask([(3, request)]) for request in [_groups() for _ in range(12)]])
        assert took < (PATIENCE + 1) * TIMEOUT
        [late] = watch.link.ask([(3, _groups())])
        assert str(late) == "broker 3, ListGroups: timed out"


def _groups() -> object:
    return ListGroupsRequest(states_filter=[], types_filter=[])


def test_metadata_without_brokers_is_a_trouble() -> None:
    with nodes(1) as made, watched(made, TIMEOUT) as watch:
        made[0].cluster = ()
        with pytest.raises(TroubleError, match="it names no brokers"):
            watch.look()


def test_nulls_where_there_must_be_something_are_found_at_any_depth() -> None:
    kind = MetadataResponse.MetadataResponseTopic
    whole = MetadataResponse(version=4, brokers=[], cluster_id=None, topics=[kind(version=4, name="a", partitions=[])])
    assert not hollow(whole)
    assert hollow(MetadataResponse(version=4, brokers=[], topics=[kind(version=4, name="a", partitions=None)]))
    assert hollow(ListGroupsResponse(version=2, groups=None))
    group = ListGroupsResponse.ListedGroup
    assert hollow(ListGroupsResponse(version=2, groups=[group(version=2, group_id=None, protocol_type="")]))


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack(">hihi", 0, 1 << 30, -6, 0),  # each topic would lead back to itself
        struct.pack(">hih1si", 0, 1, 1, b"a", -1),
        struct.pack(">hih1si", 0, 1, 1, b"a", (1 << 31) - 1),
    ],
)
def test_an_assignment_that_a_member_made_up_ends(raw: bytes) -> None:
    with pytest.raises(CodecError):
        assignment(raw)


def test_answers_of_which_a_length_leads_back_end() -> None:
    many = b"\xff\xff\xff\x7f"
    with pytest.raises(CodecError):
        listed(bytes(4) + many + b"\1" + b"\0" * 200, Names())
    with pytest.raises(CodecError):
        fetched(bytes(4) + many + b"\2a" + many + b"\2b\0" + b"\0" * 200, Names())


def test_an_address_that_drips_is_knocked_at_no_longer_than_it_may() -> None:
    door = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                line, _ = door.accept()
                threading.Thread(target=drip, args=(line,), daemon=True).start()

    def drip(line: socket.socket) -> None:
        with suppress(OSError), line:
            for byte in struct.pack(">i", 1000) + bytes(1000):
                line.sendall(bytes([byte]))
                time.sleep(0.05)

    threading.Thread(target=serve, daemon=True).start()
    try:
        assert seconds(lambda: knock("127.0.0.1", door.getsockname()[1], timeout=TIMEOUT)) < 5 * TIMEOUT
    finally:
        door.shutdown(socket.SHUT_RDWR)
        door.close()
