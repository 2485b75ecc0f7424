"""OpenTelemetry's own SDK and exporter send to the door, and their spans arrive as seams."""

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from tests.collectors.otlp.door import opened

TOPIC = {"messaging.system": "kafka", "messaging.destination.name": "orders"}


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_spans_of_the_real_exporter_arrive_as_seams(compression: Compression) -> None:
    with opened() as door:
        exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{door.port}/v1/traces", compression=compression)
        resource = Resource.create({"service.name": "shop", "deployment.environment.name": "test"})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        tracer = provider.get_tracer("my.own", "1")
        with tracer.start_as_current_span(
            "POST /orders", kind=SpanKind.SERVER, attributes={"http.request.method": "POST", "http.route": "/orders"}
        ):
            insert = {
                "db.system.name": "postgresql",
                "db.namespace": "shop",
                "db.query.text": "INSERT INTO o VALUES ($1)",
            }
            with tracer.start_as_current_span("INSERT o", kind=SpanKind.CLIENT, attributes=insert) as query:
                query.set_status(Status(StatusCode.ERROR))
            sending = tracer.start_span(
                "send orders", kind=SpanKind.PRODUCER, attributes=TOPIC | {"messaging.operation.type": "send"}
            )
            sending.end()
        taken = TOPIC | {"messaging.operation.type": "process", "messaging.consumer.group.name": "billing"}
        taken |= {"messaging.destination.partition.id": "0", "messaging.kafka.offset": 7}
        links = [Link(sending.get_span_context())]
        tracer.start_span("process orders", kind=SpanKind.CONSUMER, attributes=taken, links=links).end()
        assert provider.force_flush()
        provider.shutdown()
        assert sorted(door.seams) == [
            "consumes topic:-/orders -> group:-/billing",
            "publishes service:shop -> topic:-/orders",
            "writes service:shop -> table:postgresql/shop.o",
        ]
        [columns] = door.sink.taken
        shapes = [door.decoder.shapes[number] for number in columns.shape.tolist()]
        assert {shape.environment for shape in shapes} == {"test"}
        assert [str(shape.component) for shape in shapes if shape.component] == ["route:shop POST /orders"]
        assert (int(columns.error.sum()), len(columns.links.row), int(columns.offset.max())) == (1, 1, 7)
        assert len({(hi, lo) for hi, lo in zip(columns.trace_hi.tolist(), columns.trace_lo.tolist(), strict=True)}) == 2
        assert [name.split("/")[0] for name in door.receiver.counters.senders] == ["OTel-OTLP-Exporter-Python"]
