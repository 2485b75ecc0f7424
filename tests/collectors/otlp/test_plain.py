"""The quick reading of plain statements is the parser's reading, and it lets go of what it is not sure of."""

import subprocess
import sys

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.otlp.databases import system_of
from collectors.otlp.literals import normalise
from collectors.otlp.plain import plain
from collectors.otlp.sql import _parsed

SYSTEMS = ("postgresql", "mysql", "microsoft.sql_server", "sqlite", "oracle.db")
WORDS = """
a b.c WHERE FROM JOIN t , ( ) ? = * SELECT INTO UNION ALL ORDER BY LIMIT AND OR IN (?) SET x=? VALUES INSERT UPDATE
DELETE RETURNING id ; " ` [ ] FOR LATERAL USING WITH CASE END AS ON CONFLICT DO NOTHING # -- /* @v :p
"""
PIECES = st.sampled_from(WORDS.split())
HEADS = st.sampled_from(
    [
        "INSERT INTO shop.orders (id, amount) VALUES (?)",
        "UPDATE orders SET a = ?, b = ?",
        "DELETE FROM orders",
        "SELECT a, b FROM orders",
        "SELECT * FROM s.orders",
    ]
)


def parsed(statement: str, system: str) -> set[tuple[str, str, bool]]:
    return {(one.table, one.verb, one.guarded) for one in _parsed(statement, system_of(system))}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("INSERT INTO orders (id, amount) VALUES (1, 'x'), (2, 'y')", ("orders", "INSERT", False)),
        ("insert into Shop.Orders(id) values(7)", ("Shop.Orders", "INSERT", False)),
        ("UPDATE orders SET state = 'NEW' WHERE id = 4 AND v IN (1, 2)", ("orders", "UPDATE", True)),
        ("DELETE FROM a.b.orders WHERE id = 4", ("a.b.orders", "DELETE", True)),
        ("SELECT id, o.state FROM orders WHERE id = 4 ORDER BY id LIMIT 3", ("orders", "SELECT", True)),
    ],
)
def test_a_plain_statement_is_read_as_the_parser_reads_it(system: str, text: str, read: tuple[str, str, bool]) -> None:
    statement = normalise(text, system)
    assert plain(statement) == read
    assert parsed(statement, system) == {read}


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO orders (id) VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO orders SELECT * FROM other",
        "UPDATE orders SET n = n + 1 WHERE id = 2",
        "UPDATE orders SET a = 1 FROM other WHERE other.id = orders.id",
        "DELETE FROM orders USING other WHERE other.id = orders.id",
        "DELETE FROM orders WHERE id IN (SELECT id FROM gone)",
        "SELECT a FROM orders, other",
        "SELECT a FROM orders o JOIN other p ON o.id = p.id",
        "SELECT a INTO made FROM orders",
        "SELECT a FROM orders WHERE b = 1 UNION SELECT c FROM other",
        "SELECT count(*) FROM orders",
        "REPLACE INTO orders (id) VALUES (1)",
        'SELECT a FROM "orders"',
        "CREATE TABLE orders (id int)",
        "SELECT 1",
    ],
)
def test_what_may_touch_more_is_left_to_the_parser(text: str) -> None:
    assert plain(normalise(text, "postgresql")) is None


@settings(max_examples=400)
@given(HEADS, st.lists(PIECES, max_size=6), st.sampled_from(SYSTEMS))
def test_no_statement_is_read_quickly_and_wrongly(head: str, pieces: list[str], system: str) -> None:
    statement = normalise(" ".join([head, *pieces]), system)
    read = plain(statement)
    if read is not None and _is_sql(statement, system):
        assert parsed(statement, system) == {read}, statement


def _is_sql(statement: str, system: str) -> bool:
    try:
        return not isinstance(sqlglot.parse_one(statement, read=system_of(system).dialect), sqlglot.exp.Command)
    except sqlglot.errors.SqlglotError:
        return False


def test_plain_statements_do_not_load_the_parser() -> None:
    code = "import sys; from collectors.otlp.sql import read; "
    code += "assert read('INSERT INTO t (a) VALUES (1)', 'postgresql').found[0].table == 't'; "
    code += "sys.exit('sqlglot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
