"""What a topic's records showed, where they are looked at; a schema may tell what their bytes did not."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from agent.engine.estate import Estate
from agent.engine.naming import numbers
from agent.model.kafka import samples
from agent.model.seam import Component, subject_of
from agent.model.series import NO_SERIES

_NUMBERED = re.compile(r"\b(\w{1,60})\s*=\s*\d{1,9}\s*[;\[]")  #: a field of a Protobuf message


def sampled(estate: Estate, topic: Component, subjects: Iterable[Component] | None) -> dict[str, Any]:
    """The fields of a topic that samples of a week fill; none of a topic of which no record was looked at."""
    subject, settings = subject_of(topic), estate.settings.get(topic, {})
    counts = {
        name: int(sum(estate.sampled.get((subject, name), NO_SERIES).values))
        for name in samples.ADDED
        if (subject, name) in estate.sampled
    }
    if not counts.get("sampled"):
        return {}
    judged, without = counts.get("sampled_judged", 0), counts.get("sampled_unidentified", 0)
    sealed = counts.get("sampled_sealed", 0)
    inside = _identity_in(estate, subjects or ()) if sealed else None
    if inside is not None:
        judged, without = judged + sealed, without + (0 if inside else sealed)
    example, state = settings.get(samples.EXAMPLE), settings.get(samples.FULL_STATE)
    return {
        "sampled": counts["sampled"],
        "framed_share": counts.get("sampled_framed", 0) / counts["sampled"],
        "judged": judged,
        "unidentified": without,
        "nameless": lines(settings, samples.NAMELESS),
        "identified": counts.get("sampled_identified", 0),
        "repeated": counts.get("sampled_repeated", 0),
        "reused": counts.get("sampled_reused", 0),
        "reused_ids": counts.get("sampled_reused_ids", 0),
        "reused_example": example,
        "full_state": None if state is None else state == "true",
    }


def lines(settings: Mapping[str, str], name: str) -> tuple[str, ...]:
    """A setting that holds several names."""
    return tuple(settings.get(name, "").split(samples.SEPARATOR)) if settings.get(name) else ()


def _identity_in(estate: Estate, subjects: Iterable[Component]) -> bool | None:
    """Whether the newest schemas of a topic's bodies name an identity; None where none of their texts was read."""
    found = [_names(estate.settings.get(one, {})) for one in subjects if not one.name.endswith("-key")]
    known = [names for names in found if names is not None]
    if not known:
        return None
    return all(any(samples.ID_FIELD.fullmatch(name) for name in names) for names in known)


def _names(settings: Mapping[str, str]) -> list[str] | None:
    """The fields of the newest version of a schema; None where its text is not known, or is none."""
    newest = max(numbers(settings), default=None)
    text = settings.get(f"version.{newest}.schema")
    if text is None:
        return None
    if settings.get(f"version.{newest}.type") == "PROTOBUF":
        return _NUMBERED.findall(text)
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(schema, dict):
        return None
    fields, properties = schema.get("fields"), schema.get("properties")
    if isinstance(fields, list):
        return [str(one.get("name")) for one in fields if isinstance(one, dict)]
    return list(properties) if isinstance(properties, dict) else None
