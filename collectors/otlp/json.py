"""OTLP/JSON into the same projection as protobuf: one decoder serves both. A bad span costs no other one."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from agent.model.garbage import unsearched
from collectors.otlp.parts import MOST_SPANS, TOO_MANY_SPANS, too_many_in_json
from collectors.otlp.wire import ERROR, Resource, Traces, any_value

_MOST_DEPTH = 32
_WHOLE = re.compile(r"-?\d{1,20}", re.ASCII)
_IMPOSSIBLE = (1 << 64) - 1  #: a time that the columns drop


class JsonError(ValueError):
    """The body is no OTLP/JSON request."""


class TooManyInJsonError(JsonError):
    """It holds more than one request may."""


class _BadSpanError(ValueError):
    """One span is not what OTLP says; its text is the reason to count."""


def parse(body: bytes) -> tuple[Any, Mapping[str, int]]:
    """The projection of one ExportTraceServiceRequest in OTLP/JSON, and the spans that were given up, by reason.

    Raise JsonError where it is none. Identities are hex, 64-bit numbers may be strings, unknown fields are ignored.
    """
    with unsearched():  # while every thread waits, and three quarters of the time were that
        return _parsed(body)


def _parsed(body: bytes) -> tuple[Any, Mapping[str, int]]:
    why = too_many_in_json(body)
    if why:
        raise TooManyInJsonError(why)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        msg = f"the body is not JSON ({problem})"
        raise JsonError(msg) from problem
    request, refused, room = Traces(), Counter[str](), _Room()
    try:
        for resource_spans in room.take(_items(document, "resourceSpans")):
            _resource_spans(resource_spans, request.resource_spans.add(), refused, room)
    except JsonError:
        raise
    except (TypeError, ValueError) as problem:
        msg = f"the body is not an ExportTraceServiceRequest ({problem})"
        raise JsonError(msg) from problem
    return request, refused


class _Room:
    """What is left of the number of spans, scopes and resources that a request may hold."""

    def __init__(self) -> None:
        self._left = MOST_SPANS

    def take(self, items: list[Any]) -> list[Any]:
        """The items, which take their room; raise TooManyInJsonError where there is none."""
        self._left -= len(items)
        if self._left < 0:
            raise TooManyInJsonError(TOO_MANY_SPANS)
        return items


def _items(parent: Any, name: str) -> list[Any]:
    if not isinstance(parent, dict):
        msg = f"{name} stands in something that is not an object"
        raise TypeError(msg)
    found = parent.get(name) or []
    if not isinstance(found, list):
        msg = f"{name} is not a list"
        raise TypeError(msg)
    return found


def _object(parent: Any, name: str) -> Any:
    found = parent.get(name) or {}
    if not isinstance(found, dict):
        msg = f"{name} is not an object"
        raise TypeError(msg)
    return found


def _resource_spans(source: Any, target: Any, refused: Counter[str], room: _Room) -> None:
    scopes = room.take(_items(source, "scopeSpans"))
    resource = Resource()
    for key, value in _attributes(_object(source, "resource")):
        resource.attributes[key] = _lenient(value)
    target.resource = resource.SerializeToString()
    for scope_spans in scopes:
        out = target.scope_spans.add()
        spans, scope = room.take(_items(scope_spans, "spans")), _object(scope_spans, "scope")
        out.scope.name, out.scope.version = _text(scope.get("name")), _text(scope.get("version"))
        for span in spans:
            try:
                _span(span, out.spans.add())
            except _BadSpanError as problem:
                refused[str(problem)] += 1
                del out.spans[-1]
            except (TypeError, ValueError, AttributeError):
                refused["bad value"] += 1
                del out.spans[-1]


def _span(source: Any, target: Any) -> None:
    target.attributes.update({key: any_value(_value(value, 0)) for key, value in _attributes(source)})
    target.trace_id = _identity(source.get("traceId"))
    target.span_id = _identity(source.get("spanId"))
    target.parent_span_id = _identity(source.get("parentSpanId"))
    target.name, target.trace_state = (_text(source.get(name)).encode() for name in ("name", "traceState"))
    target.kind = _kind(source.get("kind"))
    target.start, target.end = _time(source.get("startTimeUnixNano")), _time(source.get("endTimeUnixNano"))
    target.flags = _whole(source.get("flags")) & 0xFFFF_FFFF
    code = _object(source, "status").get("code")
    target.status = ERROR if code in (2, "STATUS_CODE_ERROR") else b""
    for link in _items(source, "links"):
        out = target.links.add()
        out.trace_id, out.span_id = _identity(link.get("traceId")), _identity(link.get("spanId"))


_KINDS = {
    "SPAN_KIND_INTERNAL": 1,
    "SPAN_KIND_SERVER": 2,
    "SPAN_KIND_CLIENT": 3,
    "SPAN_KIND_PRODUCER": 4,
    "SPAN_KIND_CONSUMER": 5,
}


def _kind(value: Any) -> int:
    if isinstance(value, str) and not value.isdigit():
        return _KINDS.get(value, 0)
    kind = _whole(value)
    return kind if 0 <= kind <= 5 else 0


def _text(value: Any) -> str:
    """A text that protobuf can hold; anything else is none."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _whole(value: Any) -> int:
    """A whole number, which may be written as text; none is 0. Raise ValueError for anything else."""
    if value is None or value == "":
        return 0
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    msg = "a number is none"
    raise ValueError(msg)


def _time(value: Any) -> int:
    """Unix nanoseconds; what can be none becomes a time that is counted as impossible."""
    try:
        number = _whole(value)
    except ValueError:
        return _IMPOSSIBLE
    return number if 0 <= number <= _IMPOSSIBLE else _IMPOSSIBLE


def _identity(value: Any) -> bytes:
    if value is None or value == "":
        return b""
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError) as problem:
        msg = "bad id"
        raise _BadSpanError(msg) from problem


def _attributes(source: Any) -> Iterator[tuple[str, Any]]:
    for attribute in _items(source, "attributes"):
        key = attribute.get("key") if isinstance(attribute, dict) else None
        if isinstance(key, str):
            yield _text(key), attribute.get("value")


def _lenient(value: Any) -> bytes:
    """A resource's value; a bad one says nothing, as in protobuf."""
    try:
        return any_value(_value(value, 0))
    except (TypeError, ValueError):
        return b""


def _value(value: Any, depth: int) -> object:
    """A scalar or a list; None for what is not read. Raise ValueError or TypeError where it is not what it says."""
    if not isinstance(value, dict) or depth > _MOST_DEPTH:
        return None
    if "intValue" in value:
        return max(-(1 << 63), min((1 << 63) - 1, _whole(value["intValue"])))
    if "arrayValue" in value:
        return [_value(item, depth + 1) for item in _items(value["arrayValue"] or {}, "values")]
    if "boolValue" in value:
        return value["boolValue"] is True or value["boolValue"] == "true"
    if "doubleValue" in value:
        return float(value["doubleValue"])
    return str(value["stringValue"]) if "stringValue" in value else None
