"""Offsets of partitions from their leaders: the ends, the starts, the last stable ones, and where a time is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from kafka.protocol.consumer import ListOffsetsRequest

from agent.model.kafka.look import UNSEEN, Segments, Whole, no_offsets
from collectors.kafka.access import TroubleError, Troubles, Why, trouble
from collectors.kafka.codec import (
    LIST_OFFSETS,
    READ_UNCOMMITTED,
    CodecError,
    Listed,
    Names,
    list_offsets,
    listed,
)
from collectors.kafka.layout import NOBODY, Layout
from collectors.kafka.link import Link, Raw

OWN = (6, 7)  #: versions that we write and read ourselves
_UNKNOWN_TOPIC, _NOT_LEADER = 3, 6


@dataclass(slots=True)
class Answer:
    """Offsets and times (ms) of some rows; UNSEEN where none came, -1 as a time where no record is stamped then."""

    offset: Whole
    time: Whole
    answered: npt.NDArray[np.bool_]
    troubles: Troubles = field(default_factory=Troubles)

    @property
    def stale(self) -> bool:
        """Leaders or topics are no longer what the metadata said."""
        return Why.MOVED in self.troubles


class Offsets:
    """Asks for offsets of partitions of one cluster."""

    def __init__(self, link: Link, names: Names) -> None:
        self._link, self._names = link, names
        self._bodies: dict[tuple[int, int, int], tuple[object, object, bytes]] = {}

    def all_at(self, layout: Layout, time: int, isolation: int = READ_UNCOMMITTED) -> Answer:
        """One of Kafka's special times (LATEST, EARLIEST) for every partition."""
        chosen = np.ones(len(layout.rows.number), dtype=np.bool_)
        return self._at(layout, chosen, np.full(len(chosen), time, dtype=np.int64), isolation, keep=time)

    def at(self, layout: Layout, times: Mapping[int, int]) -> Answer:
        """The first record stamped at a time (ms) or later, for some rows of the layout."""
        rows = np.array(sorted(times), dtype=np.int64)
        chosen = np.zeros(len(layout.rows.number), dtype=np.bool_)
        chosen[rows] = True
        asked = np.zeros(len(chosen), dtype=np.int64)
        asked[rows] = [times[row] for row in rows.tolist()]
        return self._at(layout, chosen, asked, READ_UNCOMMITTED)

    def _at(
        self, layout: Layout, chosen: npt.NDArray[np.bool_], times: Whole, isolation: int, keep: int | None = None
    ) -> Answer:
        found = Answer(no_offsets(layout.rows), no_offsets(layout.rows), np.zeros(len(chosen), dtype=np.bool_))
        asks, masks = [], []
        for node in sorted(set(layout.leader[chosen].tolist()) - {NOBODY}):
            mine = chosen & (layout.leader == node)
            asks.append((node, self._request(layout, node, mine, times, isolation, keep)))
            masks.append(mine)
        for mine, answer in zip(masks, self._link.ask(asks), strict=True):
            self._take(found, layout.rows, mine, answer)
        homeless = int((chosen & (layout.leader == NOBODY)).sum())
        if homeless:
            found.troubles.add(TroubleError(Why.MOVED, f"{homeless} partitions have no leader"))
        return found

    def _request(
        self,
        layout: Layout,
        node: int,
        mine: npt.NDArray[np.bool_],
        times: Whole,
        isolation: int,
        keep: int | None,
    ) -> object:
        """The request; one that is the same at each look is kept as it was written."""
        version = self._link.version(node, LIST_OFFSETS, *OWN)
        if version is None:
            return _plain(layout.rows, mine, times, isolation)
        if keep is None:
            return Raw(LIST_OFFSETS, version, list_offsets(layout.rows, mine, times, isolation), flexible=True)
        place = (node, keep, isolation)
        kept = self._bodies.get(place)
        if kept is None or kept[0] is not layout.rows or kept[1] is not layout.leader:
            body = list_offsets(layout.rows, mine, times, isolation)
            kept = self._bodies[place] = (layout.rows, layout.leader, body)
        return Raw(LIST_OFFSETS, version, kept[2], flexible=True)

    def _take(self, found: Answer, rows: Segments, mine: npt.NDArray[np.bool_], answer: object) -> None:
        if isinstance(answer, TroubleError):
            found.troubles.add(answer)
            return
        try:
            told = listed(answer, self._names) if isinstance(answer, bytes) else _read(answer)
        except CodecError as problem:
            found.troubles.add(TroubleError(Why.BROKEN, f"ListOffsets: {problem}"))
            return
        at = _rows(told, rows, mine)
        known = (at != UNSEEN) & mine[at]  # what another broker was asked for is not for this one to tell
        good = known & (told.error == 0)
        found.offset[at[good]], found.time[at[good]] = told.offset[good], told.time[good]
        found.answered[at[good]] = True
        for code in dict.fromkeys(told.error[known & (told.error != 0)].tolist()):
            found.troubles.add(trouble(code, "offsets of partitions"))
        left = int(mine.sum()) - len(np.unique(at[known]))
        if left:
            found.troubles.add(
                TroubleError(Why.BROKEN, f"ListOffsets: {left:,} partitions were left out of the answer")
            )


def _rows(told: Listed, rows: Segments, mine: npt.NDArray[np.bool_]) -> Whole:
    """The row of each partition that was told; brokers answer in the order in which they were asked, mostly."""
    wanted = np.flatnonzero(mine)
    counts = rows.total(mine.astype(np.int64))
    topics = [rows.names[place] for place in np.flatnonzero(counts).tolist()]
    same = told.topics == tuple(topics) and told.sizes == tuple(counts[counts > 0].tolist())
    if same and np.array_equal(told.index, rows.number[wanted]):
        return wanted
    place = {name: index for index, name in enumerate(rows.names)}
    found, at = np.full(len(told.index), UNSEEN, dtype=np.int64), 0
    for topic, size in zip(told.topics, told.sizes, strict=True):
        if topic in place:
            theirs = rows.rows(place[topic])
            number = {int(n): theirs.start + i for i, n in enumerate(rows.number[theirs])}
            found[at : at + size] = [number.get(int(n), UNSEEN) for n in told.index[at : at + size]]
        at += size
    return found


def _plain(rows: Segments, mine: npt.NDArray[np.bool_], times: Whole, isolation: int) -> object:
    """The request in kafka-python's words, for brokers that only have older versions."""
    topics = []
    for index, name in enumerate(rows.names):
        at = [row for row in range(*rows.rows(index).indices(len(mine))) if mine[row]]
        if at:
            parts = [
                ListOffsetsRequest.ListOffsetsTopic.ListOffsetsPartition(
                    partition_index=int(rows.number[row]), current_leader_epoch=-1, timestamp=int(times[row])
                )
                for row in at
            ]
            topics.append(ListOffsetsRequest.ListOffsetsTopic(name=name, partitions=parts))
    return ListOffsetsRequest(replica_id=-1, isolation_level=isolation, topics=topics, min_version=1, max_version=5)


def _read(answer: object) -> Listed:
    topics, sizes = [], []
    columns: list[tuple[int, int, int, int]] = []
    for topic in answer.topics:  # type: ignore[attr-defined]  # an answer of kafka-python
        topics.append(topic.name)
        sizes.append(len(topic.partitions))
        columns += [(one.partition_index, one.offset, one.timestamp, one.error_code) for one in topic.partitions]
    table = np.array(columns, dtype=np.int64).reshape(-1, 4)
    return Listed(tuple(topics), tuple(sizes), table[:, 0], table[:, 1], table[:, 2], table[:, 3])
