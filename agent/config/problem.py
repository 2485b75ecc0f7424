"""What is wrong in a file, as a value: where, what, and what to write instead. Nothing here raises."""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.model.plain import plain

# To the last @: a password may hold one, and so may a user's name.
_USERINFO = re.compile(r"(://[^/\s:]*):\S*@")
_SHOWN = 60
_QUOTED = 4096  #: a longer text is not searched for passwords, so none of it is shown
MAX_PROBLEMS = 100
_BEGUN = 3  #: letters that are enough for a word to be the beginning of another

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. `line` and `column` count from 1, 0 where there is none (a variable, a missing file)."""

    file: str
    line: int
    column: int
    key: str  #: dotted path of the key, empty for the whole file
    what: str  #: a sentence without its full stop
    hint: str = ""  #: what to do, a sentence with its full stop

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}, column {self.column}" if self.line else self.file
        text = f"{where}: {self.what}{'' if self.what.endswith(('?', '!', '.')) else '.'}"
        return plain(f"{text} {self.hint}".strip(), " ")


def dotted(path: Sequence[str | int]) -> str:
    """A path as people write it: `workflows[0].seams[1].kind`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def quoted(value: object) -> str:
    """A value in an error: shortened, on one line, and never with the password of a URL."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "empty"}[value]
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, str) and len(value) > _QUOTED:
        return f"a text of {len(value):,} characters"
    text = _USERINFO.sub(r"\1:***@", str(value) if isinstance(value, str | float) else _whole(value))
    text = plain(text, " ")
    text = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    return f'"{text}"' if isinstance(value, str) else text


def _whole(value: object) -> str:
    # Python refuses to print an integer of more than 4,300 digits.
    return "a huge number" if isinstance(value, int) and value.bit_length() > 256 else str(value)


def nearest(word: object, valid: Iterable[str], by: Callable[[str], str] = str) -> str:
    """`Did you mean "x"?` for the nearest valid word, or an empty text; `by` says what of a word is compared."""
    words = {by(known).lower(): known for known in valid}
    given = str(word)[:100].lower()
    begun = [known for known in words if len(given) >= _BEGUN and known.startswith(given)]
    close = begun if len(begun) == 1 else difflib.get_close_matches(given, words, n=1, cutoff=0.6)
    return f'Did you mean "{words[close[0]]}"?' if close else ""


def cut(file: str, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """A list that people can read: the first problems, and how many more there are."""
    shown = tuple(problems[:MAX_PROBLEMS])
    left = len(problems) - len(shown)
    if not left:
        return shown
    return (*shown, Problem(file, 0, 0, "", f"{left} more problems are not shown", "Mend the first ones."))


def either(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *head, last = words
    return f"{', '.join(head)} or {last}" if head else last
