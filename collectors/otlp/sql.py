"""Tables and verbs from SQL text; literals never leave this module.

The text is normalised first (literals and parameters become `?`), so that the cache is keyed by statement, not by
value, and a hostile text is cut before a parser sees it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_MAX_TEXT = 16_384
_MAX_DEPTH = 64
_LITERAL = re.compile(
    r"'(?:[^']|'')*'"  # a quoted string
    r"|\$\d+|%\(\w+\)s|%s|(?<![:\w]):\w+|@\w+"  # parameters of PostgreSQL, DBAPI, named, T-SQL
    r"|\b\d+(?:\.\d+)?\b"
)
_LIST = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")
_ROWS = re.compile(r"(VALUES\s*\(\?\))(?:\s*,\s*\(\?\))+", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME = r"(?:[`\"\[]?[\w$]+[`\"\]]?\.){0,2}[`\"\[]?[\w$]+[`\"\]]?"
_LEXED = re.compile(
    rf"^\s*(?:WITH\b.*?\)\s*)?(?P<verb>INSERT|UPDATE|DELETE|MERGE|REPLACE|SELECT)\b"
    rf"(?:\s+(?:IGNORE|INTO|FROM|ONLY|OR\s+\w+))*\s+(?P<table>{_NAME})?",
    re.IGNORECASE | re.DOTALL,
)
_FROM = re.compile(rf"\b(?:FROM|JOIN)\s+(?P<table>{_NAME})", re.IGNORECASE)
_GUARD = re.compile(
    r"\bON\s+CONFLICT\b|\bON\s+DUPLICATE\s+KEY\b|\bINSERT\s+IGNORE\b|\bINSERT\s+OR\s+(?:IGNORE|REPLACE)\b|^\s*REPLACE\b"
    r"|^\s*MERGE\b|\bWHERE\s+NOT\s+EXISTS\b|^\s*DELETE\b|^\s*UPSERT\b",
    re.IGNORECASE,
)
_DIALECTS = {
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "microsoft.sql_server": "tsql",
    "sqlite": "sqlite",
    "oracle.db": "oracle",
    "clickhouse": "clickhouse",
    "snowflake": "snowflake",
    "redshift": "redshift",
}


@dataclass(frozen=True, slots=True)
class Access:
    """One table that a statement touches."""

    table: str
    verb: str  #: SELECT, INSERT, UPDATE, DELETE, MERGE, REPLACE
    guarded: bool  #: repeating it changes nothing

    @property
    def writes(self) -> bool:
        """Anything but a read."""
        return self.verb != "SELECT"


def normalise(text: str) -> str:
    """The statement without literals, comments and the length of its lists; at most 16 KiB of it."""
    bare = _COMMENT.sub(" ", text[:_MAX_TEXT])
    bare = _LITERAL.sub("?", bare)
    return _ROWS.sub(r"\1", _LIST.sub("(?)", " ".join(bare.split())))


def accesses(text: str, system: str) -> tuple[Access, ...]:
    """Tables that a statement reads and writes; nothing for DDL, SET, connect, or what cannot be read."""
    return _accesses(normalise(text), system)


@lru_cache(maxsize=4096)
def _accesses(text: str, system: str) -> tuple[Access, ...]:
    if _deepest(text) > _MAX_DEPTH:
        return _lexed(text)
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(text, read=_DIALECTS.get(system, ""))
        return _of_tree(tree, guarded=bool(_GUARD.search(text)))
    except (SqlglotError, RecursionError, ValueError, AttributeError):
        return _lexed(text)


def _deepest(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


def _of_tree(tree: Any, *, guarded: bool) -> tuple[Access, ...]:
    from sqlglot import exp

    common = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    found: dict[tuple[str, str], Access] = {}
    targets = list(_targets(tree, guarded=guarded))
    plain = isinstance(tree, (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge))
    reads = tree.find_all(exp.Table) if plain else ()
    aimed = [id(table) for table, _, _ in targets]
    others = [(table, "SELECT", True) for table in reads if id(table) not in aimed]
    for table, verb, safe in (*targets, *others):
        name = ".".join(part for part in (table.catalog, table.db, table.name) if part)
        if name and (table.db or name not in common):
            found.setdefault((name, verb), Access(name, verb, safe))
    return tuple(found.values())


def _written() -> dict[Any, str]:
    from sqlglot import exp

    return {exp.Insert: "INSERT", exp.Update: "UPDATE", exp.Delete: "DELETE", exp.Merge: "MERGE"}


def _targets(tree: Any, *, guarded: bool) -> Iterator[tuple[Any, str, bool]]:
    """Tables that a statement writes, with the verb, and whether doing it twice changes nothing."""
    from sqlglot import exp

    for kind, verb in _written().items():
        for node in tree.find_all(kind):
            table = node.this.find(exp.Table) if node.this is not None else None
            if table is not None:
                yield table, verb, guarded or (verb == "UPDATE" and _sets_constants(node))


def _sets_constants(update: Any) -> bool:
    """True where an UPDATE sets values that do not depend on the row: doing it twice changes nothing."""
    from sqlglot import exp

    sets = update.args.get("expressions") or []
    return bool(sets) and not any(item.expression is None or item.expression.find(exp.Column) for item in sets)


def _lexed(text: str) -> tuple[Access, ...]:
    match = _LEXED.match(text)
    if not match:
        return ()
    verb = match["verb"].upper()
    if verb != "SELECT":
        return (Access(match["table"], verb, bool(_GUARD.search(text))),) if match["table"] else ()
    names = dict.fromkeys(found["table"] for found in _FROM.finditer(text))
    return tuple(Access(name, "SELECT", guarded=True) for name in names)
