"""Requests for these tests, built with OpenTelemetry's own protobuf classes, and what becomes of them."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from agent.app.scan import scan
from agent.model.columns import Shape, SpanColumns
from collectors.otlp.conventions import Names
from collectors.otlp.decode import Decoder

NOON = 1_795_400_000 * 10**9
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
JAVA = "io.opentelemetry.kafka-clients-0.11"
AIOKAFKA = "opentelemetry.instrumentation.aiokafka"
CELERY = "opentelemetry.instrumentation.celery"
_IDS = itertools.count(1)


def value(of: Any) -> AnyValue:
    if isinstance(of, AnyValue):
        return of
    if isinstance(of, list):
        return AnyValue(array_value=ArrayValue(values=[value(item) for item in of]))
    kinds = {bool: "bool_value", int: "int_value", float: "double_value", bytes: "bytes_value", str: "string_value"}
    return AnyValue(**{kinds[type(of)]: of})


def attributes(of: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=value(one)) for name, one in of.items()]


def span(kind: int, what: Mapping[str, Any], *, at: int = 0, long: int = 5, **fields: Any) -> Span:
    """One span with identities of its own; `at` and `long` are milliseconds after noon."""
    number = next(_IDS)
    start = NOON + at * 1_000_000
    own: dict[str, Any] = {"trace_id": number.to_bytes(16, "big"), "span_id": number.to_bytes(8, "big")}
    own |= {"start_time_unix_nano": start, "end_time_unix_nano": start + long * 1_000_000, "flags": 0x100}
    return Span(kind=kind, attributes=attributes(what), **(own | fields))  # type: ignore[arg-type]  # a number


def below(parent: Span, kind: int, what: Mapping[str, Any], **fields: Any) -> Span:
    """A span of the same process, under another one."""
    tied = {"trace_id": parent.trace_id, "parent_span_id": parent.span_id}
    at = (parent.start_time_unix_nano - NOON) // 1_000_000
    return span(kind, what, **({"at": at, "long": 1} | tied | fields))


def sent(service: str | None, *spans: Span, scope: str = "x", **resource: Any) -> ResourceSpans:
    """What one service sends; names of resource attributes may be written with `__` for a dot."""
    told = {} if service is None else {"service.name": service}
    told |= {name.replace("__", "."): one for name, one in resource.items()}
    found = ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])
    found.scope_spans[0].scope.name = scope
    found.resource.attributes.extend(attributes(told))
    return found


def body(*parts: ResourceSpans) -> bytes:
    return ExportTraceServiceRequest(resource_spans=parts).SerializeToString()


def decoded(*parts: ResourceSpans, names: Names | None = None) -> tuple[SpanColumns, list[Shape]]:
    """The columns of one request and the shape of each row."""
    decoder = Decoder(names)
    columns = decoder.decode(body(*parts))
    return columns, [decoder.shapes[number] for number in columns.shape.tolist()]


def shapes(*spans: Span, names: Names | None = None, scope: str = "x", **resource: Any) -> list[Shape]:
    """The shapes of a service's spans, in order."""
    return decoded(sent("s", *spans, scope=scope, **resource), names=names)[1]


def seams(*spans: Span, names: Names | None = None, scope: str = "x") -> list[list[str]]:
    """The seams that each span crosses."""
    return [[str(key) for key in shape.seams] for shape in shapes(*spans, names=names, scope=scope)]


def errors(*spans: Span, scope: str = "x") -> list[bool]:
    """Which spans failed."""
    found: list[bool] = decoded(sent("s", *spans, scope=scope))[0].error.tolist()
    return found


class Judged:
    """What a scan of some requests says."""

    def __init__(self, folder: Path, *requests: bytes) -> None:
        for number, request in enumerate(requests):
            (folder / f"{number:04}.pb").write_bytes(request)
        result = scan([folder], every=timedelta(seconds=60)).as_dict()
        self.rules = sorted(found["rule"] for found in result["findings"])
        self.seams: Mapping[str, Counter[str]] = {
            f"{one['kind']} {one['source']} -> {one['target']}": Counter(
                {name: one[name] for name in ("count", "errors", "duplicates", "retries")}
            )
            for one in result["seams"]
        }


def cost(read: Callable[[str], object], text: str) -> float:
    """CPU-seconds of one reading, the least of five."""
    found = []
    for _ in range(5):
        started = time.process_time()
        read(text)
        found.append(time.process_time() - started)
    return min(found)
