"""Tables and verbs from SQL text; literals never leave this module.

The text is normalised first (literals and parameters become `?`), so that the cache is keyed by statement, not by
value, and a hostile text is cut before a parser sees it.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from collectors.otlp.budget import parsing, uncounted
from collectors.otlp.databases import System, system_of
from collectors.otlp.literals import normalise
from collectors.otlp.memo import Memo, digest
from collectors.otlp.plain import plain

# The parser logs the statements that it does not understand, and ours may hold what nobody may read.
logging.getLogger("sqlglot").disabled = True

_MAX_PARSED = 8_192  #: characters; the parser takes some milliseconds for a thousand
_MAX_DEPTH = 64
_MAX_CALLS = 6  #: one in another; the parser takes `date(date(...` twice or more at each level, trying types first
_MAX_STATEMENTS = 32
_MAX_TABLES = 64  #: of one text; no query of MySQL joins more than 61
_MAKES_TABLES = ("tsql", "postgres", "redshift")  #: dialects in which SELECT INTO fills a table, not a variable
_BRACKET = re.compile(
    r"(?P<call>\b(?!(?:IN|AND|OR|NOT|FROM|JOIN|AS|ON|EXISTS|WHERE|SELECT|VALUES)\b)\w+\s*)?[(\[]|[)\]]", re.IGNORECASE
)
_PIECE = re.compile(r'"[^"]*(?:"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z)|(;)')
_NAME = r"(?:[`\"\[]?[\w$]+[`\"\]]?\.){0,2}[`\"\[]?[\w$]+[`\"\]]?"
_LEXED = re.compile(
    rf"^\s*(?:WITH\b.*?\)\s*)?(?P<verb>INSERT|UPDATE|DELETE|MERGE|REPLACE|UPSERT|SELECT)\b"
    rf"(?:\s+(?:IGNORE|INTO|FROM|ONLY|LOW_PRIORITY|DELAYED|OR\s+\w+))*\s+(?P<table>{_NAME})?",
    re.IGNORECASE | re.DOTALL,
)
_FROM = re.compile(rf"\b(?:FROM|JOIN)\s+(?P<table>{_NAME})", re.IGNORECASE)
_INTO = re.compile(rf"\bINTO\s+(?P<table>{_NAME})\s+FROM\b", re.IGNORECASE)
_GUARD = re.compile(
    r"\bON\s+CONFLICT\b|\bON\s+DUPLICATE\s+KEY\b|\bINSERT\s+IGNORE\b|\bINSERT\s+OR\s+(?:IGNORE|REPLACE)\b"
    r"|\bWHERE\s+NOT\s+EXISTS\b|\bIF\s+NOT\s+EXISTS\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Access:
    """One table that a statement touches."""

    table: str
    verb: str  #: SELECT, INSERT, UPDATE, DELETE, MERGE, REPLACE, UPSERT
    guarded: bool  #: repeating it changes nothing

    @property
    def writes(self) -> bool:
        """Anything but a read."""
        return self.verb != "SELECT"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says of tables."""

    found: tuple[Access, ...]
    whole: bool = True  #: it names no more tables than are kept
    lasting: bool = True  #: it was read as well as can be


def read(text: str, system: str) -> Reading:
    """Tables that a statement reads and writes, at most 64; none for DDL, SET, connect, or what cannot be read."""
    bare = normalise(text, system)
    key = digest(system, bare)
    found = _MEMO.get(key)
    if found is None:
        found = _joined(bare, system_of(system), simple=len(bare) > _MAX_PARSED or _too_deep(bare))
        _MEMO.keep(key, found, 250 + sum(250 + len(access.table) for access in found))
    return _cut(found)


def read_in_haste(text: str, system: str) -> Reading:
    """The same, by its words and by no parser, where nothing is known of it."""
    bare = normalise(text, system)
    known = _MEMO.get(digest(system, bare))
    return _cut(known) if known is not None else _cut(_joined(bare, system_of(system), simple=True), lasting=False)


def _cut(found: tuple[Access, ...], *, lasting: bool = True) -> Reading:
    return Reading(found[:_MAX_TABLES], len(found) <= _MAX_TABLES, lasting)


_MEMO: Memo[tuple[Access, ...]] = Memo(4 << 20)  #: characters of names, and as much as 250 an entry or a table


def _joined(text: str, known: System, *, simple: bool) -> tuple[Access, ...]:
    found: dict[tuple[str, str], Access] = {}
    for statement in _statements(text):
        for access in _lexed(statement, known) if simple else _read(statement, known):
            key = (access.table, access.verb)
            safe = access.guarded and (key not in found or found[key].guarded)
            found[key] = Access(access.table, access.verb, safe)
        if len(found) > _MAX_TABLES:
            break
    return tuple(found.values())[: _MAX_TABLES + 1]


def _statements(text: str) -> list[str]:
    """The statements of a text, each by itself: what guards one guards no other."""
    if ";" not in text:
        return [text]
    ends = list(islice((match.start() for match in _PIECE.finditer(text) if match[1]), _MAX_STATEMENTS - 1))
    pieces = [text[start + 1 : end] for start, end in zip([-1, *ends], [*ends, len(text)], strict=True)]
    return [piece for piece in pieces if piece.strip()]


def _too_deep(text: str) -> bool:
    """True where brackets, or calls in calls, are nested deeper than the parser gets through in good time."""
    nested = [0]  # at each open bracket: how many calls it is in
    for opening in _BRACKET.finditer(text):
        if opening[0][-1] in ")]":
            del nested[max(1, len(nested) - 1) :]
        else:
            nested.append(nested[-1] + (opening["call"] is not None))
        if len(nested) > _MAX_DEPTH or nested[-1] > _MAX_CALLS:
            return True
    return False


def _read(statement: str, system: System) -> tuple[Access, ...]:
    """By the parser, which only a statement that is not plain takes; DELETE is repeatable where its system says so."""
    found = plain(statement.strip()) if system.dialect else None
    if found is None:
        return _parsed(statement, system)
    table, verb, guarded = found
    return (Access(table, verb, verb in system.repeatable if verb == "DELETE" else guarded),)


@lru_cache(maxsize=64)
def _loaded(dialect: str) -> None:
    """Load the parser and a dialect, which takes a tenth of a second and more."""
    with uncounted():
        import sqlglot

        sqlglot.tokenize("SELECT 1", read=dialect)


def _parsed(statement: str, system: System) -> tuple[Access, ...]:
    parsing(statement)
    _loaded(system.dialect)
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(statement, read=system.dialect)
        if not isinstance(tree, exp.Command):
            return _of_tree(tree, system, guarded=bool(_GUARD.search(statement)))
    except (SqlglotError, RecursionError, ValueError, AttributeError, TypeError, LookupError):
        pass  # no parser is proof against every text
    return _lexed(statement, system)


def _of_tree(tree: Any, system: System, *, guarded: bool) -> tuple[Access, ...]:
    from sqlglot import exp

    common = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    found: dict[tuple[str, str], Access] = {}
    targets = list(_targets(tree, system, guarded=guarded))
    plain = isinstance(tree, (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge))
    reads = tree.find_all(exp.Table) if plain else ()
    aimed = {id(table) for table, _, _ in targets}
    aimed |= {id(into.this) for into in tree.find_all(exp.Into)}  # a variable, where it is no target
    others = [(table, "SELECT", True) for table in reads if id(table) not in aimed]
    for table, verb, safe in (*targets, *others):
        name = ".".join(part for part in (table.catalog, table.db, table.name) if part)
        if name and (table.db or name not in common) and not _temporary(table):
            found.setdefault((name, verb), Access(name, verb, safe))
    return tuple(found.values())


def _temporary(table: Any) -> bool:
    """True for T-SQL's `#name`: a table of one session is no place where systems meet."""
    return bool(table.this is not None and table.this.args.get("temporary"))


def _written() -> dict[Any, str]:
    from sqlglot import exp

    return {exp.Insert: "INSERT", exp.Update: "UPDATE", exp.Delete: "DELETE", exp.Merge: "MERGE", exp.Into: "INSERT"}


def _targets(tree: Any, system: System, *, guarded: bool) -> Iterator[tuple[Any, str, bool]]:
    """Tables that a statement writes, with the verb, and whether doing it twice changes nothing."""
    from sqlglot import exp

    for kind, verb in _written().items():
        for node in tree.find_all(kind):
            table = node.this.find(exp.Table) if node.this is not None else None
            if table is not None and (kind is not exp.Into or system.dialect in _MAKES_TABLES):
                clause = guarded and not _adds_up(node)
                yield table, verb, clause or verb in system.repeatable or (verb == "UPDATE" and _sets_constants(node))


def _sets_constants(update: Any) -> bool:
    """True where an UPDATE sets values that do not depend on the row: doing it twice changes nothing."""
    from sqlglot import exp

    sets = update.args.get("expressions") or []
    return bool(sets) and not any(item.expression is None or item.expression.find(exp.Column) for item in sets)


def _adds_up(insert: Any) -> bool:
    """True where an INSERT meets a conflict by reckoning on with what the row has: `DO UPDATE SET n = t.n + 1`."""
    from sqlglot import exp

    conflict = insert.args.get("conflict")
    for item in conflict.expressions if conflict is not None else ():
        for sum_ in item.find_all(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.DPipe):
            if any(column.table.lower() not in ("excluded", "new") for column in sum_.find_all(exp.Column)):
                return True
    return False


def _lexed(statement: str, system: System) -> tuple[Access, ...]:
    match = _LEXED.match(statement)
    if not match:
        return ()
    verb = match["verb"].upper()
    if verb != "SELECT":
        guarded = verb in system.repeatable or bool(_GUARD.search(statement))
        return (Access(match["table"], verb, guarded),) if match["table"] else ()
    into = _INTO.finditer(statement) if system.dialect in _MAKES_TABLES else ()
    made = [Access(name, "INSERT", guarded=False) for name in _some(found["table"] for found in into)]
    names = _some(found["table"] for found in _FROM.finditer(statement))
    return (*made, *(Access(name, "SELECT", guarded=True) for name in names))


def _some(names: Iterator[str]) -> dict[str, None]:
    """Each name once; no more are looked for when there are too many."""
    found: dict[str, None] = {}
    for name in names:
        found[name] = None
        if len(found) > _MAX_TABLES:
            break
    return found
