"""The JSON Schema of one line of a recording: what each source tells. Fields of later versions are allowed."""

from typing import Any

from collectors.recording import sampled

_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_WHOLE = {"type": "integer", "minimum": 0}
_MAYBE_WHOLE = {"type": ["integer", "null"], "minimum": 0}
_NUMBER = {"type": "number", "minimum": 0}
_NAME = {"type": "string", "minLength": 1}
_TIME = {"type": "string", "format": "date-time"}
_SCALAR = {"type": ["string", "number", "boolean", "null"]}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """An object, or null: not read."""
    found: dict[str, Any] = {"type": ["object", "null"], "properties": properties}
    return found | ({"required": list(required)} if required else {})


def _named(item: dict[str, Any]) -> dict[str, Any]:
    """Objects by name."""
    return {"type": ["object", "null"], "additionalProperties": item}


def _by_partition(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": ["object", "null"], "propertyNames": {"pattern": "^[0-9]{1,7}$"}, "additionalProperties": item}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": ["array", "null"], "items": item}


_SETTINGS = _named(_SCALAR)
_PRODUCER = _object(id=_WHOLE, epoch=_WHOLE, at=_TEXT, transaction_from=_MAYBE_WHOLE)
_PARTITION = _object(
    start=_MAYBE_WHOLE, end=_MAYBE_WHOLE, stable=_MAYBE_WHOLE, first_at=_TEXT, producers=_list(_PRODUCER)
)
_ASSIGNED = _list({"type": "array", "prefixItems": [_TEXT, _WHOLE], "minItems": 2})
_MEMBER = _object(
    id=_MAYBE_TEXT, client=_MAYBE_TEXT, host=_MAYBE_TEXT, instance=_MAYBE_TEXT, assigned=_ASSIGNED, target=_ASSIGNED
)
_TOPIC = _object(
    id=_MAYBE_TEXT,
    replication=_MAYBE_WHOLE,
    in_sync=_MAYBE_WHOLE,
    offline=_MAYBE_WHOLE,
    settings=_SETTINGS,
    own=_list(_TEXT),
    partitions=_by_partition(_PARTITION),
)
_SAMPLED = _object(
    ("records",),
    **dict.fromkeys(sampled.COUNTS, _WHOLE),
    **{name: _list(_TEXT) for name in sampled.NAMES},
    **dict.fromkeys(sampled.TEXTS, _TEXT),
    full_state={"type": ["string", "null"], "enum": ["true", "false", None]},
)
_GROUP = _object(
    protocol=_MAYBE_TEXT,
    state=_MAYBE_TEXT,
    epoch=_MAYBE_WHOLE,
    assignor=_MAYBE_TEXT,
    coordinator=_MAYBE_WHOLE,
    settings=_SETTINGS,
    members=_list(_MEMBER),
    committed=_named(_by_partition(_WHOLE)),
    age_seconds=_named(_by_partition(_NUMBER)),
)
_TRANSACTION = _object(state=_TEXT, producer=_MAYBE_WHOLE, started=_TEXT, timeout_seconds=_NUMBER, partitions=_ASSIGNED)
_TASK = _object(id=_WHOLE, state=_MAYBE_TEXT, trace=_MAYBE_TEXT, worker_id=_MAYBE_TEXT)
_CONNECTOR = _object(
    type={"enum": ["sink", "source"]},
    config=_SETTINGS,
    state=_MAYBE_TEXT,
    worker_id=_MAYBE_TEXT,
    trace=_MAYBE_TEXT,
    topics=_list(_TEXT),
    tasks=_list(_TASK),
    offsets=_named(_by_partition(_WHOLE)),
)
_REFERENCE = _object(name=_MAYBE_TEXT, subject=_MAYBE_TEXT, version=_MAYBE_WHOLE)
_VERSION = _object(id=_MAYBE_WHOLE, type=_MAYBE_TEXT, schema=_MAYBE_TEXT, references=_list(_REFERENCE))
_RULES: dict[str, Any] = {"compatibility": _MAYBE_TEXT, "mode": _MAYBE_TEXT}
_SUBJECT = _object(**_RULES, alias=_MAYBE_TEXT, versions=_named(_VERSION))
_ROUTE = _object(
    methods=_list(_TEXT),
    paths=_list(_TEXT),
    timeout_seconds=_object(connect=_NUMBER, read=_NUMBER, write=_NUMBER),
    retries=_MAYBE_WHOLE,
    plugins=_list(_TEXT),
)
#: What each source must and may tell.
_SOURCES: dict[str, dict[str, Any]] = {
    "kafka": _object(
        ("cluster",),
        cluster=_NAME,
        cluster_id=_MAYBE_TEXT,
        topics=_named(_TOPIC),
        groups=_named(_GROUP),
        broker=_object(settings=_SETTINGS),
        brokers=_MAYBE_WHOLE,
        transactions=_named(_TRANSACTION),
        refused=_named(_TEXT),
        acls=_list(_TEXT),
        client_metrics=_named(_SETTINGS),
        sampled=_named(_SAMPLED),
    ),
    "connect": _object(
        ("cluster",),
        cluster=_NAME,
        connect=_MAYBE_TEXT,
        version=_MAYBE_TEXT,
        kafka_cluster_id=_MAYBE_TEXT,
        connectors=_named(_CONNECTOR),
        refused=_named(_TEXT),
    ),
    "registry": _object(
        ("registry",),
        registry=_NAME,
        **_RULES,
        contexts=_named(_object(**_RULES)),
        subjects=_named(_SUBJECT),
        subjects_read=_MAYBE_WHOLE,
        refused=_named(_TEXT),
    ),
    "ping": _object(
        ("slug", "signal"),
        slug=_NAME,
        signal={"enum": ["start", "success", "fail", "exit", "log"]},
        code=_MAYBE_WHOLE,
        rid=_MAYBE_TEXT,
        body=_MAYBE_TEXT,
    ),
    "gateway": _object(("gateway",), gateway=_NAME, routes=_named(_ROUTE)),
}

RECORDING: dict[str, Any] = {
    "type": "object",
    "required": ["recording", "source", "at"],
    "properties": {"recording": {"const": 1}, "source": {"enum": list(_SOURCES)}, "at": _TIME},
    "allOf": [
        {"if": {"properties": {"source": {"const": source}}, "required": ["source"]}, "then": told}
        for source, told in _SOURCES.items()
    ],
}
