"""Records out of the bytes of a Fetch answer: unpacked within bounds, without those of aborted transactions.

kafka-python reads the records; it unpacks without a bound, so a megabyte that unpacks to gigabytes is ours to refuse.
"""

import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cramjam import DecompressionError, lz4, snappy, zstd
from kafka.errors import CorruptRecordError, KafkaError
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.legacy_records import LegacyRecordBatch
from kafka.record.util import decode_varint

MOST_UNPACKED = 16 << 20  #: bytes of one batch; brokers take 1 MiB of a batch by default
MOST_NUMBERS = 50_000  #: varints of one record: two a header; an empty header unpacks from two bits to a hundred bytes
MOST_RECORDS = 200_000  #: of one batch: the last of them is found by reading all, about a second
_LENGTH = struct.Struct(">qi")  #: first offset, and how many bytes follow
_MAGIC_AT, _NEWEST = 16, 2  #: message formats: 0 and 1 are messages, 2 (Kafka 0.11) is batches of records
_COUNT_AT, _COUNT = 57, struct.Struct(">i")
_ATTRIBUTES_AT, _ATTRIBUTES = 21, struct.Struct(">h")
_CODEC = 0x07
_XERIAL, _XERIAL_HEAD = b"\x82SNAPPY\0", 16  #: as Java's snappy writes it: blocks, each with its length
_SHORT_BUFFER = ("failed to write whole buffer", "is smaller than required")


class Unread(StrEnum):
    """Why a batch was passed over."""

    LARGE = f"unpacks to more than {MOST_UNPACKED >> 20} MiB"
    CODEC = "compressed in a way that is not known"
    MANY = f"holds more than {MOST_RECORDS:,} records"
    HEADERS = f"has a record with more than {MOST_NUMBERS // 2:,} headers"
    BROKEN = "not understood"
    OLD = "compressed, in a message format before Kafka 0.11"
    UNKNOWN = "in a message format that is not known"


class _UnreadError(Exception):
    def __init__(self, why: Unread) -> None:
        super().__init__(why)
        self.why = why


class _Batch(DefaultRecordBatch):  # type: ignore[misc]  # kafka-python has no types here
    """Reads no record without end: how many headers one has is for whoever wrote it to say."""

    def _read_msg(self, _: object = None) -> Any:
        left = MOST_NUMBERS

        def number(buffer: bytes, at: int) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise _UnreadError(Unread.HEADERS)
            return decode_varint(buffer, at)

        return super()._read_msg(number)


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `at` is its stamp in Unix milliseconds."""

    offset: int
    at: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(slots=True)
class Unpacked:
    """What one partition's part of an answer holds; `next` is the offset that follows it."""

    next: int
    records: list[Record] = field(default_factory=list)
    unread: Counter[Unread] = field(default_factory=Counter)  #: batches
    size: int = 0  #: bytes that the batches unpacked to


def unpack(
    data: bytes, position: int, aborted: Iterable[tuple[int, int]], most: int, room: int = MOST_UNPACKED
) -> Unpacked:
    """The first `most` records from an offset on; `aborted` are pairs of first offset and producer (KIP-98).

    A batch that is cut off at the end is left for the next answer, as is what follows the one that took the last of
    `room` bytes; one that cannot be read is counted and passed over.
    """
    found = Unpacked(position)
    begun, cancelled = sorted(aborted), set[int]()
    for raw in _batches(data, found):
        if found.size >= room:
            break
        try:
            batch = _read(raw, found)
            while begun and begun[0][0] <= _last(batch):
                cancelled.add(begun.pop(0)[1])
            _take(batch, found, cancelled, most)
        except _UnreadError as problem:
            found.unread[problem.why] += 1
        except (KafkaError, ValueError, IndexError, struct.error):  # what kafka-python raises for bytes that are none
            found.unread[Unread.BROKEN] += 1
        if len(found.records) >= most:
            found.next = found.records[-1].offset + 1
            break
    else:
        if found.size and found.next == position:  # a head that leads back would be asked for again, without end
            found.next += 1
    return found


def _batches(data: bytes, found: Unpacked) -> Iterator[memoryview]:
    """Each whole batch; what is asked next follows it, whether it can be read or not."""
    at, view = 0, memoryview(data)
    while at + _MAGIC_AT < len(data):
        first, length = _LENGTH.unpack_from(data, at)
        end = at + _LENGTH.size + length
        if length <= _MAGIC_AT - _LENGTH.size or end > len(data):
            return
        yield view[at:end]
        found.next = max(found.next, first + 1, _following(view[at:end]))
        at = end


def _following(raw: memoryview) -> int:
    """The offset after a batch, as its head tells; 0 for an old message, which has no such head."""
    if raw[_MAGIC_AT] < 2 or len(raw) < DefaultRecordBatch.HEADER_STRUCT.size:
        return 0
    return int(DefaultRecordBatch(raw[: DefaultRecordBatch.HEADER_STRUCT.size]).next_offset)


def _read(raw: memoryview, found: Unpacked) -> Any:
    found.size += len(raw)
    magic = raw[_MAGIC_AT]
    if magic < 2:
        old = LegacyRecordBatch(raw, magic)
        if old.compression_type:
            raise _UnreadError(Unread.OLD)
        return old
    if magic > _NEWEST:
        raise _UnreadError(Unread.UNKNOWN)
    head = DefaultRecordBatch.HEADER_STRUCT.size
    (attributes,), (count,) = _ATTRIBUTES.unpack_from(raw, _ATTRIBUTES_AT), _COUNT.unpack_from(raw, _COUNT_AT)
    if count > MOST_RECORDS:
        raise _UnreadError(Unread.MANY)
    codec = attributes & _CODEC
    if not codec:
        return _Batch(raw)
    plain = bytearray(raw[:head])
    _ATTRIBUTES.pack_into(plain, _ATTRIBUTES_AT, attributes & ~_CODEC)
    plain += inflated(codec, bytes(raw[head:]))
    found.size += len(plain)
    return _Batch(plain)


def _last(batch: Any) -> int:
    return int(getattr(batch, "last_offset", -1))


def _take(batch: Any, found: Unpacked, cancelled: set[int], most: int) -> None:
    if getattr(batch, "is_control_batch", False):
        marker = next(iter(batch), None)
        if marker is not None and getattr(marker, "abort", False):
            cancelled.discard(batch.producer_id)
        return
    if getattr(batch, "is_transactional", False) and batch.producer_id in cancelled:
        return
    start = found.next
    for one in batch:
        if one.offset < start:
            continue
        headers = tuple(one.headers or ())
        found.records.append(Record(one.offset, one.timestamp or 0, one.key, one.value, headers))
        if len(found.records) >= most:
            return


# -- unpacking


def inflated(codec: int, data: bytes, most: int = MOST_UNPACKED) -> bytes:
    """Unpack what a codec of Kafka's packed (1 gzip, 2 snappy, 3 lz4, 4 zstd) into `most` bytes at the most."""
    unpacking = {1: _gzip, 2: _snappy, 3: _lz4, 4: _zstd}.get(codec)
    if unpacking is None:
        raise _UnreadError(Unread.CODEC)
    try:
        return unpacking(data, most)
    except DecompressionError as problem:
        large = any(words in str(problem) for words in _SHORT_BUFFER)
        raise _UnreadError(Unread.LARGE if large else Unread.BROKEN) from problem
    except zlib.error as problem:
        raise _UnreadError(Unread.BROKEN) from problem


def _gzip(data: bytes, most: int) -> bytes:
    found = zlib.decompressobj(wbits=31).decompress(data, most + 1)
    if len(found) > most:
        raise _UnreadError(Unread.LARGE)
    return found


def _lz4(data: bytes, most: int) -> bytes:
    space = bytearray(most)
    return bytes(memoryview(space)[: lz4.decompress_into(data, space)])


def _zstd(data: bytes, most: int) -> bytes:
    space = bytearray(most)
    return bytes(memoryview(space)[: zstd.decompress_into(data, space)])


def _snappy(data: bytes, most: int) -> bytes:
    """Raw, or Java's blocks."""
    parts, room = list[bytes](), most
    for block in _blocks(data) if data.startswith(_XERIAL) else (data,):
        size = snappy.decompress_raw_len(block)
        if size > room:
            raise _UnreadError(Unread.LARGE)
        space = bytearray(size)
        snappy.decompress_raw_into(block, space)
        parts.append(bytes(space))
        room -= size
    return b"".join(parts)


def _blocks(data: bytes) -> Iterator[bytes]:
    at = _XERIAL_HEAD
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 4 + size > len(data):
            raise CorruptRecordError("a block is cut off")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size
