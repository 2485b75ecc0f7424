"""The demo's broker as its recordings tell of it: offsets, groups, members, settings, every 30 seconds.

It counts what the estate's services say of themselves in their traces, message by message. The clicks alone come and go
without traces: a web page writes them and a batch job reads them.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from random import Random

STEP = 30.0
PARTITIONS = 3
FIRST = 4_000  #: the offset at which each partition stands when the estate begins
TOPICS = ("orders", "payments", "clicks", "shipments", "returns", "shipments.dlq")
GROUPS = {
    "billing": "orders",
    "search-index": "orders",
    "ledger": "payments",
    "analytics": "clicks",
    "courier": "shipments",
    "refunds": "returns",
}
_CLICKS = 120.0  #: a second, on average
_BATCH = 900.0  #: seconds between two reads of the clicks


@dataclass(frozen=True, order=True, slots=True)
class Moved:
    """An end offset, or one that a group committed, from a time (Unix seconds) on."""

    at: float
    who: str  #: the topic or the group
    partition: int
    offset: int  #: of the next message


class Broker:
    """Offsets that move as a broker's would, second by second of virtual time."""

    def __init__(self, seed: int, start: float) -> None:
        self._dice = Random(seed)
        self._next = {topic: [FIRST] * PARTITIONS for topic in TOPICS}  #: offsets given out, some of them ahead of time
        self._stands = {name: [FIRST] * PARTITIONS for name in (*TOPICS, *GROUPS)}
        self._clicks = [float(FIRST)] * PARTITIONS
        self._ahead: list[Moved] = []
        self._at = start
        self._step = 0

    def publish(self, topic: str, at: float) -> tuple[int, int]:
        """Append a message at a time (Unix seconds); its partition and offset."""
        given = self._next[topic]
        partition = given.index(min(given))
        offset = given[partition]
        given[partition] += 1
        heappush(self._ahead, Moved(at, topic, partition, offset + 1))
        return partition, offset

    def commit(self, group: str, place: tuple[int, int], at: float) -> None:
        """A group commits the message of a partition and offset at a time."""
        partition, offset = place
        heappush(self._ahead, Moved(at, group, partition, offset + 1))

    def uncommit(self, group: str, places: Sequence[tuple[int, int]]) -> None:
        """A group was killed before it committed these messages; to be said before the broker looks past them."""
        lost = {(group, partition, offset + 1) for partition, offset in places}
        self._ahead = [moved for moved in self._ahead if (moved.who, moved.partition, moved.offset) not in lost]
        heapify(self._ahead)

    def lines(self, until: float) -> Iterator[str]:
        """The recording up to a time, oldest first; the next call goes on from there."""
        while self._at <= until:
            self._move(self._at)
            yield json.dumps(self._line(self._at, whole=self._step % 10 == 0))
            self._at += STEP
            self._step += 1

    def _move(self, at: float) -> None:
        while self._ahead and self._ahead[0].at <= at:
            moved = heappop(self._ahead)
            stands = self._stands[moved.who]
            stands[moved.partition] = max(stands[moved.partition], moved.offset)
        self._click(at)

    def _click(self, at: float) -> None:
        hour = (at % 86_400) / 3600
        busy = 0.35 + 1.1 * max(0.0, math.sin((hour - 6) / 24 * 2 * math.pi)) ** 2
        for partition in range(PARTITIONS):
            self._clicks[partition] += _CLICKS * STEP / PARTITIONS * busy * self._dice.uniform(0.85, 1.15)
        self._stands["clicks"] = [int(end) for end in self._clicks]
        if at % _BATCH < STEP:  # a batch reader: every 15 minutes, to the end
            self._stands["analytics"] = list(self._stands["clicks"])

    def _line(self, at: float, *, whole: bool) -> dict[str, object]:
        topics = {
            topic: {"partitions": {str(p): {"start": 0, "end": end} for p, end in enumerate(self._stands[topic])}}
            for topic in TOPICS
        }
        if whole:
            for told in topics.values():
                told["replication"] = 3  # type: ignore[assignment]
                told["settings"] = {"retention.ms": "604800000", "cleanup.policy": "delete"}  # type: ignore[assignment]
        groups = {
            group: {
                "protocol": "classic",
                "state": "Stable",
                "epoch": 7,
                "members": [
                    {"id": f"{group}-{n}", "client": f"{group}-{n}", "assigned": [[topic, n]]}
                    for n in range(PARTITIONS)
                ],
                "committed": {topic: {str(p): read for p, read in enumerate(self._stands[group])}},
            }
            for group, topic in GROUPS.items()
        }
        return {
            "recording": 1,
            "source": "kafka",
            "cluster": "shop",
            "cluster_id": "shop-cluster-1",
            "at": datetime.fromtimestamp(at, tz=UTC).isoformat().replace("+00:00", "Z"),
            "topics": topics,
            "groups": groups,
        }
