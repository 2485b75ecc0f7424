"""The kinds of value a configuration file may hold: each says what is wrong in words, and what to write."""

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, NoReturn

from pydantic import Field, PlainValidator, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

from agent.config import crontab
from agent.config.problem import nearest, quoted
from agent.model.saying import hidden

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|m|h|d|w|)")
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)\s*(B|KiB|MiB|GiB|TiB|)", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LONGEST = 3650 * 86400.0
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([\w.-]+)):(\d{1,5})", re.ASCII)
_CADENCE = 'Write continuous, a cron line ("0 2 * * *") or a period (1h).'
TODO = "TODO"  #: what `init` writes where only its user knows the value
_TODO = re.compile(rf"\b{TODO}\b")
MAX_WHOLE = 2**53
MAX_TEXT = 4096


def wrong(what: str, hint: str = "") -> NoReturn:
    """Refuse a value: `what` follows the name of the key."""
    raise PydanticCustomError("said", "{what}", {"what": what, "hint": hint})


@dataclass(frozen=True, slots=True)
class Address:
    """A host and port to listen on or connect to."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Nobody but this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def duration(value: object) -> timedelta:
    """`60s`, `5m`, `2h`, `7d`, or seconds."""
    if isinstance(value, timedelta):
        return value
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds <= _LONGEST:
        wrong(f"is {quoted(value)}, which is no duration", "Write 60s, 5m, 2h or 7d.")
    return timedelta(seconds=seconds)


def _seconds(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if abs(value) <= _LONGEST and math.isfinite(value) else None
    parsed = _DURATION.fullmatch(value.strip()) if isinstance(value, str) and value.isascii() else None
    return float(parsed[1]) * _UNITS[parsed[2] or "s"] if parsed else None


def positive_duration(value: object) -> timedelta:
    """A duration that is not zero."""
    found = duration(value)
    if not found:
        wrong("is 0", "Write 60s, 5m, 2h or 7d.")
    return found


def size(value: object) -> int:
    """`16MiB`, or bytes."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_WHOLE:
        return value
    parsed = _SIZE.fullmatch(value.strip()) if isinstance(value, str) and value.isascii() else None
    number = round(float(parsed[1]) * _SIZES[parsed[2].upper()]) if parsed else 0
    if not 0 < number <= MAX_WHOLE:
        wrong(f"is {quoted(value)}, which is no size", "Write 512KiB, 16MiB, 1GiB or a number of bytes.")
    return number


def day(value: object) -> date:
    """`2026-05-01`."""
    if isinstance(value, str) and value.isascii() and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            wrong(f"is {quoted(value)}, a day that no calendar has", "Write year-month-day, such as 2026-05-01.")
    wrong(f"is {quoted(value)}, which is no date", "Write year-month-day, such as 2026-05-01.")


def address_of(value: object) -> Address | None:
    """`host:port`, `[::1]:port`; None for what is none."""
    parsed = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    port = int(parsed[3]) if parsed else -1
    if parsed is None or not 0 <= port <= 65535:  # the highest TCP port
        return None
    host = parsed[1] or parsed[2]
    return Address(host, port) if resolvable(host) else None


def resolvable(host: str) -> bool:
    """Whether a name can be one of a host at all: what holds `a..b` or a label of over 63 letters cannot."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def address(value: object) -> Address:
    """The same as a value of the configuration."""
    found = address_of(value)
    if found is None:
        wrong(f"is {quoted(value)}, which is no address", "Write host:port, such as 127.0.0.1:4318.")
    return found


def text(value: object) -> str:
    """Any text that is not empty."""
    if isinstance(value, str) and value.strip() and len(value) <= MAX_TEXT:
        if what := hidden(value, "\n\t"):
            wrong(f"is {quoted(value)}, with {what}", "Write it without.")
        return value
    if isinstance(value, str):
        wrong("is empty" if not value.strip() else f"is longer than {MAX_TEXT:,} characters", "Write a short text.")
    if isinstance(value, dict | list) or value is None:
        wrong(f"is {quoted(value)}, not a text", "Write a text.")
    wrong(f"is {quoted(value)}, not a text", f'Put it in quotes: "{quoted(value)}".')


def filled(value: object) -> None:
    """Refuse what `init` left to be filled in."""
    if isinstance(value, str) and _TODO.search(value):
        wrong(f"is {quoted(value)}, which is still to be filled in", f"Write its value in place of {TODO}.")


def given(value: object) -> str:
    """A text that somebody has to know."""
    filled(value)
    return text(value)


def flag(value: object) -> bool:
    """`true` or `false`; YAML 1.2 reads `yes` and `no` as texts."""
    if not isinstance(value, bool):
        meant = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
        word = meant.get(value.lower()) if isinstance(value, str) else None
        wrong(f"is {quoted(value)}; it takes true or false", f"Write {word}." if word else "")
    return value


def cron(value: object) -> str:
    """A cron line of five fields, or one of cron's names, that comes due at least once."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        wrong(f"is {quoted(value)}, which is no cron line", crontab.HOW)
    told = crontab.mistake(value.strip())
    if told is not None:
        wrong(f"is {quoted(value)}, {told.what}", told.hint)
    return value.strip()


def cadence(value: object) -> str:
    """`continuous`, a cron line, or a period."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        wrong(f"is {quoted(value)}", _CADENCE)
    word = value.strip()
    if word == "continuous" or _seconds(word):
        return word
    if word.startswith("@") or len(word.split()) >= crontab.FIELDS:
        return cron(word)
    wrong(f"is {quoted(value)}", nearest(word, ["continuous", *crontab.NAMES]) or _CADENCE)


def kind(read: Callable[..., Any], *, schema: dict[str, Any]) -> tuple[PlainValidator, WithJsonSchema]:
    """What Annotated needs for one kind of value."""
    return PlainValidator(read), WithJsonSchema(schema)


_DURATION_SCHEMA = {"type": ["string", "number"], "pattern": r"^[0-9.]+ *(ms|s|m|h|d|w)?$", "minimum": 0}
ADDRESS_SCHEMA = WithJsonSchema({"type": "string", "pattern": r"^.+:[0-9]{1,5}$"})
_SIZE_SCHEMA = {"type": ["string", "integer"], "pattern": r"^[0-9.]+ *([KkMmGgTt][Ii])?[Bb]?$", "minimum": 1}

Text = Annotated[str, *kind(text, schema={"type": "string", "minLength": 1})]
Given = Annotated[str, *kind(given, schema={"type": "string", "minLength": 1})]
Flag = Annotated[bool, *kind(flag, schema={"type": "boolean"})]
Duration = Annotated[timedelta, *kind(duration, schema=_DURATION_SCHEMA)]
PositiveDuration = Annotated[timedelta, *kind(positive_duration, schema=_DURATION_SCHEMA)]
Size = Annotated[int, *kind(size, schema=_SIZE_SCHEMA)]
Day = Annotated[date, *kind(day, schema={"type": "string", "format": "date"})]
Bind = Annotated[Address, PlainValidator(address), ADDRESS_SCHEMA]
Cron = Annotated[str, *kind(cron, schema={"type": "string"})]
Cadence = Annotated[str, *kind(cadence, schema={"type": "string"})]
Whole = Annotated[int, Strict(), Field(ge=1, le=MAX_WHOLE)]
Amount = Annotated[float, Strict(), Field(ge=0, le=1e15, allow_inf_nan=False)]
