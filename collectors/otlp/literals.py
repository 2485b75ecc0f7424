"""Statements without what they say: literals, parameters and comments go, names of tables and columns stay.

One pass from left to right, because a quote may stand in a comment and a comment's dashes in a string. Where it is not
clear how a string ends, the rest of the statement goes with it.
"""

import re
from functools import lru_cache

from collectors.otlp.databases import System, system_of

_MAX_TEXT = 16_384
_AFRESH = r"(?<![\w$])"  #: no part of a longer name
_COMMENT = r"--[^\n]*|/\*.*?(?:\*/|\Z)"
_DOLLARS = _AFRESH + r"\$(?P<tag>[A-Za-z_]\w*|)\$.*?(?:\$(?P=tag)\$|\Z)"
_ORACLE_Q = _AFRESH + (
    r"[nN]?[qQ]'(?:\[.*?(?:\]'|\Z)|\{.*?(?:\}'|\Z)|\(.*?(?:\)'|\Z)|<.*?(?:>'|\Z)"
    r"|(?P<end>[^\s\[{(<]).*?(?:(?P=end)'|\Z))"
)
_PARAMETER = r"\$\d+|%\(\w+\)s|%s|(?<![:\w]):\w+|@@?\w+"  # of PostgreSQL, DBAPI, named, T-SQL
_NUMBER = r"\b0[xX][0-9a-fA-F]+\b|\b0[bB][01]+\b|\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b"
#: what any of these begins with, looked at first: where it is something else, none of them is tried
_BEGINS = r"""(?=[-/#`"'\[$%:@]|\b\d|[eEnNbBxXrRuUqQ][nNbBxXrRqQ&]?')"""
_LIST = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")
_ROWS = re.compile(r"(VALUES\s*\(\?\))(?:\s*,\s*\(\?\))+", re.IGNORECASE)


def normalise(text: str, system: str) -> str:
    """The statement without literals, comments and the length of its lists; at most 16 KiB of it."""
    bare = _pattern(system_of(system)).sub(_instead, text[:_MAX_TEXT])
    return _ROWS.sub(r"\1", _LIST.sub("(?)", " ".join(bare.split())))


def _instead(match: re.Match[str]) -> str:
    """What stands for a piece of a statement: names stay, comments leave a gap, the rest is a question mark."""
    name = match["name"]
    if name is not None:
        closed = len(name) > 1 and name[-1] == {"[": "]"}.get(name[0], name[0])
        return name if closed else "?"
    return " " if match["gap"] is not None else "?"


@lru_cache(maxsize=64)
def _pattern(system: System) -> re.Pattern[str]:
    """What to look for in a system's statements. Each branch ends at the text's end at the latest: no backtracking."""
    single = _string("'", system.escapes)
    gap = _COMMENT + (r"|\#[^\n]*" if system.quotes_strings else "")
    names = [r"`[^`]*(?:`|\Z)", *([] if system.quotes_strings else [r'"(?:[^"]|"")*(?:"|\Z)'])]
    names += [r"\[(?:[^\]]|\]\])*(?:\]|\Z)"] if system.dialect == "tsql" else []
    values = [
        _DOLLARS,
        *([_ORACLE_Q] if system.dialect == "oracle" else []),
        _AFRESH + "[eE]" + _string("'", "backslash"),
        rf"(?:{_AFRESH}(?:[nNbBxXrR]{{1,2}}|[uU]&))?{single}",
        *([_string('"', system.escapes)] if system.quotes_strings else []),
        _PARAMETER,
        _NUMBER,
    ]
    return re.compile(rf"{_BEGINS}(?:(?P<gap>{gap})|(?P<name>{'|'.join(names)})|{'|'.join(values)})", re.DOTALL)


def _string(quote: str, escapes: str) -> str:
    q = quote
    if escapes == "doubled":
        return rf"{q}(?:[^{q}]|{q}{q})*(?:{q}|\Z)"
    if escapes == "backslash":
        return rf"{q}(?:[^{q}\\]|{q}{q}|\\.)*(?:{q}|\\?\Z)"
    return rf"{q}(?:[^{q}\\]|{q}{q}|\\[^{q}])*(?:{q}|\\{q}.*|\\?\Z)"
