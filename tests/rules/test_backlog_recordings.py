"""From a recording to findings: three hours of one cluster, each group with one trouble or none, as a scan tells it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.app.scan import scan

START = datetime(2026, 6, 1, 6, tzinfo=UTC)
EVERY, LOOKS = 30, 360
HOUR = 120  #: looks


@dataclass(frozen=True)
class Case:
    """One topic and the group on it: what a partition has at a look, and what the group says of itself."""

    read: Callable[[int, int], float]  #: look, partition -> the look up to which it is read
    partitions: int = 6
    rate: int = 30  #: messages a look and partition
    settings: dict[str, str] | None = None
    start: Callable[[int], int] = lambda _look: 0
    stable: Callable[[int, int], int] | None = None  #: look, end -> last stable offset
    epoch: Callable[[int], int] = lambda _look: 1
    members: Callable[[int], int] = lambda _look: 3

    def topic(self, look: int) -> dict[str, Any]:
        end = 1000 + self.rate * look
        stable = end if self.stable is None else self.stable(look, end)
        offsets = {"start": self.start(look), "end": end, "stable": stable}
        settings = self.settings or {"cleanup.policy": "delete", "retention.ms": "604800000"}
        return {"settings": settings, "partitions": {str(number): offsets for number in range(self.partitions)}}

    def group(self, name: str, look: int) -> dict[str, Any]:
        count = self.members(look)
        mine = [[[name, number] for number in range(first, self.partitions, max(1, count))] for first in range(count)]
        committed = {str(n): 1000 + int(self.rate * self.read(look, n)) for n in range(self.partitions)}
        members = [{"id": f"{name}-{n}", "client": name, "assigned": part} for n, part in enumerate(mine)]
        state = "Stable" if count else "Empty"
        return {
            "protocol": "classic", "state": state, "epoch": self.epoch(look), "members": members,
            "committed": {name: committed},
        }  # fmt: skip


def late(look: int, _partition: int) -> float:
    """A look behind, as a group that is well."""
    return max(0, look - 1)


def until(last: int) -> Callable[[int, int], float]:
    return lambda look, _partition: max(0, min(look - 1, last))


CASES = {
    "well": Case(late),
    "polls": Case(lambda look, _partition: look // 60 * 60, members=lambda look: int(look % 60 == 0)),
    "hangs": Case(until(2 * HOUR)),
    "races": Case(until(2 * HOUR), settings={"cleanup.policy": "delete", "retention.ms": "5400000"}),
    "skewed": Case(lambda look, partition: min(look, 2 * HOUR) if partition == 5 else late(look, partition)),
    "restless": Case(late, epoch=lambda look: 1 + max(0, look - 340) // 2),
    "loses": Case(until(2 * HOUR), start=lambda look: 1000 + 30 * 2 * HOUR + 5 * max(0, look - 300)),
    "held": Case(
        lambda look, _partition: late(min(look, 280), 0), stable=lambda look, end: min(end, 1000 + 30 * 279)
    ),
    "away": Case(until(2 * HOUR), members=lambda look: 3 if look < 2 * HOUR else 0),
}  # fmt: skip
#: Beside LAG-01, which sees all that falls back.
EXPECTED = {
    "well": set(),
    "polls": set(),
    "hangs": {"LAG-02"},
    "races": {"LAG-02", "LAG-04"},
    "skewed": {"LAG-05"},
    "restless": {"LAG-06"},
    "loses": {"LAG-02", "LAG-07"},
    "held": {"LAG-02", "LAG-08"},
    "away": {"LAG-02", "LAG-09"},
}  # fmt: skip


def line(look: int) -> str:
    at = START + timedelta(seconds=EVERY * look)
    return json.dumps(
        {
            "recording": 1,
            "source": "kafka",
            "cluster": "prod",
            "at": at.isoformat().replace("+00:00", "Z"),
            "topics": {name: case.topic(look) for name, case in CASES.items()},
            "groups": {name: case.group(name, look) for name, case in CASES.items()},
            "broker": {"settings": {"offsets.retention.minutes": "70", "transaction.max.timeout.ms": "900000"}},
        }
    )


def test_each_trouble_of_a_group_is_found_in_a_recording_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "broker.ndjson").write_text("".join(f"{line(look)}\n" for look in range(LOOKS)))
    result = scan([tmp_path], every=timedelta(minutes=5)).as_dict()
    assert sum(source["rejected"] for source in result["inputs"]) == 0
    found: dict[str, set[str]] = {name: set() for name in CASES}
    for one in result["findings"]:
        if one["rule"].startswith("LAG-") and one["rule"] != "LAG-01":
            found[one["subject"]["name"].partition("/")[2]].add(one["rule"])
    assert found == EXPECTED, [one["says"] for one in result["findings"] if one["rule"].startswith("LAG-")]
