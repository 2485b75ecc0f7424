"""What a reader sees of records that another schema wrote, found out with the runtime of Protobuf: random records."""

from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import DecodeError, EncodeError, Message
from google.protobuf.message_factory import GetMessageClass

EDGES = (0, 1, -1, 2, 2**31 - 1, -(2**31), 2**31, 2**32 - 1, 2**63 - 1, -(2**63), 2**64 - 1)


def kept(read: type[Message], record: Message) -> bool:
    """A reader sees all that it has fields for."""
    try:
        seen = read.FromString(record.SerializeToString())
    except (DecodeError, EncodeError, UnicodeDecodeError):
        return False
    return seen.IsInitialized() and same(record, seen)  # type: ignore[no-any-return]  # where others refuse, Python says


def filled(kind: type[Message], dice: Random, depth: int = 0) -> Message:
    record = kind()
    for field in kind.DESCRIPTOR.fields:
        if field.is_required or dice.random() < 0.7:
            _fill(record, field, dice, depth)
    return record


def _fill(record: Message, field: Field, dice: Random, depth: int) -> None:
    many = dice.randint(0, 3) if field.is_repeated else 1
    if field.message_type is not None:
        if depth > 2:
            return
        if field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            for _ in range(many):
                getattr(record, field.name)[_scalar(field.message_type.fields_by_name["key"], dice)] = _scalar(
                    value, dice
                )
            return
        inner = GetMessageClass(field.message_type)
        for _ in range(many):
            one = filled(inner, dice, depth + 1)
            getattr(record, field.name).append(one) if field.is_repeated else getattr(record, field.name).CopyFrom(one)
    elif field.is_repeated:
        getattr(record, field.name).extend(_scalar(field, dice) for _ in range(many))
    else:
        setattr(record, field.name, _scalar(field, dice))


def _scalar(field: Field, dice: Random) -> Any:
    if field.enum_type is not None:
        return dice.choice([value.number for value in field.enum_type.values])
    if field.cpp_type in (Field.CPPTYPE_FLOAT, Field.CPPTYPE_DOUBLE):
        return dice.choice([0.0, 1.0, -2.5])
    if field.type == Field.TYPE_BOOL:
        return dice.random() < 0.5
    if field.type == Field.TYPE_STRING:
        return dice.choice(["", "a", "ü", "\u0001"])
    if field.type == Field.TYPE_BYTES:
        return dice.choice([b"", b"a", b"\xff", b"\x08\x01"])
    signed = field.cpp_type in (Field.CPPTYPE_INT32, Field.CPPTYPE_INT64)
    bits = 32 if field.cpp_type in (Field.CPPTYPE_INT32, Field.CPPTYPE_UINT32) else 64
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return dice.choice([edge for edge in EDGES if low <= edge <= high])


def same(record: Message, seen: Message) -> bool:
    """What was written is seen: by number, and where a name has moved by name; a choice that was made is one."""
    mine, theirs = record.DESCRIPTOR, seen.DESCRIPTOR
    for field in theirs.fields:
        written = mine.fields_by_number.get(field.number)
        named = mine.fields_by_name.get(field.name)
        for other in (one for one in (written, named) if one is not None):
            if (not other.has_presence or record.HasField(other.name)) and not _alike(record, other, seen, field):
                return False
    return all(
        seen.WhichOneof(choice.name) is not None
        for choice in mine.oneofs
        if record.WhichOneof(choice.name) is not None and choice.name in theirs.oneofs_by_name
    )


def _alike(record: Message, written: Field, seen: Message, read: Field) -> bool:
    value, found = _plain(record, written), _plain(seen, read)
    if written.enum_type is not None and read.enum_type is not None:
        meant = [read.enum_type.values_by_name.get(written.enum_type.values_by_number[one].name) for one in value]
        if any(one is not None and one.number != number for one, number in zip(meant, value, strict=True)):
            return False
    if read.is_repeated and not written.is_repeated:
        return found == value or (not found and value == [type(value[0])()])
    return value == found or (not read.is_repeated and written.is_repeated and not value)


def _plain(record: Message, field: Field) -> list[Any]:
    value = getattr(record, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return sorted([{1: [_one(field, key)], 2: [_one(field, value[key])]} for key in value], key=repr)
    ones = [_one(field, one) for one in (value if field.is_repeated else [value])]
    return sorted(ones, key=repr) if field.message_type is not None and field.is_repeated else ones


def _one(field: Field, value: Any) -> Any:
    if isinstance(value, Message):
        return {
            one.number: _plain(value, one)
            for one in value.DESCRIPTOR.fields
            if not one.has_presence or value.HasField(one.name)
        }
    return value.encode() if isinstance(value, str) else value
