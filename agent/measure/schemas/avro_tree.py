"""Avro schemas as trees of which only what counts for reading is left, every name in full.

Documentation, order, properties of others and the values of defaults are gone: two schemas that differ in these alone
have one tree. Every full name has a prefix, so that a name without a namespace is one as well.
"""

from collections.abc import Sequence
from typing import Any

from agent.measure.schemas.comparison import UncomparableError, loaded

PRIMITIVES = frozenset(("null", "boolean", "int", "long", "float", "double", "bytes", "string"))
NAMED = frozenset(("record", "error", "enum", "fixed"))
LOGICAL = "seamwatch.logical"  #: (name, precision, scale) of a logical type
MOST_FIELDS = 2_000
MOST_BRANCHES = 256
_PREFIX = "-."
#: which type carries it; what stands on another is ignored, as Avro does
_CARRIED: dict[str, tuple[str, ...]] = {
    "decimal": ("bytes", "fixed"),
    "date": ("int",),
    "time-millis": ("int",),
    "time-micros": ("long",),
    **{f"{local}timestamp-{unit}": ("long",) for local in ("", "local-") for unit in ("millis", "micros", "nanos")},
}

Node = Any  #: a primitive's or a definition's name, a list of branches, or a table with `type`


class Tree:
    """One schema with all that it refers to."""

    def __init__(self, text: str, references: Sequence[str] = ()) -> None:
        self.named: dict[str, dict[str, Any]] = {}
        self.references = [self._node(loaded(one), "") for one in references]
        self.root = self._node(loaded(text), "")

    def resolved(self, node: Node) -> Node:
        """The definition behind a name; primitives, unions and tables as they are."""
        return self.named.get(node, node) if isinstance(node, str) else node

    def _node(self, given: Any, space: str) -> Node:
        if isinstance(given, str):
            return given if given in PRIMITIVES else self._known(given, space)
        if isinstance(given, list):
            return self._union(given, space)
        if not isinstance(given, dict):
            raise _wrong("a type is neither a name, a list nor a table")
        kind = given.get("type")
        if isinstance(kind, list | dict):
            return self._node(kind, space)
        if not isinstance(kind, str):
            raise _wrong("a table names no type")
        return self._table(kind, given, space)

    def _table(self, kind: str, given: dict[str, Any], space: str) -> Node:
        if kind in NAMED:
            return self._definition(kind, given, space)
        if kind in ("array", "map"):
            inner = "items" if kind == "array" else "values"
            return {"type": kind, inner: self._node(given.get(inner), space)}
        if kind in PRIMITIVES:
            logical = _logical(kind, given)
            return {"type": kind, LOGICAL: logical} if logical else kind
        return self._known(kind, space)

    def _union(self, given: list[Any], space: str) -> Node:
        if len(given) > MOST_BRANCHES:
            raise _wrong("a union has too many branches")
        branches = [self._node(one, space) for one in given]
        if any(isinstance(branch, list) for branch in branches):
            raise _wrong("a union is in a union")
        return branches

    def _known(self, name: str, space: str) -> str:
        """A definition's full name; one without a dot is looked for in its namespace, then in none."""
        for full in (_full(name, space), _full(name, "")):
            if full in self.named:
                return full
        raise _wrong("a type that it names is not defined")

    def _definition(self, kind: str, given: dict[str, Any], space: str) -> Node:
        name, own = given.get("name"), given.get("namespace")
        own = space if own is None else own
        if not isinstance(name, str) or not name or not isinstance(own, str):
            raise _wrong("a type has no name")
        full = _full(name, own)
        if full in self.named:
            raise _wrong("a type is defined twice")
        inside = full.removeprefix(_PREFIX).rpartition(".")[0]
        made: dict[str, Any] = {"type": "record" if kind == "error" else kind, "name": full}
        self.named[full] = made
        aliases = [_full(alias, inside) for alias in _texts(given.get("aliases"))]
        if aliases:
            made["aliases"] = aliases
        if kind == "fixed":
            made["size"] = _size(given.get("size"))
            logical = _logical(kind, given)
            if logical:
                made[LOGICAL] = logical
        elif kind == "enum":
            made["symbols"] = _symbols(given.get("symbols"))
            if given.get("default") in made["symbols"]:
                made["default"] = given["default"]
        else:
            made["fields"] = self._fields(given.get("fields"), inside)
        return made

    def _fields(self, given: Any, space: str) -> list[dict[str, Any]]:
        if not isinstance(given, list) or len(given) > MOST_FIELDS:
            raise _wrong("a record has too many fields" if isinstance(given, list) else "a record has no fields")
        made = []
        for field in given:
            name = field.get("name") if isinstance(field, dict) else None
            if not isinstance(name, str) or not name:
                raise _wrong("a field has no name")
            one: dict[str, Any] = {"name": name, "type": self._node(field.get("type"), space)}
            if "default" in field:
                one["default"] = None  # that there is one is all that counts
            aliases = _texts(field.get("aliases"))
            made.append(one | ({"aliases": aliases} if aliases else {}))
        if len({one["name"] for one in made}) < len(made):
            raise _wrong("a record has two fields of one name")
        return made


def shown(full: str) -> str:
    """A name as its schema has it."""
    return full.removeprefix(_PREFIX)


def record_name(text: str) -> str | None:
    """The full name of the type at the root of an Avro schema; None where it has none."""
    try:
        given = loaded(text)
    except UncomparableError:
        return None
    if not isinstance(given, dict) or str(given.get("type")) not in NAMED:
        return None
    name, space = given.get("name"), given.get("namespace") or ""
    return shown(_full(name, space)) if isinstance(name, str) and isinstance(space, str) and name else None


def _full(name: str, space: str) -> str:
    return _PREFIX + (name if "." in name or not space else f"{space}.{name}")


def _texts(given: Any) -> list[str]:
    return [one for one in given if isinstance(one, str) and one] if isinstance(given, list) else []


def _size(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise _wrong("a fixed type has no size")
    return given


def _symbols(given: Any) -> list[str]:
    symbols = _texts(given)
    if not isinstance(given, list) or len(set(symbols)) < len(given):
        raise _wrong("an enum's symbols are no list of names")
    return symbols


def _logical(kind: str, given: dict[str, Any]) -> tuple[str, int, int] | None:
    name = given.get("logicalType")
    if not isinstance(name, str) or kind not in _CARRIED.get(name, ()):
        return None
    if name != "decimal":
        return name, 0, 0
    precision, scale = given.get("precision"), given.get("scale", 0)
    if type(precision) is not int or type(scale) is not int or not 0 <= scale <= precision or not precision:
        return None
    return name, precision, scale


def _wrong(why: str) -> UncomparableError:
    return UncomparableError(why)
