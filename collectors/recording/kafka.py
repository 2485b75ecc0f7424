"""Kafka's part of a recording: lag, age, progress, members, settings. What a section does not hold was not observed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.model import seam
from agent.model.facts import Fact, Merge, Sample, Setting, Sighting
from agent.model.offsets import EndOffsets
from agent.model.seam import Component, SubjectRef, group_on_topic, subject_of
from collectors.recording.masking import masked
from collectors.recording.section import Section

NAME = "kafka"
MAX_CLIENTS = 16
OWN = ("partitions", "replication", "id")  #: what we tell of a topic; a setting so named is `config.<key>`

Ends = Mapping[str, Mapping[int, int | None]]  #: topic -> partition -> end offset; None: there, but not readable


@dataclass(frozen=True, slots=True)
class Look:
    """One line about one cluster."""

    cluster: str
    at: datetime
    ends: Ends | None  #: None: the topics were not read
    offsets: EndOffsets

    def topic(self, name: str) -> Component:
        """A topic of this cluster."""
        return seam.topic(name, self.cluster)

    def setting(self, component: Component, name: str, value: str | None) -> Setting:
        """A setting of a component as Kafka told it."""
        return Setting(component, name, value, self.at, NAME)


def facts(line: Section, cluster: str, at: datetime, offsets: EndOffsets) -> Iterator[Fact]:
    """Every fact of one line."""
    source = seam.source(NAME, cluster)
    topics, groups, broker = line.sections("topics"), line.sections("groups"), line.section("broker")
    ends = None if topics is None else {name: _ends(topic) for name, topic in topics.items()}
    look = Look(cluster, at, ends, offsets)
    cluster_id = line.text("cluster_id")
    if cluster_id:
        yield look.setting(source, "cluster_id", cluster_id)
    if broker is not None:
        for name, value in masked(broker.pairs("settings") or {}).items():
            yield look.setting(source, f"broker.{name}", value)
        broker.close()
    if topics is not None:
        yield look.setting(source, "topics_listed", "true")
        for name, topic in topics.items():
            yield from _topic(look, name, topic)
    for name, group in (groups or {}).items():
        yield from _Group(look, name, group).facts()


def _ends(topic: Section) -> dict[int, int | None]:
    """End offsets by partition; those that could not be read as None."""
    partitions = topic.section("partitions")
    if partitions is None:
        return {}
    found: dict[int, int | None] = {}
    for number, partition in partitions.partitions().items():
        found[number] = None
        if partition is not None:
            found[number] = partition.whole("end")
            # Read by other rules' collectors, or by nobody yet; checked all the same.
            partition.skip("start", "stable", "producers")
            partition.close()
    return found


def _topic(look: Look, name: str, section: Section) -> Iterator[Fact]:
    topic = look.topic(name)
    ends = (look.ends or {}).get(name, {})
    yield Sighting(topic, look.at)
    for key, value in masked(section.pairs("settings") or {}).items():
        yield look.setting(topic, f"config.{key}" if key in OWN else key, value)
    replication, identity = section.whole("replication"), section.text("id")
    if replication is not None:
        yield look.setting(topic, "replication", str(replication))
    if identity:
        yield look.setting(topic, "id", identity)
    section.close()
    if section.has("partitions") and ends:
        yield look.setting(topic, "partitions", str(len(ends)))
    known = {number: end for number, end in ends.items() if end is not None}
    for number, end in known.items():
        look.offsets.feed((look.cluster, name, number), look.at.timestamp(), end)
    if known and len(known) == len(ends):
        yield Sample(subject_of(topic), "produced", look.at, float(sum(known.values())))


class _Group:
    """One consumer group of one line."""

    def __init__(self, look: Look, name: str, section: Section) -> None:
        self._look, self._section = look, section
        self._name = name
        self._group = seam.group(name, look.cluster)

    def facts(self) -> Iterator[Fact]:
        section, look = self._section, self._look
        protocol, state, epoch = section.text("protocol"), section.text("state"), section.whole("epoch")
        members = section.list_of("members")
        committed, ages = section.section("committed"), section.sections("age_seconds")
        section.close()
        clients, assigned = _members(members or [])
        about = {"clients": clients} if clients else {}
        yield Sighting(self._group, look.at, about)
        for key, value in (("protocol", protocol), ("state", state)):
            if value is not None:
                yield look.setting(self._group, key, value)
        shared = {"members": None if members is None else len(members), "epoch": epoch}
        topics = dict(committed.items()) if committed is not None else {}
        for topic in sorted({*topics, *assigned}):
            if look.ends is not None and topic not in look.ends:
                continue  # offsets outlive a deleted topic
            yield Sighting(seam.consumes(look.topic(topic), self._group), look.at, about)
            subject = group_on_topic(look.topic(topic), self._group)
            for key, number in shared.items():
                if number is not None:
                    yield Sample(subject, key, look.at, float(number))
            if topic in topics:
                age = (ages or {}).get(topic)
                yield from self._progress(subject, topic, topics[topic].wholes(), age.numbers() if age else {})

    def _progress(
        self, subject: SubjectRef, topic: str, committed: dict[int, int | None], ages: dict[int, float | None]
    ) -> Iterator[Fact]:
        at = self._look.at
        good = {number: offset for number, offset in committed.items() if offset is not None}
        # A sum without one of its parts would look like progress: where a part is unreadable there is no sum.
        whole = len(good) == len(committed)
        if good and whole:
            yield Sample(subject, "committed", at, float(sum(good.values())))
        ends = (self._look.ends or {}).get(topic, {})
        pairs = {number: (offset, ends[number]) for number, offset in good.items() if number in ends}
        seen = {number: (offset, end) for number, (offset, end) in pairs.items() if end is not None}
        behind = {number: max(0, end - offset) for number, (offset, end) in seen.items()}
        for number, lag in behind.items():
            yield Sample(subject, f"behind:{number}", at, float(lag))
        if behind and whole and len(seen) == len(pairs):
            yield Sample(subject, "lag", at, float(sum(behind.values())))
            yield Sample(subject, "produced", at, float(sum(end for _, end in seen.values())))
        age = self._age(topic, good, behind, ages)
        if age is not None and whole:
            yield Sample(subject, "age_seconds", at, age, Merge.MAX)

    def _age(
        self, topic: str, committed: dict[int, int], behind: dict[int, int], given: dict[int, float | None]
    ) -> float | None:
        """The age of the oldest unread record; None where a partition that is behind cannot tell its own."""
        known: list[float] = []
        for number in sorted({*behind, *(number for number, age in given.items() if age is not None)}):
            age = given.get(number)
            if age is None and behind.get(number, 0) == 0:
                age = 0.0
            if age is None:
                key = (self._look.cluster, topic, number)
                bracket = self._look.offsets.age(key, committed[number], self._look.at.timestamp())
                age = bracket.likely if bracket else None
            if age is None:
                return None
            known.append(age)
        return max(known, default=None)


def _members(members: list[Section]) -> tuple[str, set[str]]:
    """The clients of a group, joined, and the topics assigned to them. Hosts and member ids are left out."""
    clients: set[str] = set()
    topics: set[str] = set()
    for member in members:
        client = member.text("client")
        if client:
            clients.add(seam.clean(client).replace("|", "/"))
        for key in ("assigned", "target"):
            topics |= member.assignment(key)
        member.skip("id", "host", "instance")
        member.close()
    return "|".join(sorted(clients)[:MAX_CLIENTS]), topics
