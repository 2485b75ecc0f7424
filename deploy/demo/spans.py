"""Builds OTLP requests as the public instrumentations write them, for the demo's estate."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from collectors.otlp.wire import ERROR, Resource, Traces, any_value

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
REMOTE, LOCAL = 0x300, 0x100
JAVA = "io.opentelemetry.kafka-clients-0.11"
CONFLUENT = "opentelemetry.instrumentation.confluent_kafka"
SQL = "opentelemetry.instrumentation.sqlalchemy"
HTTP = "opentelemetry.instrumentation.requests"
FASTAPI = "opentelemetry.instrumentation.fastapi"


@dataclass
class Span:
    """One span to be."""

    service: str
    scope: str
    kind: int
    name: str
    start: float
    seconds: float
    trace: bytes
    own: bytes
    parent: bytes = b""
    flags: int = LOCAL
    error: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)
    links: list[tuple[bytes, bytes]] = field(default_factory=list)


class Tracer:
    """Makes spans with identities from one dice, so that the same seed gives the same estate."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(seed)
        self.spans: list[Span] = []

    def trace(self) -> bytes:
        """A new trace."""
        return self._dice.getrandbits(128).to_bytes(16, "big")

    def span(
        self, service: str, scope: str, kind: int, name: str, start: float, seconds: float, up: Span | None, **more: Any
    ) -> Span:
        """A span below another, or a root."""
        own = self._dice.getrandbits(64).to_bytes(8, "big")
        flags = REMOTE if up is not None and up.service != service else LOCAL
        attributes = {key.replace("__", "."): value for key, value in more.pop("attributes", {}).items()}
        made = Span(
            service,
            scope,
            kind,
            name,
            start,
            seconds * self._dice.uniform(0.7, 1.5),
            up.trace if up is not None else self.trace(),
            own,
            up.own if up is not None else b"",
            flags,
            attributes=attributes,
            **more,
        )
        self.spans.append(made)
        return made

    def take(self) -> list[Span]:
        """Everything made since the last call."""
        spans, self.spans = self.spans, []
        return spans


def request(spans: list[Span], instance: str) -> bytes:
    """One ExportTraceServiceRequest."""
    batch = Traces()
    scopes: dict[tuple[str, str], Any] = {}
    resources: dict[str, Any] = {}
    for span in spans:
        if span.service not in resources:
            resource = Resource()
            resource.attributes["service.name"] = any_value(span.service)
            resource.attributes["service.version"] = any_value("2.4.0")
            resource.attributes["service.instance.id"] = any_value(f"{span.service}-{instance}")
            resources[span.service] = batch.resource_spans.add()
            resources[span.service].resource = resource.SerializeToString()
        if (span.service, span.scope) not in scopes:
            scope = scopes[span.service, span.scope] = resources[span.service].scope_spans.add()
            scope.scope.name, scope.scope.version = span.scope, "0.66b1"
        _write(scopes[span.service, span.scope].spans.add(), span)
    return bytes(batch.SerializeToString())


def _write(out: Any, span: Span) -> None:
    out.trace_id, out.span_id, out.parent_span_id = span.trace, span.own, span.parent
    out.name, out.kind, out.flags = span.name.encode(), span.kind, span.flags
    out.start, out.end = int(span.start * 1e9), int((span.start + span.seconds) * 1e9)
    out.status = ERROR if span.error else b""
    for key, value in span.attributes.items():
        out.attributes[key] = any_value(value)
    for trace, own in span.links:
        link = out.links.add()
        link.trace_id, link.span_id = trace, own
