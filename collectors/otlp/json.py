"""OTLP/JSON into the same projection as protobuf: one decoder serves both."""

from collections.abc import Iterator
from typing import Any

import orjson

from collectors.otlp.wire import ERROR, Resource, Traces, any_value

_MOST_DEPTH = 32


class JsonError(ValueError):
    """The body is no OTLP/JSON request."""


def parse(body: bytes) -> Any:
    """The projection of one ExportTraceServiceRequest in OTLP/JSON; raise JsonError where it is none.

    Identities are hex, 64-bit numbers may be strings, unknown fields are ignored.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        msg = f"the body is not JSON ({problem})"
        raise JsonError(msg) from problem
    request = Traces()
    try:
        for resource_spans in _items(document, "resourceSpans"):
            _resource_spans(resource_spans, request.resource_spans.add())
    except (TypeError, ValueError, AttributeError, OverflowError) as problem:
        msg = f"the body is not an ExportTraceServiceRequest ({problem})"
        raise JsonError(msg) from problem
    return request


def _items(parent: Any, name: str) -> Iterator[Any]:
    if not isinstance(parent, dict):
        msg = f"{name} stands in something that is not an object"
        raise TypeError(msg)
    found = parent.get(name) or []
    if not isinstance(found, list):
        msg = f"{name} is not a list"
        raise TypeError(msg)
    return iter(found)


def _resource_spans(source: Any, target: Any) -> None:
    resource = Resource()
    _attributes(source.get("resource") or {}, resource.attributes)
    target.resource = resource.SerializeToString()
    for scope_spans in _items(source, "scopeSpans"):
        out = target.scope_spans.add()
        scope = scope_spans.get("scope") or {}
        out.scope.name, out.scope.version = str(scope.get("name") or ""), str(scope.get("version") or "")
        for span in _items(scope_spans, "spans"):
            _span(span, out.spans.add())


def _span(source: Any, target: Any) -> None:
    target.trace_id = _identity(source.get("traceId"))
    target.span_id = _identity(source.get("spanId"))
    target.parent_span_id = _identity(source.get("parentSpanId"))
    target.kind = _kind(source.get("kind"))
    target.start = int(source.get("startTimeUnixNano") or 0)
    target.end = int(source.get("endTimeUnixNano") or 0)
    target.flags = int(source.get("flags") or 0)
    code = (source.get("status") or {}).get("code")
    target.status = ERROR if code in (2, "STATUS_CODE_ERROR") else b""
    _attributes(source, target.attributes)
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
    return _KINDS.get(value, 0) if isinstance(value, str) else int(value or 0) & 0x7F


def _identity(value: Any) -> bytes:
    return bytes.fromhex(value) if isinstance(value, str) else b""


def _attributes(source: Any, target: Any) -> None:
    for attribute in _items(source, "attributes"):
        key = attribute.get("key")
        if isinstance(key, str):
            target[key] = any_value(_value(attribute.get("value"), 0))


def _value(value: Any, depth: int) -> object:
    if not isinstance(value, dict) or depth > _MOST_DEPTH:
        return None
    if "intValue" in value:
        return max(-(1 << 63), min((1 << 63) - 1, int(value["intValue"])))
    if "arrayValue" in value:
        return [_value(item, depth + 1) for item in _items(value["arrayValue"] or {}, "values")]
    for name, kind in (("stringValue", str), ("boolValue", bool), ("doubleValue", float)):
        if name in value:
            return kind(value[name])
    return None
