"""The one place that turns a request body into columns: `decode(bytes) -> SpanColumns`.

A compiled decoder may stand in for it one day: same contract, same tests. Stateless but for the shape dictionary and
bounded caches.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from agent.model.columns import Instrument, Links, Role, Shape, SpanColumns, no_links
from collectors.otlp import conventions as c
from collectors.otlp.wire import Traces, Value, value_of

_MAX_VALUES = 65_536
_MAX_KEYS = 65_536
_MAX_SHAPES = 100_000
_MAX_LINKS = 256  #: per span; a batch of more is counted by its first ones

_HTTP_NEW, _HTTP_OLD = c.HTTP_METHOD
_DB_NEW, _DB_OLD = c.DB_SYSTEM
_RPC_NEW, _RPC_OLD = c.RPC_SYSTEM
_MSG = c.MSG_SYSTEM[0]


class MalformedError(ValueError):
    """The body is no OTLP request."""


class ShapeBook:
    """Shapes by number, interned; what would be over the bound shares one overflow shape per service."""

    def __init__(self, most: int = _MAX_SHAPES) -> None:
        self._most = most
        self._shapes: list[Shape] = []
        self._numbers: dict[Shape, int] = {}
        self.overflowed = 0

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, number: int) -> Shape:
        return self._shapes[number]

    def number(self, shape: Shape) -> int:
        """The number of a shape, new or known."""
        known = self._numbers.get(shape)
        if known is not None:
            return known
        if len(self._shapes) >= self._most:
            self.overflowed += 1
            shape = Shape("__other__", Role.INTERNAL, instrument=Instrument())
            if shape in self._numbers:
                return self._numbers[shape]
        self._numbers[shape] = len(self._shapes)
        self._shapes.append(shape)
        return len(self._shapes) - 1


class _Interned(dict[bytes, Value]):
    """Serialised AnyValue -> value, bounded."""

    def __missing__(self, raw: bytes) -> Value:
        if len(self) >= _MAX_VALUES:
            self.clear()
        try:
            value = value_of(raw)
        except (ValueError, TypeError):
            value = None
        if len(raw) <= 4096:
            self[raw] = value
        return value


class Decoder:
    """Decodes requests into columns, sharing one shape book."""

    def __init__(self, names: c.Names | None = None, book: ShapeBook | None = None) -> None:
        self.shapes = book or ShapeBook()
        self._names = names or c.Names()
        self._values = _Interned()
        self._keys: dict[tuple[Any, ...], int] = {}
        self._instances: dict[str, int] = {"": 0}

    def decode(self, body: bytes) -> SpanColumns:
        """The spans of one serialised ExportTraceServiceRequest; raise MalformedError where it is none."""
        try:
            request = Traces.FromString(body)
        except DecodeError as problem:
            msg = "the body is not an ExportTraceServiceRequest in protobuf"
            raise MalformedError(msg) from problem
        return self.columns(request)

    def columns(self, request: Any) -> SpanColumns:
        """The spans of one parsed request."""
        rows = _Rows()
        for resource_spans in request.resource_spans:
            sender, instance = self._sender(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                scope = scope_spans.scope
                self._walk(c.Sender(*sender, scope.name), instance, scope_spans.spans, rows)
        return rows.columns()

    def _sender(self, attributes: Any) -> tuple[tuple[str, str], int]:
        def get(name: str) -> Value:
            raw = attributes.get(name)
            return None if raw is None else self._values[raw]

        name = c.text(get, ("service.name",)) or "unknown_service"
        instance = c.text(get, ("service.instance.id", "k8s.pod.name", "host.name"))
        if len(self._instances) > _MAX_KEYS:
            self._instances = {"": 0}
        number = self._instances.setdefault(f"{name}\0{instance}" if instance else "", len(self._instances))
        return (name, c.text(get, ("service.version",))), number

    def _walk(self, sender: c.Sender, instance: int, spans: Any, rows: "_Rows") -> None:
        keys, number, add = self._keys, self._number, rows.add
        inner = -1
        for span in spans:
            kind = span.kind
            if kind <= c.SPAN_INTERNAL:
                if inner < 0:
                    inner = self.shapes.number(Shape(sender.service, Role.INTERNAL, version=sender.version))
                add(span, inner, instance)
                continue
            get = span.attributes.get
            family, raw = _family(kind, get)
            if family == "messaging":
                self._message(sender, instance, span, raw, rows)
                continue
            key = (sender, kind, raw)
            shape = keys.get(key)
            add(span, number(key, sender, kind, family, get, False) if shape is None else shape, instance)

    def _number(
        self, key: tuple[Any, ...], sender: c.Sender, kind: int, family: str, raw_get: Callable[[str], Any], known: bool
    ) -> int:
        def get(name: str) -> Value:
            raw = raw_get(name)
            return None if raw is None else self._values[raw]

        number = self.shapes.number(c.shape_of(sender, kind, family, get, known, self._names))
        if len(self._keys) >= _MAX_KEYS:
            self._keys.clear()
        self._keys[key] = number
        return number

    def _message(self, sender: c.Sender, instance: int, span: Any, raw: tuple[Any, ...], rows: "_Rows") -> None:
        attributes, values = span.attributes, self._values

        def get(name: str) -> Value:
            found = attributes.get(name)
            return None if found is None else values[found]

        identity = _Identity.of(get, raw, values)
        if identity.messages == 0:
            rows.drop("empty poll")
            return
        key = (sender, span.kind, raw, identity.known)
        shape = self._keys.get(key)
        if shape is None:
            shape = self._number(key, sender, span.kind, "messaging", attributes.get, identity.known)
        role = self.shapes[shape].role
        if role is Role.CONSUME and identity.nameless and span.parent_span_id and not _tied(span):
            rows.drop("failed poll")  # confluent's clients make a process span of an error record
            return
        rows.add(span, shape, instance)
        if role in (Role.CONSUME, Role.PUBLISH):
            rows.detail(identity)


def _family(kind: int, get: Callable[[str], Any]) -> tuple[str, tuple[Any, ...]]:
    """The family of a span and the raw values that decide its shape."""
    method = get(_HTTP_NEW) or get(_HTTP_OLD)
    if method and kind in (c.SPAN_SERVER, c.SPAN_CLIENT):
        if kind == c.SPAN_SERVER:
            route = get("http.route")
            return "http", (method, route) if route else (method, None, get("url.path") or get("http.target"))
        return "http", (method, *_http_callee(get))
    system = get(_DB_NEW) or get(_DB_OLD)
    if system and kind == c.SPAN_CLIENT:
        return "db", (system, *_database(get))
    if get(_MSG) or get("celery.action") or get("messaging.destination"):
        return "messaging", tuple(get(name) for names in c.SHAPING["messaging"] for name in names)
    if get(_RPC_NEW) or get(_RPC_OLD):
        return "rpc", tuple(get(name) for names in c.SHAPING["rpc"] for name in names)
    return "none", ()


def _http_callee(get: Callable[[str], Any]) -> tuple[Any, ...]:
    template = get("url.template")
    url = None if template and (get("server.address") or get("net.peer.name")) else get("url.full") or get("http.url")
    host = get("server.address") or get("net.peer.name") or get("http.host")
    port = get("server.port") or get("net.peer.port")
    return (template, url, host, port, get("service.peer.name") or get("peer.service"))


def _database(get: Callable[[str], Any]) -> tuple[Any, ...]:
    statement = get("db.query.text") or get("db.statement")
    namespace = get("db.namespace") or get("db.name")
    collection = get("db.collection.name") or get("db.sql.table") or get("db.mongodb.collection")
    verb = get("db.operation.name") or get("db.operation")
    return (statement, namespace, collection, verb, get("db.query.summary"), get("server.address"), get("server.port"))


class _Identity:
    """Which message a span is about."""

    __slots__ = ("ident", "messages", "nameless", "offset", "partition", "size")

    def __init__(self) -> None:
        self.partition, self.offset, self.ident, self.messages, self.size = -1, -1, 0, 1, 0
        self.nameless = False

    @property
    def known(self) -> bool:
        """It names one message."""
        return self.offset >= 0 or self.ident != 0

    @staticmethod
    def of(get: c.Get, raw: tuple[Any, ...], values: "_Interned") -> "_Identity":
        """Read it from whatever the instrumentation gives: offset, `topic.partition.offset`, event id, message id."""
        self = _Identity()
        count = _whole(c.first(get, c.BATCH))
        self.messages = 1 if count is None else min(max(count, 0), 1_000_000)
        self.partition = _bounded(c.first(get, c.PARTITION), 2**31 - 1)
        self.offset = _bounded(c.first(get, c.OFFSET), 2**62)
        self.size = max(_bounded(c.first(get, c.BODY_SIZE), 2**40), 0)
        if self.offset < 0:
            self._from_id(get)
        return self

    def _from_id(self, get: c.Get) -> None:
        event = c.text(get, c.EVENT_ID)
        message = c.text(get, c.MESSAGE_ID)
        if event:
            self.ident = _hash(f"{c.text(get, c.EVENT_SOURCE)}\0{event}")
            return
        if not message:
            self.nameless = self.partition >= 0
            return
        head, _, tail = message.rpartition(".")
        topic, _, middle = head.rpartition(".")
        if topic and topic == c.text(get, c.DESTINATION) and tail.isdigit() and middle.isdigit():
            self.partition, self.offset = _bounded(middle, 2**31 - 1), _bounded(tail, 2**62)
        elif not (message.isdigit() and c.text(get, c.MSG_SYSTEM) == "kafka"):  # a bare offset is not unique
            self.ident = _hash(message)


def _tied(span: Any) -> bool:
    """True for a span with a link or a parent in another process."""
    return bool(span.links) or bool(span.flags & 0x200)


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), "little") or 1


def _whole(value: Value) -> int | None:
    if isinstance(value, bool) or value is None or isinstance(value, bytes | list):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def _bounded(value: Value, most: int) -> int:
    number = _whole(value)
    return number if number is not None and 0 <= number <= most else -1


class _Rows:
    """Rows being collected; turned into columns at the end."""

    __slots__ = ("details", "dropped", "links", "numbers", "parents", "received", "spans", "traces")

    def __init__(self) -> None:
        self.traces: list[bytes] = []
        self.spans: list[bytes] = []
        self.parents: list[bytes] = []
        self.numbers: list[tuple[int, int, int, int, int, int]] = []
        self.links: list[tuple[int, bytes, bytes]] = []
        self.details: list[tuple[int, int, int, int, int, int]] = []
        self.dropped: dict[str, int] = {}
        self.received = 0

    def drop(self, reason: str) -> None:
        """Count a span that is left out."""
        self.received += 1
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def add(self, span: Any, shape: int, instance: int) -> None:
        """Add one span; one without a valid identity is dropped."""
        trace, own, parent, start, end = span.trace_id, span.span_id, span.parent_span_id, span.start, span.end
        if len(trace) != 16 or len(own) != 8 or len(parent) not in (0, 8):
            self.drop("bad id")
            return
        if not start <= end < 1 << 63:
            if start >= 1 << 63 or end >= 1 << 63:
                self.drop("bad time")
                return
            start, end = end, end or start
        self.received += 1
        if span.kind in (c.SPAN_CONSUMER, c.SPAN_CLIENT, c.SPAN_SERVER) and span.links:
            row = len(self.traces)
            self.links.extend((row, link.trace_id, link.span_id) for link in span.links[:_MAX_LINKS])
        self.traces.append(trace)
        self.spans.append(own)
        self.parents.append(parent or b"\0\0\0\0\0\0\0\0")
        self.numbers.append((shape, start, end, span.status.code, span.flags, instance))

    def detail(self, identity: _Identity) -> None:
        """Say which message the row added last is about."""
        if self.traces:
            place = (identity.partition, identity.offset, identity.ident, identity.messages, identity.size)
            self.details.append((len(self.traces) - 1, *place))

    def columns(self) -> SpanColumns:
        """Everything added, as columns."""
        size = len(self.traces)
        traces = np.frombuffer(b"".join(self.traces), dtype=">u8").reshape(-1, 2).astype(np.uint64)
        shape, start, end, status, flags, instance = _transposed(self.numbers, 6)
        partition, offset = np.full(size, -1, np.int32), np.full(size, -1, np.int64)
        ident, messages, body = np.zeros(size, np.uint64), np.ones(size, np.int32), np.zeros(size, np.int64)
        if self.details:
            rows = np.array([detail[0] for detail in self.details])
            partition[rows] = [detail[1] for detail in self.details]
            offset[rows] = [detail[2] for detail in self.details]
            ident[rows] = np.array([detail[3] for detail in self.details], dtype=np.uint64)
            messages[rows] = [detail[4] for detail in self.details]
            body[rows] = [detail[5] for detail in self.details]
        remote = np.where(flags & 0x100, (flags >> 9) & 1, -1).astype(np.int8)
        return SpanColumns(
            shape=shape.astype(np.int32),
            trace_hi=traces[:, 0].copy(),
            trace_lo=traces[:, 1].copy(),
            span=np.frombuffer(b"".join(self.spans), dtype=">u8").astype(np.uint64),
            parent=np.frombuffer(b"".join(self.parents), dtype=">u8").astype(np.uint64),
            start=start,
            end=end,
            error=status == 2,
            remote=remote,
            messages=messages,
            partition=partition,
            offset=offset,
            ident=ident,
            size=body,
            instance=instance.astype(np.int32),
            links=self._links(),
            received=self.received,
            dropped=self.dropped,
        )

    def _links(self) -> Links:
        good = [link for link in self.links if len(link[1]) == 16 and len(link[2]) == 8]
        if not good:
            return no_links()
        traces = np.frombuffer(b"".join(link[1] for link in good), dtype=">u8").reshape(-1, 2).astype(np.uint64)
        spans = np.frombuffer(b"".join(link[2] for link in good), dtype=">u8").astype(np.uint64)
        return Links(np.array([link[0] for link in good], np.int64), traces[:, 0].copy(), traces[:, 1].copy(), spans)


def _transposed(rows: Sequence[tuple[int, ...]], width: int) -> Any:
    return np.array(rows, dtype=np.int64).reshape(-1, width).T.copy()
