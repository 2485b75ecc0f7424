"""Which signal a request carries: traces, metrics and logs share one envelope, and only what is in it differs."""

from collections.abc import Iterator

from collectors.otlp.wire import varint

_MOST_DEPTH = 3  #: envelope, resource, scope
_LOOKED_AT = 16  #: items, until one tells
_JSON_KEYS = (("traces", b'"resourceSpans"'), ("metrics", b'"resourceMetrics"'), ("logs", b'"resourceLogs"'))

_SPAN_TIMES = {(7, 1), (8, 1)}
#: fields that metrics and log records do not share, as (number, wire type)
_TELLING = {
    (5, 2): "metrics",  # what a metric holds: gauge, sum, histogram, exponential histogram, summary
    (7, 2): "metrics",
    (9, 2): "metrics",
    (10, 2): "metrics",
    (11, 2): "metrics",
    (1, 1): "logs",  # when it happened
    (11, 1): "logs",  # when it was observed
    (2, 0): "logs",  # how severe it is
}


def signal_of(body: bytes) -> str:
    """`traces`, `metrics` or `logs`; empty where the body is no OTLP request, or an empty one."""
    if body.lstrip()[:1] == b"{":
        return next((signal for signal, key in _JSON_KEYS if key in body), "")
    try:
        for number, item in enumerate(_items(memoryview(body), 0)):
            found = _signal(item)
            if found or number >= _LOOKED_AT:
                return found
    except ValueError:
        return ""
    return ""


def _items(raw: memoryview, depth: int) -> Iterator[memoryview]:
    """Spans, metrics or log records of an envelope: field 1 of it, then field 2 of what is in it, twice."""
    for number, wire, value in fields_of(raw):
        if wire == 2 and number == (1 if not depth else 2):
            if depth + 1 < _MOST_DEPTH:
                yield from _items(value, depth + 1)
            else:
                yield value


def _signal(item: memoryview) -> str:
    """A span has its times; of the others the first field that only one of them has decides."""
    told = [(number, wire) for number, wire, _ in fields_of(item)]
    if not _SPAN_TIMES.isdisjoint(told):
        return "traces"
    return next((_TELLING[field] for field in told if field in _TELLING), "")


def fields_of(raw: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Number, wire type and content of each field; raise ValueError where the bytes are no message."""
    at, size = 0, len(raw)
    while at < size:
        tag, at = varint(raw, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            _, end = varint(raw, at)
        elif wire in (1, 5):
            end = at + (8 if wire == 1 else 4)
        elif wire == 2:
            length, at = varint(raw, at)
            end = at + length
        else:
            end = size + 1
        if end > size or not number:
            msg = "the bytes are no message"
            raise ValueError(msg)
        yield number, wire, raw[at:end]
        at = end
