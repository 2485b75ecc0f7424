"""The peer: the official protobuf classes, walked span by span, with dictionaries. Derives the same facts."""

import math
import re
from collections import defaultdict
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_INSERT = re.compile(r"\s*(INSERT|UPDATE|DELETE)\s+(?:INTO\s+|FROM\s+)?([\w.]+)", re.IGNORECASE)


class Naive:
    """Windows by (seam, minute): count, errors, duration sum, histogram; pairs by parent; duplicates and writes."""

    def __init__(self) -> None:
        self.windows: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
        self.histograms: dict[tuple[str, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._callers: dict[tuple[bytes, bytes], tuple[str, str, int, int]] = {}
        self._producers: dict[tuple[bytes, bytes], int] = {}
        self._effects: dict[tuple[bytes, bytes], list[str]] = defaultdict(list)
        self._delivered: set[tuple[str, int, int]] = set()

    def take(self, body: bytes) -> int:
        """Fold one request; how many spans."""
        spans = 0
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = self._attributes(resource_spans.resource.attributes)
            service = str(resource.get("service.name", "unknown"))
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    spans += 1
                    self._span(service, span)
        return spans

    @staticmethod
    def _attributes(pairs: Any) -> dict[str, Any]:
        return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}

    def _count(self, seam: str, span: Any) -> None:
        key = (seam, span.end_time_unix_nano // 60_000_000_000)
        window = self.windows[key]
        duration = span.end_time_unix_nano - span.start_time_unix_nano
        window[0] += 1
        window[1] += span.status.code == 2
        window[2] += duration // 1000
        bucket = max(0, math.ceil(math.log2(max(duration, 1_000_000) / 1_000_000) * 16))
        self.histograms[key][bucket] += 1

    def _span(self, service: str, span: Any) -> None:
        found = self._attributes(span.attributes)
        own, parent = (span.trace_id, span.span_id), (span.trace_id, span.parent_span_id)
        method = found.get("http.request.method") or found.get("http.method")
        if method and span.kind == 2:
            self._server(f"{service} {method} {found.get('http.route')}", span, parent)
        elif method:
            address = found.get("server.address") or found.get("net.peer.name")
            seam = f"calls {service} -> {address}:{found.get('server.port')}"
            self._callers[own] = (service, seam, span.start_time_unix_nano, span.end_time_unix_nano)
            self._effects[parent].append(f"{method} {found.get('url.full') or found.get('http.url')}")
            self._count(seam, span)
        elif found.get("db.system.name") or found.get("db.system"):
            self._query(service, span, found, parent)
        elif found.get("messaging.system"):
            self._message(service, span, found, own, parent)

    def _server(self, route: str, span: Any, parent: tuple[bytes, bytes]) -> None:
        self._count(f"route {route}", span)
        caller = self._callers.get(parent)
        if caller is not None:
            self._count(f"calls {caller[0]} -> {route}", span)
            self.windows[caller[1], caller[3] // 60_000_000_000][0] -= 1

    def _query(self, service: str, span: Any, found: dict[str, Any], parent: tuple[bytes, bytes]) -> None:
        match = _INSERT.match(str(found.get("db.query.text") or found.get("db.statement") or ""))
        if match:
            table = f"{found.get('db.namespace') or found.get('db.name')}.{match[2]}"
            self._count(f"writes {service} -> {table}", span)
            self._effects[parent].append(f"{match[1]} {table}")

    def _message(
        self, service: str, span: Any, found: dict[str, Any], own: tuple[bytes, bytes], parent: tuple[bytes, bytes]
    ) -> None:
        topic = found.get("messaging.destination.name") or found.get("messaging.destination")
        operation = found.get("messaging.operation.type") or found.get("messaging.operation")
        if operation in ("send", "publish"):
            self._producers[own] = span.end_time_unix_nano
            self._effects[parent].append(f"publish {topic}")
            self._count(f"publishes {service} -> {topic}", span)
            return
        group = found.get("messaging.consumer.group.name") or service
        seam = f"consumes {topic} -> {group}"
        self._count(seam, span)
        sent = self._producers.get(parent)
        key = (seam, span.end_time_unix_nano // 60_000_000_000)
        if sent is not None:
            waited = max(1_000_000, span.start_time_unix_nano - sent)
            self.histograms[key][1000 + math.ceil(math.log2(waited / 1_000_000) * 16)] += 1
        place = (
            seam,
            int(found.get("messaging.destination.partition.id", -1)),
            int(found.get("messaging.kafka.offset", -1)),
        )
        self.windows[key][3] += place in self._delivered
        self._delivered.add(place)
        self.windows[key][4] += len(set(self._effects.pop(own, ()))) > 0
