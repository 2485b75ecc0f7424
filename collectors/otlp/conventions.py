"""Semantic conventions v1.11 to v1.44: the names under which attributes say what we want to know. Newest name first.

Only an allow-list of attributes is read; values never leave this room but as names, templates and statements without
literals.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.model.columns import Role, Shape
from agent.model.plain import plain as unhidden
from collectors.otlp.budget import Look
from collectors.otlp.instruments import instrument_of
from collectors.otlp.wire import Value

Get = Callable[[str], Value]

SPAN_INTERNAL, SPAN_SERVER, SPAN_CLIENT, SPAN_PRODUCER, SPAN_CONSUMER = 1, 2, 3, 4, 5

SERVICE = ("service.name",)
DEPLOYMENT = ("k8s.deployment.name",)
VERSION = ("service.version",)
ENVIRONMENT = ("deployment.environment.name", "deployment.environment")
INSTANCE = ("service.instance.id", "k8s.pod.name", "host.name")
HTTP_METHOD = ("http.request.method", "http.method")
HTTP_ROUTE = ("http.route",)
HTTP_PATH = ("url.path", "http.target")
HTTP_URL = ("url.full", "http.url")
HTTP_STATUS = ("http.response.status_code", "http.status_code")
URL_TEMPLATE = ("url.template",)
PEER = ("service.peer.name", "peer.service")
HOST = ("server.address", "net.peer.name", "http.host", "net.peer.ip")
PORT = ("server.port", "net.peer.port")
RPC_SYSTEM = ("rpc.system.name", "rpc.system")
RPC_SERVICE = ("rpc.service",)
RPC_METHOD = ("rpc.method",)
RPC_STATUS = ("rpc.status_code", "rpc.response.status_code", "rpc.grpc.status_code", "rpc.connect_rpc.error_code")
RPC_JSON_ERROR = ("rpc.jsonrpc.error_code",)
DB_SYSTEM = ("db.system.name", "db.system")
DB_NAMESPACE = ("db.namespace", "db.name", "db.redis.database_index", "db.elasticsearch.cluster.name")
DB_TABLE = (
    "db.collection.name",
    "db.sql.table",
    "db.mongodb.collection",
    "db.cassandra.table",
    "db.cosmosdb.container",
    "aws.dynamodb.table_names",
)
DB_VERB = ("db.operation.name", "db.operation")
DB_SUMMARY = ("db.query.summary",)
DB_TEXT = ("db.query.text", "db.statement")
MSG_SYSTEM = ("messaging.system",)
DESTINATION = (
    "messaging.destination.template",
    "messaging.destination.name",
    "messaging.destination",
    "messaging.source.name",
)
OPERATION = ("messaging.operation.type", "messaging.operation")
OPERATION_NAME = ("messaging.operation.name",)
GROUP = (
    "messaging.consumer.group.name",
    "messaging.kafka.consumer.group",
    "messaging.kafka.consumer_group",
    "messaging.eventhubs.consumer.group",
    "messaging.rocketmq.client_group",
    "messaging.destination.subscription.name",
)
CLUSTER = ("messaging.kafka.cluster.id",)
BROKER = ("server.address", "messaging.url", "net.peer.name")
PARTITION = ("messaging.destination.partition.id", "messaging.kafka.destination.partition", "messaging.kafka.partition")
OFFSET = ("messaging.kafka.offset", "messaging.kafka.message.offset")
MESSAGE_ID = ("messaging.message.id",)
EVENT_ID = ("cloudevents.event_id",)
EVENT_SOURCE = ("cloudevents.event_source",)
BATCH = ("messaging.batch.message_count",)
BODY_SIZE = ("messaging.message.body.size", "messaging.message.payload_size_bytes")
TEMPORARY = ("messaging.destination.temporary", "messaging.destination.anonymous")
CELERY = ("celery.action",)
CELERY_STATE = ("celery.state",)
ERROR_TYPE = ("error.type",)

#: which attributes decide the shape of a span and whether it failed, by class
SHAPING: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "http": (HTTP_METHOD, HTTP_ROUTE, URL_TEMPLATE, HTTP_PATH, HTTP_URL, PEER, HOST, PORT, HTTP_STATUS, ERROR_TYPE),
    "db": (DB_SYSTEM, DB_NAMESPACE, DB_TABLE, DB_VERB, DB_SUMMARY, DB_TEXT, HOST, PORT, ERROR_TYPE),
    "rpc": (RPC_SYSTEM, RPC_SERVICE, RPC_METHOD, PEER, HOST, PORT, RPC_STATUS, RPC_JSON_ERROR, ERROR_TYPE),
    "messaging": (
        *(MSG_SYSTEM, DESTINATION, OPERATION, OPERATION_NAME, GROUP, CLUSTER, BROKER, PORT, TEMPORARY),
        *(CELERY, CELERY_STATE, ERROR_TYPE),
    ),
    "peer": (PEER, HOST, PORT, ERROR_TYPE),
    "none": (ERROR_TYPE,),
}

_HEX = re.compile(r"[0-9a-fA-F]{8,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONG_SEGMENT = 40  #: characters; what is as long is an identifier, whatever it is made of
_DIGITS = 3  #: as many make one
_MAX_PATH = 8_192  #: characters that are looked at
_MAX_SEGMENTS = 8


@dataclass(frozen=True, slots=True)
class Names:
    """What the configuration knows: cluster names by their ids or brokers' `host:port`, database aliases likewise."""

    clusters: Mapping[str, str] = field(default_factory=dict)
    databases: Mapping[str, str] = field(default_factory=dict)


class Sender(NamedTuple):
    """What all spans of one resource, scope and sampling share."""

    service: str
    version: str
    environment: str
    scope: str
    sampled: float = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What decides the shape of a span, and no more of it."""

    sender: Sender
    kind: int
    family: str  #: `http`, `db`, `rpc`, `messaging`, `peer`, `none`
    name: str  #: the span's own name where attributes are missing, else empty
    get: Get
    identified: bool  #: it tells which message it is about
    look: Look = field(default_factory=Look)


def first(get: Get, names: tuple[str, ...]) -> Value:
    """The first of several attributes that says something."""
    for name in names:
        value = get(name)
        if value not in (None, ""):
            return value
    return None


NAME = 512  #: characters of a name; what is cut off leaves its mark
ADDRESS = 2_048  #: of an URL or a path
BROKERS = 8_192  #: of a list of them
STATEMENT = 20_000  #: more than is read of one
WHOLE = 64 << 20  #: of what is not kept
_CUT = "\u2026"


def clipped(name: str, most: int = NAME) -> str:
    """A text that is kept, or shown: one that is too long is cut, and ends with a mark that says so.

    A name is what it looks like; an address, a statement and an identity stay as they were sent.
    """
    name = unhidden(name) if most == NAME else name
    return name if len(name) <= most else name[: most - len(_CUT)] + _CUT


def text(get: Get, names: tuple[str, ...], most: int = NAME) -> str:
    """The same as text; JSON-quoted strings lose their quotes, lists give their first item, 8080.0 is 8080."""
    value = first(get, names)
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None or isinstance(value, bytes | list) else clipped(str(value).strip('"'), most)


def true(value: Value) -> bool:
    """True for true, as a truth value or as text."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def whole(value: Value) -> int | None:
    """A whole number, also where it is sent as text or as 8080.0; None for anything else."""
    if isinstance(value, str):
        digits = value.strip()
        bare = digits[1:] if digits[:1] == "-" else digits
        return int(digits) if bare.isascii() and bare.isdigit() and len(bare) < 20 else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def path_template(path: str) -> str:
    """A path with what looks like an identifier replaced, its query left out, at most eight segments."""
    bare = path[:_MAX_PATH].split("?", maxsplit=1)[0].split("#", maxsplit=1)[0]
    pieces = [piece for piece in bare.split("/") if piece]
    shown = ["{id}" if _is_identifier(piece) else piece for piece in pieces[:_MAX_SEGMENTS]]
    return "/" + "/".join(shown) + ("/{rest}" if len(pieces) > _MAX_SEGMENTS else "")


def _is_identifier(piece: str) -> bool:
    """True for a segment of digits, of hex digits, with three digits, or of forty characters."""
    if len(piece) >= _LONG_SEGMENT or piece.isdecimal():
        return True
    return sum(map(str.isdecimal, piece)) >= _DIGITS or _HEX.fullmatch(piece) is not None


def plain(sender: Sender, role: Role) -> Shape:
    """A shape that says no more than who did what kind of thing."""
    return Shape(
        sender.service,
        role,
        scope=sender.scope,
        instrument=instrument_of(sender.scope)[0],
        version=sender.version,
        environment=sender.environment,
        sampled=sender.sampled,
    )
