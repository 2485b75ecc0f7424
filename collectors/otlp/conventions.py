"""Semantic conventions v1.11 to v1.44: from a span's attributes to its shape. Newest name first.

Only an allow-list of attributes is read; values never leave here but as names, templates and statements without
literals.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from agent.model import seam
from agent.model.columns import Role, Shape
from collectors.otlp.instruments import instrument_of
from collectors.otlp.sql import accesses
from collectors.otlp.wire import Value

Get = Callable[[str], Value]

SPAN_INTERNAL, SPAN_SERVER, SPAN_CLIENT, SPAN_PRODUCER, SPAN_CONSUMER = 1, 2, 3, 4, 5

HTTP_METHOD = ("http.request.method", "http.method")
HTTP_ROUTE = ("http.route",)
HTTP_PATH = ("url.path", "http.target")
HTTP_URL = ("url.full", "http.url")
URL_TEMPLATE = ("url.template",)
PEER = ("service.peer.name", "peer.service")
HOST = ("server.address", "net.peer.name", "http.host", "net.peer.ip")
PORT = ("server.port", "net.peer.port")
RPC_SYSTEM = ("rpc.system.name", "rpc.system")
RPC = ("rpc.service", "rpc.method")
DB_SYSTEM = ("db.system.name", "db.system")
DB_NAMESPACE = ("db.namespace", "db.name", "db.redis.database_index", "db.elasticsearch.cluster.name")
DB_TABLE = (
    "db.collection.name",
    "db.sql.table",
    "db.mongodb.collection",
    "db.cassandra.table",
    "db.cosmosdb.container",
)
DB_VERB = ("db.operation.name", "db.operation")
DB_SUMMARY = ("db.query.summary",)
DB_TEXT = ("db.query.text", "db.statement")
MSG_SYSTEM = ("messaging.system",)
DESTINATION = ("messaging.destination.template", "messaging.destination.name", "messaging.destination")
OPERATION = ("messaging.operation.type", "messaging.operation")
GROUP = (
    "messaging.consumer.group.name",
    "messaging.kafka.consumer.group",
    "messaging.kafka.consumer_group",
    "messaging.eventhubs.consumer.group",
    "messaging.rocketmq.client_group",
    "messaging.destination.subscription.name",
)
CLUSTER = ("messaging.kafka.cluster.id",)
CLIENT_ID = ("messaging.client.id", "messaging.client_id", "messaging.kafka.client_id")
PARTITION = ("messaging.destination.partition.id", "messaging.kafka.destination.partition", "messaging.kafka.partition")
OFFSET = ("messaging.kafka.offset", "messaging.kafka.message.offset")
MESSAGE_ID = ("messaging.message.id",)
EVENT_ID = ("cloudevents.event_id",)
EVENT_SOURCE = ("cloudevents.event_source",)
BATCH = ("messaging.batch.message_count",)
BODY_SIZE = ("messaging.message.body.size", "messaging.message.payload_size_bytes")
TEMPORARY = ("messaging.destination.temporary", "messaging.destination.anonymous")
CELERY = ("celery.action",)

#: which attributes decide the shape of a span, by class
SHAPING: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "http": (HTTP_METHOD, HTTP_ROUTE, URL_TEMPLATE, HTTP_PATH, HTTP_URL, PEER, HOST, PORT),
    "db": (DB_SYSTEM, DB_NAMESPACE, DB_TABLE, DB_VERB, DB_SUMMARY, DB_TEXT, HOST, PORT),
    "rpc": (RPC_SYSTEM, ("rpc.service",), ("rpc.method",), PEER, HOST, PORT),
    "messaging": (MSG_SYSTEM, DESTINATION, OPERATION, GROUP, CLUSTER, TEMPORARY, CELERY),
    "none": (),
}

_SEND = {"publish", "send", "create"}
_TAKE = {"receive", "poll"}
_DB_RENAMED = {"mssql": "microsoft.sql_server", "oracle": "oracle.db", "sqlite3": "sqlite"}
_READ_VERBS = {"SELECT", "GET", "MGET", "FIND", "AGGREGATE", "COUNT", "SCAN", "SEARCH", "HGET", "HGETALL", "QUERY"}
_QUIET_VERBS = {"CONNECT", "BEGIN", "COMMIT", "ROLLBACK", "SET", "CREATE", "ALTER", "DROP", "PING", "SHOW", "TRUNCATE"}
_SAFE_VERBS = {"DELETE", "MERGE", "UPSERT", "REPLACE", "SET", "PUT"}
_SAFE_METHODS = {"PUT", "DELETE"}
_QUIET_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
_KNOWN_METHODS = {*_SAFE_METHODS, *_QUIET_METHODS, "POST", "PATCH", "CONNECT", "QUERY"}
_ID = re.compile(
    r"^(?:\d+|[0-9a-fA-F]{8,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|.*\d.*\d.*\d.*|.{40,})$"
)
_MAX_SEGMENTS = 8


@dataclass(frozen=True, slots=True)
class Names:
    """What the configuration knows: cluster names by their ids, database aliases by `host:port`."""

    clusters: Mapping[str, str] = field(default_factory=dict)
    databases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sender:
    """Resource and scope of a span."""

    service: str
    version: str
    scope: str


def first(get: Get, names: tuple[str, ...]) -> Value:
    """The first of several attributes that says something."""
    for name in names:
        value = get(name)
        if value not in (None, ""):
            return value
    return None


def text(get: Get, names: tuple[str, ...]) -> str:
    """The same as text; JSON-quoted strings lose their quotes, lists give their first item."""
    value = first(get, names)
    if isinstance(value, list):
        value = value[0] if value else None
    return "" if value is None or isinstance(value, bytes) else str(value).strip('"')


def path_template(path: str) -> str:
    """A path with what looks like an identifier replaced, its query left out, at most eight segments."""
    pieces = [piece for piece in path.split("?", maxsplit=1)[0].split("#", maxsplit=1)[0].split("/") if piece]
    shown = ["{id}" if _ID.match(piece) else piece for piece in pieces[:_MAX_SEGMENTS]]
    return "/" + "/".join(shown) + ("/{rest}" if len(pieces) > _MAX_SEGMENTS else "")


def shape_of(sender: Sender, kind: int, family: str, get: Get, identified: bool, names: Names) -> Shape:
    """The shape of a span of one family (`http`, `db`, `rpc`, `messaging`, `none`)."""
    if family == "messaging":
        return _messaging(sender, kind, get, identified, names)
    if family == "db":
        return _database(sender, get, names)
    if family in ("http", "rpc"):
        return _serve(sender, family, get) if kind == SPAN_SERVER else _call(sender, family, get)
    if kind == SPAN_CONSUMER:  # an attribute-less poll: it tells that the service consumes, and no more
        return _plain(sender, Role.RECEIVE)
    return _plain(sender, Role.SERVE if kind == SPAN_SERVER else Role.INTERNAL)


def _plain(sender: Sender, role: Role) -> Shape:
    instrument, _ = instrument_of(sender.scope)
    return Shape(sender.service, role, scope=sender.scope, instrument=instrument, version=sender.version)


def _method(get: Get) -> str:
    method = text(get, HTTP_METHOD).upper()
    return method if method in _KNOWN_METHODS else "_OTHER"


def _serve(sender: Sender, family: str, get: Get) -> Shape:
    if family == "rpc":
        route = seam.route(sender.service, text(get, RPC_SYSTEM) or "rpc", _rpc_path(get))
    else:
        template = text(get, HTTP_ROUTE) or path_template(text(get, HTTP_PATH) or urlsplit(_url(get)).path)
        route = seam.route(sender.service, _method(get), template)
    instrument, _ = instrument_of(sender.scope)
    return Shape(
        sender.service,
        Role.SERVE,
        component=route,
        scope=sender.scope,
        instrument=instrument,
        version=sender.version,
    )


def _rpc_path(get: Get) -> str:
    return "/".join(part for part in (text(get, ("rpc.service",)), text(get, ("rpc.method",))) if part) or "/"


def _url(get: Get) -> str:
    url = text(get, HTTP_URL)
    try:
        urlsplit(url)
    except ValueError:
        return ""
    return url


def _address(get: Get) -> seam.Component:
    peer = text(get, PEER)
    if peer:
        return seam.service(peer)
    host, port = text(get, HOST), text(get, PORT)
    if not host:
        try:
            parts = urlsplit(_url(get))
            default = {"http": 80, "https": 443}.get(parts.scheme, "")
            host, port = parts.hostname or "", str(parts.port or default)
        except ValueError:
            host = ""
    if host and not port and host.rpartition(":")[2].isdigit() and host.count(":") == 1:
        return seam.service(host)
    return seam.address(host, port) if host else seam.service(seam.UNKNOWN)


def _call(sender: Sender, family: str, get: Get) -> Shape:
    caller, address = seam.service(sender.service), _address(get)
    if family == "rpc":
        operation, guarded = f"{text(get, RPC_SYSTEM)} {address.name} {_rpc_path(get)}", False
    else:
        method = _method(get)
        path = text(get, URL_TEMPLATE) or path_template(urlsplit(_url(get)).path or text(get, HTTP_PATH))
        operation = "" if method in _QUIET_METHODS else f"{method} {address.name}{path}"
        guarded = method in _SAFE_METHODS
    instrument, _ = instrument_of(sender.scope)
    return Shape(
        sender.service,
        Role.CALL,
        seams=(seam.calls(caller, address),),
        address=address,
        operation=operation,
        guarded=guarded,
        scope=sender.scope,
        instrument=instrument,
        version=sender.version,
    )


def _database(sender: Sender, get: Get, names: Names) -> Shape:
    system = text(get, DB_SYSTEM).lower()
    system = _DB_RENAMED.get(system, system)
    database = text(get, DB_NAMESPACE)
    server = names.databases.get(f"{text(get, HOST)}:{text(get, PORT)}")
    me = seam.service(sender.service)
    seams: list[seam.SeamKey] = []
    effects: list[tuple[str, bool]] = []
    for name, verb, guarded in _touched(get, system):
        table = seam.table(system, database, name, server)
        if verb in _READ_VERBS:
            seams.append(seam.reads(table, me))
        elif verb not in _QUIET_VERBS or verb == "SET":
            seams.append(seam.writes(me, table))
            effects.append((f"{verb} {table}", guarded))
    unguarded = [effect for effect, guarded in effects if not guarded]
    operation = (unguarded or [effect for effect, _ in effects] or [""])[0]
    return Shape(
        sender.service,
        Role.QUERY,
        seams=tuple(dict.fromkeys(seams)),
        operation=operation,
        guarded=not unguarded,
        scope=sender.scope,
        version=sender.version,
    )


def _touched(get: Get, system: str) -> list[tuple[str, str, bool]]:
    statement = text(get, DB_TEXT)
    if statement:
        found = [(access.table, access.verb, access.guarded) for access in accesses(statement, system)]
        if found:
            return found
    summary = text(get, DB_SUMMARY).split()
    verb = (text(get, DB_VERB).split() or summary or [""])[0].upper()
    name = text(get, DB_TABLE) or (summary[1] if len(summary) > 1 else "")
    return [(name, verb, verb in _SAFE_VERBS)] if name and verb else []


def _messaging(sender: Sender, kind: int, get: Get, identified: bool, names: Names) -> Shape:
    instrument, receive_counts = instrument_of(sender.scope)
    role = _message_role(kind, get, identified, receive_counts)
    base = Shape(sender.service, role, scope=sender.scope, instrument=instrument, version=sender.version)
    destination = "(temporary)" if first(get, TEMPORARY) is True else text(get, DESTINATION)
    if not destination or "," in destination or role in (Role.INTERNAL, Role.RECEIVE):
        return base if role is not Role.CONSUME else _plain(sender, Role.RECEIVE)
    cluster_id = text(get, CLUSTER)
    cluster = names.clusters.get(cluster_id, cluster_id) or None
    topic = seam.topic(destination, cluster)
    me = seam.service(sender.service)
    if role is Role.PUBLISH:
        return Shape(
            sender.service,
            role,
            seams=(seam.publishes(me, topic),),
            topic=topic,
            operation=f"publish {topic}",
            scope=sender.scope,
            instrument=instrument,
            version=sender.version,
        )
    name = text(get, GROUP)
    group = seam.group(name, cluster) if name else seam.group_of(sender.service)
    return Shape(
        sender.service,
        role,
        seams=(seam.consumes(topic, group),),
        topic=topic,
        group=group,
        delivery=True,
        scope=sender.scope,
        instrument=instrument,
        version=sender.version,
    )


def _message_role(kind: int, get: Get, identified: bool, receive_counts: bool) -> Role:
    operation = text(get, OPERATION).lower()
    if operation in _SEND:
        return Role.PUBLISH
    if operation in ("process", "deliver"):
        return Role.CONSUME
    if operation in _TAKE:
        return Role.CONSUME if identified or receive_counts else Role.RECEIVE
    if operation:  # settle and whatever comes later
        return Role.INTERNAL
    if kind == SPAN_PRODUCER:
        return Role.PUBLISH
    return Role.CONSUME if kind == SPAN_CONSUMER else Role.INTERNAL
