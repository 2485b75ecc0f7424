"""Records out of bytes as kafka-python writes them: every codec, aborted transactions, and what is no batch."""

import struct
import zlib
from collections.abc import Sequence

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from collectors.kafka.batches import MOST_NUMBERS, MOST_RECORDS, MOST_UNPACKED, Unread, inflated, unpack

HEAD = DefaultRecordBatch.HEADER_STRUCT.size


def _gzipped(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


PACKERS = {
    1: _gzipped,
    2: lambda data: bytes(cramjam.snappy.compress_raw(data)),
    3: lambda data: bytes(cramjam.lz4.compress(data)),
    4: lambda data: bytes(cramjam.zstd.compress(data)),
}


def _xerial(data: bytes) -> bytes:
    """As Java's snappy does it: a head, and blocks with their lengths."""
    blocks = [bytes(cramjam.snappy.compress_raw(data[at : at + 50])) for at in range(0, len(data), 50)]
    told = b"".join(struct.pack(">i", len(block)) + block for block in blocks)
    return b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1) + told


def batch(
    first: int, values: Sequence[bytes], codec: int = 0, producer: int = -1, *, transaction: bool = False
) -> bytes:
    """One batch of records from an offset on."""
    epoch, sequence = (0, 0) if producer >= 0 else (-1, -1)
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=transaction, producer_id=producer, producer_epoch=epoch,
        base_sequence=sequence, batch_size=1 << 20,
    )  # fmt: skip
    for offset, value in enumerate(values):
        builder.append(offset, 1_000 + offset, b"key", value, [("h", b"v")])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, first)
    return packed(bytes(raw), codec) if codec else bytes(raw)


def packed(raw: bytes, codec: int, payload: bytes | None = None) -> bytes:
    """A batch whose records are packed, or are other bytes."""
    body = PACKERS[codec](raw[HEAD:]) if payload is None else payload
    head = bytearray(raw[:HEAD])
    struct.pack_into(">i", head, 8, HEAD + len(body) - 12)
    (attributes,) = struct.unpack_from(">h", head, 21)
    struct.pack_into(">h", head, 21, attributes | codec)
    return bytes(head) + body


def marker(offset: int, producer: int, *, abort: bool) -> bytes:
    """The end of a transaction."""
    raw = bytearray(batch(offset, [b""], producer=producer, transaction=True))
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=True, producer_id=producer, producer_epoch=0, base_sequence=0,
        batch_size=1 << 20,
    )  # fmt: skip
    builder.append(0, 1_000, struct.pack(">hh", 0, 0 if abort else 1), b"\0\0\0\0\0\0", [])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, offset)
    (attributes,) = struct.unpack_from(">h", raw, 21)
    struct.pack_into(">h", raw, 21, attributes | 0x20)
    return bytes(raw)


def offsets(data: bytes, position: int = 0, aborted: Sequence[tuple[int, int]] = (), most: int = 100) -> list[int]:
    return [record.offset for record in unpack(data, position, aborted, most).records]


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_every_codec_is_read(codec: int) -> None:
    found = unpack(batch(40, [b"a" * 100, b"b" * 100], codec) + batch(42, [b"c"]), 40, [], 100)
    assert [(one.offset, one.value[:1], one.at) for one in found.records if one.value] == [
        (40, b"a", 1_000),
        (41, b"b", 1_001),
        (42, b"c", 1_000),
    ]
    assert found.records[0].headers == (("h", b"v"),)
    assert found.next == 43
    assert not found.unread


def test_snappy_in_javas_blocks() -> None:
    raw = batch(7, [b"x" * 300])
    found = unpack(packed(raw, 2, _xerial(raw[HEAD:])), 7, [], 100)
    assert [one.value for one in found.records] == [b"x" * 300]


def test_reading_begins_within_a_batch_and_ends_where_it_is_enough() -> None:
    data = batch(0, [b"x"] * 10) + batch(10, [b"x"] * 10)
    assert offsets(data, position=7) == list(range(7, 20))
    found = unpack(data, 7, [], 5)
    assert [one.offset for one in found.records] == [7, 8, 9, 10, 11]
    assert found.next == 12, "and goes on there"


def test_a_batch_that_is_cut_off_comes_again() -> None:
    data = batch(0, [b"x"] * 3) + batch(3, [b"x"] * 3)[:-5]
    found = unpack(data, 0, [], 100)
    assert found.next == 3
    assert not found.unread


def test_records_of_aborted_transactions_are_none_and_those_of_committed_ones_are() -> None:
    data = (
        batch(0, [b"committed"], producer=5, transaction=True)
        + marker(1, 5, abort=False)
        + batch(2, [b"aborted", b"aborted"], producer=5, transaction=True)
        + batch(4, [b"another's"], producer=6)
        + marker(5, 5, abort=True)
        + batch(6, [b"committed"], producer=5, transaction=True)
        + marker(7, 5, abort=False)
    )
    assert offsets(data, aborted=[(2, 5)]) == [0, 4, 6]
    assert unpack(data, 0, [(2, 5)], 100).next == 8


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_what_unpacks_to_too_much_is_passed_over_and_what_follows_is_read(codec: int) -> None:
    bomb = PACKERS[codec](b"\0" * (MOST_UNPACKED + 1))
    data = packed(batch(0, [b"x"] * 5), codec, bomb) + batch(5, [b"healthy"])
    found = unpack(data, 0, [], 100)
    assert found.unread == {Unread.LARGE: 1}
    assert [one.offset for one in found.records] == [5]


def test_as_much_as_is_allowed_is_unpacked() -> None:
    for codec, packer in PACKERS.items():
        assert len(inflated(codec, packer(b"\0" * 10_000), 10_000)) == 10_000


@pytest.mark.parametrize("codec", [1, 2, 3, 4, 7])
def test_what_cannot_be_unpacked_is_counted(codec: int) -> None:
    raw = batch(0, [b"x"] * 2)
    found = unpack(packed(raw, codec, b"no such thing") + batch(2, [b"healthy"]), 0, [], 100)
    assert found.unread == {Unread.CODEC if codec == 7 else Unread.BROKEN: 1}
    assert [one.offset for one in found.records] == [2]


def test_a_header_that_is_no_text_costs_its_batch_and_no_other() -> None:
    broken = batch(0, [b"x"]).replace(b"\x02h\x02v", b"\x02\xff\x02v")
    found = unpack(broken + batch(1, [b"healthy"]), 0, [], 100)
    assert found.unread == {Unread.BROKEN: 1}
    assert [one.offset for one in found.records] == [1]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 200), st.integers(0, 255))
def test_no_bytes_raise_or_stand_still(noise: bytes, at: int, byte: int) -> None:
    whole = bytearray(batch(0, [b"x" * 20] * 3, 4) + batch(3, [b"y"] * 2))
    whole[at % len(whole)] = byte
    for data in (noise, bytes(whole), bytes(whole[:at])):
        found = unpack(data, 0, [(0, 1)], 100)
        assert found.next >= 0


def test_batches_that_unpack_to_much_are_taken_one_by_one_and_small_ones_all_at_once() -> None:
    large = [batch(offset, [b"\0" * 900_000], 4) for offset in range(20)]
    room, seen, at = 2_000_000, list[int](), 0
    while at < 20:
        found = unpack(b"".join(large[at:]), at, [], 500, room)
        assert found.size < room + 1_000_000
        assert 0 < len(found.records) <= 3
        seen += [one.offset for one in found.records]
        at = found.next
    assert seen == list(range(20))
    assert unpack(large[0], 0, [], 500, 0).next == 0, "without room it is left for the next answer"
    small = b"".join(batch(offset, [b"\0" * 100], 4) for offset in range(20))
    assert len(unpack(small, 0, [], 500, room).records) == 20


def test_a_record_of_endless_headers_is_passed_over_and_one_of_many_is_read() -> None:
    def with_headers(first: int, count: int) -> bytes:
        builder = DefaultRecordBatchBuilder(
            magic=2, compression_type=0, is_transactional=False, producer_id=-1, producer_epoch=-1, base_sequence=-1,
            batch_size=1 << 20,
        )  # fmt: skip
        builder.append(0, 1_000, None, b"{}", [("", b"")] * count)
        raw = bytearray(builder.build())
        struct.pack_into(">q", raw, 0, first)
        return packed(bytes(raw), 4)

    data = with_headers(0, MOST_NUMBERS // 2) + with_headers(1, 10_000) + batch(2, [b"healthy"])
    found = unpack(data, 0, [], 100)
    assert [one.offset for one in found.records] == [1, 2]
    assert len(found.records[0].headers) == 10_000
    assert dict(found.unread) == {Unread.HEADERS: 1}
    assert found.next == 3


def test_a_batch_of_more_records_than_can_be_walked_is_passed_over_unread() -> None:
    many = bytearray(batch(0, [b"a", b"b"]))
    struct.pack_into(">i", many, 57, MOST_RECORDS + 1)
    found = unpack(bytes(many) + batch(2, [b"healthy"]), 0, [], 100)
    assert [one.offset for one in found.records] == [2]
    assert dict(found.unread) == {Unread.MANY: 1}
