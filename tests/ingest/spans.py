"""Spans by hand: shapes in a list, and rows of which only what matters is said."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from agent.ingest.aggregator import Aggregator
from agent.model import seam
from agent.model.columns import Links, Role, Shape, SpanColumns
from agent.model.facts import Column
from agent.model.flush import Flush

AT = datetime.fromtimestamp(1_790_000_060, tz=UTC)
NS = 1_790_000_000_000_000_000
SECOND = 1_000_000_000

_DEFAULTS: dict[str, tuple[Any, Any]] = {
    "shape": (0, np.int32),
    "trace_hi": (1, np.uint64),
    "trace_lo": (1, np.uint64),
    "span": (1, np.uint64),
    "parent": (0, np.uint64),
    "start": (0, np.int64),
    "end": (0, np.int64),
    "error": (False, np.bool_),
    "remote": (0, np.int8),
    "messages": (1, np.int32),
    "partition": (-1, np.int32),
    "offset": (-1, np.int64),
    "ident": (0, np.uint64),
    "size": (0, np.int64),
    "instance": (0, np.int32),
}


def spans(*rows: dict[str, Any]) -> SpanColumns:
    """Columns of rows; `start` and `end` are nanoseconds after `NS`."""
    columns = {
        name: np.array([row.get(name, default) for row in rows], kind) for name, (default, kind) in _DEFAULTS.items()
    }
    columns["start"] += NS
    columns["end"] = np.maximum(columns["end"] + NS, columns["start"])
    none = np.zeros(0, np.uint64)
    return SpanColumns(**columns, links=Links(np.zeros(0, np.int64), none, none, none), received=len(rows))


def call(**more: Any) -> Shape:
    """A call of `a` to the address `b:80`."""
    address = seam.address("b", 80)
    key = seam.calls(seam.service("a"), address)
    return Shape("a", Role.CALL, seams=(key,), address=address, operation="POST b:80/x", **more)


def serve(**more: Any) -> Shape:
    """What `b` answers to it."""
    return Shape("b", Role.SERVE, component=seam.route("b", "POST", "/x"), **more)


def consume(group: str = "g", **more: Any) -> Shape:
    """A delivery to a group of the service `billing`."""
    topic, by = seam.topic("orders", "c"), seam.group(group, "c")
    return Shape("billing", Role.CONSUME, (seam.consumes(topic, by),), topic=topic, group=by, delivery=True, **more)


def write(table: str = "invoices", *, guarded: bool = False, service: str = "billing") -> Shape:
    """An insert into a table."""
    to = seam.table("postgresql", "shop", table)
    key = seam.writes(seam.service(service), to)
    return Shape(service, Role.QUERY, (key,), operation=f"INSERT {to}", guarded=guarded)


def folded(aggregator: Aggregator, *columns: SpanColumns, at: datetime = AT) -> Flush:
    """What a store is given after these batches."""
    for batch in columns:
        aggregator.take(aggregator.fold(batch, at))
    return aggregator.drain("w", 0, 1)


def total(flush: Flush, target: str, column: Column) -> int:
    """One column of all windows of the seams that lead to a target."""
    return sum(window.values[column] for window in flush.windows if str(window.key).endswith(f"-> {target}"))
