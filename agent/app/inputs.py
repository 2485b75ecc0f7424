"""Files as inputs: each recognised by its content, read as a stream of things that happened at a time."""

import gzip
import heapq
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson

from agent.config.workflow import looks_like_workflow
from agent.model.columns import SpanColumns
from collectors.otlp.decode import Decoder, MalformedError
from collectors.otlp.json import JsonError
from collectors.otlp.receiver import REJECTED
from collectors.otlp.signals import signal_of
from collectors.recording.reader import Reader, Reading, looks_like_recording

MOST_BYTES = 64 << 20  #: of one file that is read whole


@dataclass(slots=True)
class Input:
    """One file as the scan's result tells of it."""

    path: str
    format: str = "unknown"
    facts: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def reject(self, reason: str, count: int = 1) -> None:
        """Count what could not be taken."""
        self.rejected += count
        self.reasons[reason] += count


@dataclass(frozen=True, slots=True, order=True)
class Happened:
    """One request or one look at a cluster, at the time it arrived."""

    at: datetime
    order: int
    what: SpanColumns | Reading = field(compare=False)


@dataclass(slots=True)
class Inputs:
    """Everything that was found below some paths."""

    files: list[Input] = field(default_factory=list)
    workflows: list[tuple[str, str]] = field(default_factory=list)
    _requests: list[tuple[datetime, int, Path, Input]] = field(default_factory=list)
    _recordings: list[tuple[Path, Input]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many requests and recordings there are."""
        return len(self._requests) + len(self._recordings)

    def happened(self, decoder: Decoder) -> Iterator[Happened]:
        """Everything in the order of arrival; one item at a time is in memory."""
        streams = [_requests(sorted(self._requests, key=lambda item: item[:2]), decoder)]
        streams += [_recording(path, source) for path, source in self._recordings]
        yield from heapq.merge(*streams)

    def take(self, path: Path, decoder: Decoder, arrived: datetime | None = None) -> None:
        """Recognise one file."""
        source = Input(str(path))
        try:
            head = _head(path)
            if head is None:
                return
            self.files.append(source)
            self._recognise(path, head, source, decoder, arrived)
        except (OSError, EOFError, zlib.error) as problem:
            if source not in self.files:
                self.files.append(source)
            source.reject(f"cannot be read ({problem})")

    def _recognise(self, path: Path, head: bytes, source: Input, decoder: Decoder, arrived: datetime | None) -> None:
        first = head.split(b"\n", 1)[0]
        if path.suffix in (".yaml", ".yml"):
            self._workflow(path, source)
        elif looks_like_recording(first):
            source.format = "recording"
            self._recordings.append((path, source))
        else:
            self._otlp(path, source, decoder, arrived)

    def _workflow(self, path: Path, source: Input) -> None:
        text = path.read_text("utf-8", "replace")
        if looks_like_workflow(text):
            source.format, source.facts = "workflow", 1
            self.workflows.append((str(path), text))
        else:
            source.reject("no workflow file")

    def _otlp(self, path: Path, source: Input, decoder: Decoder, arrived: datetime | None) -> None:
        body = _body(path, source)
        if body is None:
            return
        signal = signal_of(body)
        if signal in ("metrics", "logs"):
            source.format = f"otlp-{signal}"
            source.reject(f"{signal} are not read yet")
            return
        columns = _decoded(body, source, decoder)
        if columns is None:
            return
        good = columns.received - sum(columns.dropped.get(reason, 0) for reason in REJECTED)
        if not good:
            source.reject("not recognised", max(1, columns.received))
            return
        source.format = "otlp-traces"
        latest = int(columns.end.max()) if len(columns) else 0
        at = arrived or datetime.fromtimestamp(latest / 1e9, tz=UTC)
        self._requests.append((at, len(self._requests), path, source))


def find(paths: Sequence[Path], decoder: Decoder) -> Inputs:
    """Everything below some files and folders; a folder's `index.jsonl` gives the times of arrival."""
    inputs = Inputs()
    for path in paths:
        folders = sorted({file.parent for file in path.rglob("*") if file.is_file()}) if path.is_dir() else []
        for folder in folders:
            arrivals = _index(folder / "index.jsonl")
            for file in sorted(entry for entry in folder.iterdir() if entry.is_file()):
                if file.name not in ("index.jsonl", "README.md", "LICENSE") and not file.name.startswith("."):
                    inputs.take(file, decoder, arrivals.get(file.name))
        if not path.is_dir():
            inputs.take(path, decoder, _index(path.parent / "index.jsonl").get(path.name))
    return inputs


def _index(path: Path) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    if not path.is_file():
        return found
    with path.open("rb") as lines:
        for line in lines:
            try:
                entry = orjson.loads(line)
                found[str(entry["file"])] = datetime.fromtimestamp(int(entry["recv_unix_nano"]) / 1e9, tz=UTC)
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, OverflowError, OSError):
                continue
    return found


def _head(path: Path) -> bytes | None:
    """The first bytes of a file, inflated; None for an empty one."""
    with path.open("rb") as file:
        magic = file.read(2)
    with gzip.open(path) if magic == b"\x1f\x8b" else path.open("rb") as file:
        return file.read(65_536) or None


def _whole(path: Path) -> bytes:
    with path.open("rb") as file:
        magic = file.read(2)
    with gzip.open(path) if magic == b"\x1f\x8b" else path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _body(path: Path, source: Input) -> bytes | None:
    body = _whole(path)
    if len(body) > MOST_BYTES:
        source.reject(f"over {MOST_BYTES >> 20} MiB")
        return None
    return body


def _decoded(body: bytes, source: Input, decoder: Decoder) -> SpanColumns | None:
    try:
        return decoder.decode_json(body) if body.lstrip()[:1] == b"{" else decoder.decode(body)
    except (MalformedError, JsonError):
        source.reject("not recognised")
        return None


def _requests(entries: list[tuple[datetime, int, Path, Input]], decoder: Decoder) -> Iterator[Happened]:
    for at, order, path, source in entries:
        body = _body(path, source)
        columns = None if body is None else _decoded(body, source, decoder)
        if columns is None:
            continue
        rejected = {reason: columns.dropped[reason] for reason in REJECTED if reason in columns.dropped}
        source.facts += columns.received - sum(rejected.values())
        for reason, count in rejected.items():
            source.reject(reason, count)
        yield Happened(at, order, columns)


def _recording(path: Path, source: Input) -> Iterator[Happened]:
    reader = Reader()
    latest: datetime | None = None
    for number, reading in enumerate(reader.read_file(path)):
        latest = reading.at if latest is None else max(latest, reading.at)
        yield Happened(latest, number, reading)
    source.facts += reader.facts
    for reason, count in reader.tally.rejected.items():
        source.reject(reason, count)
