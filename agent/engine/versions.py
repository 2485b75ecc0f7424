"""What is known of a schema subject's versions and of the topics that it is of: ages, texts, how long records stay."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from agent.engine.estate import Estate, retention
from agent.engine.naming import numbers, place
from agent.model.schemas import SchemaVersion
from agent.model.seam import Component, group_on_topic, service, source

_SPAN = timedelta(days=7)  #: ages are told at least so far back; farther where records are kept longer
_KEPT = timedelta(days=400)  #: that settings are
_MOST_REFERENCES = 100
_BACK = timedelta(minutes=15)  #: a commit that falls behind where it was so long ago: records are read again


class Owners:
    """Who owns writers and readers of topics: declared of them, or of the service that runs a group."""

    def __init__(self, estate: Estate) -> None:
        self._declared = estate.declared
        self._runs: dict[Component, set[str]] = defaultdict(set)
        for seen in estate.seams["consumes"]:
            self._runs[seen.key.target].update(seen.services)

    def of(self, components: Iterable[Component]) -> Mapping[str, str]:
        """The declared owners, by component; one that has none is left out."""
        if not self._declared.loaded:
            return {}
        found = {
            str(one): self._declared.owner_of(one, *map(service, sorted(self._runs.get(one, ())))) for one in components
        }
        return {one: owner for one, owner in found.items() if owner}


def longest(topics: Sequence[Mapping[str, str]]) -> timedelta | None:
    """How long the topics keep records; None where one does not tell, or keeps them for ever."""
    spans = [retention(settings) for settings in topics]
    known = [span for span in spans if span is not None]
    return max(known) if known and len(known) == len(spans) else None


def endless(topics: Sequence[Mapping[str, str]]) -> bool | None:
    """One of the topics keeps records for ever: compacted, or without a limit. None where none is known to."""
    told = [_endless(settings) for settings in topics]
    if True in told:
        return True
    return None if None in told or not told else False


def _endless(settings: Mapping[str, str]) -> bool | None:
    policies = {policy.strip() for policy in settings.get("cleanup.policy", "").split(",")}
    if "compact" in policies and "delete" not in policies:
        return True
    return retention(settings) is None if settings.get("retention.ms") else None


def replayed(estate: Estate, topics: Sequence[Component]) -> bool | None:
    """A reader of one of the topics went back; None where no commits were seen."""
    ends = [(topic, estate.ends[topic]) for topic in topics if topic in estate.ends]
    found = [
        estate.series[group_on_topic(topic, group), "committed"]
        for topic, end in ends
        for group in end.readers
        if (group_on_topic(topic, group), "committed") in estate.series
    ]
    if not found:
        return None
    return any(
        (before := one.at_or_before(time - _BACK.total_seconds())) is not None and value < before
        for one in found
        for time, value in zip(one.times, one.values, strict=True)
    )


def told_versions(
    estate: Estate, subject: Component, first: datetime, kept: timedelta | None
) -> tuple[SchemaVersion, ...]:
    """Every version that the registry lists, ascending, with texts and ages."""
    found = estate.settings.get(subject, {})
    known = numbers(found)
    since = estate.as_of - min(_KEPT, max(_SPAN, kept or _SPAN))
    seen, born = _appeared(estate, subject, first, since) if len(known) > 1 else (first, {})
    versions = []
    for number in known:
        beside = _Found(estate, place(subject))
        whole = beside.all(found, str(number))
        versions.append(
            SchemaVersion(
                number=number,
                type=found.get(f"version.{number}.type") or "AVRO",
                text=found.get(f"version.{number}.schema"),
                references=tuple(beside.texts.values()) if whole else None,
                imports=tuple(beside.imports) if whole and beside.named else None,
                age=max(timedelta(0), estate.as_of - born[number]) if number in born else None,
                at_least=max(timedelta(0), estate.as_of - born.get(number, seen)),
            )
        )
    return tuple(versions)


def _appeared(
    estate: Estate, subject: Component, first: datetime, since: datetime
) -> tuple[datetime, Mapping[int, datetime]]:
    """Since when the others are there at least, and when each one appeared that an earlier look did not find."""
    changes = [one for one in estate.history(subject, since) if one.name == "versions" and one.value is not None]
    if not changes:
        return max(first, since), {}
    before = estate.setting_before(subject, "versions", changes[0].at)
    listed = source("registry", place(subject))
    if before is None and estate.setting_before(listed, "subjects_listed", changes[0].at) and first >= changes[0].at:
        before = ""  # the registry was read before, and did not have it
    earlier = None if before is None else set(numbers({"versions": before}))
    born: dict[int, datetime] = {}
    for change in changes:
        there = set(numbers({"versions": change.value or ""}))
        if earlier is not None:
            born |= {number: change.at for number in there - earlier if number not in born}
        earlier = there | (earlier or set())
    return changes[0].at if before is None else max(first, since), born


class _Found:
    """What one version refers to, each text after what it refers to itself."""

    def __init__(self, estate: Estate, registry: str) -> None:
        self._settings, self._registry = estate.settings, registry
        self._under_way: set[tuple[str, str]] = set()
        self.texts: dict[tuple[str, str], str] = {}
        self.imports: dict[tuple[str, str], None] = {}
        self.named = True  #: every name was told by which one is imported

    def all(self, found: Mapping[str, str], number: str) -> bool:
        """Find what a version refers to; false where one is not there, or refers back to itself."""
        told = [one for one in found.get(f"version.{number}.references", "").split(",") if one]
        names = found.get(f"version.{number}.reference_names", "").split(",")
        if told and (len(names) != len(told) or not all(names)):
            self.named, names = False, [""] * len(told)
        return all(self._one(*one.rpartition("@")[::2], name) for one, name in zip(told, names, strict=False))

    def _one(self, name: str, number: str, imported: str) -> bool:
        found = self._settings.get(Component("subject", f"{self._registry}/{name}"), {})
        if number == "latest":
            number = str(max(numbers(found), default=0))
        text = self.texts.get((name, number))
        if text is None:
            text = found.get(f"version.{number}.schema")
            if text is None or (name, number) in self._under_way or len(self._under_way) >= _MOST_REFERENCES:
                return False
            self._under_way.add((name, number))
            if not self.all(found, number):
                return False
            self.texts[name, number] = text
        self.imports[imported, text] = None
        return len(self.texts) <= _MOST_REFERENCES
