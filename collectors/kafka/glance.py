"""One record at a glance: who says it is, hashes of what it holds. Nothing of its key or body outlives the call."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from agent.model.kafka.samples import ID_FIELD
from collectors.kafka.batches import Record

MOST_JSON = 256 << 10  #: bytes of a body that is read as JSON; a larger one is hashed as it is
MOST_DEPTH = 40  #: of JSON whose fields are ordered before it is hashed
MOST_TEXT = 200  #: characters of a name that a header tells
MOST_HEADERS = 64
_SALT = os.urandom(16)  #: of this process: a hash says nothing about a guess, and nothing in another process

#: CloudEvents 1.0, Kafka binding: attributes of the binary mode are headers with this prefix
_CE = re.compile(r"ce[_-]|cloudevents?[:_.-]", re.IGNORECASE)
#: headers that name one event; idempotency keys and the `id` of outboxes and of Spring among them
_ID = re.compile(
    r"(?:x[_-])?(?:(?:message|event|record|idempotency)[_-]?(?:id|key)|id|uuid|nservicebus[.]messageid|mt-messageid)",
    re.IGNORECASE,
)
_SOURCE = re.compile(r"(?:x[_-])?(?:source|producer|service|service[_-]name|origin|app|application)", re.IGNORECASE)
_SCHEMA = re.compile(
    r"__(?:value|key)_schema_id|apicurio[.]value[.](?:globalid|contentid|artifactid)|(?:ce[_-])?dataschema"
    r"|value[.]schema[.](?:id|version[.]id)|schema[_-]?id",
    re.IGNORECASE,
)
#: topics that a dead letter comes from: Spring, Connect, SmallRye, Spring Cloud Stream, share groups (KIP-1191)
_ORIGIN = re.compile(
    r"kafka_dlt-original-topic|kafka_original-topic|__connect[.]errors[.]topic|dead-letter-topic|x-original-topic"
    r"|_{1,2}dlq[.]errors[.]topic",
    re.IGNORECASE,
)
_ERROR = re.compile(
    r"kafka_dlt-exception(?:-cause)?-fqcn|kafka_exception(?:-cause)?-fqcn|__connect[.]errors[.]exception[.]class[.]name"
    r"|dead-letter-(?:exception|cause)-class-name|x-exception-fqcn|mt-fault-exceptiontype"
    r"|nservicebus[.]exceptioninfo[.]exceptiontype|_{1,2}dlq[.]errors[.]exception[.]class",
    re.IGNORECASE,
)
_CLASS = re.compile(r"[\w.$]{1,200}")
#: fields of an envelope that a second sending changes
_ENVELOPE = re.compile(
    r"time|timestamp|ts|(?:sent|published|produced|emitted|ingested)_?(?:at|time)|attempt|retry"
    r"|trace(?:parent|state)?|(?:trace|span|correlation)_?id",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Glance:
    """What one record shows. Hashes are of 8 bytes, keyed with a number that only this process has."""

    offset: int
    at: int  #: ms
    size: int  #: bytes of key and value
    keyed: bool
    framed: bool  #: a registry's frame, or the address of a schema
    told: bool | None  #: it has an identity; None: only whoever knows the schema could tell
    identity: bytes | None = None  #: hash of source and id, where a header or CloudEvents names it
    content: bytes = b""
    key: bytes | None = None  #: hash
    fields: bytes | None = None  #: hash of the names of a JSON object's fields
    producer: str = ""  #: who sent it, or what its headers are, in words
    origin: str = ""  #: topic that it came from, as a dead letter
    error: str = ""  #: class of the failure that made it one


def glance(record: Record) -> Glance:
    """Look at one record."""
    headers = dict(_readable(record))
    value = record.value or b""
    body = _json(value)
    event = body if body is not None and _structured(headers, body) else None
    identity = _identity(headers, event)
    framed = (
        _framed(value) or any(_SCHEMA.fullmatch(name) for name in headers) or bool(event and event.get("dataschema"))
    )
    return Glance(
        offset=record.offset,
        at=record.at,
        size=len(value) + len(record.key or b""),
        keyed=record.key is not None,
        framed=framed,
        told=True if identity else _told(value, body),
        identity=_hash(*identity) if identity else None,
        content=_content(value, body, headers),
        key=None if record.key is None else _hash(record.key),
        fields=None if body is None else _hash("\0".join(sorted(map(str, body))).encode()),
        producer=_producer(headers),
        origin=_first(headers, _ORIGIN),
        error=_class(_last(headers, _ERROR)),
    )


def _readable(record: Record) -> Iterator[tuple[str, str]]:
    for name, value in record.headers[:MOST_HEADERS]:
        yield name[:MOST_TEXT].lower(), (value or b"")[: 4 * MOST_TEXT].decode("utf-8", "replace")[:MOST_TEXT].strip()


def _json(value: bytes) -> Mapping[str, Any] | None:
    """The body as a JSON object, or None."""
    if not value[:32].lstrip().startswith(b"{") or len(value) > MOST_JSON:
        return None
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _structured(headers: Mapping[str, str], body: Mapping[str, Any]) -> bool:
    """CloudEvents in structured mode: the whole event is the body."""
    return headers.get("content-type", "").startswith("application/cloudevents") or "specversion" in body


# -- identity


def _identity(headers: Mapping[str, str], event: Mapping[str, Any] | None) -> tuple[bytes, ...] | None:
    """Source and id, as a header or CloudEvents names them."""
    if event is not None and _text(event, "id") and _text(event, "source"):
        return b"ce", _text(event, "source").encode(), _text(event, "id").encode()
    attributes = {_CE.sub("", name, count=1): value for name, value in headers.items() if _CE.match(name)}
    if attributes.get("id"):
        return b"ce", attributes.get("source", "").encode(), attributes["id"].encode()
    named = sorted((name, value) for name, value in headers.items() if value and _ID.fullmatch(name))
    if not named:
        return None
    return named[0][0].encode(), _first(headers, _SOURCE).encode(), named[0][1].encode()


def _text(event: Mapping[str, Any], name: str) -> str:
    """An attribute that is a text, as CloudEvents has it; what else stands there may be nested without end."""
    found = event.get(name)
    return found if isinstance(found, str) else ""


def _told(value: bytes, body: Mapping[str, Any] | None) -> bool | None:
    """Whether a record without an identity in its headers has one in its body; None where that cannot be read."""
    if body is not None:
        inner = body.get("data")
        names = [*body, *(inner if isinstance(inner, dict) else ())]
        return any(ID_FIELD.fullmatch(name) for name in names)
    return False if value and not _framed(value) and _plain(value) else None


def _plain(value: bytes) -> bool:
    """Words or numbers, of which no part is named. Markup, lists and what is no text may have an identity inside."""
    if b"\0" in value[:512] or value[:32].lstrip()[:1] in (b"<", b"[", b"{"):
        return False
    try:
        value[:512].decode("utf-8")
    except UnicodeDecodeError as problem:
        return problem.start >= len(value[:512]) - 3
    return True


def _framed(value: bytes) -> bool:
    """A registry's frame: a zero byte, and the number of a schema (Confluent's wire format), from 1 up."""
    return len(value) > 5 and value[0] == 0 and 0 < int.from_bytes(value[1:5], "big") < 1 << 28


# -- content


def _content(value: bytes, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> bytes:
    """The same for the same event: the order of fields, spaces, and what a second sending changes are left out."""
    kind = next((text for name, text in headers.items() if _CE.match(name) and name.endswith("type")), "").encode()
    if body is not None and _depth(body) <= MOST_DEPTH:
        kept = {name: one for name, one in body.items() if not _ENVELOPE.fullmatch(str(name))}
        return _hash(kind, orjson.dumps(kept, option=orjson.OPT_SORT_KEYS))
    return _hash(kind, value)


def _depth(body: object) -> int:
    """How deep objects and lists are nested, counted without recursion."""
    depth, level = 0, [body]
    while level and depth <= MOST_DEPTH:
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [each for some in inner for each in some if isinstance(each, dict | list)]
        depth += 1
    return depth


def _hash(*parts: bytes) -> bytes:
    made = hashlib.blake2b(digest_size=8, key=_SALT)
    for part in parts:
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.digest()


# -- names that headers tell


def _first(headers: Mapping[str, str], pattern: re.Pattern[str]) -> str:
    return next((value for name, value in headers.items() if value and pattern.fullmatch(name)), "")


def _last(headers: Mapping[str, str], pattern: re.Pattern[str]) -> str:
    """The cause is named after what it caused."""
    return next((value for name, value in reversed([*headers.items()]) if value and pattern.fullmatch(name)), "")


def _class(name: str) -> str:
    """The bare name of a class; what is none (a message, which may hold data) is not told."""
    return name.rpartition(".")[2] if _CLASS.fullmatch(name) else ""


def _producer(headers: Mapping[str, str]) -> str:
    source = headers.get("ce_source") or headers.get("ce-source") or _first(headers, _SOURCE)
    if source:
        return source
    return "headers " + ", ".join(sorted(headers)[:5]) if headers else "no headers"
