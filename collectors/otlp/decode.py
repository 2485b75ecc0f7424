"""The one place that turns a request body into columns: `decode(bytes) -> SpanColumns`, and the same from JSON.

A compiled decoder may stand in for it one day: same contract, same tests. Stateless but for the shape dictionary and
bounded caches.
"""

import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Lock
from typing import Any, TypeVar

from google.protobuf.message import DecodeError

from agent.model.columns import Role, Shape, SpanColumns
from collectors.otlp import conventions as c
from collectors.otlp import json, outcomes
from collectors.otlp.budget import Budget, Look, worked
from collectors.otlp.keys import Keys, shortened
from collectors.otlp.parts import too_many, too_many_made
from collectors.otlp.plans import Key, Plan, key_of
from collectors.otlp.rows import FAILED, NO_ROOM, UNREAD, Identity, Rows
from collectors.otlp.sampling import kept_by
from collectors.otlp.shaping import shape_of
from collectors.otlp.wire import Resource, Traces, Value, value_of

_T = TypeVar("_T")
_MAX_VALUES = 65_536
_SHORT = 256  #: bytes; what is longer is a statement or an URL, which are kept with their shapes
_MAX_SENDERS = 4_096
_MAX_RESOURCE = 4_096  #: bytes; a longer one is known by its digest
_MAX_PLANS = 4_096
_MAX_SHAPES = 100_000
_MAX_SEAMS = 200_000  #: of all shapes together
_MAX_CHARACTERS = 32 << 20  #: of their texts


class MalformedError(ValueError):
    """The body is no OTLP request."""


class TooManyError(MalformedError):
    """It holds more than one request may."""


class ShapeBook:
    """Shapes by number, interned; what would be over the bound has no number."""

    def __init__(self, most: int = _MAX_SHAPES) -> None:
        self._most = most
        self._shapes: list[Shape] = []
        self.roles: list[Role] = []  #: by number
        self._numbers: dict[Shape, int] = {}
        self._seams = self._characters = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, number: int) -> Shape:
        return self._shapes[number]

    def number(self, shape: Shape) -> int:
        """The number of a shape, new or known; NO_ROOM where it is new and there are too many, or of their seams."""
        with self._lock:
            known = self._numbers.get(shape)
            if known is not None:
                return known
            seams, characters = self._seams + len(shape.seams), self._characters + _length(shape)
            if len(self._shapes) >= self._most or seams > _MAX_SEAMS or characters > _MAX_CHARACTERS:
                return NO_ROOM
            self._seams, self._characters = seams, characters
            self._shapes.append(shape)
            self.roles.append(shape.role)
            self._numbers[shape] = len(self._shapes) - 1
            return len(self._shapes) - 1


def _length(shape: Shape) -> int:
    """Characters of a shape's own texts and its seams'."""
    own = (shape.service, shape.operation, shape.scope, shape.version, shape.server, shape.environment)
    return sum(map(len, own)) + sum(len(key.source.name) + len(key.target.name) for key in shape.seams)


class _Interned(dict[bytes, _T]):
    """Serialised AnyValue -> what is made of its value, bounded."""

    def __init__(self, make: Callable[[Value], _T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, raw: bytes) -> _T:
        if len(self) >= _MAX_VALUES:
            self.clear()
        made = self._make(_value(raw))
        if len(raw) <= _SHORT:
            self[raw] = made
        return made


class Decoder:
    """Decodes requests into columns, sharing one shape book. Threads may share it: what is learnt twice is the same."""

    def __init__(
        self, names: c.Names | None = None, book: ShapeBook | None = None, budget: Budget | None = None
    ) -> None:
        """Start knowing nothing; `budget` is what new statements may cost; none is for who waits alone."""
        self.shapes = ShapeBook() if book is None else book
        self._names = names or c.Names()
        self._values: _Interned[Value] = _Interned(lambda value: value)
        self._partitions = _Interned(lambda value: _bounded(value, 2**31 - 1))
        self._counts = _Interned(_count)
        self._senders: dict[c.Sender, dict[Any, int]] = {}
        self._plans: dict[Key, Plan] = {}
        self._planned = itertools.count(1)
        self._keys = Keys(self._senders)
        self._budget = budget or worked()
        self._learning = Lock()  #: of instances
        self._instances: dict[str, int] = {"": 0}
        self._resources: dict[bytes, tuple[tuple[str, str, str], int]] = {}

    def decode(self, body: bytes) -> SpanColumns:
        """The spans of one serialised ExportTraceServiceRequest; raise MalformedError where it is none, or too much."""
        self._budget.came(len(body))
        return self._columns(_parsed(body), {})

    def decode_json(self, body: bytes) -> SpanColumns:
        """The same of a request in OTLP/JSON; raise JsonError where it is none, or holds too much."""
        self._budget.came(len(body))
        return self._columns(*json.parse(body))

    def _columns(self, request: Any, refused: Mapping[str, int]) -> SpanColumns:
        rows = Rows(refused)
        self._keys.look_again(self._budget.clock)
        for resource_spans in request.resource_spans:
            raw = resource_spans.resource
            key = raw if len(raw) <= _MAX_RESOURCE else _digest(raw)
            sender, instance = self._resources.get(key) or self._sender(raw, key)
            for scope_spans in resource_spans.scope_spans:
                self._walk(c.Sender(*sender, c.clipped(scope_spans.scope.name)), instance, scope_spans.spans, rows)
        return rows.columns()

    def _sender(self, raw: bytes, key: bytes) -> tuple[tuple[str, str, str], int]:
        """Service, version, environment and instance of a serialised resource; learnt once, bounded."""
        try:
            attributes = Resource.FromString(raw).attributes
        except DecodeError as problem:
            msg = "a resource of the body is not what OTLP says"
            raise MalformedError(msg) from problem

        def get(name: str) -> Value:
            found = attributes.get(name)
            return None if found is None else self._values[found]

        name = c.text(get, c.SERVICE) or "unknown_service"
        if name.startswith("unknown_service"):  # what SDKs write where nobody has told them
            name = c.text(get, c.DEPLOYMENT) or name
        instance = c.text(get, c.INSTANCE)
        with self._learning:
            if len(self._resources) >= _MAX_SENDERS:
                self._resources.clear()
                self._instances = {"": 0}
            number = self._instances.setdefault(f"{name}\0{instance}" if instance else "", len(self._instances))
        told = self._resources[key] = ((name, c.text(get, c.VERSION), c.text(get, c.ENVIRONMENT)), number)
        return told

    def _walk(self, sender: c.Sender, instance: int, spans: Any, rows: Rows) -> None:
        """The shapes of one scope's spans. Hot: a step here is a tenth of a second in a million spans."""
        spans = list(spans)
        plans, numbers = self._plans, rows.shapes
        shapes = self._known(sender)
        inner, state = -1, b""
        for span, head in zip(spans, rows.take(spans, instance), strict=True):
            kind = head[_KIND]
            if head[_STATE] is not state:  # two empty ones are one and the same
                state = head[_STATE]
                share = kept_by(state)
                if share != sender.sampled:
                    sender, inner = sender._replace(sampled=share), -1
                    shapes = self._known(sender)
            if kind <= c.SPAN_INTERNAL:
                if inner < 0:
                    inner = self._inner(sender)
                numbers.append(inner)
                continue
            attributes = span.attributes
            names = tuple(attributes)
            plan = plans.get((kind, names)) or self._plan(kind, names)
            if not plan.simple:
                numbers.append(self._special(shapes, sender, span, plan, rows))
                continue
            key = (plan.number, plan.read(attributes))
            shape = shapes.get(key)
            numbers.append(self._number(shapes, key, sender, plan, attributes) if shape is None else shape)

    def _known(self, sender: c.Sender) -> dict[Any, int]:
        """A sender's shapes by what decides them."""
        shapes = self._senders.get(sender)
        if shapes is None:
            if len(self._senders) >= _MAX_SENDERS:
                self._senders.clear()
            shapes = self._senders[sender] = {}
        return shapes

    def _inner(self, sender: c.Sender) -> int:
        shape = Shape(sender.service, Role.INTERNAL, version=sender.version)
        return self.shapes.number(replace(shape, environment=sender.environment, sampled=sender.sampled))

    def _plan(self, kind: int, names: tuple[str, ...]) -> Plan:
        """What to read of spans with just these attributes; learnt once, bounded."""
        key = key_of(kind, names)
        known = self._plans.get(key)
        if known is not None:
            return known
        if len(self._plans) >= _MAX_PLANS:
            self._plans.clear()
        number = next(self._planned)  # never one twice: shapes are kept by it
        plan = self._plans[key] = Plan.of(number, kind, frozenset(names))
        return plan

    def _number(
        self,
        shapes: dict[Any, int],
        key: Any,
        sender: c.Sender,
        plan: Plan,
        attributes: Any,
        name: bytes = b"",
        identified: bool = False,  # one caller, by position
    ) -> int:
        def get(name: str) -> Value:
            raw = attributes.get(name)
            return None if raw is None else self._values[raw]

        key = shortened(key)
        known = shapes.get(key)
        if known is not None:
            return known
        look = Look(self._budget)
        seen = c.Seen(sender, plan.kind, plan.family, c.clipped(name.decode("utf-8", "replace")), get, identified, look)
        number = self.shapes.number(shape_of(seen, self._names))
        if number >= 0:
            number |= (FAILED if outcomes.failed(seen) else 0) | (0 if look.whole else UNREAD)
        self._keys.keep(shapes, key, number, lasting=look.lasting)
        return number

    def _special(self, shapes: dict[Any, int], sender: c.Sender, span: Any, plan: Plan, rows: Rows) -> int:
        """The shape of a span whose name is part of it, or that is about messages."""
        if plan.identity is not None:
            return self._message(shapes, sender, span, plan, rows)
        key = (plan.number, plan.read(span.attributes), span.name)
        shape = shapes.get(key)
        return self._number(shapes, key, sender, plan, span.attributes, span.name) if shape is None else shape

    def _message(self, shapes: dict[Any, int], sender: c.Sender, span: Any, plan: Plan, rows: Rows) -> int:
        """The shape of a messaging span; what is no work on a message is dropped."""
        attributes = span.attributes
        identity = self._identity(plan, attributes)
        if identity[_MESSAGES] == 0:
            return rows.drop("empty poll")
        identified = identity[_OFFSET] >= 0 or identity[_IDENT] != 0
        key: tuple[Any, ...] = (plan.number, plan.read(attributes), identified)
        name = b""
        if plan.spoken:
            name = span.name
            key = (*key, name)
        shape = shapes.get(key)
        if shape is None:
            shape = self._number(shapes, key, sender, plan, attributes, name, identified)
        if shape < 0:
            return shape
        role = self.shapes.roles[shape & ~FAILED]
        links = span.links
        nameless = not identified and identity[_PARTITION] >= 0
        if role is Role.CONSUME and nameless and span.parent_span_id and not (links or span.flags & _REMOTE):
            return rows.drop("failed poll")  # confluent's clients make a process span of an error record
        if links:
            rows.link(links)
        if role is Role.CONSUME or role is Role.PUBLISH:
            rows.detail(identity)
        return shape

    def _identity(self, plan: Plan, attributes: Any) -> Identity:
        """Which message a span is about: partition, offset, id, messages, bytes."""
        partition, offset, ident, messages, size = -1, -1, 0, 1, 0
        where, at, count, body = plan.identity or ("", "", "", "")
        if where:
            partition = self._partitions[attributes[where]]
        if at:
            offset = _bounded(_value(attributes[at]), 2**62)
        if count:
            messages = self._counts[attributes[count]]
        if body:
            size = max(_bounded(_value(attributes[body]), 2**40), 0)
        if offset < 0 and plan.named:
            partition, offset, ident = self._named(attributes, partition)
        return partition, offset, ident, messages, size

    def _named(self, attributes: Any, partition: int) -> tuple[int, int, int]:
        """Partition, offset and hash from whatever id there is: an event id, `topic.partition.offset`, a message id."""

        def get(name: str) -> Value:
            raw = attributes.get(name)
            return None if raw is None else _value(raw)

        event, message = c.text(get, c.EVENT_ID, c.WHOLE), c.text(get, c.MESSAGE_ID, c.WHOLE)
        if event:
            return partition, -1, _hash(f"{c.text(get, c.EVENT_SOURCE, c.WHOLE)}\0{event}")
        head, _, tail = message.rpartition(".")
        topic, _, middle = head.rpartition(".")
        if topic and topic == c.text(get, c.DESTINATION) and tail.isdigit() and middle.isdigit():
            return _bounded(middle, 2**31 - 1), _bounded(tail, 2**62), 0
        bare = message.isdigit() and c.text(get, c.MSG_SYSTEM) == "kafka"  # an offset without its place is no identity
        return partition, -1, _hash(message) if message and not bare else 0


def _parsed(body: bytes) -> Any:
    """A request that holds no more than one may; raise MalformedError or TooManyError."""
    try:
        why = too_many(body)
        request = Traces() if why else Traces.FromString(body)
    except (DecodeError, ValueError) as problem:
        msg = "the body is not an ExportTraceServiceRequest in protobuf"
        raise MalformedError(msg) from problem
    why = why or too_many_made(request)
    if why:
        raise TooManyError(why)
    return request


_PARTITION, _OFFSET, _IDENT, _MESSAGES = range(4)
_KIND, _STATE = 3, 8  #: in a head
_REMOTE = 0x200  #: of a span's flags: its parent is in another process


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), "little") or 1


def _digest(raw: bytes) -> bytes:
    """16 bytes that stand for some more."""
    return hashlib.blake2b(raw, digest_size=16).digest()


def _value(raw: bytes) -> Value:
    """The value of a serialised AnyValue; None where the bytes are none."""
    try:
        return value_of(raw)
    except (ValueError, TypeError):
        return None


def _count(value: Value) -> int:
    """How many messages a span stands for: 1 where it does not say."""
    count = c.whole(value)
    return 1 if count is None else min(max(count, 0), 1_000_000)


def _bounded(value: Value, most: int) -> int:
    number = c.whole(value)
    return number if number is not None and 0 <= number <= most else -1
