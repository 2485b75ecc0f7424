"""One group on one topic as the last look saw it, partition by partition: for whoever looks at it right now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from agent.model.kafka.look import UNSEEN, Committed, Group, Look, Member, Real, Topics


@dataclass(frozen=True, slots=True)
class PartitionNow:
    """One partition; None: not seen."""

    number: int
    lag: int | None = None
    age: float | None = None  #: s, of the oldest unread record
    written: float | None = None  #: records/s, over some minutes
    read: float | None = None
    moved: datetime | None = None  #: when its commit was seen to go on last
    member: str | None = None  #: who reads it


@dataclass(frozen=True, slots=True)
class MemberNow:
    """One member, by its instance, its client, or a number; with what it reads of the topic."""

    name: str
    partitions: tuple[int, ...] = ()
    target: tuple[int, ...] | None = None  #: what the coordinator wants it to read (KIP-848)
    static: bool = False


@dataclass(frozen=True, slots=True)
class GroupNow:
    """A group on a topic. `members` is None where the group was not described."""

    at: datetime
    protocol: str | None = None
    state: str | None = None
    coordinator: int | None = None
    members: tuple[MemberNow, ...] | None = None
    partitions: tuple[PartitionNow, ...] = ()
    refused: str = ""  #: why members, or some partitions, are not shown


def group_now(look: Look, before: Look | None, moved: Real | None, group: str, topic: str) -> GroupNow | None:
    """What a look saw of a group on a topic; None where it saw neither commits nor members.

    `before` is a look some minutes earlier, for rates; `moved` holds, one a row of the commits, Unix seconds.
    """
    about = (look.groups or {}).get(group)
    index = _index(look.committed, (group, topic))
    members = None if about is None or about.members is None else tuple(_members(about.members, topic))
    if index is None and not any(one.partitions for one in members or ()):
        return None
    about = about or Group()
    readers = {number: one.name for one in members or () for number in one.partitions}
    numbers = _partitions(look, before, moved, index, topic, readers)
    refused = look.refused.get("groups", "") if members is None else ""
    return GroupNow(look.at, about.protocol, about.state, about.coordinator, members, numbers, refused)


def _index(committed: Committed | None, name: tuple[str, str]) -> int | None:
    if committed is None:
        return None
    return next((at for at, one in enumerate(committed.rows.names) if one == name), None)


def _members(members: Iterable[Member], topic: str) -> Iterable[MemberNow]:
    known: dict[str, int] = {}
    for one in members:
        name = one.instance or one.client or "member"
        known[name] = known.get(name, 0) + 1
        told = name if known[name] == 1 else f"{name} ({known[name]})"
        target = None if one.target is None else _numbers(one.target, topic)
        yield MemberNow(told, _numbers(one.assigned or (), topic), target, one.instance is not None)


def _numbers(places: Iterable[tuple[str, int]], topic: str) -> tuple[int, ...]:
    return tuple(sorted(number for name, number in places if name == topic))


def _partitions(
    look: Look, before: Look | None, moved: Real | None, index: int | None, topic: str, readers: Mapping[int, str]
) -> tuple[PartitionNow, ...]:
    ends, earlier = _ends(look.topics, topic), _ends(before.topics if before else None, topic)
    done, then = _commits(look.committed, index), {}
    if before is not None and index is not None and look.committed is not None:
        then = _commits(before.committed, _index(before.committed, look.committed.rows.names[index]))
    seconds = (look.at - before.at).total_seconds() if before is not None else 0.0
    ages, went = _column(look.committed, index, "age"), {}
    if moved is not None and index is not None and look.committed is not None and len(moved) == len(look.committed.age):
        rows = look.committed.rows.rows(index)
        went = dict(zip(look.committed.rows.number[rows].tolist(), moved[rows].tolist(), strict=True))
    found = []
    for number in sorted({*done, *readers} | (set(ends) if not done else set())):
        end, commit, age, at = ends.get(number), done.get(number), ages.get(number), went.get(number)
        found.append(
            PartitionNow(
                number=number,
                lag=None if end is None or commit is None else max(0, end - commit),
                age=None if age is None or np.isnan(age) else age,
                written=_rate(end, earlier.get(number), seconds),
                read=_rate(commit, then.get(number), seconds),
                moved=datetime.fromtimestamp(at, UTC) if at is not None and np.isfinite(at) else None,
                member=readers.get(number),
            )
        )
    return tuple(found)


def _rate(now: int | None, then: int | None, seconds: float) -> float | None:
    """Records a second; None where one of both was not seen, or it was cut."""
    if now is None or then is None or now < then or seconds <= 0:
        return None
    return (now - then) / seconds


def _ends(topics: Topics | None, topic: str) -> dict[int, int]:
    if topics is None or topic not in topics.rows.names:
        return {}
    rows = topics.rows.rows(topics.rows.names.index(topic))
    pairs = zip(topics.rows.number[rows].tolist(), topics.end[rows].tolist(), strict=True)
    return {number: end for number, end in pairs if end != UNSEEN}


def _commits(committed: Committed | None, index: int | None) -> dict[int, int]:
    found = _column(committed, index, "offset")
    return {number: int(offset) for number, offset in found.items() if offset != UNSEEN}


def _column(committed: Committed | None, index: int | None, name: str) -> dict[int, float]:
    if committed is None or index is None:
        return {}
    rows = committed.rows.rows(index)
    return dict(zip(committed.rows.number[rows].tolist(), getattr(committed, name)[rows].tolist(), strict=True))
