"""Shapes: a document checked against a frozen dataclass; every error at once, with its line and the nearest word."""

import copy
import dataclasses
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from agent.config.document import Document
from agent.config.problem import MAX_PROBLEMS, Path, Place, Problem, dotted, either, nearest, quoted

T = TypeVar("T")

FORBID = ConfigDict(extra="forbid")  #: a key that nobody knows is a mistake
_SHORT_LIST = 14
_ROUNDS = 8  #: of leaving out what is wrong; what is wrong only then has its turn in the next
_LONG_NAME = 80
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_CONTAINERS = {"dataclass_type": "a mapping", "dict_type": "a mapping", "tuple_type": "a list", "list_type": "a list"}
_KINDS: Mapping[str, tuple[str, str]] = {
    "string_type": ("a text", "Write a text."),
    "int_type": ("a whole number", "Write a whole number."),
    "int_from_float": ("a whole number", "Write a whole number."),
    "float_type": ("a number", "Write a number."),
    "finite_number": ("a finite number", "Write a number."),
    "bool_type": ("true or false", "Write true or false."),
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("over", "gt"),
}


def check(
    kind: type[T],
    document: Document,
    value: Any = None,
    *,
    context: Any = None,
    blame: Mapping[Path, str] | None = None,
) -> T | tuple[Problem, ...]:
    """A document as a value of a dataclass, or everything that is wrong with it.

    `value` stands for the document's own where something was laid over it; `blame` names what, by path.
    """
    try:
        checked: T = adapter(cast("type", kind)).validate_python(
            document.value if value is None else value, context=context
        )
    except ValidationError as wrong:
        errors = [(_place(document, error), error) for error in wrong.errors(include_url=False)]
        errors.sort(key=lambda placed: placed[0])
        # Words cost milliseconds, and nobody reads more of them.
        told = [_problem(kind, document, error, place, blame or {}) for place, error in errors[:MAX_PROBLEMS]]
        rest = [_untold(document, error, place) for place, error in errors[MAX_PROBLEMS:]]
        return (*told, *rest)
    return checked


def good_part(kind: type[T], value: Any, *, context: Any = None) -> tuple[T, frozenset[Path]]:
    """What a dataclass of defaults becomes without what is wrong in a value, and what was left out."""
    left: set[Path] = set()
    value = copy.deepcopy(value)
    for _ in range(_ROUNDS):
        try:
            return adapter(cast("type", kind)).validate_python(value, context=context), frozenset(left)
        except ValidationError as wrong:
            paths = {_to_leave_out(error) for error in wrong.errors(include_url=False)}
        left |= paths
        value = _without(value, paths)
    return kind(), frozenset(left)


def _without(value: Any, paths: Iterable[Path]) -> Any:
    # The last items of a list first: their numbers hold until they go.
    for path in sorted(
        paths, key=lambda path: [(-1, s) if isinstance(s, str) else (s, "") for s in path], reverse=True
    ):
        if not path:
            return {}
        parent: Any = value
        for step in path[:-1]:
            parent = parent[step] if not isinstance(parent, dict) else parent.get(step, {})
        with suppress(KeyError, IndexError):  # what holds it may have gone before
            del parent[path[-1]]
    return value


def _to_leave_out(error: Any) -> Path:
    """What goes where something is wrong; where a key is missing, all that cannot be without it."""
    return _path(error)[:-1] if error["type"] in ("missing", "missing_argument") else _path(error)


def _path(error: Any) -> Path:
    return tuple(step for step in error["loc"] if step != "[key]")


def _place(document: Document, error: Any) -> Place:
    path = _path(error)
    unknown = error["type"] == "unexpected_keyword_argument" or "[key]" in error["loc"]
    return document.key_place(path) if unknown else document.place(path)


@cache
def adapter(kind: type) -> TypeAdapter[Any]:
    """The validator of a dataclass, built once."""
    return TypeAdapter(kind)


def spoken(document: Document, path: Path) -> str:
    """A path as people say it: items of a list by their name, `workflows.order-to-cash.owner`."""
    text = ""
    for depth, step in enumerate(path):
        word = f"[{step}]" if isinstance(step, int) else _short(step)
        if isinstance(step, int):
            node = document.find(path[: depth + 1])
            item = node.value if node is not None and isinstance(node.value, dict) else {}
            name = item.get("name") or item.get("component")
            word = f".{name}" if isinstance(name, str) and len(name) <= _LONG_NAME else word
        elif text:
            word = f".{word}"
        text += word
    return text or "the file"


def _short(key: str) -> str:
    return key if len(key) <= _LONG_NAME else f"{key[: _LONG_NAME - 3]}..."


def _problem(kind: type, document: Document, error: Any, place: Place, blame: Mapping[Path, str]) -> Problem:
    path = _path(error)
    what, hint = _words(kind, document, path, error)
    by = next((name for laid, name in blame.items() if path[: len(laid)] == laid), "")
    if by:
        return Problem(by, 0, 0, dotted(path), what, hint)
    return Problem(document.file, place.line, place.column, dotted(path), what, hint)


def _untold(document: Document, error: Any, place: Place) -> Problem:
    path = _path(error)
    return Problem(document.file, place.line, place.column, dotted(path), f"{_short(dotted(path))} is wrong as well")


def _words(kind: type, document: Document, path: Path, error: Any) -> tuple[str, str]:
    tag, given, context = error["type"], error.get("input"), error.get("ctx", {})
    name = spoken(document, path)
    if tag == "said":
        return f"{name} {context['what']}", str(context["hint"])
    if tag == "missing":
        example = _example(kind, path)
        return f'{spoken(document, path[:-1])} has no "{path[-1]}"', f"Add {path[-1]}: {example}."
    if tag == "unexpected_keyword_argument":
        return _unknown(kind, document, path)
    if tag == "literal_error":
        words = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return f"{name} is {quoted(given)}; it takes {either(words)}", nearest(given, words)
    if tag in _CONTAINERS:
        wanted = _CONTAINERS[tag]
        return f"{name} is {_kind_of(given)}, not {wanted}", _how(wanted, name)
    return _number_words(name, tag, given, context) or (f"{name} is {quoted(given)}: {error['msg']}", "")


def _number_words(name: str, tag: str, given: object, context: Mapping[str, Any]) -> tuple[str, str] | None:
    if tag in _KINDS:
        wanted, hint = _KINDS[tag]
        return f"{name} is {quoted(given)}, not {wanted}", hint
    if tag in _BOUNDS:
        words, bound = _BOUNDS[tag]
        limit = f"{words} {_plain_number(context[bound])}"
        return f"{name} is {quoted(given)}; it takes {limit}", f"Write a number of {limit}."
    return None


def _plain_number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:,}"


def _unknown(kind: type, document: Document, path: Path) -> tuple[str, str]:
    keys = keys_at(kind, path[:-1])
    what = f"{quoted(path[-1])} is no key of {spoken(document, path[:-1])}"
    listed = f"It takes {either(keys)}." if 0 < len(keys) <= _SHORT_LIST else "Remove it."
    return what, nearest(path[-1], keys) or listed


def _kind_of(given: object) -> str:
    if given is None:
        return "empty"
    if isinstance(given, dict | list):
        return quoted(given)
    return "a text" if isinstance(given, str) else "a number" if not isinstance(given, bool) else "true or false"


def _how(wanted: str, name: str) -> str:
    last = name.rpartition(".")[2]
    return "Write one item a line, each after a dash." if wanted == "a list" else f"Write keys below {last}, indented."


def plain(hint: Any) -> Any:
    """A type without its annotations and without None."""
    if get_origin(hint) is Annotated:
        return plain(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return plain(next(part for part in get_args(hint) if part is not type(None)))
    return hint


@cache
def hints(kind: type) -> Mapping[str, Any]:
    """The types of a dataclass's fields, annotations included."""
    return get_type_hints(kind, include_extras=True)


def _step(hint: Any, step: str | int) -> Any:
    hint = plain(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is tuple and isinstance(step, int):
        return inner[0]
    if origin is not None and len(inner) == 2:  # a mapping: of texts to something
        return inner[1]
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return hints(hint).get(str(step))
    return None


def keys_at(kind: type, path: Path) -> list[str]:
    """The keys that a mapping at a path may have; none where any will do."""
    hint: Any = kind
    for step in path:
        hint = _step(hint, step)
    found = plain(hint)
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        return []
    return [field.name for field in dataclasses.fields(found)]


def _example(kind: type, path: Path) -> str:
    hint: Any = kind
    for step in path:
        hint = _step(hint, step)
    notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    examples = [note.examples[0] for note in notes if isinstance(note, FieldInfo) and note.examples]
    return str(examples[0]) if examples else "..."


class _Written(GenerateJsonSchema):
    """JSON Schema whose defaults are written as a user would write them."""

    def encode_default(self, dflt: Any) -> Any:
        return written(dflt)


def written(value: Any) -> Any:
    """A value as a configuration file would hold it."""
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, Mapping):
        return {key: written(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [written(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def json_schema(kind: type, name: str, title: str) -> dict[str, Any]:
    """The published JSON Schema of a shape, for editors."""
    found = adapter(kind).json_schema(schema_generator=_Written)
    return {"$schema": _DRAFT, "$id": f"urn:seamwatch:{name}:1", **found, "title": title}
