"""OTLP's wire format as a private projection: only the fields that Seamwatch reads.

`attributes` is declared as `map<string, bytes>`, which is wire-identical to `repeated KeyValue`: the protobuf runtime
builds a hash table in C, and Python asks for the keys it wants instead of walking all of them.
"""

import struct
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from agent.model.varint import put_varint

_F = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "seamwatch.otlp"

#: message -> (field, number, type, repeated, message type)
_MESSAGES: dict[str, list[tuple[str, int, int, bool, str]]] = {
    "Link": [("trace_id", 1, _F.TYPE_BYTES, False, ""), ("span_id", 2, _F.TYPE_BYTES, False, "")],
    "Span": [
        ("trace_id", 1, _F.TYPE_BYTES, False, ""),
        ("span_id", 2, _F.TYPE_BYTES, False, ""),
        ("trace_state", 3, _F.TYPE_BYTES, False, ""),
        ("parent_span_id", 4, _F.TYPE_BYTES, False, ""),
        ("name", 5, _F.TYPE_BYTES, False, ""),
        ("kind", 6, _F.TYPE_INT32, False, ""),
        ("start", 7, _F.TYPE_FIXED64, False, ""),
        ("end", 8, _F.TYPE_FIXED64, False, ""),
        ("attributes", 9, 0, True, "map"),
        ("links", 13, _F.TYPE_MESSAGE, True, "Link"),
        ("status", 15, _F.TYPE_BYTES, False, ""),
        ("flags", 16, _F.TYPE_FIXED32, False, ""),
    ],
    "Scope": [("name", 1, _F.TYPE_STRING, False, ""), ("version", 2, _F.TYPE_STRING, False, "")],
    "ScopeSpans": [("scope", 1, _F.TYPE_MESSAGE, False, "Scope"), ("spans", 2, _F.TYPE_MESSAGE, True, "Span")],
    "Resource": [("attributes", 1, 0, True, "map")],
    "ResourceSpans": [
        ("resource", 1, _F.TYPE_BYTES, False, ""),
        ("scope_spans", 2, _F.TYPE_MESSAGE, True, "ScopeSpans"),
    ],
    "Traces": [("resource_spans", 1, _F.TYPE_MESSAGE, True, "ResourceSpans")],
}


def _build() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="seamwatch_otlp.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated, of in fields:
            label = _F.LABEL_REPEATED if repeated else _F.LABEL_OPTIONAL
            if of == "map":
                entry = message.nested_type.add(name="AttributesEntry")
                entry.options.map_entry = True
                entry.field.add(name="key", number=1, type=_F.TYPE_STRING, label=_F.LABEL_OPTIONAL)
                entry.field.add(name="value", number=2, type=_F.TYPE_BYTES, label=_F.LABEL_OPTIONAL)
                path = f".{_PACKAGE}.{name}.AttributesEntry"
                message.field.add(name=field, number=number, type=_F.TYPE_MESSAGE, label=label, type_name=path)
            elif of:
                path = f".{_PACKAGE}.{of}"
                message.field.add(name=field, number=number, type=_F.TYPE_MESSAGE, label=label, type_name=path)
            else:
                message.field.add(name=field, number=number, type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


_CLASSES = _build()
Traces = _CLASSES["Traces"]
Resource = _CLASSES["Resource"]

Value = str | int | float | bool | bytes | list[Any] | None


def varint(raw: bytes | memoryview, at: int) -> tuple[int, int]:
    """One base-128 number and the position after it; raise ValueError where it is cut off or too long."""
    result = shift = 0
    while at < len(raw) and shift < 64:
        byte = raw[at]
        result |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return result, at
        shift += 7
    msg = "a number is cut off"
    raise ValueError(msg)


def value_of(raw: bytes) -> Value:
    """The Python value of a serialised AnyValue; arrays of scalars become lists, maps None. Last field wins.

    Raise ValueError where the bytes are no AnyValue.
    """
    if raw[:1] == b"\x0a" and len(raw) >= 2 and raw[1] < 0x80 and len(raw) == raw[1] + 2:
        return raw[2:].decode("utf-8", "replace")  # nearly all there are: one short string
    if raw[:1] == b"\x18" and 1 < len(raw) < 10 and _ends(raw):
        return _small(raw)  # or one whole number that is not negative
    value: Value = None
    at = 0
    while at < len(raw):
        tag, at = varint(raw, at)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            number, at = varint(raw, at)
            value = bool(number) if field == 2 else number - (1 << 64) if number >= 1 << 63 else number
        elif wire == 1:
            (value,) = struct.unpack_from("<d", raw, at) if len(raw) >= at + 8 else _cut()
            at += 8
        elif wire == 2:
            size, at = varint(raw, at)
            if at + size > len(raw):
                _cut()
            value = _sized(field, raw[at : at + size])
            at += size
        else:
            _cut()
    return value


def _ends(raw: bytes) -> bool:
    """True where one number fills the bytes from the second on."""
    return raw[-1] < 0x80 and min(raw[1:-1], default=0x80) >= 0x80


def _small(raw: bytes) -> int:
    number = 0
    for byte in raw[:0:-1]:
        number = number << 7 | byte & 0x7F
    return number


def _cut() -> Any:
    msg = "a value is cut off"
    raise ValueError(msg)


def _sized(field: int, body: bytes) -> Value:
    if field == 1:
        return body.decode("utf-8", "replace")
    if field == 5:
        return _array(body)
    return body if field == 7 else None


def _array(raw: bytes) -> list[Any]:
    items: list[Any] = []
    at = 0
    while at < len(raw):
        tag, at = varint(raw, at)
        if tag != 0x0A:
            _cut()
        size, at = varint(raw, at)
        if raw[at : at + 1] != b"\x2a":  # arrays in arrays are of no use here and a way to exhaust the stack
            items.append(value_of(raw[at : at + size]))
        at += size
    return items


def failed(status: bytes) -> bool:
    """True where a serialised Status says ERROR; its last code counts. False for bytes that are no Status."""
    code = at = 0
    try:
        while at < len(status):
            tag, at = varint(status, at)
            number, at = varint(status, at)
            if tag == 0x18:
                code = number
            elif tag & 7 == 2:
                at += number
            elif tag & 7:
                return False
    except ValueError:
        return False
    return code == 2


ERROR = b"\x18\x02"  #: a Status of ERROR without a message


def any_value(value: object) -> bytes:
    """Serialise a scalar or a list of scalars as AnyValue, as a sender would."""
    if isinstance(value, bool):
        return b"\x10" + put_varint(int(value))
    if isinstance(value, int):
        return b"\x18" + put_varint(value)
    if isinstance(value, float):
        return b"\x21" + struct.pack("<d", value)
    if isinstance(value, str):
        body = value.encode("utf-8", "replace")
        return b"\x0a" + put_varint(len(body)) + body
    if isinstance(value, list):
        items = b"".join(b"\x0a" + put_varint(len(item)) + item for item in map(any_value, value))
        return b"\x2a" + put_varint(len(items)) + items
    return b""
