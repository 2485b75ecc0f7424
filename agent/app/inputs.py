"""Files as inputs: each recognised by its content, read as a stream of things that happened at a time."""

import heapq
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from agent.app.recognise import CUT_OFF, MOST_BYTES, NO_TIME, READ, Kind, latest, not_yet, recognise, whole
from agent.model.columns import SpanColumns
from collectors.otlp.decode import Decoder, MalformedError
from collectors.otlp.json import JsonError
from collectors.otlp.json import parse as parse_json
from collectors.otlp.receiver import REJECTED
from collectors.recording.growing import Change, Growing, Herd
from collectors.recording.lines import MAX_LINE, Lines
from collectors.recording.reader import Reader, Reading

_SKIPPED = ("index.jsonl", "README.md", "LICENSE")
_BOM = b"\xef\xbb\xbf"
_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Input:
    """One file as the scan's result tells of it."""

    path: str
    format: str = "unknown"
    facts: int = 0
    rejected: int = 0
    taken: int = 0  #: lines or requests that could be read, facts or not
    reasons: Counter[str] = field(default_factory=Counter)

    def reject(self, reason: str, count: int = 1) -> None:
        """Count what could not be taken."""
        self.rejected += count
        self.reasons[reason] += count


@dataclass(frozen=True, slots=True)
class Sent:
    """One OTLP request. It is decoded when its time has come, so that no decoder knows a shape before it is due."""

    source: Input
    read: Callable[[], bytes]  #: the request as it was sent

    def columns(self, decoder: Decoder) -> SpanColumns | None:
        """The request's spans; None where it cannot be read, which is counted."""
        try:
            body = self.read()
            columns = decoder.decode_json(body) if body.lstrip()[:1] == b"{" else decoder.decode(body)
        except (MalformedError, JsonError):
            self.source.reject("not recognised")
            return None
        except (OSError, EOFError, zlib.error) as problem:
            self.source.reject(f"cannot be read ({problem})")
            return None
        bad = {reason: columns.dropped[reason] for reason in REJECTED if reason in columns.dropped}
        for reason, count in bad.items():
            self.source.reject(reason, count)
        self.source.facts += columns.received - sum(bad.values())
        self.source.taken += 1
        return columns


@dataclass(frozen=True, slots=True, order=True)
class Happened:
    """One request or one look at a cluster, at the time it arrived."""

    at: datetime
    order: int
    what: Sent | Reading = field(compare=False)


Stream = Iterator[Happened]


@dataclass(slots=True)
class Recorded:
    """A recording and how far it has been read."""

    source: Input
    lines: Lines | Growing
    reader: Reader = field(default_factory=Reader)
    told: set[str] = field(default_factory=set)  #: the sources of its looks
    _now: datetime | None = None

    def so_far(self) -> Iterator[Reading]:
        """What stands in it and has not been read; may be asked again when it has grown. Raise OSError."""
        yield from self._counted(self.lines.whole())
        self._broken()

    def changes(self) -> list[Change]:
        """What happened to the file since this was asked."""
        return self.lines.changes() if isinstance(self.lines, Growing) else []

    def happened(self, *, ended: bool) -> Stream:
        """What it tells, in the order of its times; with `ended` also a last line whose end is missing."""
        number = 0
        try:
            for part in (self.lines.whole(), self._last()) if ended else (self.lines.whole(),):
                for reading in self._counted(part):
                    self._now = reading.at if self._now is None else max(self._now, reading.at)
                    number += 1
                    yield Happened(self._now, number, reading)
        except OSError as problem:
            self.source.reject(f"cannot be read ({problem.strerror or problem})")
        self._broken()

    def _last(self) -> Iterator[bytes]:
        """The line whose end is missing, where only that is missing: what is cut off within counts once."""
        for line in self.lines.last():
            if _whole(line):
                yield line
            elif line.strip() and not self.lines.broken:
                self.source.reject("last line is cut off")

    def _broken(self) -> None:
        if self.lines.broken and CUT_OFF not in self.source.reasons:
            self.source.reject(CUT_OFF)

    def _counted(self, lines: Iterator[bytes]) -> Iterator[Reading]:
        """Each look; it counts once the next one is asked for, so that one that nobody used never does."""
        for reading in self.reader.read(lines):
            self.source.taken += 1
            self.told.add(reading.source.name)
            yield reading
            self._tell()
        self._tell()

    def _tell(self) -> None:
        self.source.facts = self.reader.facts
        for reason, count in self.reader.tally.rejected.items():
            self.source.rejected += count - self.source.reasons[reason]
            self.source.reasons[reason] = count


@dataclass(frozen=True, slots=True)
class _File:
    """A file to be read; nothing of it is open or held before its first time."""

    first: datetime
    open: Callable[[], Stream]


@dataclass(slots=True)
class Inputs:
    """Everything that was found below some paths; where it has not `ended`, somebody writes to its recordings still."""

    ended: bool = True
    files: list[Input] = field(default_factory=list)
    workflows: list[tuple[str, str]] = field(default_factory=list)
    recordings: list[Recorded] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)  #: paths that lead nowhere
    _streams: list[_File] = field(default_factory=list)
    _seen: set[Path] = field(default_factory=set)
    _herd: Herd = field(default_factory=Herd)

    @property
    def readable(self) -> bool:
        """At least one input could be read, or would have been; known once everything has happened."""
        return any(source.taken or (source.format in READ and not source.rejected) for source in self.files)

    def happened(self) -> Stream:
        """Everything in the order of arrival; one item of each file that is due is in memory."""
        waiting = sorted(self._streams, key=lambda file: file.first, reverse=True)
        due: list[tuple[Happened, int, Stream]] = []
        opened = 0
        while waiting or due:
            while waiting and (not due or waiting[-1].first <= due[0][0].at):
                opened += 1
                _push(due, opened, waiting.pop().open())
            if due:
                happened, number, stream = heapq.heappop(due)
                yield happened
                _push(due, number, stream)

    def take(self, path: Path, arrived: datetime | None = None) -> None:
        """Recognise one file."""
        known = path.resolve()
        if known in self._seen:
            return
        self._seen.add(known)
        source = Input(str(path))
        try:
            kind = recognise(path)
            if kind is None:
                return
            self.files.append(source)
            self._keep(path, source, kind, arrived)
        except (OSError, EOFError, zlib.error) as problem:
            if source not in self.files:
                self.files.append(source)
            source.reject(f"cannot be read ({getattr(problem, 'strerror', None) or problem})")

    def _keep(self, path: Path, source: Input, kind: Kind, arrived: datetime | None) -> None:
        source.format = kind.format
        if kind.refused:
            source.reject(kind.refused, kind.count)
        elif kind.format == "workflow":
            source.facts = source.taken = 1
            self.workflows.append((source.path, path.read_text("utf-8", "replace")))
        elif kind.format == "recording":
            recorded = Recorded(source, Lines(path) if self.ended else Growing(path, self._herd))
            self.recordings.append(recorded)
            self._streams.append(_File(kind.first or _ALWAYS, lambda: recorded.happened(ended=self.ended)))
        elif kind.by_line:
            self._streams.append(_File(arrived or kind.first or _ALWAYS, lambda: _lines(path, source, arrived)))
        elif (at := arrived or kind.first) is not None:
            sent = Happened(at, len(self._streams), Sent(source, lambda: _request(path)))
            self._streams.append(_File(at, lambda: iter([sent])))

    def missing(self, path: Path) -> None:
        """Count a path that is not there."""
        self.refuse(path, "does not exist")
        self.absent.append(str(path))

    def refuse(self, path: Path, reason: str) -> None:
        """Count a path that is not even looked into."""
        self.files.append(source := Input(str(path)))
        source.reject(reason)


def _whole(line: bytes) -> bool:
    """It is no beginning of a line, whatever it says."""
    try:
        orjson.loads(line.removeprefix(_BOM))
    except (ValueError, RecursionError):
        return len(line) > MAX_LINE  # the reader has a word for that
    return True


def _push(due: list[tuple[Happened, int, Stream]], number: int, stream: Stream) -> None:
    happened = next(stream, None)
    if happened is not None:
        heapq.heappush(due, (happened, number, stream))


def find(paths: Sequence[Path], *, ended: bool = True) -> Inputs:
    """Everything below some files and folders; a folder's `index.jsonl` gives the times of arrival."""
    inputs = Inputs(ended)
    for path in paths:
        if path.is_dir():
            for folder in sorted({file.parent for file in path.rglob("*") if file.is_file()}):
                _folder(inputs, folder)
        elif path.exists() and not path.is_file():
            inputs.refuse(path, "is a stream, no file")
        elif path.exists():
            inputs.take(path, _index(path.parent / "index.jsonl").get(path.name))
        else:
            inputs.missing(path)
    return inputs


def _folder(inputs: Inputs, folder: Path) -> None:
    arrivals = _index(folder / "index.jsonl")
    for file in sorted(entry for entry in folder.iterdir() if entry.is_file()):
        if file.name not in _SKIPPED and not file.name.startswith("."):
            inputs.take(file, arrivals.get(file.name))


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


def _request(path: Path) -> bytes:
    body = whole(path).removeprefix(_BOM)
    if len(body) > MOST_BYTES:
        raise JsonError
    return body


def _lines(path: Path, source: Input, arrived: datetime | None) -> Stream:
    """One request a line, as the Collector's file exporter writes them; each arrives when its last span has ended."""
    now = arrived
    lines = Lines(path)
    for number, line in enumerate(lines.every()):
        text = line.removeprefix(_BOM).strip()
        request = _one(text, source) if text else None
        if request is None:
            continue
        at = arrived or latest(request)
        now = max(at, now) if at and now else at or now
        if now is not None:
            yield Happened(now, number, Sent(source, partial(bytes, text)))
        elif len(request.resource_spans):
            source.reject(NO_TIME)
        else:
            source.taken += 1  # it is read, and says nothing
    if lines.broken:
        source.reject(CUT_OFF)


def _one(line: bytes, source: Input) -> Any:
    try:
        request, _ = parse_json(line)
    except JsonError:
        source.reject("line is no OTLP request")
        return None
    for key, name in ((b'"resourceMetrics"', "metrics"), (b'"resourceLogs"', "logs")):
        if not len(request.resource_spans) and key in line:
            source.reject(not_yet(name))
            return None
    return request
