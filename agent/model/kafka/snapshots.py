"""What is shown as it was seen last: the members of a group, and where each partition of a topic stands.

Both are settings of the group whose names begin with `LATEST`: the store keeps the last one of each and no history, so
that a group that rebalances all day takes no more room than one that never does. This is both ends of their text.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from agent.model import seam
from agent.model.facts import LATEST
from agent.model.kafka.look import UNSEEN, Group, Member, Real, Whole

MEMBERS = f"{LATEST}members"
ON = f"{LATEST}on:"  #: with a topic's name
MOST_CELLS = 1_000  #: partitions of a group on a topic, those furthest behind
MOST_TEXT = 65_536  #: characters of members; the others are counted
_SHORT = 200  #: characters of a client's or a host's name


# -- numbers in short


def ranges(numbers: Iterable[int]) -> str:
    """Numbers as people write them: `0-3,7`."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def numbers(text: str, most: int = 100_000) -> list[int]:
    """What `ranges` wrote; at most so many."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        found += range(int(low), min(int(high or low), int(low) + most) + 1)
    return found[:most]


# -- members


@dataclass(frozen=True, slots=True)
class Shown:
    """One member: what it has and what it is to have, by topic as `ranges` has it; None where that was not told."""

    client: str
    host: str = ""
    instance: str | None = None  #: static membership
    assigned: Mapping[str, str] | None = None
    target: Mapping[str, str] | None = None  #: only where it is another than what it has


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a group as they were seen last."""

    shown: tuple[Shown, ...]
    number: int  #: of all
    idle: int  #: of all, that have no partition of any topic


def members_text(group: Group) -> str | None:
    """The members of a group, bounded; None where they were not seen."""
    if group.members is None:
        return None
    told = sorted((_member(one) for one in group.members), key=lambda one: (one["c"], one.get("i") or "", str(one)))
    kept, room = [], MOST_TEXT
    for one in told:
        text = json.dumps(one, separators=(",", ":"), ensure_ascii=False)
        room -= len(text)
        if room < 0:
            break
        kept.append(text)
    idle = sum(one.assigned is not None and not one.assigned and not one.target for one in group.members)
    return f'{{"of":{len(told)},"idle":{idle},"members":[{",".join(kept)}]}}'


def _member(one: Member) -> dict[str, Any]:
    found: dict[str, Any] = {"c": _name(one.client), "h": _name(one.host)}
    if one.instance is not None:
        found["i"] = _name(one.instance)
    if one.assigned is not None:
        found["a"] = _by_topic(one.assigned)
    if one.target is not None and one.target != one.assigned:
        found["t"] = _by_topic(one.target)
    return found


def _name(text: str | None) -> str:
    return seam.clean((text or "").removeprefix("/"))[:_SHORT] if text else ""


def _by_topic(parts: Iterable[tuple[str, int]]) -> dict[str, str]:
    found: dict[str, list[int]] = defaultdict(list)
    for topic, number in parts:
        found[topic].append(number)
    return {topic: ranges(found[topic]) for topic in sorted(found)}


def members_of(text: str) -> Members:
    """What `members_text` wrote."""
    told = json.loads(text)
    shown = tuple(Shown(o["c"], o["h"], o.get("i"), o.get("a"), o.get("t")) for o in told["members"])
    return Members(shown, told["of"], told["idle"])


# -- partitions


@dataclass(frozen=True, slots=True)
class Cell:
    """One partition of a topic as a group has read it; None: not known."""

    number: int
    lag: int | None  #: messages
    age: float | None  #: s, of the oldest unread one
    share: float | None  #: of what the topic got in the last 15 minutes
    written: float | None = None  #: records/s since it was told before
    read: float | None = None  #: records/s, by what was committed in the same time
    still: int | None = None  #: s since its commit was seen to go on; None: not seen since the agent looks


@dataclass(frozen=True, slots=True)
class Partitions:
    """The partitions of a group on a topic as they were seen last: all, or those furthest behind."""

    cells: tuple[Cell, ...] = field(default=())
    number: int = 0  #: of all


@dataclass(frozen=True, slots=True)
class Stands:
    """One row a partition that a group reads."""

    number: Whole
    lag: Whole  #: UNSEEN: not known
    age: Real  #: s; NaN: not known
    window: Whole | None = None  #: records of each partition of the topic in the last 15 minutes
    written: Real | None = None  #: records/s; NaN: not known
    read: Real | None = None
    still: Real | None = None  #: s; not finite: not known


def partitions_text(told: Stands) -> str:
    """Where each partition stands; of more than `MOST_CELLS` those furthest behind."""
    rows = np.argsort(-told.lag, kind="stable")[:MOST_CELLS]
    rows = rows[np.argsort(told.number[rows], kind="stable")]
    numbered = told.number[rows]
    columns: dict[str, Any] = {
        "of": len(told.number),
        "p": ranges(numbered.tolist()),
        "lag": _short([None if value == UNSEEN else value for value in told.lag[rows].tolist()]),
        "age": _whole(told.age[rows]),
    }
    if told.window is not None and told.window.sum() > 0:
        inside = numbered < len(told.window)
        part = np.full(len(rows), np.nan)
        part[inside] = told.window[numbered[inside]] / told.window.sum()
        columns["share"] = _short([None if value != value else round(value, 4) for value in part.tolist()])
    for name, rate in (("w", told.written), ("r", told.read)):
        if rate is not None:
            columns[name] = _short([None if value != value else _figures(value) for value in rate[rows].tolist()])
    if told.still is not None and np.isfinite(told.still[rows]).any():
        columns["m"] = _whole(told.still[rows])
    return json.dumps(columns, separators=(",", ":"))


def _whole(values: Real) -> Any:
    return _short([round(value) if math.isfinite(value) else None for value in values.tolist()])


def _figures(rate: float) -> float | int:
    """Three figures: more is no news."""
    short = float(f"{rate:.3g}")
    return int(short) if short.is_integer() else short


def _short(values: list[Any]) -> Any:
    """One value for all where they are the same."""
    return values[0] if values and all(before == after for before, after in pairwise(values)) else values


def partitions_of(text: str) -> Partitions:
    """What `partitions_text` wrote."""
    told = json.loads(text)
    found = numbers(told["p"], MOST_CELLS)
    columns = (_long(told.get(name), len(found)) for name in ("lag", "age", "share", "w", "r", "m"))
    return Partitions(tuple(map(Cell, found, *columns)), told["of"])


def _long(value: Any, count: int) -> Sequence[Any]:
    return value if isinstance(value, list) else [value] * count
