"""Connectors and subjects of recordings: error policies with defaults, exceptions, contexts, and what is gone."""

import json
from typing import Any

import pytest

from agent.model.facts import Setting
from collectors.recording.known import Known
from collectors.recording.reader import Reader, Reading, read
from tests.collectors.recording.test_recording import line, one, seen, told


def effective(kind: str, **config: Any) -> dict[str, str | None]:
    settings = {key.replace("_", "."): value for key, value in config.items()}
    found = told(one(line("connect", connectors={"c": {"type": kind, "config": settings}})))
    start = "effective."
    return {name.removeprefix(start): value for (_, name), value in found.items() if name.startswith(start)}


def test_an_absent_setting_means_its_default() -> None:
    assert effective("sink") == {
        "errors.tolerance": "none",
        "errors.retry.timeout": "0",
        "errors.log.enable": "false",
        "errors.log.include.messages": "false",
        "errors.deadletterqueue.topic.name": "",
        "errors.deadletterqueue.topic.replication.factor": "3",
        "errors.deadletterqueue.context.headers.enable": "false",
    }
    source = effective("source", errors_tolerance="all", errors_deadletterqueue_topic_name="dlq")
    assert source["errors.tolerance"] == "all"
    assert source["exactly.once.support"] == "requested"
    assert "errors.deadletterqueue.topic.name" not in source, "dead letters are of sinks"


def test_a_configured_policy_is_told_as_connect_reads_it() -> None:
    found = effective(
        "sink", errors_tolerance=" ALL ", errors_deadletterqueue_topic_name=" Dlq-A ", errors_log_enable=True
    )
    assert found["errors.tolerance"] == "all"
    assert found["errors.deadletterqueue.topic.name"] == "Dlq-A"
    assert found["errors.log.enable"] == "true"
    assert effective("sink", errors_retry_timeout=None)["errors.retry.timeout"] == "0"
    assert "errors.tolerance" not in effective("sink", errors_tolerance="${file:/x:y}"), "filled in elsewhere"


def test_without_settings_or_type_no_policy_is_told() -> None:
    for about in ({"type": "sink"}, {"config": {}}):
        found = told(one(line("connect", connectors={"c": about})))
        assert not any(name.startswith("effective.") for _, name in found)


def test_a_task_tells_which_exceptions_ended_it_and_nothing_that_they_say() -> None:
    trace = "a.b.First: hunter2\n\tat x\nCaused by: c.d.Second: hunter2\nCaused by: e.Third\n"
    tasks = [{"id": 0, "state": "FAILED", "trace": trace, "worker_id": "host-7:8083"}, {"id": 1, "state": "RUNNING"}]
    about = {"type": "sink", "state": "FAILED", "trace": trace, "worker_id": "host-7:8083", "tasks": tasks}
    reading = one(line("connect", connectors={"c": about}))
    found = {name: value for (_, name), value in told(reading).items()}
    assert found["task.0.error"] == found["error"] == "a.b.First < c.d.Second < e.Third"
    assert found["task.1.error"] is None
    assert "hunter2" not in repr(reading)
    assert "host-7" not in repr(reading)
    assert reading.unknown == {}


def test_a_sink_reads_the_topics_it_names_and_by_a_pattern_those_it_was_seen_to_read() -> None:
    def topics(config: dict[str, str], seen_topics: list[str]) -> list[str]:
        about = {"type": "sink", "config": config, "topics": seen_topics}
        return seen(one(line("connect", connectors={"c": about})))[1:]

    reads = "consumes topic:prod/{} -> group:prod/connect-c".format
    assert topics({"topics": "a, b"}, ["a", "old"]) == [reads("a"), reads("b")]
    assert topics({"topics.regex": "o.*"}, ["orders", "others"]) == [reads("orders"), reads("others")]


def test_a_settings_own_error_deleted_or_connect_is_kept_apart() -> None:
    config = {"error": "x", "deleted": "y", "connect": "z"}
    found = told(one(line("connect", connect="main", connectors={"c": {"type": "sink", "config": config}})))
    assert found["connector:prod/c", "config.deleted"] == "y"
    assert found["connector:prod/c", "deleted"] is None
    assert found["connector:prod/c", "connect"] == "main"


def gone(readings: list[Reading]) -> list[list[str]]:
    return [
        [str(f.component) for f in reading.facts if isinstance(f, Setting) and (f.name, f.value) == ("deleted", "true")]
        for reading in readings
    ]


def test_what_is_gone_from_a_list_is_told_once() -> None:
    lists: list[dict[str, Any]] = [{"a": {}, "b": {}}, {"a": {}}, {"a": {}}, {"a": {}, "b": {}}]
    for kind, key, name in (("registry", "subjects", "subject:main/b"), ("connect", "connectors", "connector:prod/b")):
        assert gone(list(read([line(kind, **{key: each}) for each in lists]))) == [[], [name], [], []]


@pytest.mark.parametrize("broken", [None, {"a": {}, "b": 5}])
def test_a_list_that_is_absent_or_not_whole_lets_nothing_be_gone(broken: Any) -> None:
    lists: list[Any] = [{"a": {}, "b": {}}, broken, {"a": {}, "b": {}}]
    for kind, key in (("registry", "subjects"), ("connect", "connectors")):
        assert gone(list(read([line(kind, **{key: each}) for each in lists]))) == [[], [], []]


def test_two_connect_clusters_on_one_kafka_cluster_have_lists_of_their_own() -> None:
    lines = [line("connect", connect=name, connectors={name: {}}) for name in ("east", "west", "east", "west")]
    assert gone(list(read(lines))) == [[], [], [], []]


def test_lists_are_remembered_up_to_a_limit_and_told_again_when_asked() -> None:
    known = Known(most=2)
    assert known.gone("s", ["a", "b"]) == []
    assert known.gone("t", ["c"]) == []
    assert known.gone("t", []) == [], "there was no room"
    assert known.gone("s", ["a"]) == ["b"]
    known.retell()
    assert known.gone("s", ["a"]) == ["b"]
    known.seed("s", ["z"])
    assert known.gone("s", ["a"]) == ["z"]


def test_a_subject_of_a_context_inherits_from_its_context() -> None:
    contexts = {".eu": {"compatibility": "NONE", "mode": None}}
    subjects = {name: {"compatibility": None, "mode": None} for name in (":.eu:a", "b")}
    found = told(one(line("registry", compatibility="FULL", mode="READWRITE", contexts=contexts, subjects=subjects)))
    assert found["subject:main/:.eu:a", "compatibility"] == "NONE"
    assert found["subject:main/:.eu:a", "mode"] == "READWRITE"
    assert found["subject:main/b", "compatibility"] == "FULL"


def test_references_have_the_names_by_which_a_text_calls_them() -> None:
    references = [
        {"name": "z.Z", "subject": "a", "version": 2},
        {"name": "b,c", "subject": "b"},
        {"name": "no subject"},
    ]
    subjects = {"s": {"versions": {"1": {"references": references}, "2": {"references": [{"subject": "a"}]}}}}
    found = told(one(line("registry", subjects=subjects)))
    assert found["subject:main/s", "version.1.references"] == "a@2,b@latest"
    assert found["subject:main/s", "version.1.reference_names"] == "z.Z,b c"
    assert ("subject:main/s", "version.2.reference_names") not in found


def test_what_was_refused_is_told_until_it_is_answered() -> None:
    for kind, where in (("connect", "source:connect/prod"), ("registry", "source:registry/main")):
        first, second = read([line(kind, refused={"mode": "no right"}), line(kind, refused={"mode": ""})])
        assert told(first)[where, "refused.mode"] == "no right"
        assert told(second)[where, "refused.mode"] is None


def test_a_line_may_be_taken_as_the_object_that_it_is() -> None:
    text = line("connect", connectors={"c": {"type": "sink"}})
    reader = Reader()
    taken = reader.take(json.loads(text))
    assert taken is not None
    assert taken.facts == one(text).facts
    assert reader.take({"recording": 2, "source": "connect"}) is None
    assert reader.take({"recording": 1, "source": "connect", "cluster": "prod", "at": "now"}) is None
    assert dict(reader.tally.rejected) == {"line is of another version": 1, "time is not RFC 3339": 1}
    assert (reader.lines, reader.facts) == (3, len(taken.facts))
