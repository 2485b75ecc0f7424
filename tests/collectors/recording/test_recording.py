"""Recordings: the contract's examples, what absence means, sums, ages, masks, and every kind of bad line."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.model.facts import Run, RunState, Sample, Setting, Sighting
from agent.model.masking import MASK
from agent.model.seam import SeamKey
from collectors.recording.reader import Reading, read

AT = "2026-11-01T00:00:30Z"
#: The examples of the contract; "at" and the two shortened ids are filled in.
KAFKA = """
{"recording": 1, "source": "kafka", "cluster": "prod", "cluster_id": "lDmuA", "at": "2026-11-01T00:00:30Z",
 "topics": {"orders": {"id": "kq3", "replication": 3,
            "settings": {"retention.ms": "604800000", "cleanup.policy": "delete", "min.insync.replicas": "2"},
            "partitions": {"0": {"start": 0, "end": 1200, "stable": 1200, "producers": [{"id": 9, "epoch": 0, "at": "…"}]}}}},
 "groups": {"billing": {"protocol": "classic", "state": "Stable", "epoch": 7,
            "members": [{"id": "m-1", "client": "billing-7c9f", "host": "10.0.0.7", "instance": null,
                         "assigned": [["orders", 0]], "target": [["orders", 0]]}],
            "committed": {"orders": {"0": 1100}},
            "age_seconds": {"orders": {"0": 12.5}}}},
 "broker": {"settings": {"offsets.retention.minutes": "10080", "unclean.leader.election.enable": "false"}}}
"""  # noqa: E501  # word by word
CONNECT = """
{"recording": 1, "source": "connect", "cluster": "prod", "at": "2026-11-01T00:00:30Z", "connectors":
 {"ledger-sink": {"type": "sink", "config": {"errors.tolerance": "all"}, "state": "RUNNING", "topics": ["orders"],
                  "tasks": [{"id": 0, "state": "RUNNING", "trace": null}], "offsets": {"orders": {"0": 1200}}}}}
"""
REGISTRY = """
{"recording": 1, "source": "registry", "registry": "main", "at": "2026-11-01T00:00:30Z", "compatibility": "BACKWARD",
 "mode": "READWRITE", "subjects": {"orders-value": {"compatibility": null, "mode": null,
              "versions": {"1": {"id": 4, "type": "AVRO", "schema": "{…}", "references": []}}}}}
"""
PING = """
{"recording": 1, "source": "ping", "at": "2026-11-01T00:00:30Z", "slug": "nightly-ledger", "signal": "exit", "code": 0,
 "rid": null, "body": ""}
"""
GATEWAY = """
{"recording": 1, "source": "gateway", "gateway": "edge", "at": "2026-11-01T00:00:30Z", "routes": {"orders": {
 "methods": ["POST"], "paths": ["/orders"], "timeout_seconds": {"connect": 60, "read": 60, "write": 60}, "retries": 5,
 "plugins": ["rate-limiting"]}}}
"""
EXAMPLES = {"kafka": KAFKA, "connect": CONNECT, "registry": REGISTRY, "ping": PING, "gateway": GATEWAY}


def line(source: str = "kafka", **fields: Any) -> bytes:
    names: dict[str, Any] = {"gateway": {"gateway": "edge"}, "registry": {"registry": "main"}, "ping": {}}
    head = {"recording": 1, "source": source, "at": AT} | names.get(source, {"cluster": "prod"})
    return json.dumps(head | fields).encode()


def one(text: bytes | str) -> Reading:
    [reading] = read([text])
    return reading


def samples(reading: Reading) -> dict[tuple[str, str], float]:
    found = [fact for fact in reading.facts if isinstance(fact, Sample) and fact.name != "looks"]
    return {(str(f.subject), f.name): f.value for f in found}


def told(reading: Reading) -> dict[tuple[str, str], str | None]:
    return {(str(f.component), f.name): f.value for f in reading.facts if isinstance(f, Setting)}


def seen(reading: Reading) -> list[str]:
    return [str(fact.key) for fact in reading.facts if isinstance(fact, Sighting)]


def kafka(ends: dict[str, Any] | None, committed: dict[str, Any], **group: Any) -> bytes:
    topics = {"orders": {"partitions": {p: {"end": end} for p, end in ends.items()}}} if ends is not None else None
    return line(topics=topics, groups={"billing": {"committed": {"orders": committed}} | group})


ON = "group:prod/billing,topic=prod/orders"


@pytest.mark.parametrize("source", EXAMPLES)
def test_the_examples_of_the_contract_are_read_whole(source: str) -> None:
    reading = one(EXAMPLES[source].replace("\n", ""))
    assert (reading.rejected, reading.unknown) == ({}, {})
    assert reading.at == datetime(2026, 11, 1, 0, 0, 30, tzinfo=UTC)
    assert reading.source.kind == "source"
    assert reading.facts
    assert {fact.at for fact in reading.facts if not isinstance(fact, Run)} <= {reading.at}


def test_kafka_tells_lag_age_progress_and_members() -> None:
    reading = one(KAFKA.replace("\n", ""))
    assert samples(reading) == {
        ("topic:prod/orders", "produced"): 1200,
        (ON, "members"): 1,
        (ON, "epoch"): 7,
        (ON, "committed"): 1100,
        (ON, "behind:0"): 100,
        (ON, "lag"): 100,
        (ON, "produced"): 1200,
        (ON, "age_seconds"): 12.5,
        (ON, "retention_left_seconds"): 604_788,
        (ON, "lost"): 0,
        (ON, "unstable"): 0,
        ("topic:prod/orders", "kept"): 1200,
        ("topic:prod/orders", "held_seconds"): 0,
        ("topic:prod/orders", "producers"): 1,
    }
    assert told(reading) == {
        ("source:kafka/prod", "cluster_id"): "lDmuA",
        ("source:kafka/prod", "broker.offsets.retention.minutes"): "10080",
        ("source:kafka/prod", "broker.unclean.leader.election.enable"): "false",
        ("source:kafka/prod", "topics_listed"): "true",
        ("source:kafka/prod", "groups_listed"): "true",
        ("topic:prod/orders", "retention.ms"): "604800000",
        ("topic:prod/orders", "cleanup.policy"): "delete",
        ("topic:prod/orders", "min.insync.replicas"): "2",
        ("topic:prod/orders", "replication"): "3",
        ("topic:prod/orders", "id"): "kq3",
        ("topic:prod/orders", "partitions"): "1",
        ("group:prod/billing", "protocol"): "classic",
        ("group:prod/billing", "state"): "Stable",
        ("group:prod/billing", "static_members"): "0",
        (
            "group:prod/billing",
            "now.members",
        ): '{"of":1,"idle":0,"members":[{"c":"billing-7c9f","h":"","a":{"orders":"0"}}]}',
        ("group:prod/billing", "now.on:orders"): '{"of":1,"p":"0","lag":100,"age":12}',
    }
    assert seen(reading) == [
        "topic:prod/orders",
        "group:prod/billing",
        "consumes topic:prod/orders -> group:prod/billing",
    ]
    clients = [f.attributes for f in reading.facts if isinstance(f, Sighting) and isinstance(f.key, SeamKey)]
    assert clients == [{"clients": "billing-7c9f"}]
    assert "10.0.0.7" not in repr(reading), "hosts are left out"


def test_a_setting_never_passes_for_what_we_tell_ourselves() -> None:
    topic = {"replication": 3, "settings": {"replication": "9", "partitions": "9"}, "partitions": {"0": {"end": 1}}}
    forged = {"cluster_id": "forged", "topics_listed": "true"}
    found = told(one(line(cluster_id="lDmuA", topics={"orders": topic}, broker={"settings": forged})))
    assert found == {
        ("source:kafka/prod", "cluster_id"): "lDmuA",
        ("source:kafka/prod", "broker.cluster_id"): "forged",
        ("source:kafka/prod", "broker.topics_listed"): "true",
        ("source:kafka/prod", "topics_listed"): "true",
        ("topic:prod/orders", "config.replication"): "9",
        ("topic:prod/orders", "config.partitions"): "9",
        ("topic:prod/orders", "replication"): "3",
        ("topic:prod/orders", "partitions"): "1",
    }
    only = told(one(line(broker={"settings": forged})))
    assert ("source:kafka/prod", "topics_listed") not in only


def test_clients_are_told_up_to_a_bound_and_hosts_never() -> None:
    members = [{"client": f"c{number:02}|x", "host": "10.0.0.7"} for number in range(40)]
    reading = one(line(groups={"billing": {"members": members}}))
    [sighting] = [fact for fact in reading.facts if isinstance(fact, Sighting)]
    assert sighting.attributes["clients"] == "|".join(f"c{number:02}/x" for number in range(16))
    assert "10.0.0.7" not in repr(reading)


def test_a_section_that_is_absent_yields_nothing() -> None:
    assert one(line()).facts == ()
    assert told(one(line(topics={}))) == {("source:kafka/prod", "topics_listed"): "true"}
    reading = one(kafka(None, {"0": 5}))
    assert samples(reading) == {(ON, "committed"): 5}
    assert ("source:kafka/prod", "topics_listed") not in told(reading)
    assert samples(one(line(groups={"g": {}}))) == {}
    assert told(one(line(topics={"t": {}}))) == {("source:kafka/prod", "topics_listed"): "true"}


def test_no_members_is_told_and_unseen_members_are_not() -> None:
    assert samples(one(kafka({"0": 5}, {"0": 5}, members=[])))[ON, "members"] == 0
    assert (ON, "members") not in samples(one(kafka({"0": 5}, {"0": 5})))


def test_lag_is_summed_over_the_partitions_seen_and_never_negative() -> None:
    found = samples(one(kafka({"0": 100, "1": 10, "2": 7, "3": 50}, {"0": 90, "1": 12, "3": 50, "9": 1})))
    assert found[ON, "lag"] == 10
    assert [name for _, name in found if name.startswith("behind:")] == ["behind:0"]
    assert found[ON, "behind:0"] == 10
    assert found[ON, "produced"] == 160, "of the partitions that the group has committed"
    assert found["topic:prod/orders", "produced"] == 167


def test_a_topic_that_was_deleted_is_passed_over() -> None:
    reading = one(line(topics={}, groups={"billing": {"committed": {"orders": {"0": 3}}}}))
    assert samples(reading) == {}
    assert seen(reading) == ["group:prod/billing"]


@pytest.mark.parametrize("number", [-1, "5", 1.5, True, [], {}, 2**64])
def test_a_sum_needs_all_its_parts(number: Any) -> None:
    reading = one(kafka({"0": 100, "1": 100}, {"0": 90, "1": number}))
    assert samples(reading) == {("topic:prod/orders", "produced"): 200, (ON, "behind:0"): 10}
    assert list(reading.rejected.values()) == [1]
    reading = one(kafka({"0": 100, "1": number}, {"0": 90, "1": 90}))
    assert samples(reading) == {(ON, "committed"): 180, (ON, "behind:0"): 10}


def test_an_age_not_given_comes_from_our_own_samples() -> None:
    looks = [
        ("2026-11-01T00:00:00Z", 100, 90),  # behind before we came: unknown
        ("2026-11-01T00:01:00Z", 200, 150),
        ("2026-11-01T00:02:00Z", 300, 150),
        ("2026-11-01T00:03:00Z", 300, 300),
    ]
    lines = [kafka({"0": end}, {"0": done}).replace(AT.encode(), at.encode()) for at, end, done in looks]
    assert [samples(reading).get((ON, "age_seconds")) for reading in read(lines)] == [None, 30, 90, 0]


def test_the_age_is_the_highest_and_unknown_where_one_that_is_behind_is_unknown() -> None:
    def age(**given: Any) -> float | None:
        return samples(one(kafka({"0": 9, "1": 9, "2": 9}, {"0": 1, "1": 2, "2": 9}, **given))).get((ON, "age_seconds"))

    assert age(age_seconds={"orders": {"0": 5, "1": 70.5}}) == 70.5
    assert age(age_seconds={"orders": {"0": 5}}) is None
    assert age(age_seconds={"orders": {"0": -5, "1": 5}}) is None
    assert age() is None


def test_connect_tells_states_masked_settings_and_seams() -> None:
    config = {
        "errors.tolerance": "all",
        "connection.password": "hunter2",
        "connection.url": "jdbc:postgresql://u:hunter2@h/d",
        "type": "own",
        "tasks.max": 2,
        "topics": "orders",
    }
    tasks = [{"id": 0, "state": "RUNNING"}, {"id": 1, "state": "FAILED", "trace": "java.lang: hunter2"}]
    connector = {"type": "sink", "config": config, "state": "RUNNING", "tasks": tasks}
    reading = one(line("connect", connectors={"ledger": connector}))
    found = {name: value for (_, name), value in told(reading).items()}
    assert found == {
        "type": "sink",
        "state": "RUNNING",
        "task.0.state": "RUNNING",
        "task.1.state": "FAILED",
        "task.0.error": None,
        "task.1.error": None,
        "error": None,
        "deleted": None,
        "connectors_listed": "true",
        "tasks": "2",
        "tasks_failed": "1",
        "errors.tolerance": "all",
        "connection.password": MASK,
        "connection.url": MASK,
        "config.type": "own",
        "tasks.max": "2",
        "topics": "orders",
        "effective.errors.tolerance": "all",
        "effective.errors.retry.timeout": "0",
        "effective.errors.log.enable": "false",
        "effective.errors.log.include.messages": "false",
        "effective.errors.deadletterqueue.topic.name": "",
        "effective.errors.deadletterqueue.topic.replication.factor": "3",
        "effective.errors.deadletterqueue.context.headers.enable": "false",
    }
    assert seen(reading) == ["connector:prod/ledger", "consumes topic:prod/orders -> group:prod/connect-ledger"]
    assert "hunter2" not in repr(reading)


def test_a_sink_with_a_group_of_its_own_reads_as_that_group() -> None:
    config = {"consumer.override.group.id": "mine"}
    reading = one(line("connect", connectors={"s": {"type": "sink", "config": config, "topics": ["t"]}}))
    assert "consumes topic:prod/t -> group:prod/mine" in seen(reading)


def test_a_source_publishes() -> None:
    reading = one(line("connect", connectors={"cdc": {"type": "source", "topics": ["a", "b"]}}))
    assert seen(reading)[1:] == [f"publishes connector:prod/cdc -> topic:prod/{name}" for name in "ab"]
    reading = one(line("connect", connectors={"x": {"type": "other", "topics": ["a"]}}))
    assert seen(reading) == ["connector:prod/x"]
    assert reading.rejected == {"connectors.*.type is neither sink nor source": 1}


def test_the_registry_tells_what_is_in_force() -> None:
    found = told(one(REGISTRY.replace("\n", "")))
    assert found["subject:main/orders-value", "compatibility"] == "BACKWARD"
    assert found["subject:main/orders-value", "compatibility_inherited"] == "true"
    assert found["subject:main/orders-value", "versions"] == "1"
    assert found["subject:main/orders-value", "version.1.schema"] == "{…}"
    own = told(one(line("registry", subjects={"s": {"compatibility": "NONE"}})))
    assert own["subject:main/s", "compatibility"] == "NONE"
    assert own["subject:main/s", "compatibility_inherited"] == "false"
    assert ("subject:main/s", "mode_inherited") not in own, "absent was not observed"
    unknown = told(one(line("registry", subjects={"s": {"compatibility": None}})))
    assert ("subject:main/s", "compatibility") not in unknown, "inherited from what was not read"


def ping(at: str, signal: str, code: int | None = None, rid: str | None = None) -> bytes:
    return line("ping", slug="ledger", signal=signal, code=code, rid=rid, body="hunter2").replace(
        AT.encode(), at.encode()
    )


def runs(*lines: bytes) -> list[Run]:
    return [fact for reading in read(lines) for fact in reading.facts if isinstance(fact, Run)]


def test_pings_become_runs() -> None:
    start, end = runs(ping("2026-11-01T02:00:00Z", "start"), ping("2026-11-01T02:10:00Z", "exit", 3))
    assert (start.state, end.state, end.exit_code) == (RunState.RUNNING, RunState.FAILED, 3)
    assert start.run == end.run
    assert (end.started, end.ended) == (start.started, datetime(2026, 11, 1, 2, 10, tzinfo=UTC))
    assert str(end.job) == "job:cron/ledger"
    assert "hunter2" not in repr(end)


def test_a_run_id_keeps_overlapping_runs_apart() -> None:
    found = runs(
        ping("2026-11-01T02:00:00Z", "start", rid="a"),
        ping("2026-11-01T02:01:00Z", "start", rid="b"),
        ping("2026-11-01T02:02:00Z", "success", rid="a"),
        ping("2026-11-01T02:03:00Z", "fail", rid="b"),
        ping("2026-11-01T02:04:00Z", "log", rid="b"),
    )
    assert [(run.run, run.state.value) for run in found] == [
        ("a", "running"),
        ("b", "running"),
        ("a", "succeeded"),
        ("b", "failed"),
    ]


def test_a_bad_ping_is_counted() -> None:
    assert one(line("ping", slug="x", signal="boom")).rejected == {"signal is unknown": 1}
    assert one(line("ping", slug="x", signal="exit")).rejected == {"code is missing": 1}
    assert one(line("ping", signal="exit", code=0)).rejected == {"slug is missing": 1}


def test_a_gateway_tells_how_its_routes_are_set_up() -> None:
    reading = one(line("gateway", routes={"r": {"methods": ["GET", "post"], "paths": ["/a"], "retries": 0}, "s": {}}))
    assert seen(reading) == ["route:edge GET /a", "route:edge POST /a", "route:edge ANY /"]
    assert told(reading)["route:edge GET /a", "retries"] == "0"
    assert ("route:edge ANY /", "retries") not in told(reading)
