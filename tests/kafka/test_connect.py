"""A real Connect worker: what happens to a record that cannot be read, and what of it is told."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.app.asked_rest import ConnectPull
from agent.config.estates import Cluster
from agent.config.estates import Connect as Configured
from agent.model.facts import Setting, Sighting
from agent.model.pull import Seen
from collectors.kafka.access import Access
from collectors.kafka.watch import Watch
from tests.kafka.estate import Estate, Record, eventually
from tests.kafka.looking import lag, watching
from tests.kafka.servers import Connect

pytestmark = pytest.mark.real
RECORDS = [Record(b'{"ok": 1}'), Record(b"not json"), Record(b'{"ok": 2}')]


@pytest.fixture
def pull(connect: Connect) -> Iterator[ConnectPull]:
    found = ConnectPull("main", Configured((connect.url,)), {"test": Cluster()}, Path(), lambda: datetime.now(UTC))
    yield found
    found.close()


@pytest.fixture
def topic(estate: Estate) -> str:
    name = estate.topic()
    estate.send(name, RECORDS)
    return name


def told(seen: Seen, name: str) -> dict[str, str | None]:
    return {f.name: f.value for f in seen.facts if isinstance(f, Setting) and f.component.name == f"test/{name}"}


def test_a_sink_that_drops_records_is_told_while_its_lag_is_zero(
    estate: Estate, connect: Connect, pull: ConnectPull, topic: str, tmp_path: Path
) -> None:
    name, file = estate.name("loses"), tmp_path / "out"
    connect.sink(name, topic, file, "tolerate")
    eventually(lambda: estate.committed(f"connect-{name}").get((topic, 0)) == len(RECORDS), "everything is read")
    with watching(estate.bootstrap if isinstance(estate.bootstrap, str) else estate.bootstrap[0]) as watch:
        assert lag(watch.look(), f"connect-{name}", topic) == {0: 0}
    assert len(file.read_text().splitlines()) == 2, "a record is lost"
    seen = pull.look()
    found = told(seen, name)
    assert (found["state"], found["task.0.state"], found["task.0.error"]) == ("RUNNING", "RUNNING", None)
    assert found["effective.errors.tolerance"] == "all"
    assert found["effective.errors.deadletterqueue.topic.name"] == ""
    assert found["effective.errors.log.enable"] == "false"
    reads = f"consumes topic:test/{topic} -> group:test/connect-{name}"
    assert reads in {str(fact.key) for fact in seen.facts if isinstance(fact, Sighting)}
    line = pull.line() or {}
    assert line["connectors"][name]["offsets"] == {topic: {"0": len(RECORDS)}}
    connect.delete(name)


def test_a_sink_that_stops_tells_why_and_not_which_record(
    estate: Estate, connect: Connect, pull: ConnectPull, topic: str, tmp_path: Path
) -> None:
    name = estate.name("stops")
    connect.sink(name, topic, tmp_path / "out", "none")
    eventually(lambda: told(pull.look(), name)["task.0.state"] == "FAILED", "its task has failed")
    seen = pull.look()
    found = told(seen, name)
    assert (found["state"], found["tasks_failed"]) == ("RUNNING", "1")
    assert found["task.0.error"] is not None
    assert found["task.0.error"].endswith("JsonParseException")
    assert found["effective.errors.tolerance"] == "none"
    assert "Unrecognized token" not in repr(seen) + repr(pull.line())
    connect.delete(name)


def test_a_sink_with_dead_letters_is_told_with_them_and_is_gone_once_deleted(
    estate: Estate, connect: Connect, pull: ConnectPull, topic: str, tmp_path: Path
) -> None:
    name = estate.name("careful")
    connect.sink(name, topic, tmp_path / "out", "dlq")
    found = told(pull.look(), name)
    assert found["effective.errors.deadletterqueue.topic.name"] == f"{name}-dlq"
    assert found["effective.errors.deadletterqueue.context.headers.enable"] == "true"
    assert found["deleted"] is None
    connect.delete(name)
    eventually(lambda: told(pull.look(), name) == {"deleted": "true"}, "it is gone")


def test_dead_letters_of_a_sink_say_by_their_headers_where_they_come_from_and_why(
    estate: Estate, connect: Connect, topic: str, tmp_path: Path
) -> None:
    name = estate.name("parks")
    connect.sink(name, topic, tmp_path / "out", "dlq")
    queue = f"{name}-dlq"
    eventually(lambda: sum(estate.ends(queue).values()) == 1, "the record that is no JSON is a dead letter")
    bootstrap = estate.bootstrap if isinstance(estate.bootstrap, str) else estate.bootstrap[0]
    watch = Watch(Access("test", (bootstrap,)), [queue])
    try:
        first = watch.look().sampled[queue]
        estate.send(topic, [RECORDS[1]] * 2)
        eventually(lambda: sum(estate.ends(queue).values()) == 3, "two more are dead letters")
        found = watch.look().sampled[queue]
    finally:
        watch.close()
    connect.delete(name)
    assert (first.records, first.origins) == (1, ()), "one record with such a header may be anyone's"
    assert (found.records, found.origins, found.errors) == (2, (topic,), ("DataException",))
