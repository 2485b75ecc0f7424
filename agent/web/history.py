"""What changed when, in words: the page of changes, and those of one seam. One store question, one wording."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.model.steps import bare
from agent.store.history import Change
from agent.web.words import count, sentence, span

MOST_LINES = 5  #: of rights that came or went in one change
_LONG = 120  #: characters of a value
_ENDLESS = 2**63 - 1
_UNITS = (("ms", 0.001), ("minutes", 60.0), ("hours", 3600.0), ("seconds", 1.0))
NOT_SET = "not set"


@dataclass(frozen=True, slots=True)
class Line:
    """One change as a row."""

    kind: str
    place: str  #: topic, group or cluster, as people call it
    name: str
    was: str
    now: str
    at: datetime
    source: str  #: where the new value comes from; empty where that is not known
    came: tuple[str, ...] = ()  #: rights that were given
    went: tuple[str, ...] = ()  #: and those that were taken
    more: int = 0  #: came or went, and are not listed
    hot: bool = False  #: a topic is gone, or is another one


def lines(changes: Sequence[Change]) -> list[Line]:
    """Changes in words, in their order."""
    return [_line(change) for change in changes]


def _line(change: Change) -> Line:
    came, went, more = _rights(change)
    was, now = _values(change)
    hot = change.name == "id" and (change.after is None or change.after != change.earlier is not None)
    source = change.source.partition(", ")[2]
    name = setting_name(change.name)
    return Line(change.kind, _place(change), name, was, now, change.at, source, came, went, more, hot)


def _place(change: Change) -> str:
    cluster, _, rest = change.component.name.partition("/")
    if change.component.kind != "source":
        return f"{sentence(change.component.kind)} {bare(change.component)}, cluster {cluster}"
    what = {"broker": "Brokers of cluster", "client metrics": "Client metrics of cluster"}.get(change.kind, "Cluster")
    return f"{what} {rest}"


def setting_name(name: str) -> str:
    """A setting as Kafka calls it."""
    told = {"acls": "rights (ACLs)", "id": "the topic itself", "brokers": "number of brokers"}
    return told.get(name) or name.removeprefix("broker.").removeprefix("config.").removeprefix("client_metrics.")


def _values(change: Change) -> tuple[str, str]:
    if change.name == "id":
        return _topic(change)
    if change.name == "acls":
        was, now = (len(_rules(text)) for text in (change.before, change.after))
        return count(was), count(now)
    before, after = value(change.name, change.before), value(change.name, change.after)
    if before == after and change.before != change.after:  # rounded alike
        return change.before or before, change.after or after
    return before, after


def _topic(change: Change) -> tuple[str, str]:
    if change.after is None:
        return "listed", "no longer listed"
    if change.earlier is None:
        return "not listed", "first listed"
    was = "listed" if change.before is not None else "not listed"
    return was, "listed again" if change.earlier == change.after else "deleted and made again"


def _rules(text: str | None) -> list[str]:
    return [line for line in (text or "").split("\n") if line]


def _rights(change: Change) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    if change.name != "acls":
        return (), (), 0
    was, now = set(_rules(change.before)), set(_rules(change.after))
    came, went = sorted(now - was), sorted(was - now)
    shown = came[:MOST_LINES], went[:MOST_LINES]
    return tuple(shown[0]), tuple(shown[1]), len(came) + len(went) - len(shown[0]) - len(shown[1])


def value(name: str, text: str | None) -> str:
    """A value with its unit, as the setting's name tells it: `7 d`, `1 GiB`, `no limit`."""
    if text is None:
        return NOT_SET
    if not text:
        return "empty"
    number = int(text) if text.removeprefix("-").isdigit() and text.isascii() and len(text) < 20 else None
    found = "" if number is None else _measured(name, number)
    return found or (text if len(text) <= _LONG else f"{text[: _LONG - 1]}…")


def _measured(name: str, number: int) -> str:
    unit = name.rpartition(".")[2]
    seconds = next((size for word, size in _UNITS if unit == word), None)
    if seconds is None and unit != "bytes":
        return count(number) if number < 1_000_000 else f"{number:,}"
    if number == -1 or number == _ENDLESS:
        return "no limit"
    if seconds is None:
        return _size(number)
    return span(number * seconds) if number * seconds >= 1 else f"{number} {unit}"


def _size(number: int) -> str:
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if number >= 1 << power:
            return f"{number / (1 << power):.1f} {unit}".replace(".0 ", " ")
    return f"{number:,} B"
