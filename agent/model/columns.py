"""Spans as columns: what a decoder makes of one request, and what the aggregator folds.

A span's identity (service, topic, route, table, ...) is a *shape*, interned once; what differs from span to span is a
NumPy column. No object is made per span after decoding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from agent.model.seam import Component, SeamKey

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


class Role(IntEnum):
    """What a span does at a seam."""

    INTERNAL = 0  #: only a bridge between a handler and its effects
    PUBLISH = 1
    RECEIVE = 2  #: a poll or receive without the identity of one message
    CONSUME = 3  #: a message reached its handler
    SERVE = 4
    CALL = 5
    QUERY = 6


@dataclass(frozen=True, slots=True)
class Instrument:
    """What one instrumentation scope can show; None where nobody has looked."""

    carries_context: bool | None = None  #: its consumers have a parent or a link
    names_group: bool | None = None
    gives_identity: bool | None = None
    attaches_handler: bool | None = None  #: spans of the handler are below the consumer span
    keeps_context: bool | None = None  #: outgoing spans of a handler stay in its trace


@dataclass(frozen=True, slots=True)
class Shape:
    """Everything about a span that it shares with others of its kind."""

    service: str
    role: Role
    seams: tuple[SeamKey, ...] = ()  #: what one such span crosses, known without its other side
    component: Component | None = None  #: the route that a SERVE span belongs to
    address: Component | None = None  #: the callee's address of a CALL span
    topic: Component | None = None
    group: Component | None = None
    operation: str = ""  #: the side effect it is, empty for none
    guarded: bool = False  #: repeating that effect changes nothing
    delivery: bool = False  #: may carry the identity of one message
    scope: str = ""
    instrument: Instrument = Instrument()  # frozen, without fields that are called
    version: str = ""
    server: str = ""  #: host:port of a database that the configuration gives no alias
    environment: str = ""  #: deployment.environment.name
    sampled: float = 1.0  #: share of traces that head sampling keeps; 1 also where the sender does not say


class Shapes(Protocol):
    """The dictionary of shapes that decoder and aggregator share; numbers are never reused."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> Shape:
        """The shape of a number."""
        ...


@dataclass(frozen=True, slots=True)
class Links:
    """Links of a request's spans: `row` is the span's row in its columns."""

    row: I64
    trace_hi: U64
    trace_lo: U64
    span: U64


def no_links() -> Links:
    """No link at all."""
    empty = np.zeros(0, dtype=np.uint64)
    return Links(np.zeros(0, dtype=np.int64), empty, empty, empty)


@dataclass(frozen=True, slots=True)
class SpanColumns:
    """The spans of one request, one row each; times are Unix nanoseconds.

    `offset` is -1 where a span names none; `ident` is an 8-byte hash of a message id that is no offset, else 0.
    `remote` is 1 for a parent in another process, 0 for one in the same, -1 where the sender does not say.
    """

    shape: I32
    trace_hi: U64
    trace_lo: U64
    span: U64
    parent: U64
    start: I64
    end: I64
    error: Flags
    remote: npt.NDArray[np.int8]
    messages: I32
    partition: I32
    offset: I64
    ident: U64
    size: I64
    instance: I32
    links: Links
    received: int  #: spans in the request, dropped ones included
    dropped: Mapping[str, int] = field(default_factory=dict)  #: by reason

    def __len__(self) -> int:
        return len(self.shape)


def concatenate(parts: Sequence[SpanColumns]) -> SpanColumns:
    """Many requests as one; links are renumbered, drops added up."""
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part) for part in parts[:-1])])
    dropped: dict[str, int] = {}
    for part in parts:
        for reason, count in part.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
    links = Links(
        np.concatenate([part.links.row + start for part, start in zip(parts, starts, strict=True)]),
        np.concatenate([part.links.trace_hi for part in parts]),
        np.concatenate([part.links.trace_lo for part in parts]),
        np.concatenate([part.links.span for part in parts]),
    )
    plain = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in SpanColumns.__dataclass_fields__
        if name not in ("links", "received", "dropped")
    }
    return SpanColumns(**plain, links=links, received=sum(part.received for part in parts), dropped=dropped)


def chosen(columns: SpanColumns, rows: Flags) -> SpanColumns:
    """Some of the rows; links of the others go with them."""
    links = columns.links
    kept = rows[links.row]
    place = np.cumsum(rows) - 1
    fewer = Links(place[links.row[kept]], links.trace_hi[kept], links.trace_lo[kept], links.span[kept])
    plain = {
        name: getattr(columns, name)[rows]
        for name in SpanColumns.__dataclass_fields__
        if name not in ("links", "received", "dropped")
    }
    return SpanColumns(**plain, links=fewer, received=columns.received, dropped=columns.dropped)
