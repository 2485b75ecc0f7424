"""Each server of the testbed, and each verb on it, does what its name says."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from kafka.errors import KafkaError, TopicAuthorizationFailedError
from kafka.net.sasl.oauth import AbstractTokenProvider

from tests.kafka.estate import Estate, Record, eventually
from tests.kafka.servers import Cluster, Connect, Secure, token

pytestmark = pytest.mark.real
NOON = datetime(2026, 10, 22, 12, 0, tzinfo=UTC)


class Token(AbstractTokenProvider):
    def token(self) -> str:
        return token("admin")


def test_records_keep_what_they_were_produced_with_until_they_are_cut_off(estate: Estate) -> None:
    topic = estate.topic(partitions=2, config={"retention.ms": "-1"})
    record = Record(b"{}", key=b"k", headers=(("h", b"v"),), at=NOON, partition=1)
    assert estate.produce(topic, 3, record, every=timedelta(minutes=1)) == [0, 1, 2]
    estate.produce(topic, 1, enable_idempotence=False)
    estate.cut(topic, before=2, partition=1)
    assert (estate.starts(topic), estate.ends(topic)) == ({0: 0, 1: 2}, {0: 1, 1: 3})
    [last] = [each for each in estate.read(topic, 2) if each.partition == 1]
    at = (NOON + timedelta(minutes=2)).timestamp() * 1000
    assert (last.key, last.value, last.headers, last.timestamp) == (b"k", b"{}", [("h", b"v")], at)
    estate.recreate(topic, partitions=1)
    assert estate.ends(topic) == {0: 0}


def test_an_open_transaction_holds_back_readers_of_committed_records(estate: Estate) -> None:
    topic = estate.topic()
    estate.transact(topic, 2)
    estate.abort(topic, 1)
    open_id = estate.leave_open(topic, 4)
    assert (estate.stable_ends(topic), estate.ends(topic)) == ({0: 5}, {0: 9})
    listed = [each for found in estate.admin.list_transactions().values() for each in found]
    assert [each.state.name for each in listed if each.transactional_id == open_id] == ["ONGOING"]


def test_a_group_commits_without_joining_or_joins_and_reads(estate: Estate) -> None:
    topic, outside, inside = estate.topic(partitions=2), estate.name("outside"), estate.name("inside")
    estate.produce(topic, 5)
    estate.commit(outside, {(topic, 0): 3})
    assert estate.committed(outside) == {(topic, 0): 3}
    member = estate.join(inside, topic, instance="one")
    eventually(lambda: len(member.values) == 5, "five records are read")
    assert member.assigned == {(topic, 0), (topic, 1)}
    told = estate.groups()
    assert (told[outside], told[inside]) == (("classic", "empty"), ("classic", "stable"))
    member.leave()
    assert estate.committed(inside)[topic, 0] == 5
    assert estate.groups()[inside] == ("classic", "stable"), "a static member stays until its session ends"


def test_groups_of_the_newer_kinds_read_with_consumers_of_kafka_itself(estate: Estate) -> None:
    topic, new, queue = estate.topic(), estate.name("new"), estate.name("queue")
    estate.produce(topic, 3)
    members = estate.join_consumer(new, topic), estate.join_share(queue, topic)
    for member in members:
        eventually(lambda member=member: member.values() == [b"{}"] * 3, "three records are read")
    told = estate.groups()
    assert (told[new], told[queue]) == (("consumer", "stable"), ("share", "stable"))
    members[0].leave()
    assert estate.groups()[new] == ("consumer", "empty")


def test_a_configuration_is_changed(estate: Estate) -> None:
    topic = estate.topic()
    estate.configure("topic", topic, {"retention.ms": "60000"})
    with pytest.raises(AssertionError):
        estate.configure("topic", topic, {"retention.ms": "no number"})


def test_an_authorizer_lets_a_user_do_what_it_was_granted(secure: Secure) -> None:
    with Estate(secure.plain) as admin, Estate(secure.bootstrap, **secure.login("agent")) as agent:
        topic = admin.topic()
        words = "User:agent", "WRITE", "TOPIC", topic

        def can_write() -> bool:
            try:
                agent.produce(topic, enable_idempotence=False, max_block_ms=5_000)
            except TopicAuthorizationFailedError:
                return False
            return True

        assert not can_write()
        admin.grant(*words)
        eventually(can_write, "the agent may write")
        admin.revoke(*words)
        eventually(lambda: not can_write(), "the agent may no longer write")


def test_every_mechanism_of_the_secure_cluster_lets_a_user_in(secure: Secure) -> None:
    bearer = {"security_protocol": "SASL_SSL", "ssl_cafile": secure.ca, "sasl_mechanism": "OAUTHBEARER"}
    logins = secure.login("admin"), secure.login("admin", "PLAIN"), {**bearer, "sasl_oauth_token_provider": Token()}
    for login in logins:
        with Estate(secure.bootstrap, **login) as admin:
            assert admin.topic() in admin.admin.list_topics()
    wrong = {**secure.login("admin"), "sasl_plain_password": "guess"}
    with pytest.raises(KafkaError):
        Estate(secure.bootstrap, bootstrap_timeout_ms=3_000, **wrong)


@pytest.mark.filterwarnings(  # kafka-python's admin client leaves the socket to a frozen node open when it gives up
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)
def test_a_cluster_goes_on_without_a_node_and_is_whole_again(cluster: Cluster) -> None:
    with Estate(cluster.bootstrap) as estate:
        topic = estate.topic(replicas=3, config={"min.insync.replicas": "2"})
        estate.produce(topic, 1)
    cluster.kill(3)
    eventually(lambda: cluster.nodes() == {1, 2}, "the killed node is missed")
    with Estate(cluster.bootstrap) as estate:
        estate.produce(topic, 1)
    cluster.up()
    cluster.pause(2)
    eventually(lambda: cluster.nodes() == {1, 3}, "the frozen node is missed")
    cluster.resume(2)
    eventually(lambda: cluster.nodes() == {1, 2, 3}, "it is back")


def test_a_sink_fails_on_sends_away_or_drops_what_it_cannot_read(
    connect: Connect, estate: Estate, tmp_path: Path
) -> None:
    def state(name: str) -> str:
        return str(connect.status(name)["tasks"][0]["state"])

    topic = estate.topic()
    names = {mode: estate.name(mode) for mode in ("none", "dlq", "tolerate")}
    for mode, name in names.items():
        connect.sink(name, topic, tmp_path / mode, mode)
    estate.send(topic, [Record(b"no json"), Record(b'{"id": 1}')])
    eventually(lambda: state(names["none"]) == "FAILED", "the strict sink fails")
    for mode in ("dlq", "tolerate"):
        eventually(lambda mode=mode: (tmp_path / mode).read_text() == "{id=1}\n", "the other record is written")
        assert state(names[mode]) == "RUNNING"
    eventually(lambda: estate.ends(f"{names['dlq']}-dlq") == {0: 1}, "the bad record is a dead letter")
    for name in names.values():
        connect.delete(name)
    assert not set(names.values()) & set(requests.get(f"{connect.url}/connectors", timeout=10).json())


def test_a_registry_refuses_what_is_not_compatible(registry: str, estate: Estate) -> None:
    subject = f"{registry}/subjects/{estate.name()}-value"

    def register(kind: str) -> int:
        schema = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": kind}]}
        body = {"schema": json.dumps(schema)}
        return requests.post(f"{subject}/versions", json=body, timeout=30).status_code

    assert register("long") == 200
    policy = requests.put(subject.replace("/subjects/", "/config/"), json={"compatibility": "BACKWARD"}, timeout=30)
    assert policy.status_code == 200
    assert (register("double"), register("string")) == (200, 409)
    assert requests.get(f"{subject}/versions", timeout=30).json() == [1, 2]
