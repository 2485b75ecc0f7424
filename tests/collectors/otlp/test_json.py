"""OTLP/JSON: one bad span is dropped and counted; only what is no request at all is refused."""

import gc
import json
from typing import Any

import pytest

from agent.model.columns import SpanColumns
from collectors.otlp import json as own_json
from collectors.otlp.decode import Decoder
from collectors.otlp.json import JsonError

GOOD: dict[str, Any] = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "kind": 4,
    "name": "t send",
    "startTimeUnixNano": "1795400000000000000",
    "endTimeUnixNano": "1795400001000000000",
    "attributes": [{"key": "messaging.system", "value": {"stringValue": "kafka"}}],
}


def request(*spans: Any, resource: Any = None) -> bytes:
    scopes = [{"scope": {"name": "x"}, "spans": list(spans)}]
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}).encode()


def with_value(value: Any) -> dict[str, Any]:
    return GOOD | {"attributes": [*GOOD["attributes"], {"key": "q", "value": value}]}


def read(*spans: Any, resource: Any = None) -> SpanColumns:
    return Decoder().decode_json(request(*spans, resource=resource))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (GOOD | {"traceId": "zz"}, "bad id"),
        (GOOD | {"traceId": "ab"}, "bad id"),
        (GOOD | {"traceId": 7}, "bad id"),
        (GOOD | {"traceId": None}, "bad id"),
        (GOOD | {"traceId": "0" * 32}, "bad id"),
        (GOOD | {"spanId": "0" * 16}, "bad id"),
        (GOOD | {"parentSpanId": "xyz"}, "bad id"),
        (GOOD | {"startTimeUnixNano": "-5"}, "bad time"),
        (GOOD | {"startTimeUnixNano": "soon"}, "bad time"),
        (GOOD | {"endTimeUnixNano": "1" * 30}, "bad time"),
        (GOOD | {"endTimeUnixNano": [1]}, "bad time"),
        (with_value({"intValue": "12x"}), "bad value"),
        (with_value({"intValue": None} | {"intValue": [1]}), "bad value"),
        (with_value({"doubleValue": "much"}), "bad value"),
        (with_value({"arrayValue": 5}), "bad value"),
        (GOOD | {"kind": [4]}, "bad value"),
        (GOOD | {"flags": "many"}, "bad value"),
        (GOOD | {"links": [5]}, "bad value"),
        (GOOD | {"status": 5}, "bad value"),
        (GOOD | {"attributes": 5}, "bad value"),
        (5, "bad value"),
        (None, "bad value"),
    ],
)
def test_a_bad_span_between_good_ones_is_dropped_alone(bad: Any, reason: str) -> None:
    columns = read(GOOD, bad, GOOD)
    assert (len(columns), columns.received, dict(columns.dropped)) == (2, 3, {reason: 1})


@pytest.mark.parametrize(
    "good",
    [
        GOOD | {"startTimeUnixNano": 1.7954e18},
        GOOD | {"startTimeUnixNano": 1_795_400_000_000_000_000, "endTimeUnixNano": None},
        GOOD | {"kind": "SPAN_KIND_PRODUCER", "new": {"field": 1}, "status": {"code": "STATUS_CODE_ERROR"}},
        GOOD | {"kind": "4"},
        GOOD | {"links": None, "events": None, "parentSpanId": "", "flags": 257, "traceState": "a=b", "status": {}},
        GOOD | {"attributes": [*GOOD["attributes"], None, {"key": 5}, {"key": "b"}, {"key": "c", "value": None}]},
        with_value({"bytesValue": 5}),
        with_value({"kvlistValue": {"values": []}}),
        with_value({"arrayValue": {"values": [{"arrayValue": {"values": [{"stringValue": "x"}]}}]}}),
        with_value({"doubleValue": "NaN"}),
        with_value({"boolValue": "true"}),
        with_value({"intValue": "99999999999999999999"}),
        with_value({"stringValue": 5}),
    ],
)
def test_a_span_that_says_more_or_less_than_usual_is_taken(good: dict[str, Any]) -> None:
    columns = read(good)
    assert (len(columns), dict(columns.dropped)) == (1, {})


def test_a_resource_with_a_bad_value_loses_only_that_value() -> None:
    attributes = [{"key": "q", "value": {"intValue": "x"}}, {"key": "service.name", "value": {"stringValue": "s"}}]
    decoder = Decoder()
    columns = decoder.decode_json(request(GOOD, resource={"attributes": attributes}))
    assert decoder.shapes[int(columns.shape[0])].service == "s"


@pytest.mark.parametrize("wrong", [b"", b"{", b"5", b"[]", b'"x"', b"\xef\xbb\xbf{}", b"{" + b'"a":[' * 5000])
def test_what_is_no_json_object_is_refused(wrong: bytes) -> None:
    with pytest.raises(JsonError):
        Decoder().decode_json(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"resourceSpans": 5},
        {"resourceSpans": [5]},
        {"resourceSpans": [{"resource": 5}]},
        {"resourceSpans": [{"scopeSpans": {}, "resource": []}, {"scopeSpans": "x"}]},
        {"resourceSpans": [{"scopeSpans": [5]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": 5}]}]},
        {"resourceSpans": [{"scopeSpans": [{"scope": "x"}]}]},
    ],
)
def test_json_that_is_no_request_is_refused(wrong: Any) -> None:
    with pytest.raises(JsonError):
        Decoder().decode_json(json.dumps(wrong).encode())


def test_an_empty_request_is_taken() -> None:
    for nothing in ({}, {"resourceSpans": None}, {"resourceSpans": [{"scopeSpans": [{"scope": None, "spans": []}]}]}):
        assert len(Decoder().decode_json(json.dumps(nothing).encode())) == 0


def test_no_garbage_is_searched_for_while_a_document_is_read_and_afterwards_all_is_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searches: list[bool] = []
    one = own_json._span
    monkeypatch.setattr(own_json, "_span", lambda *given: searches.append(gc.isenabled()) or one(*given))
    assert len(read(GOOD, GOOD)) == 2
    assert (searches, gc.isenabled()) == ([False, False], True)
    with pytest.raises(JsonError):
        own_json.parse(b"{")
    assert gc.isenabled()
    gc.disable()
    try:
        assert len(read(GOOD)) == 1
        assert not gc.isenabled(), "who has switched it off finds it off"
    finally:
        gc.enable()
