"""The door itself: the receiver behind the real server, spoken to in bytes."""

import gzip
import json
import socket
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.collectors.otlp.build import PRODUCER, body, sent, span
from tests.collectors.otlp.door import BODY, INFLATED, JSON, PROTOBUF, Answer, Door, opened, read

SEND = {"messaging.system": "kafka", "messaging.destination.name": "t"}
SEAM = "publishes service:s -> topic:-/t"
GOOD = body(sent("s", span(PRODUCER, SEND)))
GOOD_JSON = json.dumps(
    {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]},
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": "1" * 32,
                                "spanId": "2" * 16,
                                "kind": 4,
                                "endTimeUnixNano": "1795400000000000000",
                                "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in SEND.items()],
                            }
                        ]
                    }
                ],
            }
        ]
    }
).encode()
HEAD = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"


@pytest.fixture(scope="module")
def shared() -> Iterator[Door]:
    with opened() as door:
        yield door


@pytest.fixture
def door(shared: Door) -> Iterator[Door]:
    shared.sink.why, shared.sink.outcome = "", "new"
    shared.sink.taken.clear()
    yield shared
    assert shared.sink.held == 0, "every body that was counted in is counted out"


def code_of(answer: Answer, kind: str) -> tuple[int, str]:
    """The code and message of a google.rpc.Status in an answer, which must be in this content type."""
    assert answer.headers["content-type"] == kind
    if kind == JSON:
        status: dict[str, Any] = json.loads(answer.body)
        return status["code"], status["message"]
    assert answer.body[:1] == b"\x08"
    assert answer.body[2:3] == b"\x12"
    assert answer.body[3] & 0x80 or len(answer.body) == answer.body[3] + 4
    return answer.body[1], answer.body[4:].decode("utf-8", "replace")


@pytest.mark.parametrize(("kind", "content", "nothing"), [(PROTOBUF, GOOD, b""), (JSON, GOOD_JSON, b"{}")])
def test_a_good_request_is_answered_in_its_own_encoding(door: Door, kind: str, content: bytes, nothing: bytes) -> None:
    answer = door.post(content, kind)
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, kind, nothing)
    assert door.seams == [SEAM]
    assert door.post(content, f"{kind.upper()}; charset=utf-8").status == 200


def test_an_empty_request_is_good_and_an_empty_body_is_no_json(door: Door) -> None:
    assert door.post(b"").status == 200
    assert door.post(b"{}", JSON).status == 200
    assert door.post(b"", JSON).status == 400


@pytest.mark.parametrize(("kind", "content"), [(PROTOBUF, b"\xff\xff"), (JSON, b"{"), (JSON, b'{"resourceSpans": 5}')])
def test_a_malformed_body_is_refused_for_good_in_its_own_encoding(door: Door, kind: str, content: bytes) -> None:
    answer = door.post(content, kind)
    code, message = code_of(answer, kind)
    assert (answer.status, code) == (400, 3)
    assert "the body is" in message
    assert "retry-after" not in answer.headers
    assert door.sink.taken == []


def test_a_partial_success_says_how_many_spans_were_rejected(door: Door) -> None:
    answer = door.post(body(sent("s", span(PRODUCER, SEND), span(PRODUCER, SEND, trace_id=b"\0" * 16))))
    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, partial.rejected_spans) == (200, 1)
    assert "1 spans had no valid trace id" in partial.error_message
    assert door.seams == [SEAM]


def test_one_bad_span_in_json_is_a_partial_success_too(door: Door) -> None:
    document = json.loads(GOOD_JSON)
    [good] = spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans += [good | {"traceId": "zz"}, good | {"startTimeUnixNano": "-1"}]
    spans.append(good | {"attributes": [{"key": "a", "value": {"intValue": "x"}}]})
    answer = door.post(json.dumps(document).encode(), JSON)
    assert answer.status == 200
    assert json.loads(answer.body)["partialSuccess"]["rejectedSpans"] == "3"
    assert door.seams == [SEAM]


def test_links_over_the_bound_are_no_rejection(door: Door) -> None:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    links = [Span.Link(trace_id=b"1" * 16, span_id=b"2" * 8)] * 300
    assert door.post(body(sent("s", span(PRODUCER, SEND, links=links)))).body == b""


@pytest.mark.parametrize("path", ["/", "/v1/traces/", "/v1/metrics", "/v1/logs", "/v1development/profiles", "/healthz"])
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_another_path_is_not_found(door: Door, path: str, kind: str) -> None:
    answer = door.post(b"", kind, path=path)
    code, message = code_of(answer, kind)
    assert (answer.status, code) == (404, 5)
    assert "/v1/traces" in message


def test_another_method_is_told_the_right_one(door: Door) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = door.post(b"", JSON, method=method)
        assert (answer.status, answer.headers["allow"], code_of(answer, JSON)[0]) == (405, "POST", 12)
    assert door.post(b"", "", method="GET").status == 405


@pytest.mark.parametrize("kind", ["text/plain", "application/grpc", ""])
def test_another_content_type_is_refused_in_json(door: Door, kind: str) -> None:
    answer = door.post(GOOD, kind)
    code, message = code_of(answer, JSON)
    assert (answer.status, code) == (415, 3)
    assert "application/x-protobuf" in message


def test_gzip_is_taken_in_one_member_or_several(door: Door) -> None:
    half = len(GOOD) // 2
    for packed in (gzip.compress(GOOD), gzip.compress(GOOD[:half]) + gzip.compress(GOOD[half:])):
        assert door.post(packed, content_encoding="gzip").status == 200
    assert door.post(gzip.compress(GOOD_JSON), JSON, content_encoding="GZIP").status == 200
    assert door.post(b"", content_encoding="gzip").status == 200
    assert door.post(GOOD, content_encoding="identity").status == 200
    assert door.seams == [SEAM] * 4


@pytest.mark.parametrize(
    "packed",
    [b"no gzip at all", gzip.compress(GOOD)[:-4], gzip.compress(GOOD)[:5], gzip.compress(GOOD) + b"rest", GOOD],
    ids=["junk", "cut", "head", "trailing", "plain"],
)
def test_what_is_no_whole_gzip_is_refused(door: Door, packed: bytes) -> None:
    answer = door.post(packed, content_encoding="gzip")
    assert (answer.status, code_of(answer, PROTOBUF)[0]) == (400, 3)
    assert door.sink.taken == []


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "snappy", "gzip, gzip"])
def test_another_encoding_is_refused(door: Door, encoding: str) -> None:
    answer = door.post(zlib.compress(GOOD), content_encoding=encoding)
    assert answer.status == 415
    assert "send gzip or none" in code_of(answer, PROTOBUF)[1]


def test_a_length_over_the_limit_is_refused_before_a_byte_is_read(door: Door) -> None:
    answer = door.raw(HEAD + f"content-length: {BODY + 1}\r\n\r\n".encode())  # and the body never comes
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert code_of(answer, PROTOBUF)[0] == 8
    expecting = door.raw(HEAD + b"expect: 100-continue\r\ncontent-length: 99999999999\r\n\r\n")
    assert expecting.status == 413


@pytest.mark.parametrize("length", ["-1", "abc", "1e3"])
def test_a_length_that_is_no_number_is_refused(door: Door, length: str) -> None:
    assert door.raw(HEAD + f"content-length: {length}\r\n\r\n".encode()).status == 400


def test_a_body_in_chunks_is_taken_and_counted_while_it_is_read(door: Door) -> None:
    chunks = [f"{len(GOOD):x}\r\n".encode(), GOOD, b"\r\n0\r\n\r\n"]
    assert door.raw(HEAD + b"transfer-encoding: chunked\r\n\r\n", *chunks).status == 200
    assert door.seams == [SEAM]
    piece = b"4000\r\n" + b"\0" * 0x4000 + b"\r\n"
    answer = door.raw(HEAD + b"transfer-encoding: chunked\r\n\r\n", *[piece] * 5)
    assert (answer.status, answer.headers["connection"]) == (413, "close")


def test_a_gzip_bomb_stops_at_the_limit(door: Door) -> None:
    bomb = gzip.compress(b"\0" * (32 << 20), 9)
    assert len(bomb) < BODY
    for kind in (PROTOBUF, JSON):
        started = time.monotonic()
        answer = door.post(bomb, kind, content_encoding="gzip")
        assert (answer.status, code_of(answer, kind)[0]) == (413, 8)
        assert str(INFLATED) in code_of(answer, kind)[1]
        assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("why", "status", "after"),
    [
        ("busy", 429, "1"),
        ("journal full", 503, "5"),
        ("disk full", 503, "5"),
        ("stopping", 503, "2"),
        ("something new", 503, "5"),
    ],
)
def test_who_cannot_take_more_says_when_to_come_back(door: Door, why: str, status: int, after: str) -> None:
    door.sink.why = why
    for kind in (PROTOBUF, JSON):
        answer = door.post(GOOD if kind == PROTOBUF else GOOD_JSON, kind)
        assert (answer.status, answer.headers["retry-after"]) == (status, after)
        assert code_of(answer, kind)[0] == (8 if status == 429 else 14)
    assert door.sink.taken == []


def test_what_is_not_durable_is_not_acknowledged(door: Door) -> None:
    door.sink.outcome = "refused"
    answer = door.post(GOOD)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


def test_outcomes_are_counted(door: Door) -> None:
    counters = door.receiver.counters
    before = (counters.spans, counters.refused["content type"], counters.senders["me/1"])
    door.post(GOOD, user_agent="me/1")
    door.post(GOOD, "text/plain", user_agent="me/1")
    after = (counters.spans, counters.refused["content type"], counters.senders["me/1"])
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1]


def test_a_connection_serves_one_request_after_another(door: Door) -> None:
    request = HEAD + f"content-length: {len(GOOD)}\r\n\r\n".encode() + GOOD
    with door.connect() as wire:
        for _ in range(3):
            wire.sendall(request)
            assert read(wire).status == 200
    assert door.seams == [SEAM] * 3


def dribbled(wire: socket.socket) -> float:
    """Seconds until the door hangs up on one that sends a byte now and then."""
    started = time.monotonic()
    wire.settimeout(0.05)
    while time.monotonic() - started < 8:
        try:
            wire.sendall(b"a")
            if wire.recv(1) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - started


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"POST /v1/traces HT",
        b"POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-slow: ",
        HEAD + b"content-length: 1000\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\n",
    ],
    ids=["silent", "request line", "header", "body", "chunk"],
)
def test_who_is_slow_is_dropped_and_a_good_request_beside_it_is_served(start: bytes) -> None:
    with opened(head_seconds=0.4, body_seconds=0.4) as door:
        with door.connect() as wire:
            wire.sendall(start)
            assert door.post(GOOD).status == 200
            assert dribbled(wire) < 3
        assert door.post(GOOD).status == 200
        assert door.seams == [SEAM] * 2
        assert door.sink.held == 0
