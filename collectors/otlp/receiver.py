"""OTLP over HTTP: POST /v1/traces, protobuf or JSON, gzip. Refuses by Content-Length before it reads a byte.

Status bodies, partial success and retryable codes follow the OTLP 1.9 specification.
"""

import asyncio
import logging
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import orjson

from agent.model.columns import SpanColumns
from agent.model.varint import put_varint
from collectors.otlp.aside import Aside
from collectors.otlp.decode import Decoder, MalformedError, TooManyError
from collectors.otlp.json import JsonError, TooManyInJsonError

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PROTOBUF, JSON = "application/x-protobuf", "application/json"
REJECTED = ("bad id", "bad time", "bad value")  #: why spans are dropped by the sender's fault
_INFLATE_STEP = 1 << 20
_MOST_SENDERS = 256  #: names that are told apart
_AT_ONCE = 512 << 10  #: bytes of a body, inflated, that is decoded on the event loop; an exporter's batch is smaller
_OTHER_SIGNALS = {"/v1/metrics": "metrics", "/v1/logs": "logs", "/v1development/profiles": "profiles"}


class Sink(Protocol):
    """Where columns go."""

    def why_not(self, size: int) -> str:
        """Why a body of this size cannot be taken now; empty when it can."""

    def hold(self, size: int) -> None:
        """Count bytes as in flight."""

    def release(self, size: int) -> None:
        """Count them as gone."""

    async def submit(self, columns: SpanColumns) -> str:
        """`new` or `again` once durable, `refused` otherwise."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds, bytes: of one request, and of those that come at once."""

    body: int = 16 << 20
    inflated: int = 64 << 20
    arriving: int = 64 << 20  #: of all bodies that are not yet whole


@dataclass(slots=True)
class ReceiverCounters:
    """Requests by outcome, spans by fate."""

    requests: int = 0
    spans: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    senders: Counter[str] = field(default_factory=Counter)

    def sender(self, name: str) -> None:
        """Count a request by who says to have sent it; those who come when there are too many are one."""
        self.senders[name if name in self.senders or len(self.senders) < _MOST_SENDERS else "others"] += 1


class _RefusedError(Exception):
    def __init__(self, status: int, reason: str, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status, self.reason, self.retry_after = status, reason, retry_after


class Receiver:
    """The ASGI application of port 4318."""

    def __init__(self, decoder: Decoder, sink: Sink, limits: Limits | None = None) -> None:
        self._decoder, self._sink, self._limits = decoder, sink, limits or Limits()
        self._aside = Aside()
        self._arriving = 0  #: bytes of bodies that are not yet whole
        self.counters = ReceiverCounters()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        self.counters.requests += 1
        try:
            self._check(scope, headers, kind)
            answer = await self._take(headers, kind, receive)
        except _RefusedError as refusal:
            self.counters.refused[refusal.reason] += 1
            more = [(b"retry-after", str(refusal.retry_after).encode())] if refusal.retry_after else []
            more += [(b"connection", b"close")] if refusal.status in (413, 429, 503) else []
            more += [(b"allow", b"POST")] if refusal.status == 405 else []
            await _respond(send, refusal.status, kind, _status(kind, refusal.status, str(refusal)), more)
            return
        except Exception:  # a request that breaks us must be told and counted, and break no other
            log.exception("request not taken", extra={"fields": {"bytes": headers.get("content-length", "")}})
            self.counters.refused["internal error"] += 1
            await _respond(send, 500, kind, _status(kind, 500, "the request could not be taken; see the log"), [])
            return
        await _respond(send, 200, kind, answer, [])

    def _check(self, scope: Scope, headers: dict[str, str], kind: str) -> None:
        """Refuse what can be refused without reading the body."""
        path = scope["path"]
        if path != "/v1/traces":
            signal = _OTHER_SIGNALS.get(path)
            what = f"{signal} are not taken yet" if signal else f"there is no {path}"
            raise _RefusedError(404, signal or "wrong path", f"{what}; send traces to /v1/traces")
        if scope["method"] != "POST":
            raise _RefusedError(405, "wrong method", "send traces by POST")
        if kind not in (PROTOBUF, JSON):
            found = kind or "nothing"
            raise _RefusedError(415, "content type", f"the content type is {found}; send {PROTOBUF} or {JSON}")
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", ""):
            raise _RefusedError(415, "content encoding", f"the encoding is {encoding}; send gzip or none")
        length = headers.get("content-length", "")
        if length and not (length.isascii() and length.isdigit()):
            raise _RefusedError(400, "malformed", "the Content-Length is no number")
        if length and int(length) > self._limits.body:
            raise _RefusedError(413, "too large", f"{length} bytes are over the limit of {self._limits.body}")
        self._ask(int(length or 0))

    def _ask(self, size: int) -> None:
        """Refuse a body of this size where it cannot be taken now."""
        why = self._sink.why_not(size)
        if why:
            raise _RefusedError(*_BUSY.get(why, (503, why, "come back later", 5)))

    async def _take(self, headers: dict[str, str], kind: str, receive: Receive) -> bytes:
        body = await self._read(receive)
        size = len(body)
        self._ask(size)
        self._sink.hold(size)  # not before it is whole: who sends slowly holds what he has sent, and no commit waits
        try:
            zipped = headers.get("content-encoding", "").strip().lower() == "gzip"
            columns = await self._columns(kind, body, zipped=zipped)
            outcome = await self._sink.submit(columns)
        finally:
            self._sink.release(size)
        if outcome == "refused":
            raise _RefusedError(503, "not durable", "the spans could not be made durable; send them again", 5)
        if outcome == "new":
            self.counters.spans += columns.received
            self.counters.dropped.update(columns.dropped)
            self.counters.sender(headers.get("user-agent", "unknown")[:80])
        return _answer(kind, columns)

    async def _read(self, receive: Receive) -> bytes:
        """A whole body. Its bytes count as they come, whatever its Content-Length says."""
        body = bytearray()
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _RefusedError(400, "cut off", "the body was cut off")
                body += message.get("body", b"")
                self._arriving += len(message.get("body", b""))
                if len(body) > self._limits.body:
                    raise _RefusedError(413, "too large", f"the body is over the limit of {self._limits.body} bytes")
                if len(body) < self._arriving > self._limits.arriving:  # one alone may always come
                    raise _RefusedError(*_BUSY["busy"])
                if not message.get("more_body"):
                    return bytes(body)
        finally:
            self._arriving -= len(body)

    async def _columns(self, kind: str, body: bytes, *, zipped: bool) -> SpanColumns:
        """Decode here what is small, which is the quickest; what is large is decoded aside, and others are answered."""
        small = _inflated_at_once(body, min(_AT_ONCE, self._limits.inflated)) if zipped else body
        if small is not None and len(small) <= _AT_ONCE:
            return self._decode(kind, small)
        try:
            return await self._aside.do(partial(self._decode_large, kind, body, zipped=zipped))
        except asyncio.CancelledError as stopped:  # the agent stops, and does not wait for it
            raise _RefusedError(*_BUSY["stopping"]) from stopped

    def _decode_large(self, kind: str, body: bytes, *, zipped: bool) -> SpanColumns:
        return self._decode(kind, inflate(body, self._limits.inflated) if zipped else body)

    def _decode(self, kind: str, body: bytes) -> SpanColumns:
        try:
            return self._decoder.decode_json(body) if kind == JSON else self._decoder.decode(body)
        except (TooManyError, TooManyInJsonError) as problem:  # to send it again would not help: it is told so
            raise _RefusedError(413, "span limit", str(problem)) from problem
        except (MalformedError, JsonError) as problem:
            raise _RefusedError(400, "malformed", str(problem)) from problem


_BUSY = {
    "busy": (429, "busy", "too much is in flight; come back in a second", 1),
    "journal full": (503, "journal full", "the journal is full until the store has caught up", 5),
    "disk full": (503, "disk full", "the disk is full", 5),
    "journal busy": (503, "journal busy", "another process holds the journal", 5),
    "stopping": (503, "stopping", "the agent is stopping", 2),
}


def _inflated_at_once(body: bytes, limit: int) -> bytes | None:
    """A gzip body of at most `limit` bytes, inflated; None where it is more. Refuse what is no gzip.

    What a gzip says of its own length at its end is believed where it is too long: so it is inflated once.
    """
    if int.from_bytes(body[-4:], "little") > limit:
        return None
    try:
        return inflate(body, limit)
    except _RefusedError as refusal:
        if refusal.status == 413:
            return None
        raise


def inflate(body: bytes, limit: int) -> bytes:
    """Gunzip step by step, never beyond `limit` bytes; refuse more, and what is no gzip."""
    parts: list[bytes] = []
    size = 0
    rest = body
    try:
        while rest:
            stream = zlib.decompressobj(31)
            while rest and not stream.eof:
                part = stream.decompress(rest, _INFLATE_STEP)
                size += len(part)
                if size > limit:
                    raise _RefusedError(413, "too large", f"the inflated body is over the limit of {limit} bytes")
                parts.append(part)
                rest = stream.unconsumed_tail or stream.unused_data
                if not part and not stream.eof and not rest:
                    raise _RefusedError(400, "malformed", "the gzip body is cut off")
            if not stream.eof:
                raise _RefusedError(400, "malformed", "the gzip body is cut off")
    except zlib.error as problem:
        raise _RefusedError(400, "malformed", f"the body is no gzip ({problem})") from problem
    return b"".join(parts)


def _answer(kind: str, columns: SpanColumns) -> bytes:
    """An ExportTraceServiceResponse; partial success where spans could not be taken."""
    rejected = sum(columns.dropped.get(reason, 0) for reason in REJECTED)
    if not rejected:
        return b"{}" if kind == JSON else b""
    message = f"{rejected} spans had no valid trace id, span id, time or attribute"
    if kind == JSON:
        return orjson.dumps({"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": message}})
    text = message.encode()
    inner = b"\x08" + put_varint(rejected) + b"\x12" + put_varint(len(text)) + text
    return b"\x0a" + put_varint(len(inner)) + inner


_CODES = {400: 3, 404: 5, 405: 12, 413: 8, 415: 3, 429: 8, 503: 14}


def _status(kind: str, status: int, message: str) -> bytes:
    """A google.rpc.Status in the sender's own encoding."""
    code = _CODES.get(status, 2)
    if kind == PROTOBUF:
        text = message.encode()
        return b"\x08" + put_varint(code) + b"\x12" + put_varint(len(text)) + text
    return orjson.dumps({"code": code, "message": message})


async def _respond(send: Send, status: int, kind: str, body: bytes, more: list[tuple[bytes, bytes]]) -> None:
    shown = kind if kind == PROTOBUF else JSON
    headers = [(b"content-type", shown.encode()), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
