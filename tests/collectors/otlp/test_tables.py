"""Queries: which verb reads, which writes, which is neither; and the server that they went to."""

from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.otlp.conventions import Names
from tests.collectors.otlp.build import CLIENT, JAVA, Judged, below, body, seams, sent, shapes, span

DYNAMO = {"db.system.name": "aws.dynamodb", "db.collection.name": "orders"}
MONGO = {"db.system.name": "mongodb", "db.namespace": "shop", "db.collection.name": "orders"}


def query(what: dict[str, Any], **fields: Any) -> Span:
    return span(CLIENT, {"server.address": "db1", **what}, **fields)


READS, WRITES = "reads table:{} -> service:s", "writes service:s -> table:{}"


@pytest.mark.parametrize(
    ("what", "crossed"),
    [
        (DYNAMO | {"db.operation.name": "GetItem"}, READS.format("aws.dynamodb/-.orders")),
        (DYNAMO | {"db.operation.name": "Query"}, READS.format("aws.dynamodb/-.orders")),
        (DYNAMO | {"db.operation.name": "PutItem"}, WRITES.format("aws.dynamodb/-.orders")),
        (DYNAMO | {"db.operation.name": "UpdateItem"}, WRITES.format("aws.dynamodb/-.orders")),
        (DYNAMO | {"db.operation.name": "DescribeTable"}, ""),
        (MONGO | {"db.operation.name": "find"}, READS.format("mongodb/shop.orders")),
        (MONGO | {"db.operation.name": "aggregate"}, READS.format("mongodb/shop.orders")),
        (MONGO | {"db.operation.name": "insertMany"}, WRITES.format("mongodb/shop.orders")),
        (MONGO | {"db.operation.name": "findAndModify"}, WRITES.format("mongodb/shop.orders")),
        (MONGO | {"db.operation.name": "getMore"}, ""),
        (MONGO | {"db.operation.name": "createIndexes"}, ""),
        (MONGO | {"db.operation.name": "somethingNew"}, ""),
        ({"db.system": "mssql", "db.name": "x", "db.statement": "SELECT * INTO a FROM b"}, None),
        ({"db.system": "postgresql", "db.name": "shop", "db.statement": "CREATE TABLE a (b int)"}, ""),
        (
            {"db.system": "postgresql", "db.name": "shop", "db.operation": "INSERT shop", "db.sql.table": "o"},
            WRITES.format("postgresql/shop.o"),
        ),
        ({"db.system": "cassandra", "db.name": "ks", "db.cassandra.table": "t", "db.operation": "INSERT"}, None),
        (
            {"db.system.name": "postgresql", "db.namespace": "shop|sales", "db.query.summary": "INSERT orders"},
            WRITES.format("postgresql/shop.sales.orders"),
        ),
        ({"db.system": "aws.dynamodb", "db.operation": "Scan", "aws.dynamodb.table_names": ["t"]}, None),
    ],
)
def test_only_a_known_verb_reads_or_writes(what: dict[str, Any], crossed: str | None) -> None:
    [found] = seams(query(what))
    if crossed is None:
        assert found
    else:
        assert found == ([crossed] if crossed else [])


def test_a_summary_of_two_verbs_reads_one_table_and_writes_the_other() -> None:
    what = {"db.system.name": "postgresql", "db.namespace": "d", "db.query.summary": "INSERT shipped SELECT a b"}
    assert seams(query(what)) == [
        [WRITES.format("postgresql/d.shipped"), READS.format("postgresql/d.a"), READS.format("postgresql/d.b")]
    ]


def test_the_verb_is_in_the_name_where_only_the_table_is_told() -> None:
    what = {"db.system": "postgresql", "db.name": "shop", "db.sql.table": "t"}
    assert seams(
        query(what, name="INSERT shop.t"), query(what, name="SELECT shop.t"), query(what, name="shop.t"), query(what)
    ) == [[WRITES.format("postgresql/shop.t")], [READS.format("postgresql/shop.t")], [], []]


@pytest.mark.parametrize(
    ("old", "new"), [("mssql", "microsoft.sql_server"), ("oracle", "oracle.db"), ("dynamodb", "aws.dynamodb")]
)
def test_a_table_is_the_same_under_a_systems_old_name(old: str, new: str) -> None:
    what = {"db.namespace": "d", "db.collection.name": "t", "db.operation.name": "DELETEITEM DELETE"}
    what["db.operation.name"] = "PutItem" if "dynamodb" in old else "DELETE"
    by_old, by_new = seams(query(what | {"db.system": old}), query(what | {"db.system.name": new}))
    assert by_old == by_new != []


def test_readers_share_a_table_without_harm_and_writers_do_not(tmp_path: Path) -> None:
    for verb, rules in (("GetItem", []), ("PutItem", ["SCH-04"])):
        folder = tmp_path / verb
        folder.mkdir()
        what = DYNAMO | {"db.operation.name": verb}
        request = body(*(sent(name, *(query(what, at=n) for n in range(5))) for name in ("a", "b")))
        assert Judged(folder, request).rules == rules, verb


def test_ddl_of_two_services_is_no_shared_writing(tmp_path: Path) -> None:
    what = MONGO | {"db.operation.name": "createIndexes"}
    assert Judged(tmp_path, body(*(sent(name, *(query(what) for _ in range(5))) for name in ("a", "b")))).rules == []


def test_a_delete_beside_an_insert_does_not_make_it_repeatable(tmp_path: Path) -> None:
    guarded = "DELETE FROM q WHERE id = 1; INSERT INTO r VALUES (1) ON CONFLICT DO NOTHING"
    for name, statement, rules in (("good", guarded, []), ("bad", "DELETE FROM q; INSERT INTO r VALUES (1)", True)):
        folder = tmp_path / name
        folder.mkdir()
        spans = []
        for turn in range(2):
            for offset in range(5):
                taken = {"messaging.system": "kafka", "messaging.destination.name": "orders"}
                taken |= {"messaging.operation": "process", "messaging.kafka.consumer.group": "g"}
                taken |= {"messaging.destination.partition.id": "0", "messaging.kafka.message.offset": str(offset)}
                delivery = span(5, taken, at=turn * 60_000 + offset * 100)
                what = {"db.system": "postgresql", "db.name": "x", "db.statement": statement}
                spans += [delivery, below(delivery, CLIENT, what)]
        found = Judged(folder, body(sent("billing", *spans, scope=JAVA))).rules
        assert found == (["IDM-01", "IDM-02"] if rules else []), name


@pytest.mark.parametrize(
    ("what", "server"),
    [
        ({"db.system.name": "postgresql", "server.address": "DB-A", "server.port": 5433}, "db-a:5433"),
        ({"db.system.name": "postgresql", "server.address": "db-a"}, "db-a:5432"),
        ({"db.system": "mysql", "net.peer.name": "db-a"}, "db-a:3306"),
        ({"db.system": "mariadb", "net.peer.name": "db-a"}, "db-a:3306"),
        ({"db.system": "mssql", "net.peer.name": "db-a", "net.peer.port": 1434.0}, "db-a:1434"),
        ({"db.system": "mssql", "net.peer.name": "db-a"}, "db-a:1433"),
        ({"db.system": "oracle", "net.peer.name": "db-a"}, "db-a:1521"),
        ({"db.system": "mongodb", "net.peer.name": "db-a"}, "db-a:27017"),
        ({"db.system": "redis", "net.peer.name": "db-a"}, "db-a:6379"),
        ({"db.system": "cassandra", "net.peer.name": "db-a"}, "db-a:9042"),
        ({"db.system": "postgresql", "net.peer.name": "db-a:6432"}, "db-a:6432"),
        ({"db.system": "elasticsearch", "net.peer.name": "db-a"}, "db-a"),
        ({"db.system": "sqlite"}, ""),
    ],
)
def test_a_query_tells_its_server(what: dict[str, Any], server: str) -> None:
    assert [shape.server for shape in shapes(span(CLIENT, what))] == [server]


def test_a_server_with_an_alias_is_named_by_it_alone() -> None:
    what = {"db.system": "postgresql", "db.name": "shop", "db.statement": "INSERT INTO t VALUES (1)"}
    names = Names(databases={"db-a:5432": "main"})
    at_main, elsewhere = shapes(
        span(CLIENT, what | {"server.address": "DB-A"}), span(CLIENT, what | {"server.address": "db-b"}), names=names
    )
    assert ([str(key) for key in at_main.seams], at_main.server) == ([WRITES.format("postgresql/main/shop.t")], "")
    assert ([str(key) for key in elsewhere.seams], elsewhere.server) == (
        [WRITES.format("postgresql/shop.t")],
        "db-b:5432",
    )
