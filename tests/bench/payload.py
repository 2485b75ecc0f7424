"""The bench's payload: 800 spans a request, 12 attributes and about 500 bytes a span, 40 services, all kinds mixed."""

import random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

SPANS, SERVICES = 800, 40
START_NS = 1_790_000_000_000_000_000  #: when the first span begins, where nothing else is said


def _set(span: Span, **attributes: object) -> None:
    for name, value in attributes.items():
        attribute = span.attributes.add()
        attribute.key = name.replace("__", ".")
        if isinstance(value, int):
            attribute.value.int_value = value
        else:
            attribute.value.string_value = str(value)


def _filled(span: Span, dice: random.Random) -> None:
    extra = {
        "thread__id": dice.randrange(200),
        "thread__name": f"worker-{dice.randrange(64)}",
        "code__function__name": "com.example.shop.orders.Handler.handle",
        "network__protocol__version": "1.1",
        "user_agent__original": "okhttp/4.12.0 (shop; build 4711)",
        "client__address": f"10.0.{dice.randrange(16)}.{dice.randrange(250)}",
        "shop__tenant": f"tenant-{dice.randrange(50)}",
        "network__peer__port": dice.randrange(30000, 60000),
    }
    for name, value in extra.items():
        if len(span.attributes) >= 12:
            break
        _set(span, **{name: value})


def _ids(dice: random.Random, size: int) -> bytes:
    return dice.getrandbits(size * 8).to_bytes(size, "big")


def request(seed: int, *, start_ns: int = START_NS, seams: int = 0, redelivered: bool = False) -> bytes:
    """One request: per quad an HTTP call (client, server), a message (producer, consumer) and a query.

    `start_ns` is when its first span began. Requests of successive seeds carry the successive offsets of each
    partition, as a broker gives them. `seams` spreads the names over that many extra routes and topics.
    `redelivered` is only how the same messages are read and written once more, with spans of their own.
    """
    dice = random.Random(seed)
    again = random.Random(-1 - seed) if redelivered else None
    batch = ExportTraceServiceRequest()
    scopes = []
    for number in range(SERVICES):
        resource = batch.resource_spans.add()
        for key, value in (
            ("service.name", f"service-{number}"),
            ("service.version", "2.31.0"),
            ("service.instance.id", f"instance-{number}"),
            ("deployment.environment.name", "production"),
            ("k8s.pod.name", f"service-{number}-7c9f"),
            ("k8s.namespace.name", "shop"),
            ("telemetry.sdk.language", "java"),
            ("telemetry.sdk.name", "opentelemetry"),
            ("telemetry.sdk.version", "1.55.0"),
            ("host.arch", "amd64"),
        ):
            attribute = resource.resource.attributes.add()
            attribute.key, attribute.value.string_value = key, value
        scope = resource.scope_spans.add()
        scope.scope.name, scope.scope.version = "io.opentelemetry.kafka-clients-0.11", "2.33.1-alpha"
        scopes.append(scope)
    for group in range(SPANS // 5):
        _quad(scopes, dice, seed * (SPANS // 5) + group, start_ns + group * 1_000_000, seams, again)
    return batch.SerializeToString()


def _quad(
    scopes: list[object], dice: random.Random, number: int, start: int, seams: int, again: random.Random | None
) -> None:
    trace = _ids(dice, 16)
    caller, callee, reader = dice.randrange(SERVICES), dice.randrange(SERVICES), number % SERVICES
    variant = number % seams if seams else callee
    if seams:  # four seams and a route a variant, and no more
        caller, callee, reader = variant % SERVICES, (variant + 1) % SERVICES, (variant + 2) % SERVICES
    turn, topic = divmod(number, seams or SERVICES)
    reading, reads = scopes, dice
    if again is not None:  # what was sent stays as it was
        scopes, reads = [ScopeSpans() for _ in range(SERVICES)], again
    client = _span(scopes[caller], trace, b"", Span.SPAN_KIND_CLIENT, "POST", start, 9_000_000, dice)
    _set(client, http__request__method="POST", server__address=f"service-{callee}", server__port=8080)
    _set(client, url__full=f"http://service-{callee}:8080/orders/{variant}", http__response__status_code=200)
    server = _span(scopes[callee], trace, client.span_id, Span.SPAN_KIND_SERVER, "POST /orders", start, 8_000_000, dice)
    _set(server, http__request__method="POST", http__route=f"/orders/v{variant}", http__response__status_code=200)
    server.flags = 0x300
    producer = _span(scopes[callee], trace, server.span_id, Span.SPAN_KIND_PRODUCER, "send", start, 2_000_000, dice)
    _set(producer, messaging__system="kafka", messaging__destination__name=f"orders.{topic}")
    _set(producer, messaging__operation__type="send", messaging__kafka__cluster__id="lkc-1")
    consumer = _span(
        reading[reader],
        trace,
        producer.span_id,
        Span.SPAN_KIND_CONSUMER,
        "process",
        start + 5_000_000,
        4_000_000,
        reads,
    )
    _set(consumer, messaging__system="kafka", messaging__destination__name=f"orders.{topic}")
    _set(consumer, messaging__operation__type="process", messaging__consumer__group__name=f"group-{reader}")
    _set(consumer, messaging__destination__partition__id=str(turn % 3), messaging__kafka__offset=turn // 3)
    consumer.flags = 0x300
    query = _span(reading[reader], trace, consumer.span_id, Span.SPAN_KIND_CLIENT, "INSERT", start, 1_000_000, reads)
    _set(query, db__system__name="postgresql", db__namespace=f"db{reader}", db__operation__name="INSERT")
    _set(query, db__query__text=f"INSERT INTO t{topic} (id, amount, created) VALUES (?, ?, ?)")
    for span in (client, server, producer, consumer, query):
        _filled(span, dice)


def _span(
    scope: object, trace: bytes, parent: bytes, kind: int, name: str, start: int, long: int, dice: random.Random
) -> Span:
    span: Span = scope.spans.add()  # type: ignore[attr-defined]  # a protobuf message
    span.trace_id, span.span_id, span.parent_span_id = trace, _ids(dice, 8), parent
    span.kind, span.name, span.flags = kind, name, 0x100  # type: ignore[assignment]
    span.start_time_unix_nano = start
    span.end_time_unix_nano = start + long + dice.randrange(1_000_000)
    return span
