"""Connect clusters and registries among the sources that are asked: facts, costs, lines, and what is gone."""

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from agent.app.asked import pulls
from agent.app.asked_rest import ConnectPull, Memory, RegistryPull
from agent.app.recorded import RECORDING
from agent.config.estates import Cluster, Connect, Registry
from agent.config.load import load
from agent.config.secret import Secret
from agent.config.settings import Settings
from agent.model.facts import Setting, Sighting
from agent.model.pull import NotSeenError, Pull, Seen
from agent.model.seam import Component
from agent.store.engine import StoreError
from collectors.connect.watch import EVERYTHING
from tests.answering import Answering, recorded

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
PROD = {"prod": Cluster()}
SECRET = "hunter2"


@pytest.fixture
def worker() -> Iterator[Answering]:
    routes = recorded("connect-4.3/answers.json")
    routes[EVERYTHING] = (200, json.loads(json.dumps(routes[EVERYTHING][1]).replace("/nonexistent/hunter2/x", "/x")))  # type: ignore[index]  # no callable
    with Answering(routes) as server:
        yield server


@pytest.fixture
def shelf() -> Iterator[Answering]:
    with Answering(recorded("registry/apicurio-2.6.13-ccompat-v7.json")) as server:
        yield server


def connect(server: Answering, memory: Memory | None = None, **more: Any) -> ConnectPull:
    given = Connect((server.url,), user="agent", password=Secret(SECRET, "env:X"), **more)
    return ConnectPull("main", given, PROD, Path(), lambda: NOON, memory)


def registry(server: Answering, memory: Memory | None = None) -> RegistryPull:
    given = Registry(server.url, user="agent", password=Secret(SECRET, "env:X"))
    return RegistryPull("main", given, Path(), lambda: NOON, memory)


def told(seen: Seen, component: str) -> dict[str, str | None]:
    return {f.name: f.value for f in seen.facts if isinstance(f, Setting) and str(f.component) == component}


def deleted(seen: Seen) -> list[str]:
    return [str(f.component) for f in seen.facts if isinstance(f, Setting) and (f.name, f.value) == ("deleted", "true")]


def test_a_sink_that_loses_records_is_told_as_such(worker: Answering) -> None:
    pull = connect(worker)
    seen = pull.look()
    assert seen.about == "6 connectors, 7 tasks"
    loses = told(seen, "connector:prod/loses")
    assert (loses["effective.errors.tolerance"], loses["effective.errors.deadletterqueue.topic.name"]) == ("all", "")
    assert (loses["task.0.state"], loses["tasks_failed"]) == ("RUNNING", "0")
    careful = told(seen, "connector:prod/careful")
    assert careful["effective.errors.deadletterqueue.topic.name"] == "careful-dlq"
    fails = told(seen, "connector:prod/fails")
    assert fails["task.0.error"] is not None
    assert fails["task.0.error"].startswith("org.apache.kafka.connect.errors.ConnectException < ")
    seams = [str(f.key) for f in seen.facts if isinstance(f, Sighting) and " -> " in str(f.key)]
    assert "consumes topic:prod/orders-eu -> group:prod/readers-of-orders" in seams
    assert "publishes connector:prod/tail -> topic:prod/lines" in seams
    pull.close()


def test_a_registry_is_told_with_texts_and_what_they_refer_to(shelf: Answering) -> None:
    pull = registry(shelf)
    seen = pull.look()
    assert seen.about == "6 subjects"
    basket = told(seen, "subject:main/basket-value")
    assert basket["version.1.references"] == "line-value@1"
    assert basket["version.1.reference_names"] == "shop.Line"
    assert told(seen, "source:registry/main")["subjects_read"] == "6"
    assert seen.refused == ("mode: not told by this registry",)
    pull.close()


def test_a_look_is_a_line_of_a_recording_that_tells_the_same(worker: Answering, shelf: Answering) -> None:
    from collectors.recording.reader import read

    schema = jsonschema_rs.validator_for(RECORDING)
    pulls: list[Pull] = [connect(worker), registry(shelf)]
    for pull in pulls:
        assert pull.line() is None
        seen = pull.look()
        line = pull.line()
        schema.validate(line)
        [reading] = read([json.dumps(line)])
        assert reading.facts == seen.facts
        assert (reading.rejected, reading.unknown) == ({}, {})
        pull.close()


def test_what_asking_costs_is_counted(worker: Answering, shelf: Answering) -> None:
    for pull, server in ((connect(worker), worker), (registry(shelf), shelf)):
        pull.look()
        pull.look()
        assert pull.cost.requests == len(server.asked)
        assert pull.cost.sent > 100 * pull.cost.requests
        assert pull.cost.received > 1_000
        pull.close()


def test_no_secret_is_in_facts_lines_logs_or_errors(
    worker: Answering, shelf: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for pull, server in ((connect(worker), worker), (registry(shelf), shelf)):
        seen = pull.look()
        assert SECRET not in repr(seen) + json.dumps(pull.line())
        server.routes = dict.fromkeys(server.routes, (401, {"message": SECRET}))
        with pytest.raises(NotSeenError, match="refused the login") as refused:
            pull.look()
        assert SECRET not in str(refused.value)
        pull.close()
    assert SECRET not in caplog.text


def test_what_is_gone_is_told_and_told_again_where_it_did_not_arrive(worker: Answering, shelf: Answering) -> None:
    _, every = worker.routes[EVERYTHING]  # type: ignore[misc]  # no callable
    fewer = {name: about for name, about in every.items() if name != "tail"}
    pull = connect(worker)
    assert deleted(pull.look()) == []
    worker.routes[EVERYTHING] = (200, fewer)
    assert deleted(pull.look()) == ["connector:prod/tail"]
    assert deleted(pull.look()) == []
    pull.close()

    subjects = registry(shelf)
    assert deleted(subjects.look()) == []
    shelf.routes["/subjects"] = (200, ["orders-value"])
    assert len(deleted(subjects.look())) == 5
    subjects.retell()
    again = subjects.look()
    assert len(deleted(again)) == 5
    assert "version.2.schema" in told(again, "subject:main/orders-value")
    subjects.close()


class Remembers:
    """What the store had before; it does not answer the first time."""

    def __init__(self) -> None:
        self.asked = 0

    def settings_as_of(self, as_of: datetime, names: Sequence[str] | None = None) -> dict[Component, dict[str, str]]:
        self.asked += 1
        if self.asked == 1:
            raise StoreError("locked")
        if names == ["versions"]:
            return {Component("subject", name): {"versions": "1"} for name in ("main/before", "mainly/theirs")}
        ours, theirs = Component("connector", "prod/before"), Component("connector", "prod/theirs")
        return {ours: {"connect": "main"}, theirs: {"connect": "other"}}


def test_what_went_while_nobody_looked_is_told_after_the_start(worker: Answering, shelf: Answering) -> None:
    for make, server, name in ((connect, worker, "connector:prod/before"), (registry, shelf, "subject:main/before")):
        pull = make(server, Remembers())  # type: ignore[operator]  # either of two functions
        assert deleted(pull.look()) == [], "the store did not answer"
        assert deleted(pull.look()) == [name]
        pull.close()


def test_a_kafka_cluster_without_a_name_is_called_by_its_id(worker: Answering) -> None:
    given = Connect((worker.url,))
    pull = ConnectPull("main", given, {}, Path(), lambda: NOON)
    pull.look()
    assert (pull.line() or {})["cluster"] == "testbedAAAAAAAAAAAAAAA"
    pull.close()
    other = ConnectPull("main", given, {"prod": Cluster(id="another")}, Path(), lambda: NOON)
    said = "cluster: connect.main works on the Kafka cluster testbedAAAAAAAAAAAAAAA, and clusters.prod.id is another"
    assert other.look().refused == (said,)
    other.close()


def test_what_the_configuration_names_is_asked(worker: Answering, shelf: Answering, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(SECRET)
    text = f"""
clusters: {{prod: {{id: x}}}}
connect:
  main: {{urls: [{worker.url}], tls: {{ca: ca.pem}}, user: a, password: "file:password", every: 20s}}
registries:
  main: {{url: {shelf.url}/apis}}
"""
    (tmp_path / "seamwatch.yaml").write_text(text)
    settings = load(tmp_path / "seamwatch.yaml", {})
    assert isinstance(settings, Settings), settings
    found = list(pulls(settings, lambda: NOON))
    assert [(one.kind, one.name, one.every.total_seconds()) for one in found] == [
        ("connect", "main", 20),
        ("registry", "main", 300),
    ]
    for one in found:
        one.close()


def test_what_was_wrong_in_an_answer_is_counted(worker: Answering) -> None:
    worker.routes = {EVERYTHING: (200, {"c": {"info": {"type": "sink", "config": {"a": "x" * 5}}}}), "/": (500, None)}
    pull = connect(worker)
    assert set(pull.look().refused) == {
        "topics: not told by this version; Kafka 2.5 and newer tell it",
        "offsets: not told by this version; Kafka 3.5 and newer tell it",
    }
    pull.close()
