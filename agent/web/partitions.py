"""Where each partition of a topic stands for a group, as a seam's page shows it: cells of all, rows of the worst."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from agent.model.counting import noun
from agent.model.kafka.snapshots import ON, Cell, Partitions, partitions_of
from agent.model.seam import Component
from agent.model.steps import rate
from agent.store.store import Store
from agent.web.draw.heat import heat, shades, waits
from agent.web.words import count, share

NAMED = 8  #: partitions in the table below the cells
OLD = timedelta(minutes=15)  #: what did not change is told again within ten


@dataclass(frozen=True, slots=True)
class Reader:
    """Who has a partition: a member's client, or nobody."""

    name: str
    nobody: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One partition in words; empty: not known."""

    cell: Cell
    reader: Reader
    written: str
    read: str
    stands: bool  #: messages wait, more are written, and none is read
    commit: datetime | None  #: when it was seen to go on last


@dataclass(frozen=True, slots=True)
class Heat:
    """The partitions of a topic as a group reads them."""

    picture: Markup
    legend: Markup
    cells: tuple[Cell, ...]
    hottest: tuple[Row, ...]  #: the first few, furthest behind first
    number: int
    shown: int
    most: int  #: unread of one
    wrong: bool  #: a backlog of the seam is a finding
    skew: str
    at: datetime
    stale: bool
    says: str


def heat_of(
    store: Store,
    group: Component,
    topic: Component,
    now: datetime,
    readers: Mapping[int, str] | None,
    *,
    wrong: bool,
) -> Heat | None:
    """The partitions as they were seen last; `readers` tells who has which, None where that is not known of all."""
    found = store.latest(group, f"{ON}{topic.name.partition('/')[2]}")
    if found is None:
        return None
    told, at = partitions_of(found[0]), found[1]
    hottest = sorted(told.cells, key=lambda cell: (-(cell.lag or 0), -(cell.age or 0.0), cell.number))
    says = _says(told, hottest)
    return Heat(
        heat(told.cells, says, wrong=wrong),
        shades(wrong=wrong),
        told.cells,
        tuple(_row(cell, at, readers) for cell in hottest[:NAMED]),
        told.number,
        len(told.cells),
        max((cell.lag or 0 for cell in told.cells), default=0),
        wrong,
        _skew(told),
        at,
        now - at > OLD and bool(hottest and hottest[0].lag),
        says,
    )


def _row(cell: Cell, at: datetime, readers: Mapping[int, str] | None) -> Row:
    name = None if readers is None else readers.get(cell.number)
    return Row(
        cell,
        Reader(name or "", nobody=readers is not None and name is None),
        "" if cell.written is None else _pace(cell.written),
        "" if cell.read is None else _pace(cell.read),
        bool(cell.lag and cell.written) and cell.read == 0,
        None if cell.still is None else at - timedelta(seconds=cell.still),
    )


def _pace(per_second: float) -> str:
    return rate(per_second) if per_second else "0/s"


def _says(told: Partitions, hottest: Sequence[Cell]) -> str:
    behind, unknown = sum(bool(cell.lag) for cell in told.cells), sum(cell.lag is None for cell in told.cells)
    head = f"{count(told.number)} {noun(told.number, 'partition')}"
    if not behind:
        return f"{head}, nothing unread" + (f", {count(unknown)} not known" if unknown else "")
    first = hottest[0]
    some = f"{count(behind)} with unread messages" if told.number > 1 else waits(first)
    most = f"; partition {first.number} is furthest behind: {waits(first)}" if told.number > 1 else ""
    return f"{head}, {some}{most}"


def _skew(told: Partitions) -> str:
    """The partition that takes most of what is written, where that is far over its part."""
    known = [cell for cell in told.cells if cell.share is not None]
    if told.number < 3 or not known:
        return ""
    most = max(known, key=lambda cell: cell.share or 0.0)
    part = most.share or 0.0
    even = f"an even part would be {share(1, told.number)}"
    return (
        f"Partition {most.number} gets {share(part, 1)} of what is written; {even}." if part * told.number >= 3 else ""
    )
