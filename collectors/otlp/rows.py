"""The spans of one request while it is walked, and the columns made of them at the end, a whole column at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from agent.model.columns import I32, Flags, Links, SpanColumns, chosen, no_links
from collectors.otlp.wire import failed

_ROOT = b"\0" * 8
_NOBODY = (b"\0" * 16, _ROOT, _ROOT)
_LATEST = np.uint64(1 << 63)
_MAX_LINKS = 256  #: per span; a batch of more is counted by its first ones
DROPPED = -1  #: instead of a shape's number
NO_ROOM = -2  #: the same, for want of a number
FAILED = 1 << 30  #: added to the number of a shape whose attributes say that the span failed
UNREAD = 1 << 29  #: added to the number of a shape whose statement was not read, or not all of it

#: columns about messages, in the order of `Identity`: what stands for none, and the type
_MESSAGE = {
    "partition": (-1, np.int32),
    "offset": (-1, np.int64),
    "ident": (0, np.uint64),
    "messages": (1, np.int32),
    "size": (0, np.int64),
}

#: one tuple a span, made by the protobuf runtime: the loops over spans stay in C
_head = attrgetter("trace_id", "span_id", "parent_span_id", "kind", "start", "end", "flags", "status", "trace_state")

Head = tuple[Any, ...]  #: in that order
Identity = tuple[int, int, int, int, int]  #: partition, offset, ident, messages, bytes


class Rows:
    """Rows being collected; turned into columns at the end."""

    __slots__ = ("_details", "_heads", "_instances", "_links", "_refused", "dropped", "shapes")

    def __init__(self, refused: Mapping[str, int] | None = None) -> None:
        """Start with none; `refused` counts, by reason, spans that were given up before they came here."""
        self._refused = sum(refused.values()) if refused else 0
        self._heads: list[Head] = []
        self._instances: list[tuple[int, int]] = []
        self._links: list[tuple[int, bytes, bytes]] = []
        self.shapes: list[int] = []  #: one a span that was taken in, in order; with FAILED where it failed
        self._details: list[tuple[int, int, int, int, int, int]] = []
        self.dropped: dict[str, int] = dict(refused or {})

    def take(self, spans: Sequence[Any], instance: int) -> list[Head]:
        """Take in the heads of one scope's spans; their shapes must follow, one each."""
        heads = list(map(_head, spans))
        self._heads += heads
        self._instances.append((instance, len(heads)))
        return heads

    def drop(self, reason: str) -> int:
        """Count a span that is left out; what stands instead of its shape."""
        self._count(reason, 1)
        return DROPPED

    def _count(self, reason: str, number: int) -> None:
        if number:
            self.dropped[reason] = self.dropped.get(reason, 0) + number

    def link(self, links: Sequence[Any]) -> None:
        """The links of the span whose shape comes next."""
        row = len(self.shapes)
        self._links.extend((row, link.trace_id, link.span_id) for link in links[:_MAX_LINKS])
        self._count("link limit", len(links) - _MAX_LINKS if len(links) > _MAX_LINKS else 0)

    def detail(self, identity: Identity) -> None:
        """Which message the span whose shape comes next is about."""
        self._details.append((len(self.shapes), *identity))

    def columns(self) -> SpanColumns:
        """Everything taken in, as columns; spans without a valid identity or a possible time are dropped."""
        size = len(self._heads)
        heads: Iterable[Sequence[Any]] = zip(*self._heads, strict=True) if size else ((),) * 9
        traces, spans, parents, _, starts, ends, flags, statuses, _ = heads
        codes = np.fromiter(self.shapes, np.int64, size)
        self._count("shape limit", int((codes == NO_ROOM).sum()))
        kept = codes >= 0
        if not ({*map(len, traces)} <= {16} and {*map(len, spans)} <= {8} and {*map(len, parents)} <= {0, 8}):
            traces, spans, parents = self._without_bad_ids(traces, spans, parents, kept)
        ids = np.frombuffer(b"".join(traces), dtype=">u8").reshape(-1, 2).astype(np.uint64)
        span = np.frombuffer(b"".join(spans), dtype=">u8").astype(np.uint64)
        self._leave_out("bad id", ((ids[:, 0] | ids[:, 1]) == 0) | (span == 0), kept)
        times = [np.fromiter(part, np.uint64, size) for part in (starts, ends)]
        possible = (times[0] < _LATEST) & (times[1] < _LATEST)
        start, end = (np.where(possible, part, 0).astype(np.int64) for part in times)
        end = np.where(end == 0, start, end)
        flag = np.fromiter(flags, np.int64, size)
        self._leave_out("bad time", ~possible, kept)
        self._count("statement limit", int((kept & (codes & UNREAD != 0)).sum()))
        found = SpanColumns(
            shape=(codes & ~(FAILED | UNREAD)).astype(np.int32),
            trace_hi=ids[:, 0].copy(),
            trace_lo=ids[:, 1].copy(),
            span=span,
            parent=np.frombuffer(b"".join([up or _ROOT for up in parents]), dtype=">u8").astype(np.uint64),
            start=np.minimum(start, end),
            end=np.maximum(start, end),
            error=_errors(statuses) | (codes & FAILED != 0),
            remote=np.where(flag & 0x100, (flag >> 9) & 1, -1).astype(np.int8),
            **self._messages(size),
            instance=self._instance(),
            links=self._linked(),
            received=size + self._refused,
            dropped=self.dropped,
        )
        return found if kept.all() else chosen(found, kept)

    def _leave_out(self, reason: str, wrong: Flags, kept: Flags) -> None:
        """Drop what is wrong and was not dropped before."""
        self._count(reason, int((kept & wrong).sum()))
        kept &= ~wrong

    def _without_bad_ids(
        self, traces: Sequence[bytes], spans: Sequence[bytes], parents: Sequence[bytes], kept: Flags
    ) -> "Iterator[Sequence[bytes]]":
        """Ids that can be laid side by side; what had no valid ones is dropped."""
        ids = list(zip(traces, spans, parents, strict=True))
        good = [len(trace) == 16 and len(own) == 8 and len(up) in (0, 8) for trace, own, up in ids]
        self._leave_out("bad id", ~np.array(good), kept)
        return zip(*(row if fine else _NOBODY for fine, row in zip(good, ids, strict=True)), strict=True)

    def _instance(self) -> I32:
        instances, counts = np.array(self._instances, np.int32).reshape(-1, 2).T
        return np.repeat(instances, counts)

    def _messages(self, size: int) -> dict[str, Any]:
        """The columns that say which message a span is about."""
        columns = {name: np.full(size, nothing, kind) for name, (nothing, kind) in _MESSAGE.items()}
        if self._details:
            rows, *parts = zip(*self._details, strict=True)
            at = np.fromiter(rows, np.int64, len(rows))
            for column, part in zip(columns.values(), parts, strict=True):
                column[at] = part
        return columns

    def _linked(self) -> Links:
        good = [link for link in self._links if len(link[1]) == 16 and len(link[2]) == 8]
        if not good:
            return no_links()
        traces = np.frombuffer(b"".join(link[1] for link in good), dtype=">u8").reshape(-1, 2).astype(np.uint64)
        spans = np.frombuffer(b"".join(link[2] for link in good), dtype=">u8").astype(np.uint64)
        return Links(np.array([link[0] for link in good], np.int64), traces[:, 0].copy(), traces[:, 1].copy(), spans)


def _errors(statuses: Sequence[bytes]) -> Flags:
    if not any(statuses):
        return np.zeros(len(statuses), bool)
    return np.array([bool(status) and failed(status) for status in statuses], bool)
