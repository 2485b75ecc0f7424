"""What to do about a failing verdict, in steps that name its subject: names and commands stand in backticks."""

import json
import re
import shlex
from collections.abc import Iterable
from datetime import timedelta

from agent.model.seam import Component
from agent.model.subjects import Deliveries

_FEW = 3
_PLACED = ("topic", "group", "table", "job", "dataset", "connector", "subject", "source")  #: kinds with a place
_INSIDE = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?[^/]*/(.+)", re.DOTALL)  #: a namespace may be an address
_GRAVE = "\u02cb"  #: for a backtick inside of code: it looks like one, and ends neither code nor a shell's quotes


def code(text: str) -> str:
    """A name, a setting or a command, as it is written."""
    return f"`{text.replace('`', _GRAVE)}`"


def own(component: Component) -> str:
    """A component by its own name, as a command takes it."""
    return code(bare(component))


def bare(component: Component) -> str:
    """What people call it: without the cluster, system or namespace it is in; of other kinds a slash is in the name."""
    inside = _INSIDE.fullmatch(component.name) if component.kind in _PLACED else None
    return inside[1] if inside else component.name


def typed(component: Component) -> str:
    """The same within a line for a shell: whoever sends makes up names, and whoever pastes the line may do much."""
    return shlex.quote(bare(component))


def few(names: Iterable[str]) -> str:
    """The first three names, and how many more there are."""
    told = list(names)
    more = [f"{len(told) - _FEW} more"] if len(told) > _FEW else []
    return ", ".join([*(code(name) for name in told[:_FEW]), *more])


def declare(component: Component, key: str, value: str) -> str:
    """A line of a workflow file, under `components:`."""
    return code(f"{{component: {quoted(str(component))}, {key}: {value}}}")


def quoted(text: str) -> str:
    """A text between double quotes, as YAML and JSON read it."""
    return json.dumps(text, ensure_ascii=False)


def length(span: timedelta) -> str:
    """A length of time in its largest unit that is not cut by much: `7 d`, `36 h`, `20 min`."""
    seconds = span.total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def rate(per_second: float) -> str:
    """How often, in the unit that has a figure before its point: `2,010/s`, `3.3/min`, `41/h`, `2 a day`."""
    if per_second <= 0:
        return "none"
    for size, unit in ((1, "/s"), (60, "/min"), (3600, "/h")):
        if per_second * size >= 1:
            return f"{_figures(per_second * size)}{unit}"
    return f"{_figures(per_second * 86_400)} a day"


def _figures(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}".removesuffix(".0")


def once_each(seen: Deliveries) -> tuple[str, ...]:
    """How a handler's side effect is made to happen once for each message."""
    group, topic = own(seen.group), own(seen.topic)
    kept = f" ({length(seen.retention)})" if seen.retention else ""
    return (
        f"Let the producer of {topic} give each message a unique ID (CloudEvents `source` and `id`) that stays the "
        f"same when it is sent again.",
        f"Let {group} make {_effects(seen)} conditional on that ID.{_means(seen)}",
        f"Keep the IDs as long as a message can come again: for the retention of {topic}{kept}, or the longest replay.",
    )


def _unguarded(seen: Deliveries) -> list[str]:
    return [made.name for made in seen.operations if not made.guarded]


def _effects(seen: Deliveries) -> str:
    names = _unguarded(seen)
    return few(names) if names else "its writes"


def _means(seen: Deliveries) -> str:
    """What makes a write conditional: a row beside it in its transaction, or a key that its receiver knows again."""
    names = _unguarded(seen)
    told = ""
    if not names or any(" table:" in name for name in names):
        told += (
            " In the transaction of the write: `INSERT INTO inbox (id) VALUES (…)` with `id` as primary key first, "
            "and nothing more where that row is there."
        )
    if any(" table:" not in name for name in names):
        told += " To others send the ID along (`Idempotency-Key`, or as the ID of the message), so that they know it."
    return told
