"""Pairing: callers with servers by parent, producers with consumers by parent or link, in both orders of arrival.

A caller's entry stays after its first match: more servers below it are hidden retries. Those in code are calls of
their own (`agent.ingest.retries`).
"""

from collections import Counter
from datetime import datetime

import numpy as np

from agent.ingest import delta
from agent.ingest.index import ShapeIndex, Slots
from agent.ingest.retries import Retries
from agent.ingest.table import Found, SpanKeys, SpanTable
from agent.ingest.windows import Parts, bucketed, cells
from agent.model import seam
from agent.model.columns import I64, Role, SpanColumns
from agent.model.facts import Alias, Column

CAPACITY = 50_000
RPC_SECONDS, MESSAGE_SECONDS = 30.0, 600.0

_LOW = (1 << 32) - 1
_SHAPE, _START, _END, _MINUTE, _ERROR, _MATCHED, _RETRY, _ROW_WIDTH = range(8)


def _payload(columns: SpanColumns, rows: I64, minute: I64) -> I64:
    data = np.zeros((len(rows), _ROW_WIDTH), np.int64)
    data[:, _SHAPE], data[:, _START], data[:, _END] = columns.shape[rows], columns.start[rows], columns.end[rows]
    data[:, _MINUTE], data[:, _ERROR] = minute[rows], columns.error[rows]
    return data


def _both(one: I64, other: I64) -> I64:
    """Two shape numbers in one."""
    return (one << 32) | other


class _Side:
    """Both tables of one kind of pair: causes by their own key, effects waiting by the key they want."""

    def __init__(self, seconds: float, capacity: int) -> None:
        self.causes = SpanTable(capacity, _ROW_WIDTH, seconds)
        self.waiting = SpanTable(capacity, _ROW_WIDTH, seconds)

    def rotate(self, now: float) -> None:
        self.causes.rotate(now)
        self.waiting.rotate(now)
        self.causes.take_expired()
        self.waiting.take_expired()

    def meet(
        self, causes: tuple[SpanKeys, I64], effects: tuple[SpanKeys, I64], now: float
    ) -> "list[tuple[Found, I64]]":
        """Take one batch of both sides in; return pairs as (rows of causes, payload of effects)."""
        pairs = []
        late_query, late = self.waiting.find_all(causes[0])
        unmatched = late.get(_MATCHED) == 0
        late, late_query = late.only(unmatched), late_query[unmatched]
        self.causes.add(*causes, now)
        if len(late_query):
            late.put(_MATCHED, 1)
            waited = np.stack([late.get(column) for column in range(_ROW_WIDTH)], axis=1)
            pairs.append((self.causes.find(causes[0].take(late_query)), waited))
        found = self.causes.find(effects[0])
        if found.hit.any():
            pairs.append((found.only(found.hit), effects[1][found.hit]))
        if not found.hit.all():
            self.waiting.add(effects[0].take(~found.hit), effects[1][~found.hit], now)
        return pairs


class Pairing:
    """Finds the two sides of calls and of messages; what it adds is deltas, so a crash loses open pairs only."""

    def __init__(self, index: ShapeIndex, slots: Slots, capacity: int = CAPACITY) -> None:
        self._index, self._slots = index, slots
        self._rpc = _Side(RPC_SECONDS, capacity)
        self._messages = _Side(MESSAGE_SECONDS, capacity)
        self._retries = Retries()
        self._routes: dict[tuple[int, int], int] = {}
        self._met: set[int] = set()  #: producer's and consumer's shapes whose topics were compared
        self._addresses: dict[seam.Component, seam.Component | None] = {}
        self.aliases: list[Alias] = []

    @property
    def open(self) -> int:
        """How many wait for their other side."""
        return len(self._rpc.waiting) + len(self._messages.waiting)

    @property
    def evicted(self) -> Counter[str]:
        """Entries forgotten for want of room, by table."""
        sides = (("call", self._rpc), ("message", self._messages))
        evicted = Counter({name: side.causes.evicted + side.waiting.evicted for name, side in sides})
        return evicted + Counter({"retry": self._retries.evicted})

    def age(self, now: datetime) -> None:
        """Let go of what has waited for its time; also where nothing comes, so that an idle agent holds no more."""
        self._rpc.rotate(now.timestamp())
        self._messages.rotate(now.timestamp())

    def fold(self, columns: SpanColumns, minute: I64, now: datetime) -> Parts:
        """The deltas that the pairs completed by one batch add."""
        self.age(now)
        role = self._index.role[columns.shape]
        return self._calls(columns, role, minute, now) + self._deliveries(columns, role, minute, now)

    def _calls(self, columns: SpanColumns, role: I64, minute: I64, now: datetime) -> Parts:
        callers = np.flatnonzero(role == Role.CALL)
        servers = np.flatnonzero((role == Role.SERVE) & (columns.parent != 0) & (columns.remote != 0))
        calls = _payload(columns, callers, minute)
        calls[:, _RETRY] = again = self._retries.among(columns, callers, now.timestamp())
        parts: Parts = []
        if again.any():
            parts += cells(self._index.slot[columns.shape[callers]], calls[:, _MINUTE], {Column.RETRIES: again})
        for causes, effects in self._rpc.meet(
            (own_keys(columns, callers), calls),
            (parent_keys(columns, servers), _payload(columns, servers, minute)),
            now.timestamp(),
        ):
            parts += self._crossed(causes, effects, now)
        return parts

    def _crossed(self, callers: Found, served: I64, now: datetime) -> Parts:
        """A call seam gets what the server saw; the caller's own count moves off its address, once."""
        unique, inverse = np.unique(_both(callers.get(_SHAPE), served[:, _SHAPE]), return_inverse=True)
        slots = np.array([self._seam(pair >> 32, pair & _LOW, now) for pair in unique.tolist()], np.int64)
        slot = slots[inverse]
        identity = callers.identity()
        first = np.zeros(len(identity), dtype=bool)
        first[np.unique(identity, return_index=True)[1]] = True
        first &= callers.get(_MATCHED) == 0
        duration = served[:, _END] - served[:, _START]
        ones = np.ones(len(slot), np.int64)
        values = {
            Column.COUNT: ones,
            Column.ERRORS: served[:, _ERROR],
            Column.DURATION_US: duration // 1000,
            Column.PAIRED: ones,
            Column.RETRIES: (~first).astype(np.int64),
        }
        if self._retries.found:
            values[Column.RETRIES] |= callers.get(_RETRY)
        if self._index.sampling:
            values[Column.SAMPLED] = self._index.sampled[served[:, _SHAPE]]
        parts = cells(slot, served[:, _MINUTE], values, duration)
        waited = np.maximum(served[:, _START] - callers.get(_START), 0)
        parts.append(bucketed(delta.codes(slot, served[:, _MINUTE], 0), delta.QUEUE, waited))
        parts += self._moved(callers.only(first))
        callers.put(_MATCHED, 1)
        return parts

    def _moved(self, callers: Found) -> Parts:
        """Take a caller's own count off the seam to its callee's address."""
        slot, minute = self._index.slot[callers.get(_SHAPE)], callers.get(_MINUTE)
        duration = callers.get(_END) - callers.get(_START)
        ones = np.ones(len(slot), np.int64)
        values = {
            Column.COUNT: -ones,
            Column.ERRORS: -callers.get(_ERROR),
            Column.DURATION_US: -(duration // 1000),
        }
        if not len(slot):
            return []
        if self._retries.found:
            values[Column.RETRIES] = -callers.get(_RETRY)
        if self._index.sampling:
            values[Column.SAMPLED] = -self._index.sampled[callers.get(_SHAPE)]
        return [*cells(slot, minute, values), bucketed(delta.codes(slot, minute, 0), delta.DURATION, duration, -1)]

    def _seam(self, caller: int, server: int, now: datetime) -> int:
        known = self._routes.get((caller, server))
        if known is not None:
            return known
        from_shape, to_shape = self._index.shape(caller), self._index.shape(server)
        callee = to_shape.component or seam.service(to_shape.service)
        slot = self._slots.slot(seam.calls(seam.service(from_shape.service), callee), from_shape.service)
        if from_shape.address is not None:
            self._learn(from_shape.address, seam.service(to_shape.service), now)
        if len(self._routes) < CAPACITY:
            self._routes[caller, server] = slot
        return slot

    def _learn(self, address: seam.Component, service: seam.Component, now: datetime) -> None:
        """An address answers for a service, until another service answers from it too."""
        if address == service:
            return
        if address not in self._addresses:
            self._addresses[address] = service
            self.aliases.append(Alias(address, service, now, "a server span of the service answered at the address"))
        elif self._addresses[address] not in (service, None):
            self._addresses[address] = None
            self.aliases.append(Alias(address, address, now, "several services answer at the address"))

    def _deliveries(self, columns: SpanColumns, role: I64, minute: I64, now: datetime) -> Parts:
        producers = np.flatnonzero(role == Role.PUBLISH)
        consumers = np.flatnonzero(role == Role.CONSUME)
        by_parent = consumers[(columns.parent[consumers] != 0) & (columns.remote[consumers] != 0)]
        links = columns.links
        wanted_link = role[links.row] == Role.CONSUME
        same = np.isin(links.row, by_parent) & (links.span == columns.parent[links.row])
        wanted_link &= ~same  # some instrumentations give the producer as parent and as link
        link_rows = links.row[wanted_link]
        keys = parent_keys(columns, by_parent)
        keys = SpanKeys(
            np.concatenate([keys.hi, links.trace_hi[wanted_link]]),
            np.concatenate([keys.lo, links.trace_lo[wanted_link]]),
            np.concatenate([keys.span, links.span[wanted_link]]),
        )
        rows = np.concatenate([by_parent, link_rows])
        parts: Parts = []
        for causes, effects in self._messages.meet(
            (own_keys(columns, producers), _payload(columns, producers, minute)),
            (keys, _payload(columns, rows, minute)),
            now.timestamp(),
        ):
            parts += self._queued(causes, effects, now)
        return parts

    def produced(self, columns: SpanColumns, rows: I64) -> I64:
        """When each row's message was produced (Unix ns): the first of its producers; 0 where none was seen."""
        found = np.zeros(len(rows), np.int64)
        links = columns.links
        linked = np.isin(links.row, rows)
        place = np.argsort(rows)
        at = np.concatenate([np.arange(len(rows)), place[np.searchsorted(rows[place], links.row[linked])]])
        keys = parent_keys(columns, rows)
        keys = SpanKeys(
            np.concatenate([keys.hi, links.trace_hi[linked]]),
            np.concatenate([keys.lo, links.trace_lo[linked]]),
            np.concatenate([keys.span, links.span[linked]]),
        )
        causes = self._messages.causes.find(keys)
        starts = causes.get(_START)
        for number in np.flatnonzero(causes.hit).tolist():
            start, before = int(starts[number]), int(found[at[number]])
            found[at[number]] = min(start, before or start)
        return found

    def _queued(self, producers: Found, consumed: I64, now: datetime) -> Parts:
        slot, minute = self._index.slot[consumed[:, _SHAPE]], consumed[:, _MINUTE]
        ours = slot >= 0
        waited = np.maximum(consumed[:, _START] - producers.get(_END), 0)
        parts = cells(slot[ours], minute[ours], {Column.PAIRED: np.ones(int(ours.sum()), np.int64)})
        if ours.any():
            parts.append(bucketed(delta.codes(slot[ours], minute[ours], 0), delta.QUEUE, waited[ours]))
        for pair in {*_both(producers.get(_SHAPE), consumed[:, _SHAPE]).tolist()} - self._met:
            self._same_topic(self._index.shape(pair >> 32).topic, self._index.shape(pair & _LOW).topic, now)
            if len(self._met) < CAPACITY:
                self._met.add(pair)
        return parts

    def _same_topic(self, written: seam.Component | None, read: seam.Component | None, now: datetime) -> None:
        """A producer and a consumer of one message name one topic: the side without a cluster learns it."""
        if written is None or read is None or written == read:
            return
        for blank, named in ((written, read), (read, written)):
            cluster, _, name = blank.name.partition("/")
            if cluster == seam.UNKNOWN and named.name.partition("/")[2] == name and blank not in self._addresses:
                self._addresses[blank] = named
                self.aliases.append(Alias(blank, named, now, "a message written to the one was read from the other"))

    def take_aliases(self) -> list[Alias]:
        """What was learnt since the last call."""
        aliases, self.aliases = self.aliases, []
        return aliases


def own_keys(columns: SpanColumns, rows: I64) -> SpanKeys:
    """The spans' own keys."""
    return SpanKeys(columns.trace_hi[rows], columns.trace_lo[rows], columns.span[rows])


def parent_keys(columns: SpanColumns, rows: I64) -> SpanKeys:
    """The keys of the spans' parents."""
    return SpanKeys(columns.trace_hi[rows], columns.trace_lo[rows], columns.parent[rows])
