"""What looked-at records of topics showed, as a recording holds it, both ways. Counts are of one look."""

from collections.abc import Mapping
from typing import Any

from agent.model.kafka.look import Sampled
from agent.model.kafka.samples import ADDED
from collectors.recording.section import Section

COUNTS = (*ADDED.values(), "largest")
NAMES = ("nameless", "origins", "errors")
TEXTS = ("example", "unread_why")
_STATES = {"true": True, "false": False}


def read(line: Section) -> Mapping[str, Sampled]:
    """What a line tells, by topic; nothing of a topic whose number of records is not there."""
    found = {name: _one(section) for name, section in (line.sections("sampled") or {}).items()}
    return {name: one for name, one in found.items() if one is not None}


def _one(section: Section) -> Sampled | None:
    fields: dict[str, Any] = {name: section.whole(name) for name in COUNTS}
    known = fields["records"] is not None
    fields = {name: count or 0 for name, count in fields.items()}
    fields |= {name: tuple(section.texts(name) or ()) for name in NAMES}
    fields |= {name: section.text(name) or "" for name in TEXTS}
    state = _STATES.get(section.text("full_state") or "")
    section.close()
    return Sampled(**fields, full_state=state) if known else None


def told(sampled: Mapping[str, Sampled]) -> dict[str, Any]:
    """The same, to be written; what is nothing is left out, but for how many records there were."""
    return {name: _told(one) for name, one in sampled.items()}


def _told(one: Sampled) -> dict[str, Any]:
    counts = {name: getattr(one, name) for name in COUNTS}
    names = {name: list(getattr(one, name)) for name in NAMES}
    texts = {name: getattr(one, name) for name in TEXTS}
    state = {} if one.full_state is None else {"full_state": str(one.full_state).lower()}
    kept = {name: value for name, value in (counts | names | texts | state).items() if value}
    return {"records": one.records} | kept
