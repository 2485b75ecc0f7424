"""What a reader takes a value for that was written as another type: as the wire carries it, for values that tell.

A number is carried as bytes that do not name its type. So each pair of types is tried with the plainest value and with
those at the ends of its range: a pair that turns the plainest into another is broken, one that turns only large or
negative ones depends on what is written.
"""

import struct
from collections.abc import Sequence
from enum import Enum

from google.protobuf.descriptor import FieldDescriptor as Field

VARINT, FIXED64, LENGTH, GROUP, FIXED32 = 0, 1, 2, 3, 5
_FORMS = {
    **dict.fromkeys((Field.TYPE_INT32, Field.TYPE_INT64, Field.TYPE_UINT32, Field.TYPE_UINT64), VARINT),
    **dict.fromkeys((Field.TYPE_SINT32, Field.TYPE_SINT64, Field.TYPE_BOOL, Field.TYPE_ENUM), VARINT),
    **dict.fromkeys((Field.TYPE_FIXED64, Field.TYPE_SFIXED64, Field.TYPE_DOUBLE), FIXED64),
    **dict.fromkeys((Field.TYPE_FIXED32, Field.TYPE_SFIXED32, Field.TYPE_FLOAT), FIXED32),
    **dict.fromkeys((Field.TYPE_STRING, Field.TYPE_BYTES, Field.TYPE_MESSAGE), LENGTH),
    Field.TYPE_GROUP: GROUP,
}
NAMES = {value: name.removeprefix("TYPE_").lower() for name, value in vars(Field).items() if name.startswith("TYPE_")}
#: as the module `struct` calls what is of 4 or 8 bytes
_LAYOUTS = {
    Field.TYPE_FIXED64: "<Q",
    Field.TYPE_SFIXED64: "<q",
    Field.TYPE_DOUBLE: "<d",
    Field.TYPE_FIXED32: "<I",
    Field.TYPE_SFIXED32: "<i",
    Field.TYPE_FLOAT: "<f",
}
_BITS = {
    **dict.fromkeys((Field.TYPE_INT32, Field.TYPE_SINT32, Field.TYPE_SFIXED32, Field.TYPE_ENUM), (32, True)),
    **dict.fromkeys((Field.TYPE_INT64, Field.TYPE_SINT64, Field.TYPE_SFIXED64), (64, True)),
    **dict.fromkeys((Field.TYPE_UINT32, Field.TYPE_FIXED32), (32, False)),
    **dict.fromkeys((Field.TYPE_UINT64, Field.TYPE_FIXED64), (64, False)),
    Field.TYPE_BOOL: (1, False),
}
_ZIGZAG = (Field.TYPE_SINT32, Field.TYPE_SINT64)


class Outcome(Enum):
    """What becomes of values."""

    KEPT = "kept"
    DEPENDS = "depends"  #: on the values
    OTHER = "other"  #: other ones are read
    LOST = "lost"  #: the reader never finds them


def form(field: Field) -> int:
    """Its wire type, of a single value."""
    return _FORMS[field.type]


def outcome(writes: Field, reads: Field) -> tuple[Outcome, str]:
    """What becomes of a single value, and an example in words; messages of both sides are compared elsewhere."""
    if form(writes) != form(reads):
        return Outcome.LOST, "the reader never finds it"
    if form(writes) == LENGTH:
        return _texts(writes.type, reads.type)
    return _numbers(writes, reads) if form(writes) != GROUP else (Outcome.KEPT, "")


def _texts(writes: int, reads: int) -> tuple[Outcome, str]:
    if writes == reads or (writes, reads) == (Field.TYPE_STRING, Field.TYPE_BYTES):
        return Outcome.KEPT, ""
    if Field.TYPE_STRING not in (writes, reads):
        return Outcome.DEPENDS, "it is read if the bytes hold such a message"
    if Field.TYPE_BYTES in (writes, reads):
        return Outcome.DEPENDS, "bytes that are no UTF-8 are refused"
    return Outcome.OTHER, "the reader takes the bytes of one for the other, or refuses the record"


def _numbers(writes: Field, reads: Field) -> tuple[Outcome, str]:
    for number, value in enumerate(_telling(writes)):
        found = _read(_written(writes.type, value), reads.type)
        if found != value:
            example = f"{_shown(value)} is read as {_shown(found)}"
            if number == 0:
                return Outcome.OTHER, example
            return Outcome.DEPENDS, example
    return Outcome.KEPT, ""


def _telling(field: Field) -> Sequence[bool | int | float]:
    """The plainest value and those at the ends."""
    if field.type == Field.TYPE_BOOL:
        return (True, False)
    if field.type in (Field.TYPE_FLOAT, Field.TYPE_DOUBLE):
        return (1.0, 0.5, -1.0)
    if field.enum_type is not None:
        return sorted({1, *field.enum_type.values_by_number}, key=lambda number: (number != 1, abs(number), number))
    bits, signed = _BITS[field.type]
    return (1, 2, (1 << bits - signed) - 1, *((-1, -(1 << bits - 1)) if signed else ()))


def _written(kind: int, value: bool | int | float) -> int:
    """The bits on the wire; of a varint up to 64."""
    if kind in _LAYOUTS:
        return int.from_bytes(struct.pack(_LAYOUTS[kind], value), "little")
    whole = int(value)
    return ((whole << 1) ^ (whole >> 63) if kind in _ZIGZAG else whole) & ((1 << 64) - 1)


def _read(bits: int, kind: int) -> bool | int | float:
    if kind in _LAYOUTS:
        layout = _LAYOUTS[kind]
        found: int | float = struct.unpack(layout, bits.to_bytes(struct.calcsize(layout), "little"))[0]
        return found
    if kind == Field.TYPE_BOOL:
        return bits != 0
    width, signed = _BITS[kind]
    bits &= (1 << width) - 1
    if kind in _ZIGZAG:
        return (bits >> 1) ^ -(bits & 1)
    return bits - (1 << width) if signed and bits >> (width - 1) else bits


def _shown(value: bool | int | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
