"""The decoder: who sent it, from where and how much of it; what is dropped, and how that is counted."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from agent.model.columns import Role, SpanColumns
from collectors.otlp.conventions import BATCH, BODY_SIZE, EVENT_ID, EVENT_SOURCE, MESSAGE_ID, OFFSET, PARTITION, SHAPING
from collectors.otlp.decode import Decoder, ShapeBook
from tests.collectors.otlp.build import (
    CLIENT,
    CONSUMER,
    PRODUCER,
    SERVER,
    body,
    decoded,
    seams,
    sent,
    shapes,
    span,
)

pytestmark = pytest.mark.slow

SEND = {"messaging.system": "kafka", "messaging.destination.name": "t"}
POST = {"http.request.method": "POST", "url.path": "/x", "server.address": "b"}


def as_json(*parts: ResourceSpans) -> bytes:
    """The same request in OTLP/JSON: identities in hex instead of protobuf JSON's base 64."""
    document = {"resourceSpans": [MessageToDict(part, use_integers_for_enums=True) for part in parts]}
    for part, written in zip(parts, document["resourceSpans"], strict=True):
        for one, out in zip(part.scope_spans[0].spans, written["scopeSpans"][0]["spans"], strict=True):
            out |= {"traceId": one.trace_id.hex(), "spanId": one.span_id.hex()}
            out["parentSpanId"] = one.parent_span_id.hex()
            for link, shown in zip(one.links, out.get("links", []), strict=True):
                shown |= {"traceId": link.trace_id.hex(), "spanId": link.span_id.hex()}
    return json.dumps(document).encode()


def both(*parts: ResourceSpans) -> list[tuple[Decoder, SpanColumns]]:
    """One request in both encodings."""
    binary, text = Decoder(), Decoder()
    return [(binary, binary.decode(body(*parts))), (text, text.decode_json(as_json(*parts)))]


@pytest.mark.parametrize(
    ("resource", "service"),
    [
        ({"service.name": "a"}, "a"),
        ({"service.name": "a", "k8s.deployment.name": "d"}, "a"),
        ({"service.name": "unknown_service:java", "k8s.deployment.name": "d"}, "d"),
        ({"service.name": "unknown_service", "k8s.deployment.name": "d"}, "d"),
        ({"service.name": "", "k8s.deployment.name": "d"}, "d"),
        ({"k8s.deployment.name": "d"}, "d"),
        ({"k8s.deployment.name": ["d", "e"]}, "d"),
        ({"service.name": "unknown_service:java"}, "unknown_service:java"),
        ({}, "unknown_service"),
    ],
)
def test_a_service_that_nobody_named_has_its_deployments_name(resource: dict[str, Any], service: str) -> None:
    _, [shape] = decoded(sent(None, span(PRODUCER, SEND), **resource))
    assert shape.service == service


@pytest.mark.parametrize("name", ["deployment.environment.name", "deployment.environment"])
def test_an_environment_is_told_and_belongs_to_no_seam(name: str) -> None:
    here, there = decoded(sent("s", span(PRODUCER, SEND), span(1, {}), **{name: "prod"}), sent("s", span(2, {})))[1][:2]
    assert (here.environment, there.environment) == ("prod", "prod")
    assert [str(key) for key in here.seams] == ["publishes service:s -> topic:-/t"]
    assert shapes(span(PRODUCER, SEND))[0].environment == ""


@pytest.mark.parametrize(
    ("state", "share"),
    [
        ("", 1.0),
        ("ot=th:0", 1.0),
        ("ot=th:8", 0.5),
        ("ot=th:c", 0.25),
        ("ot=th:e666", 0.1),
        ("ot=rv:0123456789abcd;th:fd70a4", 0.01),
        ("rojo=00f067aa0ba902b7, ot=th:8;rv:0123456789abcd", 0.5),
        ("ot=th:ffffffffffffff", 1.388e-17),
        ("ot=th:", 1.0),
        ("ot=th:8x", 1.0),
        ("ot=th:E666", 1.0),
        ("ot=th:000000000000008", 1.0),
        ("ot=xth:8", 1.0),
        ("other=th:8", 1.0),
        ("ot=p:2", 1.0),
    ],
)
def test_a_threshold_tells_the_share_of_traces_that_is_kept(state: str, share: float) -> None:
    for kind, what in ((PRODUCER, SEND), (1, {}), (CLIENT, POST)):
        [shape] = shapes(span(kind, what, trace_state=state))
        assert shape.sampled == pytest.approx(share, rel=1e-3)


def test_sampling_changes_from_span_to_span_and_belongs_to_no_seam() -> None:
    states = ("ot=th:8", "", "ot=th:8;rv:00000000000001", "ot=th:c", "")
    found = shapes(*(span(PRODUCER, SEND, trace_state=state) for state in states))
    assert [shape.sampled for shape in found] == [0.5, 1.0, 0.5, 0.25, 1.0]
    assert len({shape.seams for shape in found}) == 1


@pytest.mark.parametrize("name", ["service.peer.name", "peer.service"])
def test_a_client_that_names_only_its_peer_calls_it(name: str) -> None:
    assert seams(span(CLIENT, {name: "warehouse", "network.peer.address": "1.2.3.4"}), span(SERVER, {name: "a"})) == [
        ["calls service:s -> service:warehouse"],
        [],
    ]


def test_a_port_is_the_same_port_however_it_is_sent() -> None:
    found = seams(*(span(CLIENT, POST | {"server.port": port}) for port in (8080, 8080.0, "8080", [8080])))
    assert found == [["calls service:s -> service:b:8080"]] * 4


def test_a_method_with_its_service_is_the_same_in_one_attribute_or_two() -> None:
    old = {"rpc.system": "grpc", "rpc.service": "shop.Orders", "rpc.method": "Place"}
    new = {"rpc.system.name": "grpc", "rpc.method": "shop.Orders/Place"}
    found = shapes(*(span(SERVER, what) for what in (old, new, new | {"rpc.service": "shop.Orders"})))
    assert {str(shape.component) for shape in found} == {"route:s GRPC shop.Orders/Place"}


ALSO_READ = (*PARTITION, *OFFSET, *MESSAGE_ID, *EVENT_ID, *EVENT_SOURCE, *BATCH, *BODY_SIZE)
ODD = [
    True,
    b"\x00\xff",
    ["a", "b"],
    [],
    3.5,
    float("nan"),
    float("inf"),
    -1,
    2**63 - 1,
    "9" * 5000,
    "\u0661",
    AnyValue(),
    AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=AnyValue(string_value="v"))])),
    AnyValue(
        array_value=ArrayValue(values=[AnyValue(array_value=ArrayValue()), AnyValue(kvlist_value=KeyValueList())])
    ),
]
READ = sorted({name for family in SHAPING.values() for group in family for name in group} | {*ALSO_READ})


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_no_value_of_any_kind_breaks_the_decoder(odd: Any) -> None:
    every = dict.fromkeys(READ, odd)
    families = [{}, POST, SEND, {"db.system": "mysql"}, {"rpc.system": "grpc"}, {"celery.action": "run"}]
    spans = [span(kind, family | {name: odd}) for kind in range(6) for family in families for name in READ]
    spans += [span(kind, family | every) for kind in range(6) for family in families]
    resource = dict.fromkeys(("k8s.deployment.name", "deployment.environment", "service.instance.id"), odd)
    for _, columns in both(sent(None, *spans, **{"service.name": odd}, **resource)):
        assert len(columns) + sum(columns.dropped.values()) == len(spans)


def test_ids_of_zeros_or_of_another_length_are_dropped_and_counted_in_both_encodings() -> None:
    wrong: list[Mapping[str, bytes]] = [
        {"trace_id": b"\0" * 16},
        {"span_id": b"\0" * 8},
        {"trace_id": b"ab"},
        {"span_id": b""},
        {"parent_span_id": b"abc"},
    ]
    spans = [span(PRODUCER, SEND, **one) for one in wrong]
    spans += [span(PRODUCER, SEND), span(PRODUCER, SEND, parent_span_id=b"\0" * 8)]
    for _, columns in both(sent("s", *spans)):
        assert (len(columns), columns.received, dict(columns.dropped)) == (2, 7, {"bad id": 5})


def test_links_over_the_bound_are_counted() -> None:
    links = [Span.Link(trace_id=bytes([1] * 16), span_id=bytes([n % 250 + 1] * 8)) for n in range(300)]
    for _, columns in both(sent("s", span(CONSUMER, SEND, links=links), span(CONSUMER, SEND, links=links[:256]))):
        assert len(columns) == 2
        assert len(columns.links.row) == 512
        assert dict(columns.dropped) == {"link limit": 44}


def test_what_has_no_room_among_the_shapes_is_counted_and_not_made_something_else() -> None:
    decoder = Decoder(book=ShapeBook(most=3))
    for number in range(5):
        columns = decoder.decode(body(sent(f"s{number}", span(PRODUCER, SEND), span(PRODUCER, SEND))))
        fits = number < 3
        assert len(columns) == (2 if fits else 0)
        assert dict(columns.dropped) == ({} if fits else {"shape limit": 2})
        assert columns.received == 2
    again = decoder.decode(body(sent("s1", span(PRODUCER, SEND), span(1, {}))))
    assert (len(again), dict(again.dropped)) == (1, {"shape limit": 1})


def test_an_empty_book_that_was_given_is_used() -> None:
    book = ShapeBook()
    decoder = Decoder(book=book)
    decoder.decode(body(sent("s", span(PRODUCER, SEND))))
    assert decoder.shapes is book
    assert len(book) == 1


def test_more_kinds_of_spans_than_are_remembered_are_still_told_apart() -> None:
    decoder = Decoder()
    for name, role in (("service.peer.name", Role.CALL), ("db.system.name", Role.QUERY)):
        spans = [span(CLIENT, {f"a{number}": 1, name: "x"}) for number in range(4500)]
        columns = decoder.decode(body(sent("s", *spans)))
        assert {decoder.shapes[number].role for number in columns.shape.tolist()} == {role}
