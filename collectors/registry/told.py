"""What registries answer as a recording tells it; what is of the wrong kind is left out."""

import re
from collections.abc import Iterable
from typing import Any

MAX_SUBJECTS = 50_000
MAX_NAME = 512  #: characters of a subject
MAX_NUMBERS = 10_000  #: versions of a subject
MAX_SCHEMA = 1 << 18  #: characters; a recording takes no longer ones
#: What a registry says where a subject has no rule of its own: not found, no compatibility, no mode.
_INHERITS = (40401, 40408, 40409)
#: What a subject may have of its own beside, and then inherits the level.
_BESIDE = frozenset(
    ("alias", "normalize", "compatibilityGroup", "defaultMetadata", "overrideMetadata", "validateFields")
)
_CONTEXT = re.compile(r":(\.[^:]*):")
_RULES = {"compatibility": ("compatibilityLevel", "compatibility"), "mode": ("mode",)}


def names(answer: object) -> list[str] | None:
    """The subjects of `/subjects`."""
    if not isinstance(answer, list):
        return None
    return list(dict.fromkeys(one for one in answer if isinstance(one, str) and 0 < len(one) <= MAX_NAME))


def numbers(answer: object) -> list[int] | None:
    """The versions of `/subjects/{subject}/versions`."""
    if not isinstance(answer, list):
        return None
    good = {one for one in answer if isinstance(one, int) and not isinstance(one, bool) and 0 < one < 10_000_000}
    return sorted(good)[-MAX_NUMBERS:]


def version(answer: object) -> dict[str, Any] | None:
    """Of `/subjects/{subject}/versions/{number}`. A text without a type is Avro; without references it has none."""
    text = answer.get("schema") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(text, str):
        return None
    kind, identity, references = answer.get("schemaType"), answer.get("id"), answer.get("references")
    told: dict[str, Any] = {"type": kind.upper()[:40] if isinstance(kind, str) and kind else "AVRO"}
    if isinstance(identity, int) and not isinstance(identity, bool) and identity >= 0:
        told["id"] = identity
    if len(text) <= MAX_SCHEMA:
        told["schema"] = text
    items = references if isinstance(references, list) else []
    return told | {"references": [_reference(item) for item in items if isinstance(item, dict)]}


def _reference(item: dict[str, Any]) -> dict[str, Any]:
    told = {key: item[key] for key in ("name", "subject") if isinstance(item.get(key), str)}
    number = item.get("version")
    return told | ({"version": number} if isinstance(number, int) and not isinstance(number, bool) else {})


def rule(key: str, status: int, answer: object) -> dict[str, str | None]:
    """The compatibility or mode that one has; null where it inherits, nothing where it was not told."""
    told = answer if isinstance(answer, dict) else {}
    if status == 404:
        return {key: None} if told.get("error_code") in _INHERITS else {}
    if status != 200 or not isinstance(answer, dict):
        return {}
    found = next((told[name] for name in _RULES[key] if isinstance(told.get(name), str)), None)
    if found is None and not _BESIDE & told.keys():
        return {}
    alias = told.get("alias") if key == "compatibility" else None
    return {key: found.upper()[:40] if found else None} | ({"alias": alias[:512]} if isinstance(alias, str) else {})


def contexts(subjects: Iterable[str]) -> list[str]:
    """The contexts that some subjects are in, as `:.name:` writes them."""
    return sorted({found[1] for name in subjects if (found := _CONTEXT.match(name)) and found[1] != "."})
