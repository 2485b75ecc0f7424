"""A schema registry's part of a recording: compatibility, mode and versions of each subject."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from agent.model import seam
from agent.model.facts import Fact, Setting, Sighting
from agent.model.seam import Component
from collectors.recording.known import Known
from collectors.recording.section import Section

NAME = "registry"
_CONTEXT = re.compile(r":(\.[^:]+):")  #: that a subject is in
Rules = Mapping[str, str | None]


def facts(line: Section, registry: str, at: datetime, known: Known) -> Iterator[Fact]:
    """Every fact of one line."""
    source = seam.source(NAME, registry)
    whole = {key: line.text(key) for key in ("compatibility", "mode")}
    contexts = {name: _own(section) for name, section in (line.sections("contexts") or {}).items()}
    wrong = line.tally.rejected.total()
    subjects = line.sections("subjects")
    complete = subjects is not None and line.tally.rejected.total() == wrong
    yield from _source(line, source, whole, at)
    if subjects is None:
        return
    yield Setting(source, "subjects_listed", "true", at, NAME)
    for name, section in subjects.items():
        subject, context = seam.schema_subject(registry, name), _CONTEXT.match(name)
        yield Sighting(subject, at)
        yield Setting(subject, "deleted", None, at, NAME)
        yield from _rules(subject, section, whole | contexts.get(context[1] if context else "", {}), at)
        yield from _versions(subject, section, at)
        section.close()
    if complete:
        for name in known.gone(source.name, (seam.schema_subject(registry, name).name for name in subjects)):
            yield Setting(Component("subject", name), "deleted", "true", at, NAME)


def _source(line: Section, source: Component, whole: Rules, at: datetime) -> Iterator[Fact]:
    read, refused = line.whole("subjects_read"), line.pairs("refused") or {}
    own = dict(whole) | {"subjects_read": None if read is None else str(read)}
    for key, value in own.items():
        if value is not None:
            yield Setting(source, key, value, at, NAME)
    for key, why in refused.items():
        yield Setting(source, f"refused.{key}", why or None, at, NAME)


def _own(section: Section) -> dict[str, str]:
    """The rules that a context has of its own; those of the registry hold where it has none."""
    told = {key: section.text(key) for key in ("compatibility", "mode")}
    section.close()
    return {key: value for key, value in told.items() if value}


def _rules(subject: Component, section: Section, whole: Rules, at: datetime) -> Iterator[Fact]:
    """The compatibility and mode in force; null is inherited from context or registry, absent was not seen."""
    alias = section.text("alias")
    if alias is not None:
        yield Setting(subject, "alias", seam.clean(alias), at, NAME)
    for key in ("compatibility", "mode"):
        own = section.text(key)
        if not section.has(key):
            continue
        yield Setting(subject, f"{key}_inherited", "false" if own else "true", at, NAME)
        effective = own or whole[key]
        if effective is not None:
            yield Setting(subject, key, effective, at, NAME)


def _versions(subject: Component, section: Section, at: datetime) -> Iterator[Fact]:
    versions = section.section("versions")
    if versions is None:
        return
    found = {number: version for number, version in versions.partitions().items() if version is not None}
    yield Setting(subject, "versions", ",".join(str(number) for number in sorted(found)), at, NAME)
    for number, version in sorted(found.items()):
        identity = version.whole("id")
        told = {"id": None if identity is None else str(identity)}
        told |= {key: version.text(key) for key in ("type", "schema")}
        references = version.list_of("references")
        if references is not None:
            parts = sorted({part for part in map(_reference, references) if part[0]})
            told["references"] = ",".join(place for place, _ in parts)
            told["reference_names"] = ",".join(name for _, name in parts) if any(name for _, name in parts) else None
        version.close()
        for key, value in told.items():
            if value is not None:
                yield Setting(subject, f"version.{number}.{key}", value, at, NAME)


def _reference(section: Section) -> tuple[str, str]:
    """What is referred to, and by which name; names stand in the order of the references."""
    name, subject, version = section.text("name"), section.text("subject"), section.whole("version")
    section.close()
    place = f"{seam.clean(subject)}@{'latest' if version is None else version}" if subject else ""
    return place, seam.clean(name).replace(",", " ") if name else ""
