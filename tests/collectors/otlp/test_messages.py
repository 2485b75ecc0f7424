"""Messages: which topic, which cluster, which spans are deliveries, under every name that senders use."""

from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from agent.model.columns import Role
from collectors.otlp.conventions import Names
from tests.collectors.otlp.build import (
    AIOKAFKA,
    CELERY,
    CLIENT,
    CONSUMER,
    PRODUCER,
    Judged,
    below,
    body,
    decoded,
    seams,
    sent,
    shapes,
    span,
)

KAFKA = {"messaging.system": "kafka"}
ORDERS = KAFKA | {"messaging.destination.name": "orders"}
PUBLISHES = "publishes service:s -> topic:-/orders"
CONSUMES = "consumes topic:-/orders -> group:-/s"


@pytest.mark.parametrize(
    ("name", "kind", "what", "crossed"),
    [
        ("orders send", PRODUCER, KAFKA, [PUBLISHES]),
        ("send orders", PRODUCER, KAFKA, [PUBLISHES]),
        ("orders publish", PRODUCER, KAFKA, [PUBLISHES]),
        ("orders process", CONSUMER, KAFKA, [CONSUMES]),
        ("process orders", CONSUMER, KAFKA, [CONSUMES]),
        ("orders process", CONSUMER, KAFKA | {"messaging.operation": "process"}, [CONSUMES]),
        ("send orders", CLIENT, KAFKA, [PUBLISHES]),
        ("orders receive", CONSUMER, KAFKA, []),  # a poll; without an identity it is no delivery
        ("orders receive", CONSUMER, KAFKA | {"messaging.message.id": "a-1"}, [CONSUMES]),
        ("unknown process", CONSUMER, KAFKA, []),
        ("orders", PRODUCER, KAFKA, []),
        ("handle the orders send", PRODUCER, KAFKA, []),
        ("a, b receive", CONSUMER, KAFKA, []),
        ("orders send", PRODUCER, {"something": "else"}, []),
        ("other send", PRODUCER, ORDERS, [PUBLISHES]),
    ],
)
def test_a_topic_is_in_the_name_where_no_attribute_has_it(
    name: str, kind: int, what: dict[str, Any], crossed: list[str]
) -> None:
    assert seams(span(kind, what, name=name)) == [crossed]


@pytest.mark.parametrize(
    ("operation", "kind", "role"),
    [
        ("send", CLIENT, Role.PUBLISH),
        ("publish", CLIENT, Role.PUBLISH),
        ("process", CLIENT, Role.CONSUME),
        ("deliver", CONSUMER, Role.CONSUME),
        ("create", PRODUCER, Role.PUBLISH),
        ("poll", CLIENT, Role.RECEIVE),
        ("receive", CONSUMER, Role.RECEIVE),
        ("ack", CLIENT, Role.INTERNAL),
        ("commit", CONSUMER, Role.INTERNAL),
        ("SendMessageBatch", PRODUCER, Role.PUBLISH),  # the system's own word: the kind decides
        ("OnMessage", CONSUMER, Role.CONSUME),
        ("Whatever", CLIENT, Role.INTERNAL),
    ],
)
def test_the_name_of_an_operation_is_enough(operation: str, kind: int, role: Role) -> None:
    assert [one.role for one in shapes(span(kind, ORDERS | {"messaging.operation.name": operation}))] == [role]


def test_an_operations_type_goes_before_its_name() -> None:
    both = ORDERS | {"messaging.operation.name": "poll", "messaging.operation.type": "process"}
    assert seams(span(CONSUMER, both)) == [[CONSUMES]]


@pytest.mark.parametrize(
    ("what", "topic"),
    [
        ({"messaging.destination.temporary": True}, "(temporary)"),
        ({"messaging.destination.temporary": "true"}, "(temporary)"),
        ({"messaging.destination.temporary": False, "messaging.destination.anonymous": True}, "(temporary)"),
        ({"messaging.destination.anonymous": "True"}, "(temporary)"),
        ({"messaging.destination.temporary": False}, "orders"),
        ({"messaging.destination.temporary": "false", "messaging.destination.anonymous": False}, "orders"),
    ],
)
def test_queues_of_one_conversation_are_one_node(what: dict[str, Any], topic: str) -> None:
    assert seams(span(PRODUCER, ORDERS | what)) == [[f"publishes service:s -> topic:-/{topic}"]]


BROKERS = Names(clusters={"lkc-1": "prod", "k1:9092": "prod"})


@pytest.mark.parametrize(
    ("what", "cluster"),
    [
        ({"messaging.kafka.cluster.id": "lkc-1"}, "prod"),
        ({"messaging.kafka.cluster.id": "lkc-2"}, "lkc-2"),
        ({"messaging.kafka.cluster.id": "lkc-2", "server.address": "k1", "server.port": 9092}, "lkc-2"),
        ({"server.address": "k1", "server.port": 9092}, "prod"),
        ({"server.address": "K1", "server.port": "9092"}, "prod"),
        ({"server.address": '"k1:9092"'}, "prod"),
        ({"server.address": '["k0:9092", "k1:9092"]'}, "prod"),
        ({"messaging.url": '"k1:9092"'}, "prod"),
        ({"messaging.url": "kafka://k1:9092/"}, "prod"),
        ({"net.peer.name": "k1", "net.peer.port": 9092}, "prod"),
        ({"server.address": "k2", "server.port": 9092}, "-"),
        ({}, "-"),
    ],
)
def test_a_brokers_address_names_a_cluster_only_where_the_configuration_says_so(
    what: dict[str, Any], cluster: str
) -> None:
    producer = span(PRODUCER, ORDERS | what)
    assert seams(producer, names=BROKERS) == [[f"publishes service:s -> topic:{cluster}/orders"]]
    told = what.get("messaging.kafka.cluster.id", "-")
    assert seams(producer) == [[f"publishes service:s -> topic:{told}/orders"]]


def task(message: str, state: str, at: int) -> list[Span]:
    """One run of a Celery task that writes."""
    what = {"celery.action": "run", "celery.task_name": "t", "celery.state": state}
    run = span(CONSUMER, what | {"messaging.destination": "q", "messaging.message.id": message}, at=at)
    insert = {"db.system": "postgresql", "db.name": "x", "db.statement": "INSERT INTO attempts VALUES (1)"}
    return [run, below(run, CLIENT, insert)]


def test_a_celery_task_that_asks_for_a_retry_was_not_delivered(tmp_path: Path) -> None:
    for first, errors, duplicates, rules in (("RETRY", 3, 0, []), ("SUCCESS", 0, 3, ["IDM-01", "IDM-02"])):
        folder = tmp_path / first
        folder.mkdir()
        runs = [(f"id-{n}", state, n * 1000 + k * 100) for n in range(3) for k, state in enumerate((first, "SUCCESS"))]
        spans = [one for run in runs for one in task(*run)]
        found = Judged(folder, body(sent("w", *spans, scope=CELERY)))
        seam = found.seams["consumes topic:-/q -> group:-/w"]
        assert seam == {"count": 6, "errors": errors, "duplicates": duplicates, "retries": 0}, first
        assert found.rules == rules, first


def test_a_celery_failure_is_an_error_too() -> None:
    columns, _ = decoded(sent("w", *(task("a", state, 0)[0] for state in ("FAILURE", "SUCCESS", "RETRY"))))
    assert columns.error.tolist() == [True, False, True]


def getmany(batch: int) -> tuple[list[Span], list[Span]]:
    """Producers, and what aiokafka's getmany makes of their three records: poll, partition, one span a record."""
    base = KAFKA | {"messaging.consumer.group.name": "g", "messaging.operation.type": "receive"}
    at = batch * 1000
    poll = span(CONSUMER, base | {"messaging.batch.message_count": 3}, at=at, name="orders, paid receive")
    placed = base | {"messaging.destination.name": "orders", "messaging.destination.partition.id": "0"}
    producers, records = [], []
    for offset in range(batch * 3, batch * 3 + 3):
        sender = span(PRODUCER, ORDERS | {"messaging.operation.type": "publish"}, at=at - 100)
        record = placed | {"messaging.kafka.message.offset": offset, "messaging.message.id": f"orders.0.{offset}"}
        producers.append(sender)
        records.append(below(sender, CONSUMER, record, at=at, flags=0x300, name="orders receive"))
    links = [Span.Link(trace_id=record.trace_id, span_id=record.span_id) for record in records]
    part = below(poll, CONSUMER, placed | {"messaging.batch.message_count": 3}, links=links, name="orders receive")
    return producers, [poll, part, *records]


def test_thirty_records_of_getmany_are_thirty_deliveries(tmp_path: Path) -> None:
    batches = [getmany(batch) for batch in range(10)]
    sender = sent("prod", *(one for batch in batches for one in batch[0]), scope=AIOKAFKA)
    reader = sent("cons", *(one for batch in batches for one in batch[1]), scope=AIOKAFKA)
    found = Judged(tmp_path, body(sender, reader))
    assert found.rules == []
    assert found.seams == {
        "publishes service:prod -> topic:-/orders": {"count": 30, "errors": 0, "duplicates": 0, "retries": 0},
        "consumes topic:-/orders -> group:-/g": {"count": 30, "errors": 0, "duplicates": 0, "retries": 0},
    }


def test_a_receive_span_that_is_the_only_one_still_stands_for_its_message() -> None:
    got = ORDERS | {"messaging.operation.type": "receive", "messaging.destination.partition.id": "0"}
    assert seams(span(CONSUMER, got), scope="opentelemetry.instrumentation.kafka") == [[CONSUMES]]
    assert seams(span(CONSUMER, got), scope="my.own") == [[]]
    kotel = KAFKA | {"messaging.destination": "orders", "messaging.operation": "receive", "messaging.message.id": "7"}
    assert seams(span(CONSUMER, kotel), scope="github.com/twmb/franz-go/plugin/kotel") == [[CONSUMES]]


def test_what_kafka_streams_and_kotel_can_show_is_known() -> None:
    [streams] = shapes(span(CONSUMER, ORDERS), scope="io.opentelemetry.kafka-streams-0.11")
    assert (streams.instrument.carries_context, streams.instrument.attaches_handler) == (True, True)
    [kotel] = shapes(span(CONSUMER, ORDERS), scope="github.com/twmb/franz-go/plugin/kotel")
    assert (kotel.instrument.attaches_handler, kotel.instrument.keeps_context) == (False, False)


@pytest.mark.parametrize(
    "name",
    [
        "messaging.consumer.group.name",
        "messaging.kafka.consumer.group",
        "messaging.kafka.consumer_group",
        "messaging.eventhubs.consumer.group",
        "messaging.rocketmq.client_group",
        "messaging.destination.subscription.name",
    ],
)
def test_a_group_has_many_names(name: str) -> None:
    assert seams(span(CONSUMER, ORDERS | {name: "g"})) == [["consumes topic:-/orders -> group:-/g"]]


@pytest.mark.parametrize(
    ("what", "identity"),
    [
        ({"messaging.destination.partition.id": "3", "messaging.kafka.offset": "7"}, (3, 7, False)),
        ({"messaging.kafka.destination.partition": 3, "messaging.kafka.message.offset": 7}, (3, 7, False)),
        ({"messaging.kafka.partition": 3, "messaging.message.id": "orders.3.7"}, (3, 7, False)),
        ({"messaging.message.id": "orders.3.7"}, (3, 7, False)),
        ({"messaging.kafka.partition": 3.0, "messaging.kafka.offset": 7.0}, (3, 7, False)),
        ({"messaging.message.id": "7"}, (-1, -1, False)),  # kotel: an offset without its place is no identity
        ({"messaging.message.id": "a-b-c"}, (-1, -1, True)),
        ({"cloudevents.event_id": "1", "cloudevents.event_source": "/shop"}, (-1, -1, True)),
        ({"messaging.kafka.offset": "1_0"}, (-1, -1, False)),
        ({"messaging.kafka.offset": 7.5}, (-1, -1, False)),
        ({"messaging.kafka.offset": -1}, (-1, -1, False)),
        ({}, (-1, -1, False)),
    ],
)
def test_an_identity_has_many_forms(what: dict[str, Any], identity: tuple[int, int, bool]) -> None:
    columns, _ = decoded(sent("s", span(CONSUMER, ORDERS | {"messaging.operation": "process"} | what)))
    assert (int(columns.partition[0]), int(columns.offset[0]), bool(columns.ident[0])) == identity


def test_an_event_is_known_by_its_id_and_its_source() -> None:
    def ident(**event: str) -> int:
        what = ORDERS | {"messaging.operation": "process", "messaging.message.id": "other"}
        what |= {f"cloudevents.event_{name}": told for name, told in event.items()}
        return int(decoded(sent("s", span(CONSUMER, what)))[0].ident[0])

    assert ident(id="1", source="/a") == ident(id="1", source="/a")
    assert len({ident(id="1", source="/a"), ident(id="1", source="/b"), ident(id="2", source="/a"), ident()}) == 4
