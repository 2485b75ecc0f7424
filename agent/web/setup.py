"""How what stands at a seam is set up, and what of it changed when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.model.seam import Component, SeamKey, source
from agent.store.settings import Changed
from agent.store.store import Store
from agent.web.words import span

BACK = timedelta(days=90)
MOST = 12  #: changes on a seam's page
LONG = 60  #: characters of a value
UNSEEN, UNSET = "not observable", "not set"
#: what is asked of a topic, and of a group, whether it was seen or not
_TOPIC = ("retention.ms", "cleanup.policy", "min.insync.replicas", "partitions", "replication")
_GROUP = ("protocol", "assignor")
_ALSO = "config."  #: settings of a group that its broker tells


@dataclass(frozen=True, slots=True)
class Row:
    """One setting in force."""

    name: str
    value: str
    seen: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """One change in words."""

    what: str
    how: str  #: `3 d → 7 d`
    at: datetime
    about: Component
    hot: bool = False  #: within a day


@dataclass(frozen=True, slots=True)
class Setup:
    """The settings of a seam's ends, and their changes, newest first."""

    rows: tuple[Row, ...] = ()
    log: tuple[Change, ...] = ()


def setup(store: Store, key: SeamKey, now: datetime) -> Setup:
    """Of the topics and groups at a seam, and of their cluster; nothing of a seam without any."""
    ends = [one for one in (key.source, key.target) if one.kind in ("topic", "group", "connector", "subject")]
    if not ends:
        return Setup()
    kept = store.settings_of(ends, now)
    rows = [row for end in ends for row in _rows(end, kept.get(end, {}))]
    clusters = {source("kafka", end.name.partition("/")[0]) for end in ends if end.kind in ("topic", "group")}
    found = store.changes(now - BACK, now, of=[*ends, *sorted(clusters)], most=MOST)
    return Setup(tuple(rows), tuple(change(one, now) for one in found))


def _rows(end: Component, told: Mapping[str, str]) -> Sequence[Row]:
    if not told:
        return ()
    if end.kind == "topic":
        return [_row(name, told.get(name)) for name in _TOPIC]
    if end.kind != "group":
        return ()
    own = f"{_ALSO}{told.get('protocol', '')}."  # a broker tells those of every protocol
    more = sorted(name for name in told if name.startswith(own))
    return [_row(name, told.get(name)) for name in (*_GROUP, *more) if name in told or name == "protocol"]


def _row(name: str, value: str | None) -> Row:
    return Row(name.removeprefix(_ALSO), UNSEEN if value is None else words(name, value), value is not None)


def change(one: Changed, now: datetime) -> Change:
    """One change as a person reads it."""
    name = one.name.removeprefix(_ALSO)
    what = f"{name} of the brokers".removeprefix("broker.") if one.component.kind == "source" else name
    if one.name == "id":
        how = "made anew"
    elif one.name == "acls":
        how = _rules(one.before or "", one.value or "")
    else:
        how = f"{words(one.name, one.before)} → {words(one.name, one.value)}"
    return Change(what, how, one.at, one.component, now - one.at < timedelta(days=1))


def _rules(before: str, value: str) -> str:
    """Access rules, one a line: which came and which went, the first of each."""
    old, new = set(before.splitlines()), set(value.splitlines())
    came, gone = sorted(new - old), sorted(old - new)
    told = [
        f"{sign} {_short(some[0])}{f' and {len(some) - 1} more' if len(some) > 1 else ''}"
        for sign, some in (("+", came), ("\u2212", gone))
        if some
    ]
    return "; ".join(told) or "in another order"


def words(name: str, value: str | None) -> str:
    """A value as people write it: `7 d`, `1 GiB`, `for ever`."""
    if value is None:
        return UNSET
    number = int(value) if value.lstrip("-").isascii() and value.lstrip("-").isdigit() and len(value) < 20 else None
    if number is None:
        return _short(value)
    if name.endswith(".ms"):
        return "for ever" if number < 0 or number > 3_153_600_000_000 else span(number / 1000) if number else "0"
    if name.endswith(".minutes"):
        return span(number * 60)
    if name.endswith(".bytes"):
        return "no limit" if number < 0 else _bytes(number)
    return f"{number:,}"


def _bytes(number: int) -> str:
    for size, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if number >= size:
            return f"{number / size:,.1f} {unit}".replace(".0 ", " ")
    return f"{number:,} bytes"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONG else f"{text[: LONG - 1]}…"
