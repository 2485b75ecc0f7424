"""One JSON object of a line, read key by key: what is wrong is left out and counted, what nobody asked for too."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agent.model.plain import plain_lines
from agent.model.seam import clean

MAX_NAMES = 200  #: distinct reasons or fields that are told apart; the rest is `other`
MAX_WHOLE = 2**63 - 1
MAX_TEXT = 1 << 18
#: Nanoseconds since 1970 fit 63 bits until 2262; nearer the ends of the calendar, arithmetic with times overflows.
YEARS = range(1970, 2262)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,12})?([Zz]|[+-]\d\d:\d\d)?")


@dataclass(slots=True)
class Tally:
    """What was left out, by reason, and which fields nobody knows."""

    rejected: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def reject(self, reason: str) -> None:
        """Count something wrong."""
        _count(self.rejected, reason, 1)

    def surprise(self, name: str) -> None:
        """Count a field that version 1 does not have."""
        _count(self.unknown, name, 1)

    def add(self, other: "Tally") -> None:
        """Add another's counts to these."""
        for mine, theirs in ((self.rejected, other.rejected), (self.unknown, other.unknown)):
            for name, count in theirs.items():
                _count(mine, name, count)


def _count(counter: Counter[str], name: str, by: int) -> None:
    counter[name if name in counter or len(counter) < MAX_NAMES else "other"] += by


class Section:
    """One object of a line; `where` is its place without names, such as `topics.*`."""

    def __init__(self, value: Mapping[str, Any], where: str, tally: Tally) -> None:
        self._value, self._where, self.tally = value, where, tally
        self._asked: set[str] = set()

    def has(self, key: str) -> bool:
        """The key is there, null included."""
        return key in self._value

    def skip(self, *keys: str) -> None:
        """Keys that the format has and that no fact is made of."""
        self._asked.update(keys)

    def close(self) -> None:
        """Count the keys that nobody asked for."""
        for key in self._value:
            if key not in self._asked:
                self.tally.surprise(self._at(str(key)[:60]))

    def text(self, key: str) -> str | None:
        """A text, None where it is absent, null or none."""
        value = self._get(key)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            self._wrong(key, "is no text" if not isinstance(value, str) else "is too long")
            return None
        return _stored(value)

    def texts(self, key: str) -> list[str] | None:
        """A list of texts; items of other kinds are left out."""
        items = self._list(key)
        if items is None:
            return None
        good = [_stored(item) for item in items if isinstance(item, str)]
        if len(good) < len(items):
            self._wrong(key, "holds no text")
        return good

    def whole(self, key: str) -> int | None:
        """A whole number from 0 to 2^63 - 1."""
        value = self._get(key)
        return None if value is None else self._whole(key, value)

    def seconds(self, key: str) -> float | None:
        """A finite number from 0 up."""
        value = self._get(key)
        return None if value is None else self._seconds(key, value)

    def section(self, key: str) -> "Section | None":
        """An object, None where it is absent or null."""
        value = self._get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self._wrong(key, "is no object")
            return None
        return Section(value, self._at(key), self.tally)

    def sections(self, key: str) -> "dict[str, Section] | None":
        """Named objects; what is none is left out."""
        value = self.section(key)
        return None if value is None else dict(value.items())

    def items(self) -> "Iterator[tuple[str, Section]]":
        """Its own items as named objects."""
        for name, item in self._value.items():
            if isinstance(item, dict):
                yield name, Section(item, self._at("*"), self.tally)
            else:
                self._wrong("*", "is no object")

    def list_of(self, key: str) -> "list[Section] | None":
        """A list of objects; what is none is left out."""
        items = self._list(key)
        if items is None:
            return None
        good = [Section(item, self._at(f"{key}.*"), self.tally) for item in items if isinstance(item, dict)]
        if len(good) < len(items):
            self._wrong(key, "holds no object")
        return good

    def assignment(self, key: str) -> frozenset[tuple[str, int]] | None:
        """A list of [topic, partition], None where it is absent."""
        items = self._list(key)
        if items is None:
            return None
        good = frozenset((_stored(item[0]), item[1]) for item in items if _is_place(item))
        if items and not good:
            self._wrong(key, "holds no [topic, partition]")
        return good

    def pairs(self, key: str) -> dict[str, str | None] | None:
        """Settings: texts by name; numbers and booleans are written out, null is seen to be unset."""
        value = self.section(key)
        if value is None:
            return None
        found: dict[str, str | None] = {}
        for name, item in value._value.items():
            plain = _plain(item)
            if plain is None and item is not None:
                value._wrong("*", "is no text")
            else:
                found[clean(name)] = plain
        return found

    def mappings(self, key: str) -> dict[str, dict[str, str | None] | None] | None:
        """Settings by name."""
        value = self.section(key)
        return None if value is None else {name: value.pairs(name) for name in value._value}

    def numbers(self) -> dict[int, float | None]:
        """Its items as seconds by partition; None where one is wrong."""
        return {number: self._seconds("*", item) for number, item in self._partitions()}

    def wholes(self) -> dict[int, int | None]:
        """Its items as whole numbers by partition; None where one is wrong."""
        return {number: self._whole("*", item) for number, item in self._partitions()}

    def partitions(self) -> "dict[int, Section | None]":
        """Its items as objects by partition; None where one is wrong."""
        found: dict[int, Section | None] = {}
        for number, item in self._partitions():
            if isinstance(item, dict):
                found[number] = Section(item, self._at("*"), self.tally)
            else:
                self._wrong("*", "is no object")
                found[number] = None
        return found

    def _partitions(self) -> Iterator[tuple[int, Any]]:
        for name, item in self._value.items():
            if name.isascii() and name.isdigit() and len(name) < 8:
                yield int(name), item
            else:
                self.tally.reject(f"{self._where} has a partition that is no number")

    def _get(self, key: str) -> Any:
        self._asked.add(key)
        return self._value.get(key)

    def _list(self, key: str) -> list[Any] | None:
        value = self._get(key)
        if value is None:
            return None
        if not isinstance(value, list):
            self._wrong(key, "is no list")
            return None
        return value

    def _whole(self, key: str, value: object) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int) or value > MAX_WHOLE:
            self._wrong(key, "is no whole number")
            return None
        if value < 0:
            self._wrong(key, "is negative")
            return None
        return value

    def _seconds(self, key: str, value: object) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self._wrong(key, "is no number")
            return None
        if value < 0:
            self._wrong(key, "is negative")
            return None
        return float(value)

    def _at(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def _wrong(self, key: str, reason: str) -> None:
        self.tally.reject(f"{self._at(key)} {reason}")


def _is_place(item: object) -> bool:
    if not isinstance(item, list) or len(item) < 2:
        return False
    topic, partition = item[:2]
    return isinstance(topic, str) and isinstance(partition, int) and not isinstance(partition, bool) and partition >= 0


def _plain(item: object) -> str | None:
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int | float):
        return str(item)
    return _stored(item) if isinstance(item, str) and len(item) <= MAX_TEXT else None


def _stored(text: str) -> str:
    return plain_lines(text)  # of which PostgreSQL holds every character


def instant(text: object) -> datetime | str:
    """An RFC 3339 time in UTC, or the reason why it is none."""
    parsed = _RFC3339.fullmatch(text) if isinstance(text, str) and text.isascii() else None
    if parsed is None or not isinstance(text, str):
        return "no time" if text is None else "time is not RFC 3339"
    if parsed[1] is None:
        return "time has no zone"
    try:
        at = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError:
        return "time is out of range"
    except ValueError:
        return "time is not RFC 3339"
    return at if at.year in YEARS else "time is out of range"
