"""A schema registry's part of a recording: compatibility, mode and versions of each subject."""

from collections.abc import Iterator
from datetime import datetime

from agent.model import seam
from agent.model.facts import Fact, Setting, Sighting
from agent.model.seam import Component
from collectors.recording.section import Section

NAME = "registry"


def facts(line: Section, registry: str, at: datetime) -> Iterator[Fact]:
    """Every fact of one line."""
    source = seam.source(NAME, registry)
    whole = {key: line.text(key) for key in ("compatibility", "mode")}
    subjects = line.sections("subjects")
    for key, value in whole.items():
        if value is not None:
            yield Setting(source, key, value, at, NAME)
    if subjects is not None:
        yield Setting(source, "subjects_listed", "true", at, NAME)
    for name, section in (subjects or {}).items():
        subject = seam.schema_subject(registry, name)
        yield Sighting(subject, at)
        yield from _rules(subject, section, whole, at)
        yield from _versions(subject, section, at)
        section.close()


def _rules(subject: Component, section: Section, whole: dict[str, str | None], at: datetime) -> Iterator[Fact]:
    """The compatibility and mode in force; null is inherited from the registry, absent was not seen."""
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
            told["references"] = ",".join(sorted(filter(None, map(_reference, references))))
        version.close()
        for key, value in told.items():
            if value is not None:
                yield Setting(subject, f"version.{number}.{key}", value, at, NAME)


def _reference(section: Section) -> str:
    subject, version = section.text("subject"), section.whole("version")
    section.skip("name")
    section.close()
    return f"{seam.clean(subject)}@{'latest' if version is None else version}" if subject else ""
