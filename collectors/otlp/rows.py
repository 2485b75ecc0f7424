"""Rows being collected while a request is walked; turned into columns at the end."""

from array import array
from typing import Any

import numpy as np

from agent.model.columns import Links, SpanColumns, chosen, no_links
from collectors.otlp import conventions as c
from collectors.otlp.wire import failed

_ROOT = b"\0" * 8
_LATEST = np.uint64(1 << 63)
_MAX_LINKS = 256  #: per span; a batch of more is counted by its first ones

Identity = tuple[int, int, int, int, int]  #: partition, offset, ident, messages, bytes


class Rows:
    """Rows being collected; turned into columns at the end."""

    __slots__ = ("details", "dropped", "links", "numbers", "parents", "received", "spans", "times", "traces")

    def __init__(self) -> None:
        self.traces: list[bytes] = []
        self.spans: list[bytes] = []
        self.parents: list[bytes] = []
        self.times = array("Q")
        self.numbers = array("q")
        self.links: list[tuple[int, bytes, bytes]] = []
        self.details: list[tuple[int, int, int, int, int, int]] = []
        self.dropped: dict[str, int] = {}
        self.received = 0

    def drop(self, reason: str) -> None:
        """Count a span that is left out."""
        self.received += 1
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def add(self, span: Any, kind: int, shape: int, instance: int) -> None:
        """Add one span; one without a valid identity is dropped."""
        trace, own, parent, status = span.trace_id, span.span_id, span.parent_span_id, span.status
        if len(trace) != 16 or len(own) != 8 or (parent and len(parent) != 8):
            self.drop("bad id")
            return
        self.received += 1
        if (kind == c.SPAN_CONSUMER or kind == c.SPAN_CLIENT) and span.links:  # hot
            row = len(self.traces)
            self.links.extend((row, link.trace_id, link.span_id) for link in span.links[:_MAX_LINKS])
        self.traces.append(trace)
        self.spans.append(own)
        self.parents.append(parent or _ROOT)
        self.times.extend((span.start, span.end))
        self.numbers.extend((shape, failed(status) if status else 0, span.flags, instance))

    def detail(self, identity: Identity) -> None:
        """Say which message the row added last is about."""
        if self.traces:
            self.details.append((len(self.traces) - 1, *identity))

    def columns(self) -> SpanColumns:
        """Everything added, as columns; spans without a possible time are dropped."""
        size = len(self.traces)
        traces = np.frombuffer(b"".join(self.traces), dtype=">u8").reshape(-1, 2).astype(np.uint64)
        shape, error, flags, instance = np.frombuffer(self.numbers, dtype=np.int64).reshape(-1, 4).T
        times = np.frombuffer(self.times, dtype=np.uint64).reshape(-1, 2)
        partition, offset = np.full(size, -1, np.int32), np.full(size, -1, np.int64)
        ident, messages, body = np.zeros(size, np.uint64), np.ones(size, np.int32), np.zeros(size, np.int64)
        if self.details:
            rows = np.array([detail[0] for detail in self.details])
            partition[rows] = [detail[1] for detail in self.details]
            offset[rows] = [detail[2] for detail in self.details]
            ident[rows] = np.array([detail[3] for detail in self.details], dtype=np.uint64)
            messages[rows] = [detail[4] for detail in self.details]
            body[rows] = [detail[5] for detail in self.details]
        possible = (times < _LATEST).all(axis=1)
        start, end = (part.astype(np.int64) for part in np.where(times < _LATEST, times, 0).T)
        end = np.where(end == 0, start, end)
        found = SpanColumns(
            shape=shape.astype(np.int32),
            trace_hi=traces[:, 0].copy(),
            trace_lo=traces[:, 1].copy(),
            span=np.frombuffer(b"".join(self.spans), dtype=">u8").astype(np.uint64),
            parent=np.frombuffer(b"".join(self.parents), dtype=">u8").astype(np.uint64),
            start=np.minimum(start, end),
            end=np.maximum(start, end),
            error=error == 1,
            remote=np.where(flags & 0x100, (flags >> 9) & 1, -1).astype(np.int8),
            messages=messages,
            partition=partition,
            offset=offset,
            ident=ident,
            size=body,
            instance=instance.astype(np.int32),
            links=self._links(),
            received=self.received,
            dropped=self.dropped,
        )
        if not possible.all():
            self.dropped["bad time"] = int((~possible).sum())
            found = chosen(found, np.asarray(possible))
        return found

    def _links(self) -> Links:
        good = [link for link in self.links if len(link[1]) == 16 and len(link[2]) == 8]
        if not good:
            return no_links()
        traces = np.frombuffer(b"".join(link[1] for link in good), dtype=">u8").reshape(-1, 2).astype(np.uint64)
        spans = np.frombuffer(b"".join(link[2] for link in good), dtype=">u8").astype(np.uint64)
        return Links(np.array([link[0] for link in good], np.int64), traces[:, 0].copy(), traces[:, 1].copy(), spans)
