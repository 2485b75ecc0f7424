"""Cron lines: whether each of the five fields is one, and whether any day is one of theirs. Never when."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.config.problem import nearest
from agent.model.counting import counted

FIELDS = 5
NAMES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
HOW = 'Write five fields: "0 2 * * *".'
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_WEEK = 7  #: Sunday's other number, with which a range may end
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d{1,4}))?", re.ASCII)
_ANY = ("*", "?")
#: What Quartz writes: L and W in a day of the month, nL and n#m in a day of the week.
_SPECIAL_DAY = re.compile(r"L(?:-(?:[0-9]|[12][0-9]|30))?W?|(?:[1-9]|[12][0-9]|3[01])W", re.IGNORECASE)
_SPECIAL_WEEKDAY = re.compile(r"(?:[0-7]|[A-Z]{3})(?:L|#[1-5])|L", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a line, as a clause, and what to write."""

    what: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()
    special: re.Pattern[str] | None = None

    @property
    def bounds(self) -> str:
        words = f" or {self.words[0]} to {self.words[-1]}" if self.words else ""
        return f"The {self.name} is {self.low} to {self.high}{words}."


_LINE = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31, special=_SPECIAL_DAY),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, _WEEK, _WEEKDAYS, _SPECIAL_WEEKDAY),
)


class _WrongError(ValueError):
    """Never leaves this module."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.mistake = Mistake(what, hint)


def mistake(line: str) -> Mistake | None:
    """What is wrong with a cron line; None where it is one."""
    if line.startswith("@"):
        return None if line.lower() in NAMES else Mistake("which is no name of cron", nearest(line, NAMES) or HOW)
    fields = line.split()
    if len(fields) != FIELDS:
        return Mistake(f"which is no cron line: it has {counted(len(fields), 'field')}", HOW)
    try:
        _, _, days, months, weekdays = (list(_values(field, text)) for field, text in zip(_LINE, fields, strict=True))
    except _WrongError as wrong:
        return wrong.mistake
    if weekdays and not fields[4].startswith(_ANY):
        return None  # where both days are told, either will do
    if all(day > _LENGTHS[month - 1] for day in days for month in months) and days:
        return Mistake("a day that no calendar has", "Write a day that one of the months has.")
    return None


def _values(field: _Field, text: str) -> Iterator[int]:
    for part in text.split(","):
        if field.special is None or not (part == "?" or field.special.fullmatch(part)):
            yield from _range(field, part)
        elif part != "?":
            yield field.low  # some day of every month


def _range(field: _Field, part: str) -> range:
    match = _PART.fullmatch(part)
    if match is None:
        what = f'whose {field.name} "{part[:20]}" cannot be read'
        raise _WrongError(what, field.bounds)
    step = int(match["step"] or 1)
    if not 0 < step <= field.high:
        what = f"whose {field.name} has a step of {step}"
        raise _WrongError(what, f"A step is 1 to {field.high}.")
    if match["first"] == "*":
        if match["last"]:
            what = f'whose {field.name} "{part[:20]}" cannot be read'
            raise _WrongError(what, field.bounds)
        return range(field.low, field.high + 1, step)
    first = _number(field, match["first"])
    last = _number(field, match["last"]) if match["last"] else field.high if match["step"] else first
    if field.high == _WEEK and last == 0 < first:
        last = _WEEK  # FRI-SUN
    if last < first:
        what = f'whose {field.name} "{part[:20]}" runs backwards'
        raise _WrongError(what, "Write two ranges with a comma between.")
    return range(first, last + 1, step)


def _number(field: _Field, word: str) -> int:
    if word.isdigit() and len(word) <= 4 and field.low <= int(word) <= field.high:
        return int(word)
    if word.upper() in field.words:
        return field.words.index(word.upper()) + (0 if field.high == _WEEK else 1)
    what = f"and there is no {field.name} {word[:20]}"
    raise _WrongError(what, nearest(word, field.words) or field.bounds)
