"""Groups of every protocol: which there are, who is in them, where they are; all of a broker's in one request."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from kafka.protocol.admin import DescribeGroupsRequest, ListGroupsRequest
from kafka.protocol.consumer import OffsetFetchRequest

from agent.model.kafka.look import UNSEEN, Committed, Group, Member, Segments, no_times
from collectors.kafka.access import TroubleError, Troubles, Why, short, trouble
from collectors.kafka.codec import (
    OFFSET_FETCH,
    OFFSET_FETCH_VERSION,
    CodecError,
    Fetched,
    Names,
    assignment,
    fetched,
    offset_fetch,
)
from collectors.kafka.link import Link, Raw
from collectors.kafka.messages import (
    ConsumerGroupDescribeRequest,
    DescribeShareGroupOffsetsRequest,
    ShareGroupDescribeRequest,
    StreamsGroupDescribeRequest,
)

MOST_GROUPS = 2_000  #: in one request
MOST_ASSIGNMENTS = 20_000  #: that are remembered
CLASSIC, CONSUMER, SHARE, STREAMS = "classic", "consumer", "share", "streams"
_DESCRIBE = {
    CONSUMER: ConsumerGroupDescribeRequest,
    SHARE: ShareGroupDescribeRequest,
    STREAMS: StreamsGroupDescribeRequest,
}
_GONE = 69
_NO_PROTOCOL = "consumer"  #: the protocol type of groups that consume; Connect's workers and others are none


@dataclass(slots=True)
class Listing:
    """The groups that brokers coordinate, as they told."""

    groups: dict[str, Group] = field(default_factory=dict)
    by_broker: dict[int, dict[str, list[str]]] = field(default_factory=dict)  #: broker -> protocol -> groups
    troubles: Troubles = field(default_factory=Troubles)
    answered: int = 0  #: brokers


class Groups:
    """Asks for the groups of one cluster."""

    def __init__(self, link: Link, names: Names) -> None:
        self._link, self._names = link, names
        self._parts: dict[bytes, frozenset[tuple[str, int]]] = {}
        self._rows: Segments | None = None

    def listing(self, brokers: Iterable[int]) -> Listing:
        """Which groups there are, with state and protocol: the broker that tells of one is its coordinator."""
        found = Listing()
        asked = [(node, ListGroupsRequest(states_filter=[], types_filter=[])) for node in brokers]
        for (node, _), answer in zip(asked, self._link.ask(asked), strict=True):
            if isinstance(answer, TroubleError):
                found.troubles.add(answer)
            elif answer.error_code:
                found.troubles.add(trouble(answer.error_code, f"groups of broker {node}"))
            else:
                found.answered += 1
                _listed(found, node, answer)
        return found

    # -- members

    def describe(self, found: Listing) -> None:
        """Add what each group consists of."""
        asks = []
        for node, protocols in found.by_broker.items():
            for protocol, names in protocols.items():
                asks += [(node, _described_by(protocol, part)) for part in _parts(names)]
        for answer in self._link.ask(asks):
            if isinstance(answer, TroubleError):
                found.troubles.add(answer)
                continue
            for group in answer.groups:
                self._described(found, group)

    def _described(self, found: Listing, told: Any) -> None:
        known = found.groups.get(told.group_id)
        if known is None:
            return
        if told.error_code:
            if told.error_code != _GONE:
                found.troubles.add(trouble(told.error_code, f"group {told.group_id}"))
            return
        read = self._classic if known.protocol == CLASSIC else _modern
        found.groups[told.group_id] = read(known, told)

    def _classic(self, known: Group, told: Any) -> Group:
        members = tuple(
            Member(
                one.member_id,
                one.client_id,
                one.group_instance_id or None,
                self._assigned(one.member_assignment),
                host=one.client_host or None,
            )
            for one in told.members
        )
        settled = (told.group_state or known.state or "") in ("Stable", "Empty")
        shown = members if settled else tuple(replace(m, assigned=None) for m in members)
        return _with(known, told.group_state, None, told.protocol_data or None, shown)

    def _assigned(self, raw: bytes) -> frozenset[tuple[str, int]] | None:
        """The partitions in a member's assignment; the same bytes come at each look."""
        raw = bytes(raw or b"")
        found = self._parts.get(raw)
        if found is None:
            if len(self._parts) > MOST_ASSIGNMENTS:
                self._parts.clear()
            try:
                found = self._parts[raw] = frozenset(assignment(raw)) if raw else frozenset()
            except CodecError:
                return None  # some other tool's own
        return found

    # -- offsets

    def committed(self, found: Listing) -> Committed:
        """Committed offsets of every group that has some."""
        asks: list[tuple[int, Any]] = []
        for node, protocols in found.by_broker.items():
            names = [name for protocol, some in protocols.items() if protocol != SHARE for name in some]
            asks += self._fetches(node, names)
        told: list[Fetched] = []
        for (_, request), answer in zip(asks, self._link.ask(asks), strict=True):
            try:
                told.append(self._read(request, answer))
            except TroubleError as problem:
                found.troubles.add(problem)
        told += self._shared(found)
        for group, code in ((group, code) for one in told for group, code in one.refused.items()):
            found.troubles.add(trouble(code, f"offsets of group {group}"))
        return self._columns(told)

    def _read(self, request: Any, answer: Any) -> Fetched:
        if isinstance(answer, TroubleError):
            raise answer
        if not isinstance(answer, bytes):
            return _older(request.group_id, answer)
        try:
            return fetched(answer, self._names)
        except CodecError as problem:
            raise TroubleError(Why.BROKEN, f"OffsetFetch: {problem}") from problem

    def _fetches(self, node: int, names: list[str]) -> list[tuple[int, Any]]:
        if self._link.version(node, OFFSET_FETCH, OFFSET_FETCH_VERSION, OFFSET_FETCH_VERSION) is not None:
            return [
                (node, Raw(OFFSET_FETCH, OFFSET_FETCH_VERSION, offset_fetch(part), flexible=True))
                for part in _parts(names)
            ]
        # Before Kafka 3.0 a request asks for one group.
        return [
            (node, OffsetFetchRequest(group_id=name, topics=None, require_stable=False, min_version=2, max_version=7))
            for name in names
        ]

    def _columns(self, told: list[Fetched]) -> Committed:
        runs = [run for one in told for run in one.runs]
        sizes = [size for one in told for size in one.sizes]
        first = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
        number = np.concatenate([one.index for one in told]) if told else np.zeros(0, dtype=np.int64)
        rows, before = Segments(tuple(runs), first, number), self._rows
        if before is not None and before.names == rows.names and np.array_equal(before.number, number):
            rows = before if np.array_equal(before.first, first) else rows
        self._rows = rows
        offset = [np.where((one.error == 0) & (one.offset >= 0), one.offset, UNSEEN) for one in told]
        return Committed(rows, np.concatenate(offset) if offset else np.zeros(0, dtype=np.int64), no_times(rows))

    def _shared(self, found: Listing) -> list[Fetched]:
        """Where share groups are: the first offset that is not done with."""
        asks = []
        for node, protocols in found.by_broker.items():
            kind = DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup
            for part in _parts(protocols.get(SHARE, [])):
                groups = [kind(group_id=name, topics=None) for name in part]
                asks.append((node, DescribeShareGroupOffsetsRequest(groups=groups)))
        told = []
        for answer in self._link.ask(asks):
            if isinstance(answer, TroubleError):
                found.troubles.add(answer)
            else:
                told.append(_shared(answer))
        return told


def _listed(found: Listing, node: int, answer: Any) -> None:
    mine: dict[str, list[str]] = defaultdict(list)
    for one in answer.groups:
        protocol = (getattr(one, "group_type", "") or CLASSIC).lower()
        if protocol == CLASSIC and one.protocol_type not in (_NO_PROTOCOL, ""):
            continue  # Connect's workers, schema registries: they read no topic as a group
        state = getattr(one, "group_state", None) or None
        found.groups[one.group_id] = Group(protocol=protocol, state=state, coordinator=node)
        mine[protocol].append(one.group_id)
    found.by_broker[node] = dict(mine)


def _described_by(protocol: str, names: list[str]) -> Any:
    if protocol in _DESCRIBE:
        return _DESCRIBE[protocol](group_ids=names, include_authorized_operations=False)
    return DescribeGroupsRequest(groups=names, include_authorized_operations=False)


def _parts(names: list[str]) -> list[list[str]]:
    return [names[at : at + MOST_GROUPS] for at in range(0, len(names), MOST_GROUPS)]


def _with(known: Group, state: str, epoch: int | None, assignor: str | None, members: tuple[Member, ...]) -> Group:
    return Group(
        protocol=known.protocol,
        state=state or known.state,
        epoch=epoch,
        assignor=short(assignor) if assignor else None,
        coordinator=known.coordinator,
        members=members,
        settings=known.settings,
    )


def _modern(known: Group, told: Any) -> Group:
    sources = _sources(getattr(told, "topology", None))
    members = tuple(_member(one, sources) for one in told.members)
    assignor = getattr(told, "assignor_name", None) or None
    return _with(known, told.group_state, told.group_epoch, assignor, members)


def _sources(topology: Any) -> Mapping[str, tuple[str, ...]]:
    """The topics that each part of a streams group's topology reads; a task of it has one partition of each."""
    parts = getattr(topology, "subtopologies", None) or ()
    return {
        one.subtopology_id: (*one.source_topics, *(topic.name for topic in one.repartition_source_topics))
        for one in parts
    }


def _member(one: Any, sources: Mapping[str, tuple[str, ...]]) -> Member:
    target = getattr(one, "target_assignment", None)
    return Member(
        name=one.member_id,
        client=one.client_id,
        instance=getattr(one, "instance_id", None) or None,
        assigned=_places(one.assignment, sources),
        target=None if target is None else _places(target, sources),
        host=one.client_host or None,
    )


def _places(assignment: Any, sources: Mapping[str, tuple[str, ...]]) -> frozenset[tuple[str, int]]:
    parts = getattr(assignment, "topic_partitions", None)
    if parts is not None:
        return frozenset((part.topic_name, number) for part in parts for number in part.partitions)
    tasks = getattr(assignment, "active_tasks", None) or ()
    return frozenset(
        (topic, number)
        for task in tasks
        for topic in sources.get(task.subtopology_id, ())
        for number in task.partitions
    )


def _older(group: str, answer: Any) -> Fetched:
    """An answer about one group, as brokers before 3.0 give it."""
    runs, sizes, rows = [], [], list[tuple[int, int, int]]()
    for topic in answer.topics:
        runs.append((group, topic.name))
        sizes.append(len(topic.partitions))
        rows += [(one.partition_index, one.committed_offset, one.error_code) for one in topic.partitions]
    return _table(runs, sizes, rows, {group: answer.error_code} if answer.error_code else {})


def _shared(answer: Any) -> Fetched:
    """Where share groups are; a partition that nobody read from yet has no start."""
    runs, sizes, rows, refused = [], [], list[tuple[int, int, int]](), dict[str, int]()
    for group in answer.groups:
        if group.error_code:
            refused[group.group_id] = group.error_code
        for topic in group.topics:
            runs.append((group.group_id, topic.topic_name))
            sizes.append(len(topic.partitions))
            rows += [(one.partition_index, one.start_offset, one.error_code) for one in topic.partitions]
    return _table(runs, sizes, rows, refused)


def _table(
    runs: list[tuple[str, str]], sizes: list[int], rows: list[tuple[int, int, int]], refused: dict[str, int]
) -> Fetched:
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Fetched(tuple(runs), tuple(sizes), table[:, 0], table[:, 1], table[:, 2], refused)
