"""Which spans failed, also where their status is unset: the conventions' tables, on both sides of a call."""

from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.collectors.otlp.build import CLIENT, CONSUMER, PRODUCER, SERVER, Judged, body, errors, sent, span

GET = {"http.request.method": "GET", "http.route": "/x"}
GRPC = {"rpc.system": "grpc", "rpc.service": "shop.Orders", "rpc.method": "Place"}


@pytest.mark.parametrize(
    ("what", "client", "server"),
    [
        (GET | {"http.response.status_code": 200}, False, False),
        (GET | {"http.response.status_code": 302}, False, False),
        (GET | {"http.response.status_code": 404}, True, False),
        (GET | {"http.response.status_code": 503}, True, True),
        (GET | {"http.response.status_code": "503"}, True, True),
        (GET | {"http.response.status_code": 503.0}, True, True),
        ({"http.method": "GET", "http.status_code": 500, "http.target": "/a"}, True, True),
        ({"http.method": "GET", "http.status_code": 499, "http.target": "/a"}, True, False),
        (GET | {"http.response.status_code": True}, False, False),
        (GET, False, False),
        (GET | {"error.type": "java.net.ConnectException"}, True, True),
        (GET | {"error.type": ""}, False, False),
        (GRPC | {"rpc.grpc.status_code": 0}, False, False),
        (GRPC | {"rpc.grpc.status_code": 5}, True, False),
        (GRPC | {"rpc.grpc.status_code": 14}, True, True),
        (GRPC | {"rpc.grpc.status_code": "13"}, True, True),
        (GRPC | {"rpc.status_code": "OK"}, False, False),
        (GRPC | {"rpc.status_code": "NOT_FOUND"}, True, False),
        (GRPC | {"rpc.status_code": "UNAVAILABLE"}, True, True),
        (GRPC | {"rpc.response.status_code": "DEADLINE_EXCEEDED"}, True, True),
        (GRPC | {"rpc.connect_rpc.error_code": "data_loss"}, True, True),
        (GRPC | {"rpc.connect_rpc.error_code": "not_found"}, True, False),
        ({"rpc.system": "jsonrpc", "rpc.jsonrpc.error_code": 0}, False, False),
        ({"rpc.system": "jsonrpc", "rpc.jsonrpc.error_code": -32602}, True, False),
        ({"rpc.system": "jsonrpc", "rpc.jsonrpc.error_code": -32603}, True, True),
        ({"rpc.system": "jsonrpc", "rpc.jsonrpc.error_code": -32001}, True, True),
    ],
)
def test_a_status_is_the_callers_fault_or_the_callees(what: dict[str, Any], client: bool, server: bool) -> None:
    assert errors(span(CLIENT, what), span(SERVER, what)) == [client, server]


def test_an_error_type_fails_a_span_of_any_kind() -> None:
    for kind, what in (
        (CLIENT, {"db.system.name": "postgresql", "db.namespace": "a"}),
        (CLIENT, {"service.peer.name": "b"}),
        (PRODUCER, {"messaging.system": "kafka", "messaging.destination.name": "t"}),
        (CONSUMER, {"messaging.system": "kafka", "messaging.destination.name": "t"}),
        (SERVER, {}),
    ):
        assert errors(span(kind, what | {"error.type": "x"}), span(kind, what)) == [True, False], what


def test_a_databases_own_code_is_an_error_only_beside_an_error_type() -> None:
    query = {"db.system.name": "postgresql", "db.response.status_code": "01000"}
    assert errors(span(CLIENT, query), span(CLIENT, query | {"error.type": "42P01"})) == [False, True]


def test_a_spans_own_status_still_counts() -> None:
    bad = Status(code=Status.STATUS_CODE_ERROR)
    assert errors(span(SERVER, GET, status=bad), span(SERVER, GET), span(1, {}, status=bad)) == [True, False, True]


def test_errors_without_a_status_are_counted_on_their_seam(tmp_path: Path) -> None:
    call = {"http.request.method": "POST", "url.full": "http://b:80/x"}
    spans = [span(CLIENT, call | {"http.response.status_code": code}, at=n) for n, code in enumerate((200, 404, 503))]
    found = Judged(tmp_path, body(sent("a", *spans)))
    assert found.seams["calls service:a -> service:b:80"]["errors"] == 2
