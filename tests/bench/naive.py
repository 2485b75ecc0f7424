"""The peer: the official protobuf classes, walked span by span, with dictionaries. Derives the same facts.

`tests/bench/test_naive.py` holds both sides against each other, fact by fact.
"""

import hashlib
import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from agent.model.facts import Column

_WRITE = re.compile(r"\s*(INSERT|UPDATE|DELETE)\s+(?:INTO\s+|FROM\s+)?([\w.]+)", re.IGNORECASE)
_MINUTE = 60_000_000_000
_DAY = 1440
_BACK, _AHEAD = 48 * 60 * _MINUTE, 2 * _MINUTE
_REMOTE_KNOWN, _REMOTE = 0x100, 0x200

Id = tuple[bytes, bytes]  #: trace and span


@dataclass(slots=True)
class Window:
    """One key's minute."""

    values: list[int] = field(default_factory=lambda: [0] * len(Column))
    duration: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    queue: dict[int, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(slots=True)
class _Call:
    service: str
    window: Window  #: of the callee's address
    start: int
    end: int
    error: bool
    matched: bool = False


@dataclass(slots=True)
class _Served:
    route: str
    start: int
    end: int
    error: bool


@dataclass(slots=True)
class _Delivery:
    seam: str
    window: Window
    place: tuple[int, int]
    day: int
    error: bool
    again: bool
    effects: set[str] = field(default_factory=set)
    effectful: bool = False
    rewritten: bool = False


def bucket(nanoseconds: int) -> int:
    """16 to the octave from a millisecond on, as the agent's."""
    return max(0, math.ceil(math.log2(max(nanoseconds, 1_000_000) / 1_000_000) * 16))


class Naive:
    """Windows by key and minute, pairs in both orders, deliveries with their effects, duplicates, exemplars."""

    def __init__(self, now: int) -> None:
        self.now = now  #: Unix ns
        self.windows: dict[tuple[str, int], Window] = defaultdict(Window)
        self.delivered: dict[tuple[str, int, str, int], set[int]] = defaultdict(set)
        self.slowest: dict[str, tuple[int, bytes]] = {}
        self.failed: dict[str, tuple[int, bytes]] = {}
        self.written: dict[str, tuple[int, bytes]] = {}
        self.repeats: list[tuple[str, int, int, bytes, bytes]] = []
        self.writes: set[tuple[str, str]] = set()
        self.scopes: dict[str, tuple[int, str, str]] = {}
        self._digests: set[bytes] = set()
        self._calls: dict[Id, _Call] = {}
        self._served: dict[Id, list[_Served]] = defaultdict(list)
        self._produced: dict[Id, int] = {}
        self._awaited: dict[Id, list[tuple[Window, int]]] = defaultdict(list)
        self._deliveries: dict[Id, _Delivery] = {}
        self._effects: dict[Id, list[str]] = defaultdict(list)
        self._parents: dict[Id, Id] = {}
        self._last: dict[tuple[str, int, int], tuple[bytes, int]] = {}
        self._failures: dict[tuple[Id, str], list[int]] = defaultdict(list)

    def take(self, body: bytes) -> int:
        """Fold one request; how many spans. One that came before counts once."""
        request = ExportTraceServiceRequest.FromString(body)
        digest = hashlib.blake2b(digest_size=16)
        spans = 0
        for resource_spans in request.resource_spans:
            resource = self._attributes(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                scope = scope_spans.scope.name
                for span in scope_spans.spans:
                    spans += 1
                    digest.update(span.trace_id + span.span_id)
                    self._span(resource, scope, span)
        self._digests.add(digest.digest())
        return spans

    @staticmethod
    def _attributes(pairs: Any) -> dict[str, Any]:
        return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}

    def _span(self, resource: dict[str, Any], scope: str, span: Any) -> None:
        found = self._attributes(span.attributes)
        service = str(resource.get("service.name", "unknown"))
        method = found.get("http.request.method") or found.get("http.method")
        own, parent = (span.trace_id, span.span_id), (span.trace_id, span.parent_span_id)
        status = int(found.get("http.response.status_code") or found.get("http.status_code") or 0)
        error = span.status.code == 2 or status >= 500 or (status >= 400 and span.kind == 3)
        if method and span.kind == 2:
            self._server(f"route:{service} {method} {found.get('http.route')}", span, parent, error)
            return
        if method:
            key = self._client(service, method, found, span, own, parent, error)
        elif found.get("db.system.name") or found.get("db.system"):
            key = self._query(service, found, span, parent, error)
        elif found.get("messaging.system"):
            key = self._message(service, found, span, own, parent, error)
        else:
            return
        if span.parent_span_id:
            self._bridge(own, parent)
        if key:
            version = str(resource.get("service.version", ""))
            self.scopes[key] = (max(span.end_time_unix_nano, self.scopes.get(key, (0,))[0]), scope, version)

    def _count(self, key: str, span: Any, error: bool, messages: int = 1) -> Window:
        end = span.end_time_unix_nano
        placed = end if self.now - _BACK <= end <= self.now + _AHEAD else self.now
        window = self.windows[key, placed // _MINUTE]
        duration = end - span.start_time_unix_nano
        values = window.values
        values[Column.COUNT] += messages
        values[Column.ERRORS] += error
        values[Column.DURATION_US] += duration // 1000
        window.duration[bucket(duration)] += 1
        if duration > self.slowest.get(key, (-1,))[0]:
            self.slowest[key] = (duration, span.span_id)
        if error:
            self.failed[key] = (end, span.span_id)
        return window

    @staticmethod
    def _tie(window: Window, span: Any) -> None:
        local = span.flags & _REMOTE_KNOWN and not span.flags & _REMOTE
        tied = bool(span.links) or (bool(span.parent_span_id) and not local)
        window.values[Column.LINKED if tied else Column.ROOTS] += 1

    def _client(
        self, service: str, method: str, found: dict[str, Any], span: Any, own: Id, parent: Id, error: bool
    ) -> str:
        port = found.get("server.port") or found.get("net.peer.port")
        host = found.get("server.address") or found.get("net.peer.name")
        key = f"calls service:{service} -> service:{host}:{port}"
        window = self._count(key, span, error)
        window.values[Column.DETACHED] += not span.parent_span_id
        failures = self._failures[parent, key] if error or (parent, key) in self._failures else []
        if failures and failures[-1] <= span.start_time_unix_nano:
            failures.pop()
            window.values[Column.RETRIES] += 1
        if error:
            failures.append(span.end_time_unix_nano)
        call = self._calls[own] = _Call(service, window, span.start_time_unix_nano, span.end_time_unix_nano, error)
        for served in self._served.pop(own, ()):
            self._paired(call, served)
        if method not in ("GET", "HEAD", "OPTIONS"):
            self._effect(parent, f"{method} {host}:{port}")
        return key

    def _server(self, route: str, span: Any, parent: Id, error: bool) -> None:
        self._tie(self._count(route, span, error), span)
        served = _Served(route, span.start_time_unix_nano, span.end_time_unix_nano, error)
        call = self._calls.get(parent)
        if call is not None:
            self._paired(call, served)
        elif span.parent_span_id:
            self._served[parent].append(served)

    def _paired(self, call: _Call, served: _Served) -> None:
        window = self.windows[f"calls service:{call.service} -> {served.route}", served.end // _MINUTE]
        duration, values = served.end - served.start, window.values
        values[Column.COUNT] += 1
        values[Column.ERRORS] += served.error
        values[Column.DURATION_US] += duration // 1000
        values[Column.PAIRED] += 1
        values[Column.RETRIES] += call.matched
        window.duration[bucket(duration)] += 1
        window.queue[bucket(max(served.start - call.start, 0))] += 1
        if not call.matched:
            call.matched, own = True, call.window
            own.values[Column.COUNT] -= 1
            own.values[Column.ERRORS] -= call.error
            own.values[Column.DURATION_US] -= (call.end - call.start) // 1000
            own.duration[bucket(call.end - call.start)] -= 1

    def _query(self, service: str, found: dict[str, Any], span: Any, parent: Id, error: bool) -> str:
        text = str(found.get("db.query.text") or found.get("db.statement") or "")
        match = _WRITE.match(text)
        if not match:
            return ""
        system = found.get("db.system.name") or found.get("db.system")
        table = f"{system}/{found.get('db.namespace') or found.get('db.name')}.{match[2]}"
        key = f"writes service:{service} -> table:{table}"
        self._count(key, span, error)
        self.written[key] = max(self.written.get(key, (0, b"")), (span.end_time_unix_nano, span.span_id))
        if not error:
            guarded = " guarded" if "ON CONFLICT" in text.upper() or match[1].upper() == "DELETE" else ""
            self._effect(parent, f"{match[1].upper()} table:{table}{guarded}")
        return key

    def _message(self, service: str, found: dict[str, Any], span: Any, own: Id, parent: Id, error: bool) -> str:
        topic = found.get("messaging.destination.name") or found.get("messaging.destination")
        cluster = found.get("messaging.kafka.cluster.id") or "-"
        operation = found.get("messaging.operation.type") or found.get("messaging.operation")
        messages = int(found.get("messaging.batch.message_count", 1))
        if operation in ("send", "publish"):
            key = f"publishes service:{service} -> topic:{cluster}/{topic}"
            window = self._count(key, span, error, messages)
            window.values[Column.DETACHED] += not span.parent_span_id
            window.values[Column.BYTES] += int(found.get("messaging.message.body.size", 0))
            self._produced[own] = span.end_time_unix_nano
            for waiting, start in self._awaited.pop(own, ()):
                self._queued(waiting, start, span.end_time_unix_nano)
            self._effect(parent, f"publish {topic}")
            return key
        group = found.get("messaging.consumer.group.name") or service
        key = f"consumes topic:{cluster}/{topic} -> group:-/{group}"
        window = self._count(key, span, error, messages)
        self._tie(window, span)
        for cause in {parent, *((link.trace_id, link.span_id) for link in span.links)}:
            sent = self._produced.get(cause)
            if sent is not None:
                self._queued(window, span.start_time_unix_nano, sent)
            elif cause[1]:
                self._awaited[cause].append((window, span.start_time_unix_nano))
        partition = int(found.get("messaging.destination.partition.id", -1))
        self._deliver(key, window, (partition, int(found.get("messaging.kafka.offset", -1))), span, own, error)
        return key

    @staticmethod
    def _queued(window: Window, start: int, sent: int) -> None:
        window.values[Column.PAIRED] += 1
        window.queue[bucket(max(start - sent, 0))] += 1

    def _deliver(self, key: str, window: Window, place: tuple[int, int], span: Any, own: Id, error: bool) -> None:
        partition, offset = place
        day = span.end_time_unix_nano // _MINUTE // _DAY
        again = False
        if offset >= 0:
            window.values[Column.IDENTIFIED] += 1
        if offset >= 0 and not error:
            seen = self.delivered[key, partition, "", day]
            again = offset in seen
            seen.add(offset)
            window.values[Column.DUPLICATES] += again
            if again:
                self.repeats.append((key, partition, offset, span.span_id, self._last[key, partition, offset][0]))
            self._last[key, partition, offset] = (span.trace_id, span.end_time_unix_nano)
        delivery = self._deliveries[own] = _Delivery(key, window, place, day, error, again)
        for effect in self._effects.pop(own, ()):
            self._happened(delivery, effect)

    def _bridge(self, own: Id, parent: Id) -> None:
        """A span below a delivery hands on what happens below it."""
        self._parents[own] = parent
        for effect in self._effects.pop(own, ()):
            self._effect(parent, effect)

    def _effect(self, parent: Id, effect: str) -> None:
        for _ in range(8):
            delivery = self._deliveries.get(parent)
            if delivery is not None:
                self._happened(delivery, effect)
                return
            above = self._parents.get(parent)
            if above is None:
                break
            parent = above
        if parent[1]:
            self._effects[parent].append(effect)

    def _happened(self, delivery: _Delivery, effect: str) -> None:
        if effect in delivery.effects:
            return
        delivery.effects.add(effect)
        self.writes.add((delivery.seam, effect))
        if delivery.error:
            return
        values = delivery.window.values
        if effect.endswith(" guarded"):
            values[Column.GUARDED] += len(delivery.effects) == 1
            return
        if not delivery.effectful:
            delivery.effectful = True
            values[Column.EFFECTFUL] += 1
            values[Column.GUARDED] -= len(delivery.effects) > 1
        partition, offset = delivery.place
        if offset >= 0:
            seen = self.delivered[delivery.seam, partition, effect, delivery.day]
            if offset in seen and delivery.again and not delivery.rewritten:
                delivery.rewritten = True
                values[Column.REWRITTEN] += 1
            seen.add(offset)
