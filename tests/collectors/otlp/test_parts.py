"""A request holds so many spans and no more: two bytes are an empty one, and a megabyte of them fills a gigabyte."""

import gzip
import subprocess
import sys
import time

import orjson
import pytest

from agent.model.varint import put_varint
from collectors.otlp import parts
from collectors.otlp.decode import Decoder, TooManyError
from collectors.otlp.json import TooManyInJsonError
from tests.collectors.otlp.build import CLIENT, body, sent, span
from tests.collectors.otlp.door import JSON, PROTOBUF, opened

pytestmark = pytest.mark.slow

MOST = parts.MOST_SPANS
BIG = 2 * parts._SMALL  #: bytes, so that what is in a body is counted before it is parsed


def field(number: int, content: bytes) -> bytes:
    return put_varint(number << 3 | 2) + put_varint(len(content)) + content


def request_of(spans: bytes) -> bytes:
    return field(1, field(2, spans))


@pytest.mark.parametrize("padded", [b"", field(2, field(5, b"\x12" * BIG))], ids=["small", "large"])
def test_as_many_spans_as_fit_are_taken_and_not_one_more(padded: bytes) -> None:
    room = MOST - 2 - bool(padded)
    columns = Decoder().decode(request_of(padded + field(2, b"") * room))
    assert columns.received == room + bool(padded)
    with pytest.raises(TooManyError, match="more than 65536 spans"):
        Decoder().decode(request_of(padded + field(2, b"") * (room + 1)))


@pytest.mark.parametrize(
    "bomb",
    [
        field(1, b"") * (1 << 20),
        field(1, field(2, b"") * (1 << 20)),
        request_of(field(2, b"") * (1 << 20)),
        request_of(b"\x92\x00\x00" * (1 << 20)),
        request_of(b"\x92\x80\x00\x00" * (1 << 20)),
        request_of(field(2, b"\x4a\x00" * (2 << 20))),
        request_of(field(2, b"\xca\x00\x00" * (2 << 20))),
        request_of(field(2, b"\x6a\x00" * (2 << 20))),
        field(1, field(1, b"\x0a\x00" * (2 << 20))),
    ],
    ids=["resources", "scopes", "spans", "long tags", "longer tags", "attributes", "long", "links", "of a resource"],
)
def test_a_bomb_of_any_kind_is_refused_before_anything_is_made_of_it(
    bomb: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.otlp.decode.too_many_made", lambda _request: "")
    with pytest.raises(TooManyError):
        Decoder().decode(bomb)


@pytest.mark.parametrize("bomb", [field(1, b"") * (1 << 17), field(1, field(2, b"") * (1 << 17))])
def test_a_small_bomb_is_refused_when_it_is_parsed(bomb: bytes) -> None:
    with pytest.raises(TooManyError):
        Decoder().decode(bomb)


def test_no_collectors_batch_is_looked_through_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_look", None)
    told = {f"attribute.{number}": f"value {number}" for number in range(12)}
    batch = body(sent("s", *(span(CLIENT, told) for _ in range(8_192))))
    assert len(batch) > parts._SMALL
    assert Decoder().decode(batch).received == 8_192


SPAN = {"traceId": "1" * 32, "spanId": "2" * 16, "kind": 3, "endTimeUnixNano": "1795400000000000000"}


@pytest.mark.parametrize(
    ("bomb", "why"),
    [
        (b'{"a":[' + b"{}," * (2 << 20) + b"{}]}", "objects"),
        (b'{"a":' + b"[" * (2 << 20), "objects"),
        (b'{"a":[' + b"1.5," * (4 << 20) + b"1,1]}", "values"),
        (orjson.dumps({"resourceSpans": [{}] * (MOST + 1)}), "more than 65536 spans"),
        (orjson.dumps({"resourceSpans": [{"scopeSpans": [{}] * MOST}]}), "more than 65536 spans"),
        (orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{}] * MOST}]}]}), "more than 65536 spans"),
    ],
    ids=["objects", "lists", "numbers", "resources", "scopes", "spans"],
)
def test_a_bomb_in_json_is_refused(bomb: bytes, why: str) -> None:
    started = time.process_time()
    with pytest.raises(TooManyInJsonError, match=why):
        Decoder().decode_json(bomb)
    assert time.process_time() - started < 2


def test_64_mib_of_real_spans_in_json_have_fewer_objects_and_values_than_the_limit() -> None:
    told = [{"key": f"an.attribute.{number}", "value": {"stringValue": f"its value {number}"}} for number in range(16)]
    one = orjson.dumps(SPAN | {"name": "GET /orders/{id}", "status": {}, "attributes": told, "events": [], "links": []})
    times = (64 << 20) // len(one)
    assert (one.count(b"{") + one.count(b"[")) * times < parts.MOST_BRACES
    assert (one.count(b",") + 1) * times < parts.MOST_COMMAS


def test_a_bomb_is_answered_for_good_and_counted_and_the_next_request_is_taken() -> None:
    with opened() as door:
        for kind, bomb in (
            (PROTOBUF, request_of(field(2, b"") * MOST)),
            (JSON, orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{}] * MOST}]}]})),
        ):
            answer = door.post(gzip.compress(bomb), kind, content_encoding="gzip")
            assert (answer.status, "retry-after" in answer.headers) == (413, False)
            assert b"send smaller batches" in answer.body
        assert door.receiver.counters.refused == {"span limit": 2}
        assert door.post(body(sent("s", span(CLIENT, {})))).status == 200
        assert door.sink.held == 0


def test_two_million_empty_spans_take_no_memory() -> None:
    script = """
import resource, sys
from collectors.otlp.decode import Decoder, TooManyError
from tests.collectors.otlp.test_parts import field, request_of
decoder, bomb = Decoder(), request_of(field(2, b"") * 2_000_000)
decoder.decode(request_of(field(2, b"") * 1_000))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decoder.decode(bomb)
except TooManyError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert int(done.stdout) < 20_000, done.stderr
