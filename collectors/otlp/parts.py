"""How many things one request may hold, looked at before anything is made of them: two bytes are an empty span.

An SDK sends 512 spans at once and a Collector 8,192. Eight times that is the limit: what they make fits into memory.
"""

from typing import Any

from collectors.otlp.signals import fields_of

MOST_SPANS = 65_536  #: with their scopes and resources
MOST_DETAILS = 1 << 20  #: attributes and links: sixteen a span
MOST_BRACES = 2 << 20  #: of JSON; a real span of 1,200 bytes has 25, so that 64 MiB of them have 1.4 million
MOST_COMMAS = 4 << 20
TOO_MANY_SPANS = f"more than {MOST_SPANS} spans, scopes and resources in one request; send smaller batches"
TOO_MANY_DETAILS = f"more than {MOST_DETAILS} attributes and links in one request; send smaller batches"
_SMALL = 512 << 10  #: bytes; what is no longer is quicker made than counted
_MANY = 256 << 10  #: bytes that look like the tag of one field; with fewer of each it is not worth while to count

_RESOURCE, _SPAN, _DETAIL = 3, 4, 5
#: by level, field numbers that lead to the next: requests, resources with their spans, scopes with theirs
_INTO = {0: {1: 1}, 1: {1: _RESOURCE, 2: 2}, 2: {2: _SPAN}, _RESOURCE: {1: _DETAIL}, _SPAN: {9: _DETAIL, 13: _DETAIL}}
_TAGS = [bytes([tag | more]) for tag in (0x0A, 0x12, 0x4A, 0x6A) for more in (0, 0x80)]  # the latter in a longer form


def too_many(body: bytes) -> str:
    """What a serialised request has too much of; empty where nothing. Raise ValueError where it is none."""
    if len(body) <= _SMALL or all(body.count(tag) <= _MANY for tag in _TAGS):
        return ""
    return _look(memoryview(body), 0, [0, 0])


def _look(raw: memoryview, level: int, found: list[int]) -> str:
    """Count spans and details, and stop where there are too many."""
    into = _INTO[level]
    for number, wire, value in fields_of(raw):
        below = into.get(number) if wire == 2 else None
        if below is None:
            continue
        if below != _RESOURCE:  # a part has one, and was counted itself
            found[below == _DETAIL] += 1
        if found[0] > MOST_SPANS:
            return TOO_MANY_SPANS
        if found[1] > MOST_DETAILS:
            return TOO_MANY_DETAILS
        why = _look(value, below, found) if below in _INTO else ""
        if why:
            return why
    return ""


def too_many_made(request: Any) -> str:
    """The same of a small request that has been parsed, but nothing is made of it yet."""
    found = len(request.resource_spans)
    if found > MOST_SPANS:
        return TOO_MANY_SPANS
    for resource_spans in request.resource_spans:
        found += len(resource_spans.scope_spans)
        if found > MOST_SPANS:
            return TOO_MANY_SPANS
        found += sum(len(scope_spans.spans) for scope_spans in resource_spans.scope_spans)
    return TOO_MANY_SPANS if found > MOST_SPANS else ""


def too_many_in_json(body: bytes) -> str:
    """The same of a document in JSON, by what its parser would make one object each of."""
    if len(body) <= MOST_BRACES:
        return ""
    if body.count(b"{") + body.count(b"[") > MOST_BRACES or body.count(b",") > MOST_COMMAS:
        return f"more than {MOST_BRACES} objects or {MOST_COMMAS} values in one request; send smaller batches"
    return ""
