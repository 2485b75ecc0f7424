"""Kafka's part of a recording, both ways. What a section does not hold was not observed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from agent.model.facts import Fact
from agent.model.kafka.facts import NAME, Fold
from agent.model.kafka.look import (
    UNSEEN,
    Committed,
    Group,
    Look,
    Member,
    Producer,
    Segments,
    TopicAbout,
    Topics,
    Transaction,
)
from agent.model.masking import masked
from collectors.recording import sampled
from collectors.recording.section import Section, instant

__all__ = ["NAME", "facts", "look"]


def facts(line: Section, cluster: str, at: datetime, fold: Fold) -> Iterator[Fact]:
    """Every fact of one line."""
    return fold.facts(look(line, cluster, at))


def look(line: Section, cluster: str, at: datetime) -> Look:
    """One line as a look."""
    topics, groups, broker = line.sections("topics"), line.sections("groups"), line.section("broker")
    settings = None if broker is None else broker.pairs("settings")
    if broker is not None:
        broker.close()
    acls, metrics = line.texts("acls"), line.mappings("client_metrics")
    read = {name: _group(section) for name, section in (groups or {}).items()}
    return Look(
        cluster=cluster,
        at=at,
        cluster_id=line.text("cluster_id"),
        topics=None if topics is None else _topics(topics),
        groups=None if groups is None else {name: group for name, (group, _) in read.items()},
        committed=None if groups is None else _committed({name: offsets for name, (_, offsets) in read.items()}),
        broker=settings,
        brokers=line.whole("brokers"),
        transactions=_transactions(line),
        acls=None if acls is None else tuple(acls),
        client_metrics=None if metrics is None else {name: told or {} for name, told in metrics.items()},
        sampled=sampled.read(line),
        refused={name: why or "" for name, why in (line.pairs("refused") or {}).items()},
    )


# -- topics


def _topics(sections: Mapping[str, Section]) -> Topics:
    about: dict[str, TopicAbout] = {}
    runs: list[tuple[str, list[int]]] = []
    columns: dict[str, list[int]] = {"start": [], "end": [], "stable": []}
    first: list[float] = []
    for name, section in sections.items():
        producers: dict[int, tuple[Producer, ...]] = {}
        rows = sorted((section.section("partitions") or Section({}, "", section.tally)).partitions().items())
        for number, partition in rows:
            for column, values in columns.items():
                value = None if partition is None else partition.whole(column)
                values.append(UNSEEN if value is None else value)
            at = None if partition is None else _time(partition, "first_at")
            first.append(np.nan if at is None else at.timestamp())
            told = None if partition is None else _producers(partition)
            if told is not None:
                producers[number] = told
        runs.append((name, [number for number, _ in rows]))
        about[name] = _about(section, producers)
    start, end, stable = (np.array(columns[name], dtype=np.int64) for name in ("start", "end", "stable"))
    return Topics(Segments.of(runs), start, end, stable, np.array(first, dtype=np.float64), about)


def _about(section: Section, producers: Mapping[int, tuple[Producer, ...]]) -> TopicAbout:
    found = TopicAbout(
        identity=section.text("id"),
        replication=section.whole("replication"),
        in_sync=section.whole("in_sync"),
        offline=section.whole("offline"),
        settings=section.pairs("settings"),
        own=frozenset(section.texts("own") or ()),
        producers=producers or None,
    )
    section.close()
    return found


def _producers(partition: Section) -> tuple[Producer, ...] | None:
    found = partition.list_of("producers")
    partition.close()
    if found is None:
        return None
    known = [_producer(one) for one in found]
    return tuple(one for one in known if one is not None)


def _producer(section: Section) -> Producer | None:
    number, epoch, at = section.whole("id"), section.whole("epoch"), _time(section, "at")
    since = section.whole("transaction_from")
    section.close()
    return None if number is None else Producer(number, epoch, at, since)


def _time(section: Section, key: str) -> datetime | None:
    at = instant(section.text(key))
    return None if isinstance(at, str) else at


# -- groups


def _group(section: Section) -> tuple[Group, dict[str, tuple[dict[int, int | None], dict[int, float | None]]]]:
    members, committed, ages = section.list_of("members"), section.section("committed"), section.sections("age_seconds")
    group = Group(
        epoch=section.whole("epoch"),
        coordinator=section.whole("coordinator"),
        members=None if members is None else tuple(_member(one) for one in members),
        settings=section.pairs("settings"),
        protocol=section.text("protocol"),
        state=section.text("state"),
        assignor=section.text("assignor"),
    )
    section.close()
    offsets: dict[str, tuple[dict[int, int | None], dict[int, float | None]]] = {}
    for topic, part in committed.items() if committed is not None else ():
        age = (ages or {}).get(topic)
        offsets[topic] = (part.wholes(), age.numbers() if age else {})
    return group, offsets


def _member(section: Section) -> Member:
    found = Member(
        name=section.text("id") or "",
        client=section.text("client"),
        instance=section.text("instance"),
        assigned=section.assignment("assigned"),
        target=section.assignment("target"),
    )
    section.skip("host")
    section.close()
    return found


def _committed(groups: Mapping[str, Mapping[str, tuple[dict[int, int | None], dict[int, float | None]]]]) -> Committed:
    runs: list[tuple[tuple[str, str], list[int]]] = []
    offsets: list[int] = []
    ages: list[float] = []
    for group, topics in groups.items():
        for topic, (done, age) in topics.items():
            numbers = sorted({*done, *age})
            runs.append(((group, topic), numbers))
            for number in numbers:
                offset, seconds = done.get(number), age.get(number)
                offsets.append(UNSEEN if offset is None else offset)
                ages.append(np.nan if seconds is None else seconds)
    return Committed(Segments.of(runs), np.array(offsets, dtype=np.int64), np.array(ages, dtype=np.float64))


def _transactions(line: Section) -> tuple[Transaction, ...] | None:
    found = line.sections("transactions")
    if found is None:
        return None
    return tuple(_transaction(name, section) for name, section in found.items())


def _transaction(name: str, section: Section) -> Transaction:
    found = Transaction(
        name=name,
        state=section.text("state") or "",
        producer=section.whole("producer"),
        started=_time(section, "started"),
        timeout_seconds=section.seconds("timeout_seconds"),
        partitions=tuple(sorted(section.assignment("partitions") or ())),
    )
    section.close()
    return found


# -- and back


def line(seen: Look) -> dict[str, Any]:
    """A look as a line of a recording; what was not seen is left out."""
    told: dict[str, Any] = {"recording": 1, "source": NAME, "cluster": seen.cluster, "at": _written(seen.at)}
    told |= _known(cluster_id=seen.cluster_id, brokers=seen.brokers, refused=dict(seen.refused) or None)
    if seen.topics is not None:
        told["topics"] = _topics_told(seen.topics)
    if seen.groups is not None:
        told["groups"] = _groups_told(seen.groups, seen.committed)
    if seen.broker is not None:
        told["broker"] = {"settings": masked(seen.broker)}
    told |= _known(acls=seen.acls and list(seen.acls), client_metrics=seen.client_metrics)
    if seen.sampled:
        told["sampled"] = sampled.told(seen.sampled)
    if seen.transactions is not None:
        told["transactions"] = {one.name: _transaction_told(one) for one in seen.transactions}
    return told


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _topics_told(topics: Topics) -> dict[str, Any]:
    columns = {"start": topics.start.tolist(), "end": topics.end.tolist(), "stable": topics.stable.tolist()}
    numbers, first = topics.rows.number.tolist(), topics.first.tolist()
    found: dict[str, Any] = {}
    for index, name in enumerate(topics.rows.names):
        about, rows = topics.about.get(name, TopicAbout()), topics.rows.rows(index)
        partitions: dict[str, Any] = {}
        for row in range(rows.start, rows.stop):
            seen = {key: values[row] for key, values in columns.items() if values[row] >= 0}
            if first[row] == first[row]:
                seen["first_at"] = _written(datetime.fromtimestamp(first[row], UTC))
            partitions[str(numbers[row])] = seen
        for number, producers in (about.producers or {}).items():
            partitions.setdefault(str(number), {})["producers"] = [_producer_told(one) for one in producers]
        found[name] = _known(
            id=about.identity,
            replication=about.replication,
            in_sync=about.in_sync,
            offline=about.offline,
            settings=None if about.settings is None else masked(about.settings),
            own=sorted(about.own) or None,
            partitions=partitions,
        )
    return found


def _producer_told(one: Producer) -> dict[str, Any]:
    at = None if one.at is None else _written(one.at)
    return _known(id=one.number, epoch=one.epoch, at=at, transaction_from=one.transaction_from)


def _groups_told(groups: Mapping[str, Group], committed: Committed | None) -> dict[str, Any]:
    found = {name: _group_told(group) for name, group in groups.items()}
    if committed is None:
        return found
    numbers, offsets, ages = (part.tolist() for part in (committed.rows.number, committed.offset, committed.age))
    for index, (name, topic) in enumerate(committed.rows.names):
        rows = range(*committed.rows.rows(index).indices(len(numbers)))
        group = found.setdefault(name, {})
        group.setdefault("committed", {})[topic] = {str(numbers[r]): offsets[r] for r in rows if offsets[r] >= 0}
        old = {str(numbers[row]): round(ages[row], 3) for row in rows if ages[row] == ages[row]}
        if old:
            group.setdefault("age_seconds", {})[topic] = old
    return found


def _group_told(group: Group) -> dict[str, Any]:
    return _known(
        protocol=group.protocol,
        state=group.state,
        epoch=group.epoch,
        assignor=group.assignor,
        coordinator=group.coordinator,
        settings=None if group.settings is None else masked(group.settings),
        members=None if group.members is None else [_member_told(one) for one in group.members],
    )


def _member_told(one: Member) -> dict[str, Any]:
    assigned, target = (None if p is None else sorted(map(list, p)) for p in (one.assigned, one.target))
    return _known(id=one.name or None, client=one.client, instance=one.instance, assigned=assigned, target=target)


def _transaction_told(one: Transaction) -> dict[str, Any]:
    started = None if one.started is None else _written(one.started)
    parts = [list(part) for part in one.partitions] or None
    return _known(
        state=one.state, producer=one.producer, started=started, timeout_seconds=one.timeout_seconds, partitions=parts
    )
