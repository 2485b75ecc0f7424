"""The agent as a process, beside a real broker: what it shows, kill -9, a broker that goes and comes back, Ctrl-C."""

import re
import signal
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.test_agent import Running, wait
from tests.kafka.estate import Estate, Record
from tests.kafka.servers import Cluster

pytestmark = [pytest.mark.real, pytest.mark.slow]


def metric(agent: Running, name: str, group: str) -> float | None:
    """A metric of a group, or None."""
    found = re.search(rf'^{name}{{[^}}]*group="{group}"[^}}]*}} (\S+)$', agent.get("/metrics"), re.MULTILINE)
    return float(found[1]) if found else None


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Running]]:
    running: list[Running] = []
    yield running
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def run(started: list[Running], folder: Path, *bootstrap: str) -> Running:
    clusters = {"prod": {"bootstrap": list(bootstrap), "every": "1s", "timeout": "3s"}}
    started.append(Running(folder, clusters=clusters))
    return started[-1]


def behind(estate: Estate) -> tuple[str, str]:
    """A topic and a group that has read 4 of its 10 records, all two hours old."""
    topic, group = estate.topic(), estate.name("reader")
    estate.produce(topic, 10, Record(at=datetime.now(UTC) - timedelta(hours=2)))
    estate.commit(group, {(topic, 0): 4})
    return topic, group


def test_lag_in_messages_and_seconds_is_in_metrics_and_on_pages_also_after_kill_9(
    broker: str, estate: Estate, tmp_path: Path, started: list[Running]
) -> None:
    topic, group = behind(estate)
    agent = run(started, tmp_path, broker)
    wait(lambda: metric(agent, "seamwatch_group_lag_messages", group) == 6, agent.process, 60)
    # Groups of other tests lag on this broker too: of many a first look guesses, and the next ones go on.
    wait(lambda: 7_190 <= (metric(agent, "seamwatch_group_lag_seconds", group) or 0) <= 7_400, agent.process, 30)
    page = agent.get("/collectors")
    assert "Kafka prod" in page
    assert "requests a look" in page
    target = f"group:prod/{group}"
    wait(lambda: [s["target"] for s in agent.json("/api/v1/seams")].count(target) == 1, agent.process, 90)
    agent.process.kill()
    agent.process.wait()
    estate.commit(group, {(topic, 0): 7})
    agent.process = agent.start()
    wait(lambda: metric(agent, "seamwatch_group_lag_messages", group) == 3, agent.process, 60)
    agent.process.send_signal(signal.SIGINT)
    assert agent.process.wait(20) == 0
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert f"Watching kafka/prod at {broker}, every 1 s." in log
    assert re.search(r"^kafka/prod: \d+ looks; [\d.]+ (KiB|MiB) received\.$", log, re.MULTILINE)


def test_what_was_learnt_of_stamps_is_in_the_store(
    broker: str, estate: Estate, tmp_path: Path, started: list[Running]
) -> None:
    topic, _ = behind(estate)
    agent = run(started, tmp_path, broker)

    def kept() -> bool:
        with sqlite3.connect(f"file:{tmp_path / 'data' / 'seamwatch.db'}?mode=ro", uri=True) as store:
            found = store.execute("SELECT count(*) FROM stamps WHERE topic = ?", (topic,)).fetchone()
        return bool(found[0])

    wait(kept, agent.process, 60)


def test_a_broker_that_goes_is_said_and_its_return_too(
    cluster: Cluster, tmp_path: Path, started: list[Running]
) -> None:
    with Estate(cluster.bootstrap) as estate:
        topic, group = estate.topic(), estate.name("reader")
        estate.produce(topic, 5)
        estate.commit(group, {(topic, 0): 1})
    agent = run(started, tmp_path, cluster.address(1))
    wait(lambda: metric(agent, "seamwatch_group_lag_messages", group) == 4, agent.process, 60)
    for node in (1, 2, 3):
        cluster.kill(node)
    wait(lambda: "connection refused" in agent.get("/collectors"), agent.process, 60)
    assert agent.get("/readyz") == "ready\n", "a source that is away is no fault of ours"
    cluster.up()
    wait(lambda: "connection refused" not in agent.get("/collectors"), agent.process, 90)
    log = (tmp_path / "log").read_text()
    assert "source answers again" in log
    assert "Traceback" not in log
