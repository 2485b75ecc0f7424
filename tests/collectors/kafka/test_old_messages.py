"""Messages in the formats before Kafka 0.11, as a broker up to 3.x may still hold them, and formats yet to come."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.protocol.consumer import FetchResponse
from kafka.record.legacy_records import LegacyRecordBatchBuilder

from agent.model.kafka.look import Segments, TopicAbout
from collectors.kafka.batches import Unread, unpack
from collectors.kafka.layout import Layout
from collectors.kafka.sampling import Sampler
from tests.collectors.kafka.test_batches import batch

NAMES = {0: "none", 1: "gzip", 2: "snappy", 3: "lz4"}


def messages(first: int, count: int, magic: int, codec: int = 0) -> bytes:
    """Messages as a broker holds them: one after another, or in one that is compressed and has the last one's offset.

    What is said to be snappy or lz4 is gzip, for it is not unpacked.
    """
    builder = LegacyRecordBatchBuilder(magic=magic, compression_type=min(codec, 1), batch_size=1 << 20)
    for at in range(count):
        offset = at if codec and magic else first + at  # within one that is compressed they are counted from 0
        builder.append(offset, timestamp=1_000 + at if magic else None, key=b"k", value=b'{"n": %d}' % at)
    raw = bytearray(builder.build())
    if codec:
        struct.pack_into(">q", raw, 0, first + count - 1)
        raw[17] = codec
    return bytes(raw)


@pytest.mark.parametrize("magic", [0, 1])
def test_what_is_not_compressed_is_read(magic: int) -> None:
    found = unpack(messages(40, 3, magic) + batch(43, [b"new"]), 41, [], 100)
    assert [(one.offset, one.key, one.value) for one in found.records[:2]] == [
        (41, b"k", b'{"n": 1}'),
        (42, b"k", b'{"n": 2}'),
    ]
    assert [one.at for one in found.records] == ([0, 0, 1_000] if magic == 0 else [1_001, 1_002, 1_000])
    assert (found.next, dict(found.unread)) == (44, {})


@pytest.mark.parametrize("codec", [1, 2, 3])
@pytest.mark.parametrize("magic", [0, 1])
def test_what_is_compressed_is_counted_with_its_reason_and_passed_over_whole(magic: int, codec: int) -> None:
    for position in (40, 42):
        found = unpack(messages(40, 5, magic, codec) + batch(45, [b"new"]), position, [], 100)
        assert [one.offset for one in found.records] == [45]
        assert (found.next, dict(found.unread)) == (46, {Unread.OLD: 1})


@pytest.mark.parametrize("magic", [3, 127, 255])
def test_a_format_that_is_yet_to_come_is_counted_and_passed_over(magic: int) -> None:
    raw = bytearray(batch(40, [b"x"] * 5))
    raw[16] = magic
    found = unpack(bytes(raw) + batch(45, [b"healthy"]), 42, [], 100)
    assert [one.offset for one in found.records] == [45]
    assert (found.next, dict(found.unread)) == (46, {Unread.UNKNOWN: 1})


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1), st.integers(0, 3), st.integers(0, 400), st.integers(0, 255), st.integers(0, 60))
def test_no_old_bytes_raise_or_stand_still(magic: int, codec: int, at: int, byte: int, position: int) -> None:
    raw = bytearray(messages(40, 3, magic, codec))
    raw[at % len(raw)] = byte
    length = int(struct.unpack_from(">i", raw, 8)[0])
    found = unpack(bytes(raw), position, [], 100)
    if 4 < length <= len(raw) - 12:
        assert found.next > position
    assert found.next >= position


def test_a_head_that_leads_back_is_not_asked_for_again_and_again() -> None:
    raw = bytearray(batch(40, [b"x"] * 5))
    struct.pack_into(">i", raw, 23, -3)  # the last offset, from the first on
    assert unpack(bytes(raw), 44, [], 100).next == 45


class Old:
    """A leader whose one partition holds 20 messages that were compressed long ago, five at a time."""

    received = 0

    def __init__(self) -> None:
        self.asked: list[int] = []

    def ask(self, asks: Any) -> list[Any]:
        if not asks:
            return []
        [(_, request)] = asks
        [topic] = request.topics
        [part] = topic.partitions
        self.asked.append(part.fetch_offset)
        first = part.fetch_offset // 5 * 5
        kind = FetchResponse.FetchableTopicResponse
        told = kind.PartitionData(
            partition_index=0, error_code=0, aborted_transactions=None, records=messages(first, 5, 1, 1)
        )
        return [FetchResponse(error_code=0, responses=[kind(topic=topic.topic, partitions=[told])])]


def test_a_sampler_passes_what_it_cannot_read_and_says_why() -> None:
    rows = Segments.of([("orders", [0])])
    seen = Layout(rows, np.array([1]), {"orders": TopicAbout("id")}, (1,), None, {"orders": 0})
    link = Old()
    sampler = Sampler(link, ["orders"])  # type: ignore[arg-type]
    for _ in range(5):
        told, troubles = sampler.turn(seen, np.array([0]), np.array([20]))
        assert not troubles
    assert link.asked == [0, 5, 10, 15], "and once at the end nothing is asked"
    link = Old()
    told, _ = Sampler(link, ["orders"]).turn(seen, np.array([0]), np.array([20]))  # type: ignore[arg-type]
    assert (told["orders"].records, told["orders"].unread) == (0, 1)
    assert told["orders"].unread_why == "a batch compressed, in a message format before Kafka 0.11"
