"""Statements so plain that no parser is needed: one table, no bracket but the list of values, no clause that writes.

Most of an application's statements are of this kind; a process that meets no other never loads the parser (12 MB).
What is not certain is left to the parser: a test holds both readings side by side.
"""

# ruff: noqa: S608  # these are patterns of statements; none is ever run
import re

_TABLE = r"(?P<table>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){0,2})"
_COLUMN = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?"
_INSERT = re.compile(
    rf"INSERT INTO {_TABLE} ?\( ?{_COLUMN}(?: ?, ?{_COLUMN})* ?\) VALUES ?\( ?\?(?: ?, ?\?)* ?\) ?;?", re.IGNORECASE
)
_UPDATE = re.compile(
    rf"UPDATE {_TABLE} SET {_COLUMN} ?= ?\?(?: ?, ?{_COLUMN} ?= ?\?)*(?P<rest>(?: WHERE (?:[^()]|\(\?\))*)?)",
    re.IGNORECASE,
)
_DELETE = re.compile(rf"DELETE FROM {_TABLE}(?P<rest>(?: WHERE (?:[^()]|\(\?\))*)?)", re.IGNORECASE)
_SELECT = re.compile(
    rf"SELECT (?>(?P<columns>[\w.*, ]+?) FROM ){_TABLE}(?P<rest>(?: (?:WHERE|ORDER BY|LIMIT) (?:[^()]|\(\?\))*)?)",
    re.IGNORECASE,
)
#: words behind which another table, or a write, may stand
_MORE = re.compile(
    r"\b(?:SELECT|FROM|JOIN|INTO|UNION|EXCEPT|INTERSECT|MINUS|USING|RETURNING|OUTPUT|WITH|CASE|SET|INSERT|UPDATE|DELETE"
    r"|TOP|DISTINCT|ALL|PERCENT)\b|[;\"`\[\]#@:\\/*-]{2}|[;\"`\[#@{]",
    re.IGNORECASE,
)
_KINDS = (("INSERT", _INSERT, False), ("UPDATE", _UPDATE, True), ("DELETE", _DELETE, True), ("SELECT", _SELECT, True))


def plain(statement: str) -> tuple[str, str, bool] | None:
    """Table, verb, and whether doing it twice changes nothing; None where a normalised statement is not plain."""
    head = statement[:6].upper()
    for verb, pattern, guarded in _KINDS:
        if head != verb:
            continue
        match = pattern.fullmatch(statement)
        parts = match.groupdict() if match else {}
        if match is None or any(_MORE.search(parts[name] or "") for name in ("rest", "columns") if name in parts):
            return None
        return match["table"], verb, guarded
    return None
