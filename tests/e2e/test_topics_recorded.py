"""From a recording to findings about topics and connectors: each trouble beside its healthy twin, in one scan."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.app.scan import scan

START = datetime(2026, 6, 1, tzinfo=UTC)
DAY = 86_400
#: A look an hour for 35 days, an 80 minutes' tail with one every half minute.
FIRST = [3600 * hour for hour in range(35 * 24)]
LOOKS = [*FIRST, *range(35 * DAY, 35 * DAY + 4800, 30)]
END = LOOKS[-1]
IDEMPOTENT, PLAIN = True, False


class Topic:
    """What a look tells of one topic; `rate` is in records an hour."""

    def __init__(self, rate: float = 0, *, since: float = 0, until: float = END, **more: Any) -> None:
        self.rate, self.since, self.until = rate, since, until
        self.partitions = more.pop("partitions", 6)
        self.replicas = more.pop("replicas", (3, 3, 0))
        self.settings = {"cleanup.policy": "delete", "retention.ms": "1209600000", "min.insync.replicas": "2"}
        self.settings |= more.pop("settings", {})
        self.first = more.pop("first", None)
        self.writers = more.pop("writers", None)
        self.kept = more.pop("kept", None)
        assert not more

    def end(self, at: float) -> int:
        return int(self.rate * max(0.0, min(at, self.until) - self.since) / 3600)

    def told(self, at: float, when: datetime) -> dict[str, Any]:
        end = self.end(at)
        one: dict[str, Any] = {"start": 0 if self.kept is None else max(0, end - self.kept), "end": end}
        if self.first is not None and end:
            one["first_at"] = stamp(START + timedelta(seconds=max(0, at - self.first)))
        if self.writers is not None and at >= 35 * DAY and (at - 35 * DAY) % 300 == 0:
            one["producers"] = [{"id": 1, "epoch": 0, "at": stamp(when)}] if self.writers else []
        replication, in_sync, offline = self.replicas
        told: dict[str, Any] = {"replication": replication, "in_sync": in_sync, "offline": offline}
        told |= {"settings": self.settings, "partitions": {str(n): dict(one) for n in range(self.partitions)}}
        return told


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


LETTERS = 20  #: a partition
BURST = 35 * DAY + 3000  #: when letters surge
WEEK = 28 * DAY
TOPICS = {
    "orders": Topic(3600, writers=IDEMPOTENT),
    "orders.dlq": Topic(300, since=BURST, first=600),
    "carts": Topic(3600),
    "carts.dlq": Topic(1, since=BURST, first=600),
    "invoices": Topic(60),
    "invoices-dlt": Topic(20, since=31 * DAY, until=31 * DAY + 3600, first=4 * DAY),
    "refunds": Topic(60),
    "refunds-dlt": Topic(20, since=31 * DAY, until=31 * DAY + 3600, first=4 * DAY),
    "mails": Topic(60),
    "mails-retry-0": Topic(),
    "mails-retry-1": Topic(),
    "sms": Topic(60),
    "sms-retry-0": Topic(),
    "sms-dlt": Topic(),
    "hot": Topic(3600),
    "warm": Topic(3600),
    "payments": Topic(3600, writers=PLAIN),
    "ledger": Topic(3600, writers=IDEMPOTENT),
    "thin": Topic(60, replicas=(3, 2, 0)),
    "thick": Topic(60),
    "forgotten": Topic(10),
    "monthly": Topic(10),
    "shipments": Topic(60),
    "shipmnets": Topic(1, since=WEEK, partitions=1),
    "shipments-2": Topic(1, since=WEEK, partitions=1),
    "dlq-keeps": Topic(),
}
LATE = {"shipmnets", "shipments-2"}  #: made in the fifth week
UNREAD = {"forgotten", "invoices-dlt", "shipmnets", "shipments-2", "orders.dlq", "carts.dlq", "dlq-keeps", "sms-dlt"}
SIX = {"hot", "warm"}


def read(name: str, at: float) -> float:
    """Up to when a topic is read at an instant."""
    if name == "hot" and at > 35 * DAY:
        return 35 * DAY + (at - 35 * DAY) / 2
    if name == "monthly":
        return min(at, 20 * DAY)
    return max(0, at - 30)


def group(name: str, at: float) -> dict[str, Any]:
    count = 6 if name in SIX else 0 if name == "monthly" else 2
    committed = {str(n): TOPICS[name].end(read(name, at)) for n in range(TOPICS[name].partitions)}
    members = [{"id": f"{name}-{n}", "assigned": [[name, part] for part in range(n, 6, count)]} for n in range(count)]
    return {
        "protocol": "classic", "state": "Stable" if count else "Empty", "members": members,
        "committed": {name: committed},
    }  # fmt: skip


def line(at: float) -> str:
    when = START + timedelta(seconds=at)
    there = {name: topic for name, topic in TOPICS.items() if name not in LATE or at >= WEEK}
    groups = {f"{name}-readers": group(name, at) for name in there if name not in UNREAD}
    broker = {"auto.create.topics.enable": "true", "num.partitions": "1", "default.replication.factor": "3"}
    told = {"recording": 1, "source": "kafka", "cluster": "prod", "at": stamp(when), "brokers": 3, "groups": groups}
    told |= {"topics": {name: topic.told(at, when) for name, topic in there.items()}, "broker": {"settings": broker}}
    return json.dumps(told)


def connectors() -> str:
    all_errors = {"connector.class": "JdbcSink", "topics": "orders", "errors.tolerance": "all"}
    letters = {
        "errors.deadletterqueue.topic.name": "dlq-keeps",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    found = {
        "drops": {"type": "sink", "state": "RUNNING", "config": all_errors},
        "keeps": {"type": "sink", "state": "RUNNING", "config": all_errors | letters},
    }
    when = stamp(START + timedelta(seconds=END - 30))
    return json.dumps({"recording": 1, "source": "connect", "cluster": "prod", "at": when, "connectors": found})


#: Which rule finds what, of all that stands in the recording: each has its twin there.
EXPECTED = {
    "DLQ-02": {"drops"},
    "DLQ-03": {"invoices-dlt"},
    "DLQ-04": {"orders.dlq"},
    "DLQ-06": {"mails-retry-1"},
    "GRW-02": {"hot-readers"},
    "IDM-05": {"payments"},
    "RCV-10": {"thin"},
    "GOV-07": {"forgotten"},
    "GOV-08": {"shipmnets"},
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("recorded")
    (folder / "broker.ndjson").write_text("".join(f"{line(at)}\n" for at in LOOKS))
    (folder / "connect.ndjson").write_text(f"{connectors()}\n")
    return scan([folder], every=timedelta(hours=12)).as_dict()


def test_the_recording_is_taken_wholly(found: dict[str, Any]) -> None:
    assert sum(source["rejected"] for source in found["inputs"]) == 0


@pytest.mark.parametrize("rule", EXPECTED)
def test_a_trouble_of_a_topic_is_found_and_its_twin_is_left_alone(rule: str, found: dict[str, Any]) -> None:
    told = [one for one in found["findings"] if one["rule"] == rule]
    assert {one["subject"]["name"].partition("/")[2] for one in told} == EXPECTED[rule], [one["says"] for one in told]
