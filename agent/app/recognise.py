"""What a file is, told by its content: its first lines, or the whole where it is one document. Decodes nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from google.protobuf.message import DecodeError

from agent.config.workflow import looks_like_workflow
from collectors.otlp.json import JsonError
from collectors.otlp.json import parse as parse_json
from collectors.otlp.signals import signal_of
from collectors.otlp.wire import Traces
from collectors.recording.lines import GZIP, Lines, Pieces, opened
from collectors.recording.reader import first_time, looks_like_recording

MOST_BYTES = 64 << 20  #: of one file that is read whole
UNKNOWN = "unknown"
READ = frozenset({"otlp-traces", "recording", "workflow"})
CUT_OFF = "gzip is broken or cut off"
NO_TIME = "no span has a possible time"
_HEAD = 65_536
_FIRST_LINES = 200  #: that may be rubbish before a file says what it is
_FIRST_BYTES = 32 << 20
_FIELD_1 = b"\n"  #: how a request in protobuf begins: field 1, of a length
_BOM = b"\xef\xbb\xbf"
_MOST_WORKFLOW = 1 << 20
_YAML = (".yaml", ".yml")
_LATEST = 9_214_646_400 * 10**9  #: the year 2262: later, nanoseconds do not fit 63 bits
_COMBINED = re.compile(rb'\S+ \S+ .{1,200}? ?\[\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "')
_WORKFLOW_KEYS = {"workflows", "components", "teams"}
#: What a line of an access log in JSON says, whatever server wrote it: a request, and its answer.
_REQUEST = {"request", "method", "request_method", "httpmethod", "uri", "request_uri", "path", "url", "http_method"}
_ANSWER = {"status", "response", "status_code", "response_code", "http_status", "statuscode", "upstream_status"}
_ANSWERED = {"upstream_uri", "latencies"}  #: only gateways write these


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is; `refused` says why it is not taken, and `first` when it begins, where that could be told."""

    format: str
    refused: str = ""
    first: datetime | None = None
    by_line: bool = False  #: one OTLP request a line
    count: int = 1  #: what is refused of it


def not_yet(what: str) -> str:
    """The sentence for what a later version reads."""
    return f"{what} {'are' if what.endswith('s') else 'is'} not read yet by this version"


_LATER = {
    "otlp-metrics": not_yet("metrics"),
    "otlp-logs": not_yet("logs"),
    "openlineage": not_yet("OpenLineage"),
    "access-log": not_yet("access logs"),
}
_NEVER = Kind(UNKNOWN, "not recognised")


def recognise(path: Path) -> Kind | None:
    """What a file is; None for an empty one. Raise OSError, EOFError or zlib.error where it cannot be read."""
    head, _ = _start(path, _HEAD)
    if not head:
        return None
    if head[:1] == _FIELD_1:
        request = _protobuf(path)
        if request.format == "otlp-traces":
            return request  # a blank first line looks the same, but no text parses into spans with identities
    if b"{" in head:
        found = _by_lines(path)
        if found is not None:
            return found
    text = head.removeprefix(_BOM).lstrip()
    if text[:1] in (b"{", b"["):
        return _document(path)
    if any(_COMBINED.match(line) for line in text.split(b"\n", 5)[:5]):
        return _later("access-log")
    return _workflow(path, head) or _protobuf(path)


def whole(path: Path) -> bytes:
    """A file, inflated, up to one byte over the bound. Raise EOFError where less of it can be read than it had."""
    found, all_there = _start(path, MOST_BYTES + 1)
    if not all_there:
        raise EOFError(CUT_OFF)
    return found


def _start(path: Path, size: int) -> tuple[bytes, bool]:
    """What can be read of a file up to a size, and whether nothing misses up to there. Raise EOFError for nothing."""
    with BufferedReader(opened(path)) as file:
        if not file.peek(len(GZIP)).startswith(GZIP):
            return file.read(size), True
        found, pieces = bytearray(), Pieces(path, lambda _, most: file.read(most))
        while len(found) < size and (piece := pieces.next()):
            found += piece
        all_there = len(found) >= size or not (pieces.broken or pieces.cut)
        if not found and not all_there:
            raise EOFError(CUT_OFF)
        return bytes(found[:size]), all_there


def _by_lines(path: Path) -> Kind | None:
    """What the first line that says anything says."""
    for line in _first_lines(path):
        if looks_like_recording(line):
            return Kind("recording", first=first_time(line))
        if line[:1] != b"{":
            continue
        try:
            value = orjson.loads(line)
        except (ValueError, RecursionError):
            continue
        kind = _of(value)
        if kind == "otlp-traces":
            return Kind(kind, first=latest(_parsed_json(line)), by_line=True)
        if kind:
            return _later(kind) if kind != "workflow" else None
    return None


def _first_lines(path: Path) -> Iterator[bytes]:
    read = 0
    for line in islice(Lines(path).every(), _FIRST_LINES):
        yield line.removeprefix(_BOM).strip()
        read += len(line)
        if read > _FIRST_BYTES:
            return


def _of(value: Any) -> str:
    """What an object is, by its keys; empty for none that is known."""
    if not isinstance(value, dict):
        return ""
    for key, name in (("resourceSpans", "traces"), ("resourceMetrics", "metrics"), ("resourceLogs", "logs")):
        if key in value:
            return f"otlp-{name}"
    keys = {key.lower() for key in value}
    if "eventtime" in keys and keys & {"run", "job", "dataset"} and keys & {"producer", "schemaurl"}:
        return "openlineage"
    if (keys & _REQUEST and keys & _ANSWER) or (keys & _REQUEST and keys & _ANSWERED):
        return "access-log"
    return "workflow" if keys & _WORKFLOW_KEYS else ""


def _later(kind: str) -> Kind:
    return Kind(kind, _LATER.get(kind, "not recognised"))


def _document(path: Path) -> Kind:
    """One JSON document, on one line or on many."""
    body = whole(path)
    if len(body) > MOST_BYTES:
        return Kind(UNKNOWN, f"over {MOST_BYTES >> 20} MiB")
    try:
        value = orjson.loads(body.removeprefix(_BOM))
    except (ValueError, RecursionError):
        return _workflow(path, body[:_HEAD]) or _NEVER
    kind = _of(value[0]) if isinstance(value, list) and value else _of(value)
    if kind == "otlp-traces" and isinstance(value, dict):
        return _traces(_parsed_json(body))
    if kind == "workflow":
        return _workflow(path, body[:_HEAD]) or _NEVER
    return _later(kind) if kind in _LATER else _NEVER


def _workflow(path: Path, head: bytes) -> Kind | None:
    named = path.suffix in _YAML
    if not named and not any(key.encode() in head for key in _WORKFLOW_KEYS):
        return None
    if named or b"\0" not in head:
        text = _start(path, _MOST_WORKFLOW + 1)[0].decode("utf-8", "replace")
        if looks_like_workflow(text):
            return Kind("workflow")
    return Kind(UNKNOWN, "no workflow file") if named else None


def _protobuf(path: Path) -> Kind:
    body = whole(path)
    if len(body) > MOST_BYTES:
        return Kind(UNKNOWN, f"over {MOST_BYTES >> 20} MiB")
    signal = signal_of(body)
    if signal != "traces":
        return _later(f"otlp-{signal}") if signal else _NEVER
    try:
        return _traces(Traces.FromString(body))
    except DecodeError:
        return _NEVER


def _traces(request: Any) -> Kind:
    """A request; one without any span is read, and says nothing."""
    first, count = latest(request), sum(1 for _ in _spans(request))
    return Kind("otlp-traces", NO_TIME if count and first is None else "", first, count=count)


def _spans(request: Any) -> Iterator[Any]:
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            yield from scope_spans.spans


def latest(request: Any) -> datetime | None:
    """When the last span of a request ended; None where it has none with a possible time."""
    ends = [span.end or span.start for span in _spans(request) if 0 < (span.end or span.start) < _LATEST]
    return datetime.fromtimestamp(max(ends) / 1e9, tz=UTC) if ends else None


def _parsed_json(body: bytes) -> Any:
    """One request; an empty one where its parts are not what OTLP says, which is told when it is read."""
    try:
        return parse_json(body.removeprefix(_BOM))[0]
    except JsonError:
        return Traces()
