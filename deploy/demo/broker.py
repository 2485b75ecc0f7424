"""The demo's broker as recordings tell of it: offsets, groups, members, settings, every 30 seconds."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

from deploy.demo.estate import BEHIND_SINCE_HOURS

STEP = 30.0
_RATES = {"orders": 1.0, "payments": 40.0, "clicks": 120.0, "shipments": 0.5, "returns": 0.3, "shipments.dlq": 0.0}
_GROUPS = {
    "billing": "orders",
    "search-index": "orders",
    "ledger": "payments",
    "analytics": "clicks",
    "courier": "shipments",
    "refunds": "returns",
}


class Broker:
    """Offsets that move as a broker's would, second by second of virtual time."""

    def __init__(self, seed: int, start: float, end: float) -> None:
        self._dice = Random(seed)
        self._end = end
        self._ends = {topic: [4_000.0] * 3 for topic in _RATES}
        self._read = {group: [4_000.0] * 3 for group in _GROUPS}
        self._at = start
        self._step = 0

    def lines(self, until: float) -> Iterator[str]:
        """The recording up to a time, oldest first; the next call goes on from there."""
        while self._at <= until:
            self._move(self._at)
            yield json.dumps(self._line(self._at, whole=self._step % 10 == 0))
            self._at += STEP
            self._step += 1

    def _move(self, at: float) -> None:
        hour = (at % 86_400) / 3600
        busy = 0.35 + 1.1 * max(0.0, math.sin((hour - 6) / 24 * 2 * math.pi)) ** 2
        for topic, rate in _RATES.items():
            for partition in range(3):
                self._ends[topic][partition] += rate * STEP / 3 * busy * self._dice.uniform(0.85, 1.15)
        for group, topic in _GROUPS.items():
            self._consume(group, topic, at, busy)

    def _consume(self, group: str, topic: str, at: float, busy: float) -> None:
        for partition in range(3):
            end, read = self._ends[topic][partition], self._read[group][partition]
            if group == "analytics":  # a batch reader: every 15 minutes, to the end
                if at % 900 < STEP:
                    self._read[group][partition] = end
            elif group == "ledger" and at > self._end - BEHIND_SINCE_HOURS * 3600:
                self._read[group][partition] = min(end, read + _RATES[topic] * STEP / 3 * busy * 0.82)
            else:
                self._read[group][partition] = end - self._dice.randrange(0, 4)

    def _line(self, at: float, *, whole: bool) -> dict[str, object]:
        topics = {
            topic: {"partitions": {str(p): {"start": 0, "end": int(end)} for p, end in enumerate(ends)}}
            for topic, ends in self._ends.items()
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
                    {"id": f"{group}-{n}", "client": f"{group}-{n}", "assigned": [[topic, n]]} for n in range(3)
                ],
                "committed": {topic: {str(p): int(read) for p, read in enumerate(self._read[group])}},
            }
            for group, topic in _GROUPS.items()
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
