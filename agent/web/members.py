"""Who reads which partition, and how far behind each is: rows for few partitions, a strip of heat for many."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.model.counting import counted
from agent.model.kafka.now import GroupNow, PartitionNow
from agent.model.steps import rate
from agent.web.words import clock, count, span

ROWS = 24  #: partitions that are told one by one
FEW = 12  #: of more, those furthest behind
STRIP = 8  #: from so many partitions on there is a strip
CELLS = 240  #: of a strip; of more partitions each stands for several, and shows the worst
SILENT = timedelta(minutes=2)  #: without a commit while messages wait
HEATS = (60.0, 600.0, 3600.0)  #: s of age at which a cell gets hotter
UNSEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Row:
    """One partition in words."""

    partition: int
    member: str
    written: str
    read: str
    commit: str
    behind: str
    mark: str  #: good | page | na


@dataclass(frozen=True, slots=True)
class Cell:
    """One or more partitions of a strip."""

    heat: int  #: 0 (nothing waits) to 4
    title: str


@dataclass(frozen=True, slots=True)
class Card:
    """All of it."""

    note: str
    rows: tuple[Row, ...]
    cells: tuple[Cell, ...]
    says: str  #: the strip in words
    foot: tuple[str, ...]
    total: int


def card(live: GroupNow, now: datetime) -> Card:
    """The members of a group and the partitions of a topic."""
    parts = live.partitions
    shown = parts if len(parts) <= ROWS else sorted(parts, key=_furthest)[:FEW]
    cells = tuple(_cells(parts)) if len(parts) >= STRIP else ()
    rows = tuple(_row(one, live, now) for one in sorted(shown, key=lambda one: one.number))
    return Card(_note(live), rows, cells, _strip(parts), tuple(_foot(live, len(shown))), len(parts))


def _furthest(one: PartitionNow) -> tuple[float, int, int]:
    return -(one.age or 0.0), -(one.lag or 0), one.number


def _row(one: PartitionNow, live: GroupNow, now: datetime) -> Row:
    late = one.age is None or one.age > SILENT.total_seconds()
    silent = bool(one.lag) and late and (one.moved is None or live.at - one.moved > SILENT)
    known = one.lag is not None
    return Row(
        partition=one.number,
        member=one.member or ("nobody" if live.members is not None else UNSEEN),
        written=UNSEEN if one.written is None else rate(one.written),
        read=UNSEEN if one.read is None else rate(one.read),
        commit=clock(one.moved, now) if one.moved else UNSEEN,
        behind=_behind(one),
        mark="na" if not known else "page" if silent else "good",
    )


def _behind(one: PartitionNow) -> str:
    if one.lag is None:
        return UNSEEN
    if not one.lag:
        return "0"
    return count(one.lag) if one.age is None else f"{count(one.lag)}, {span(max(1.0, one.age))}"


def _heat(one: PartitionNow) -> int:
    if not one.lag:
        return 0
    return 1 + sum((one.age or 0.0) >= limit for limit in HEATS)


def _cells(parts: Sequence[PartitionNow]) -> Iterable[Cell]:
    each = -(-len(parts) // CELLS)
    for at in range(0, len(parts), each):
        some = parts[at : at + each]
        worst = min(some, key=_furthest)
        name = f"{some[0].number}" if len(some) == 1 else f"{some[0].number} to {some[-1].number}"
        yield Cell(max(map(_heat, some)), f"Partition {name}: {_behind(worst)} behind")


def _strip(parts: Sequence[PartitionNow]) -> str:
    late = [one for one in parts if _heat(one) >= 2]
    if not late:
        return f"{counted(len(parts), 'partition')}, none over 1 min behind."
    worst = min(parts, key=_furthest)
    furthest = f"the furthest is {worst.number}: {_behind(worst)}"
    return f"{counted(len(parts), 'partition')}, {len(late)} over 1 min behind; {furthest}."


def _note(live: GroupNow) -> str:
    if live.members is None:
        return "not shown"
    reading = sum(bool(one.partitions) for one in live.members)
    told = f"{reading} of {counted(len(live.members), 'member')} reading" if live.members else "no members"
    return f"{told}, {live.protocol}" if live.protocol else told


def _foot(live: GroupNow, shown: int) -> Iterable[str]:
    if shown < len(live.partitions):
        yield f"The {shown} furthest behind of {counted(len(live.partitions), 'partition')}."
    if live.members is None:
        why = live.refused or "the group was not described"
        yield f"Members are not shown: {why}. The Collectors page has the right that is missing."
        return
    moves = [one for one in live.members if one.target is not None and one.target != one.partitions]
    if moves:
        yield f"The coordinator is moving partitions of {counted(len(moves), 'member')} right now."
    static = sum(one.static for one in live.members)
    if static:
        are = "is static: its partitions stay with it" if static == 1 else "are static: partitions stay with them"
        yield f"{counted(static, 'member')} {are} until the session ends."
    where = "" if live.coordinator is None else f" Its coordinator is broker {live.coordinator}."
    yield f"The group is {(live.state or 'in a state that was not told').lower()}.{where}"
