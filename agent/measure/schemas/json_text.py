"""JSON Schema documents as they are compared: without their words, and with references within followed."""

from collections.abc import Iterator, Mapping
from typing import Any

from agent.measure.schemas.comparison import UncomparableError
from agent.model.plain import plain

TYPES = frozenset(("null", "boolean", "object", "array", "number", "integer", "string"))
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
#: looked into
COMPARED = frozenset(
    ("type", "enum", "const", "properties", "required", "additionalProperties", "items", "uniqueItems", *UPPER, *LOWER)
)
#: compared as a whole only: where one differs, nobody can tell here
WHOLE = frozenset(
    (
        *("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "patternProperties", "propertyNames", "dependencies"),
        *("dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems", "additionalItems"),
        *("prefixItems", "contains", "minContains", "maxContains", "pattern", "multipleOf", "format"),
        *("$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$recursiveAnchor"),
    )
)
_WORDS = ("title", "description", "$comment")
_MOST_NAME = 60  #: characters of a name in a pointer
_HOPS = 20  #: from one reference to the next


def wordless(node: Any) -> Any:
    """A document without its words. A property may be named like one of them: its schema is no text."""
    if isinstance(node, list):
        return [wordless(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: item for key, item in node.items() if not (key in _WORDS and isinstance(item, str))}
    return {key: item if key in ("enum", "const", "default") else wordless(item) for key, item in kept.items()}


def same(one: Any, other: Any) -> bool:
    """Equal as JSON; Python alone would take 1 for true."""
    return bool(_typed(one) == _typed(other))


def _typed(value: Any) -> Any:
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    return [_typed(item) for item in value] if isinstance(value, list) else value


def followed(document: Any, node: Any) -> Any:
    """Where a reference within the document leads; None where it leads outside, or has company that may narrow it."""
    for _ in range(_HOPS):
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict):
            msg = "a schema in it is neither a table nor true or false"
            raise UncomparableError(msg)
        if "$ref" not in node:
            return node
        node = None if set(node) & (COMPARED | WHOLE) else _at(document, node["$ref"])
        if node is None:
            return None
    return None


def _at(document: Any, reference: Any) -> Any:
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")) or "%" in reference:
        return None
    for part in reference.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(document, dict) or key not in document:
            return None
        document = document[key]
    return document


def definitions(document: Any) -> Any:
    """All that a reference may lead to; None where one leads elsewhere than to definitions."""
    if any(not one.startswith(("#/$defs/", "#/definitions/")) for one in _references(document)):
        return None
    given = document if isinstance(document, dict) else {}
    return [given.get(key) for key in ("$defs", "definitions")]


def refers(node: Any) -> bool:
    """A reference is in it."""
    return next(_references(node), None) is not None


def _references(node: Any) -> Iterator[str]:
    left = [node]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            found = one.get("$ref")
            if isinstance(found, str):
                yield found
            left += one.values()
        elif isinstance(one, list):
            left += one


def types(node: Mapping[str, Any]) -> frozenset[str] | None:
    """The types that a value may have; None where that is not told in words of JSON Schema."""
    given = node.get("type")
    kinds = [given] if isinstance(given, str) else given
    if not isinstance(kinds, list) or not kinds:
        return None
    return frozenset(kinds) if all(isinstance(kind, str) and kind in TYPES for kind in kinds) else None


def takes(kinds: frozenset[str], kind: str) -> bool:
    """One of the types takes a value of another."""
    return kind in kinds or (kind == "integer" and "number" in kinds)


def values(node: Mapping[str, Any]) -> list[Any] | None:
    """The only values that may be; of its types, where it names both."""
    given = [node["const"]] if "const" in node else node.get("enum")
    if not isinstance(given, list) or not given:
        return None
    kinds = types(node)
    return given if kinds is None else [one for one in given if takes(kinds, _kind(one))]


def _kind(value: Any) -> str:
    for kind, python in (("null", type(None)), ("boolean", bool), ("integer", int), ("number", float), ("string", str)):
        if isinstance(value, python):
            return kind
    return "array" if isinstance(value, list) else "object"


def number(value: Any) -> bool:
    """A number; true is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def table(given: Any) -> dict[str, Any]:
    """Properties; none where it is no table."""
    return given if isinstance(given, dict) else {}


def names(given: Any) -> set[str]:
    """Names in a list."""
    return {one for one in given if isinstance(one, str)} if isinstance(given, list) else set()


def escaped(name: str) -> str:
    """A name as a part of a JSON pointer, without what is hidden in it."""
    return plain(name)[:_MOST_NAME].replace("~", "~0").replace("/", "~1")
