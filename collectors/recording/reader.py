"""Recordings, version 1, as a stream of facts, plain or gzip; what is wrong is counted by reason and never raised."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from agent.model import seam
from agent.model.facts import Fact
from agent.model.kafka.facts import Fold
from agent.model.seam import UNKNOWN, Component
from collectors.recording import connect, gateway, kafka, ping, registry
from collectors.recording.known import Known
from collectors.recording.lines import MAX_LINE, Lines
from collectors.recording.section import Section, Tally, instant

VERSION = 1
AHEAD = 86_400.0  #: s that the clock of whoever wrote a line may be ahead of ours
_BOM = b"\xef\xbb\xbf"
_OPENING = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"recording"\s*:\s*\d')
#: Each source with the key that names which one of its kind it is.
SOURCES = {"kafka": "cluster", "connect": "cluster", "registry": "registry", "ping": None, "gateway": "gateway"}
_LISTED = {connect.NAME: connect.facts, registry.NAME: registry.facts}


@dataclass(frozen=True, slots=True)
class Reading:
    """What one line says. `rejected` and `unknown` count what was left out of it, by reason and by field."""

    at: datetime
    source: Component
    facts: tuple[Fact, ...]
    rejected: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)


class Reader:
    """Reads recordings in event-time order; keeps end offsets, what was told last, lists and open runs, all bounded."""

    def __init__(self, fold: Fold | None = None, runs: ping.OpenRuns | None = None, known: Known | None = None) -> None:
        self._fold = fold or Fold()
        self._runs = runs or ping.OpenRuns()
        self._known = known or Known()
        self.tally = Tally()  #: over all lines, whole lines that were rejected included
        self.lines = self.facts = 0

    def read(self, lines: Iterable[bytes | str]) -> Iterator[Reading]:
        """A reading for each good line; a bad one is counted and passed over."""
        for line in lines:
            if not line.strip():
                continue
            self.lines += 1
            reading = self._line(line)
            if reading is not None:
                self.facts += len(reading.facts)
                yield reading

    def read_file(self, path: Path) -> Iterator[Reading]:
        """The readings of a file, plain or gzip; raise OSError where it cannot be read."""
        lines = Lines(path)
        yield from self.read(lines.every())
        if lines.broken:
            self.tally.reject("gzip is broken or cut off")

    def take(self, told: Mapping[str, Any]) -> Reading | None:
        """The reading of a line that was just made; None, counted, where it is none."""
        self.lines += 1
        reading = self._object(told)
        if reading is not None:
            self.facts += len(reading.facts)
        return reading

    def _line(self, line: bytes | str) -> Reading | None:
        parsed = _parsed(line)
        if isinstance(parsed, str):
            self.tally.reject(parsed)
            return None
        return self._object(parsed)

    def _object(self, parsed: Mapping[str, Any]) -> Reading | None:
        tally = Tally()
        if wrong := _foreign(parsed):
            self.tally.reject(wrong)
            return None
        at, name = instant(parsed.get("at")), _name(parsed)
        if isinstance(at, str) or name is None:
            self.tally.reject(at if isinstance(at, str) else f"{SOURCES[parsed['source']]} is missing")
            return None
        if at.timestamp() > time.time() + AHEAD:
            self.tally.reject("time is ahead of the clock")
            return None
        section = Section(parsed, "", tally)
        section.skip("recording", "source", "at", SOURCES[parsed["source"]] or "")
        facts = tuple(self._facts(section, parsed["source"], name, at))
        section.close()
        self.tally.add(tally)
        return Reading(at, seam.source(parsed["source"], name), facts, dict(tally.rejected), dict(tally.unknown))

    def _facts(self, line: Section, source: str, name: str, at: datetime) -> Iterator[Fact]:
        if source == kafka.NAME:
            return kafka.facts(line, name, at, self._fold)
        if source == ping.NAME:
            return ping.facts(line, at, self._runs)
        if source == gateway.NAME:
            return gateway.facts(line, name, at)
        return _LISTED[source](line, name, at, self._known)


def read(lines: Iterable[bytes | str]) -> Iterator[Reading]:
    """The readings of some lines, with a reader of their own."""
    return Reader().read(lines)


def looks_like_recording(line: bytes | str) -> bool:
    """True for a line that says of itself that it is one of a recording, of whatever version.

    A line that is broken or cut off (that of a big cluster is long) is known by its first key.
    """
    if _OPENING.match(line.encode("utf-8", "replace") if isinstance(line, str) else line):
        return True
    try:
        value = orjson.loads(_unmarked(line))
    except (ValueError, TypeError, RecursionError):
        return False
    return isinstance(value, dict) and "recording" in value and "source" in value


def first_time(line: bytes | str) -> datetime | None:
    """When a line of a recording was seen, as far as it can be told without reading it; for the order of files."""
    try:
        value = orjson.loads(_unmarked(line))
    except (ValueError, TypeError, RecursionError):
        return None
    at = instant(value.get("at")) if isinstance(value, dict) else ""
    return None if isinstance(at, str) else at


def _unmarked(line: bytes | str) -> bytes | str:
    """A line without the byte order mark that some editors write at the start of a file."""
    return line.removeprefix("\ufeff") if isinstance(line, str) else line.removeprefix(_BOM)


def _parsed(line: bytes | str) -> dict[str, Any] | str:
    """The object of a line, or the reason why it is left out."""
    if len(line) > MAX_LINE:
        return "line is longer than 16 MiB"
    try:
        value = orjson.loads(_unmarked(line))
    except (ValueError, TypeError, RecursionError):
        return "line is no JSON"
    return value if isinstance(value, dict) else "line is no object"


def _foreign(value: Mapping[str, Any]) -> str | None:
    """Why an object is no line of a recording of this version; None where it is one."""
    version = value.get("recording")
    if isinstance(version, bool) or version != VERSION:
        return "line is of another version" if "recording" in value else "line is no recording"
    source = value.get("source")
    return None if isinstance(source, str) and source in SOURCES else "source is unknown"


def _name(parsed: Mapping[str, Any]) -> str | None:
    """Which one of its kind a source is: its cluster, registry or gateway; pings have but one."""
    key = SOURCES[parsed["source"]]
    name = UNKNOWN if key is None else parsed.get(key)
    return name if isinstance(name, str) and name else None
