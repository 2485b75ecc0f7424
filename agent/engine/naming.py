"""Which schema subject is of which topic: every naming strategy of registries, across registries and clusters."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from agent.engine.estate import Estate, text, whole
from agent.measure.schemas.avro_tree import record_name
from agent.model.seam import Component

_ENDS = ("-value", "-key")  #: TopicNameStrategy
_CONTEXT = re.compile(r":\.[^:]*:")  #: of a registry with contexts, before the subject
#: a record's name, where its schema does not tell it: with a namespace, or begun with a capital
_RECORD = re.compile(r"(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*|[A-Z]\w*", re.ASCII)


def place(component: Component) -> str:
    """The cluster or registry that it is in."""
    return component.name.partition("/")[0]


def bare(component: Component) -> str:
    """Its name there."""
    return _CONTEXT.sub("", component.name.partition("/")[2], count=1)


def numbers(found: Mapping[str, str]) -> list[int]:
    """The versions that a subject has, ascending; those that were deleted keep their settings."""
    told = (whole(number) for number in found.get("versions", "").split(","))
    return sorted({number for number in told if number is not None})


class Naming:
    """Subjects and topics of one instant, each with the other's."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._named: dict[str, list[Component]] = defaultdict(list)
        for topic in estate.topics:
            self._named[bare(topic)].append(topic)
        self._subjects = sorted(
            row.key for row in estate.rows if isinstance(row.key, Component) and row.key.kind == "subject"
        )
        self._records = {subject: self._record(subject) for subject in self._subjects}
        self._topics = self._matched()

    @cached_property
    def declared(self) -> Mapping[Component, str]:
        """The contract that is declared of a topic."""
        if not self._estate.declared.loaded:
            return {}
        told = {topic: text(self._estate.declared.declared(topic, "contract")) for topic in self._estate.topics}
        return {topic: contract for topic, contract in told.items() if contract}

    @cached_property
    def listed(self) -> bool:
        """The subjects of a registry were read."""
        return any(
            "subjects_listed" in told
            for one, told in self._estate.settings.items()
            if one.kind == "source" and one.name.startswith("registry/")
        )

    @cached_property
    def told_by_brokers(self) -> frozenset[str]:
        """Clusters whose topics and groups were read."""
        both = {"topics_listed", "groups_listed"}
        return frozenset(
            one.name.removeprefix("kafka/")
            for one, told in self._estate.settings.items()
            if one.kind == "source" and one.name.startswith("kafka/") and told.keys() >= both
        )

    def topics_of(self, subject: Component) -> tuple[Component, ...]:
        """The topics whose records are of a subject: those of a cluster named like its registry, if there are any."""
        return self._topics.get(subject, ())

    def readers_listed(self, subject: Component) -> bool:
        """Brokers told who reads it; also of a subject that is named after a topic which none of them has."""
        topics = self.topics_of(subject)
        if topics:
            return all(place(topic) in self.told_by_brokers for topic in topics)
        return bool(self.told_by_brokers) and not self.after_record(subject)

    @cached_property
    def _by_topic(self) -> Mapping[Component, tuple[Component, ...]]:
        found: dict[Component, list[Component]] = defaultdict(list)
        for subject, topics in self._topics.items():
            for topic in topics:
                found[topic].append(subject)
        return {topic: tuple(subjects) for topic, subjects in found.items()}

    def subjects_of(self, topic: Component) -> tuple[Component, ...] | None:
        """The subjects of a topic; None where no registry was read."""
        found = self._by_topic.get(topic, ())
        return found if found or self.listed else None

    @cached_property
    def unplaced(self) -> tuple[Component, ...]:
        """Subjects named after a record, of which topic nothing tells; parts of other schemas are none."""
        parts = {part for subject in self._subjects for part in self._parts(subject)}
        return tuple(
            subject
            for subject in self._subjects
            if not self.topics_of(subject) and self.after_record(subject) and subject not in parts
        )

    def after_record(self, subject: Component) -> bool:
        """Its name is that of its record, as far as can be seen: RecordNameStrategy."""
        name, record = bare(subject), self._records[subject]
        return name == record if record is not None else not name.endswith(_ENDS) and bool(_RECORD.fullmatch(name))

    def _found(self, subject: Component) -> Mapping[str, str]:
        return self._estate.settings.get(subject, {})

    def _record(self, subject: Component) -> str | None:
        """The name of its record; empty where an Avro schema has none, None where its text is not seen or of others."""
        found = self._found(subject)
        newest = max(numbers(found), default=None)
        schema = found.get(f"version.{newest}.schema")
        if schema is None or found.get(f"version.{newest}.type", "AVRO").upper() != "AVRO":
            return None
        return record_name(schema) or ""

    def _parts(self, subject: Component) -> Iterator[Component]:
        """What a subject's schemas refer to."""
        for name, value in self._found(subject).items():
            if name.endswith(".references"):
                for part in filter(None, value.split(",")):
                    yield Component("subject", f"{place(subject)}/{part.rpartition('@')[0]}")

    def _matched(self) -> dict[Component, tuple[Component, ...]]:
        found = {subject: set(self._direct(subject)) for subject in self._subjects}
        after: dict[str, set[Component]] = defaultdict(set)  #: topics by the record that a subject of theirs names
        for subject, topics in found.items():
            if not bare(subject).endswith(_ENDS):
                after[self._records[subject] or _rest(bare(subject))].update(topics)
        declared: dict[str, set[Component]] = defaultdict(set)
        for topic, contract in self.declared.items():
            declared[contract].add(topic)
        for subject in self._subjects:
            name = bare(subject)
            found[subject] |= declared[name] | declared[str(subject)]
            if not found[subject] and self.after_record(subject):
                found[subject] |= after[name]
        return {subject: _nearest(subject, topics) for subject, topics in found.items() if topics}

    def _direct(self, subject: Component) -> Iterable[Component]:
        """The topics that its own name names: with what it is of, with a record, or alone."""
        name, record = bare(subject), self._records[subject]
        ends = (*_ENDS, f"-{_rest(name) if record is None else record}", "")
        named = (name.removesuffix(end) for end in ends if name.endswith(end) and end != "-")
        return next((self._named[one] for one in named if one in self._named), ())


def _rest(name: str) -> str:
    """What looks like a record's name at the end of a subject's; empty where nothing does."""
    rest = name.rpartition("-")[2]
    return rest if rest != name and _RECORD.fullmatch(rest) else ""


def _nearest(subject: Component, topics: Iterable[Component]) -> tuple[Component, ...]:
    found = sorted(topics)
    own = [topic for topic in found if place(topic) == place(subject)]
    return tuple(own or found)
