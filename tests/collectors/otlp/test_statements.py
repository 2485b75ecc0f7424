"""Statements: no literal gets out, whatever the quotes, and each statement's tables and guards are its own."""

import logging
import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.otlp import literals
from collectors.otlp.databases import system_of
from collectors.otlp.literals import normalise
from collectors.otlp.plain import plain
from collectors.otlp.sql import _statements, read, read_in_haste
from tests.collectors.otlp.build import cost

SECRET = "s3cret"


def touched(text: str, system: str = "postgresql") -> set[tuple[str, str, bool]]:
    return {(access.verb, access.table, access.guarded) for access in read(text, system).found}


def test_the_parser_logs_nothing_of_a_statement(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for text in (f'CALL pay("{SECRET}-card")', f"REPLACE INTO a VALUES ({SECRET})", f"KILL {SECRET} {SECRET}"):
            read(text, "mysql")
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("system", "literal"),
    [
        ("postgresql", "'s3cret'"),
        ("postgresql", "'it''s s3cret'"),
        ("postgresql", "'C:\\', 's3cret'"),
        ("postgresql", "E'it\\'s s3cret'"),
        ("postgresql", "e'\\\\', 's3cret'"),
        ("postgresql", "$$it's s3cret$$"),
        ("postgresql", "$tag$a $$ b s3cret$tag$"),
        ("postgresql", "$tag$ s3cret never ends"),
        ("postgresql", "U&'s3cret'"),
        ("postgresql", "B'0101', X'53', N's3cret'"),
        ("postgresql", "'-- no comment', 's3cret'"),
        ("postgresql", "'/* none', 's3cret', 'either */'"),
        ("postgresql", "1 -- it's s3cret"),
        ("postgresql", "1 /* it's s3cret"),
        ("postgresql", "\"a'b\", 's3cret'"),
        ("postgresql", "'s3cret never ends"),
        ("postgresql", '1, "s3cret never ends'),
        ("mysql", '"s3cret"'),
        ("mysql", '"it""s s3cret"'),
        ("mysql", '"a \\" s3cret"'),
        ("mysql", "'it\\'s s3cret'"),
        ("mysql", "_utf8mb4's3cret'"),
        ("mysql", "1 # it's s3cret"),
        ("mysql", '"s3cret never ends'),
        ("mariadb", '"s3cret"'),
        ("gcp.bigquery", '"s3cret"'),
        ("gcp.bigquery", "r's3cret', b\"s3cret\""),
        ("oracle", "q'[it's s3cret]'"),
        ("oracle", "q'!it's s3cret!', nq'{s3cret}'"),
        ("oracle", "q'[s3cret never ends"),
        ("microsoft.sql_server", "N's3cret'"),
        ("microsoft.sql_server", "[it's a column], 's3cret'"),
        ("other_sql", "'it\\'s s3cret'"),
        ("other_sql", "'C:\\', 's3cret'"),
        ("", "'s3cret\\"),
    ],
)
def test_no_literal_is_left_in_a_statement(system: str, literal: str) -> None:
    left = normalise(f"INSERT INTO t (a, b) VALUES (1, {literal})", system)
    assert SECRET not in left
    assert left.startswith("INSERT INTO t (a, b) VALUES (")


@pytest.mark.parametrize("literal", ["0xDEADBEEF", "0b1010", "12", "1.5", "1e10", "$1", ":name", "@name", "%(name)s"])
def test_numbers_and_parameters_are_one_and_the_same(literal: str) -> None:
    assert normalise(f"SELECT a FROM t WHERE b = {literal}", "postgresql") == "SELECT a FROM t WHERE b = ?"


def test_names_stay_whatever_quotes_they_have() -> None:
    assert touched('INSERT INTO "public"."o 1" VALUES ($1)') == {("INSERT", "public.o 1", False)}
    assert touched("INSERT INTO `o` VALUES (?)", "mysql") == {("INSERT", "o", False)}
    assert touched("INSERT INTO [dbo].[Orders] VALUES (1)", "mssql") == {("INSERT", "dbo.Orders", False)}
    assert touched("SELECT a FROM v$session", "oracle") == {("SELECT", "v$session", True)}
    assert touched("SELECT a::int FROM t2 WHERE x = 3") == {("SELECT", "t2", True)}


@settings(max_examples=300)
@given(
    st.text(alphabet="'\"`[]$q\\-/*#;( )x0,\nE", max_size=60),
    st.sampled_from(["postgresql", "mysql", "oracle", "mssql", ""]),
)
def test_any_jumble_of_quotes_is_read_to_its_end(jumble: str, system: str) -> None:
    read(f"INSERT INTO t VALUES ({jumble}", system)


def test_a_hostile_statement_takes_no_longer_than_a_long_one() -> None:
    for piece in ("q'[", "$a$", "'", '"', "/*", "((((", "E'\\", "a.b.", "x;", "WITH a) "):
        started = time.process_time()
        read("INSERT INTO t VALUES (" + piece * 16_384, "oracle")
        assert time.process_time() - started < 1.5, piece


@pytest.mark.parametrize(
    ("by", "head", "piece"),
    [(plain, "SELECT a", " FROM b WHERE a"), (_statements, ";", "["), (_statements, ";", '"`[')],
    ids=["froms", "brackets", "quotes"],
)
def test_a_text_four_times_as_long_takes_about_four_times_as_long(
    by: Callable[[str], object], head: str, piece: str
) -> None:
    times = 16_000 // len(piece)
    assert cost(by, head + piece * times + "(") < 10 * cost(by, head + piece * (times // 4) + "(") + 0.002


@settings(max_examples=300)
@given(
    st.text(alphabet="'\"`[]$q\\-/*#;( )x0,\nEeNnBbRrUu&%:@s1.\u0663a", max_size=60),
    st.sampled_from(["postgresql", "mysql", "oracle", "mssql", "bigquery", ""]),
)
def test_what_is_looked_at_first_hides_no_literal(jumble: str, system: str) -> None:
    pattern = literals._pattern(system_of(system))
    every = re.compile(pattern.pattern.removeprefix(literals._BEGINS), re.DOTALL)
    assert every.pattern != pattern.pattern
    assert pattern.sub(literals._instead, jumble) == every.sub(literals._instead, jumble)


@pytest.mark.parametrize("call", ["date(", "DECIMAL (", "struct(", "enum(", "array[", "f(date((", "IN (varchar("])
def test_calls_in_calls_do_not_keep_the_parser_busy(call: str) -> None:
    ends = "".join({"(": ")", "[": "]"}.get(letter, "") for letter in reversed(call))
    for system in ("postgresql", "mysql", "oracle", "mssql", "bigquery", ""):
        started = time.process_time()
        read(f"INSERT INTO t SELECT {call * 20}a{ends * 20} FROM b", system)
        read(f"INSERT INTO t SELECT {call * 5}a{ends * 5} FROM c", system)
        assert time.process_time() - started < 1, system


def test_subqueries_in_subqueries_are_parsed() -> None:
    deep = "UPDATE t SET a = ? WHERE b IN (" + "SELECT b FROM c WHERE d IN (" * 12 + "?" + ")" * 13
    assert touched(deep) == {("UPDATE", "t", True), ("SELECT", "c", True)}


def test_a_statement_over_8_kib_is_only_looked_through() -> None:
    long = "INSERT INTO t (" + ", ".join(f"column_{n}" for n in range(900)) + ") SELECT a FROM b"
    started = time.process_time()
    assert touched(long, "postgresql") == {("INSERT", "t", False)}
    assert time.process_time() - started < 0.1


def test_each_statement_of_a_text_is_guarded_by_itself() -> None:
    both = "DELETE FROM q WHERE id = 1; INSERT INTO r VALUES (1)"
    assert touched(both) == {("DELETE", "q", True), ("INSERT", "r", False)}
    kept = 'INSERT INTO "a;b" VALUES (1) ON CONFLICT DO NOTHING; UPDATE c SET n = n + 1'
    assert touched(kept) == {("INSERT", "a;b", True), ("UPDATE", "c", False)}


def test_what_replaces_or_upserts_writes_and_may_be_repeated() -> None:
    assert touched("REPLACE INTO a VALUES (1)", "mysql") == {("REPLACE", "a", True)}
    assert touched("UPSERT INTO a VALUES (1)", "cockroachdb") == {("UPSERT", "a", True)}
    assert touched("INSERT INTO ks.t (a) VALUES (?) IF NOT EXISTS", "cassandra") == {("INSERT", "ks.t", True)}
    assert touched("INSERT INTO ks.t (a) VALUES (?)", "cassandra") == {("INSERT", "ks.t", False)}


def test_select_into_writes_a_table_where_the_dialect_makes_one() -> None:
    assert touched("SELECT * INTO copy FROM old", "mssql") == {("INSERT", "copy", False), ("SELECT", "old", True)}
    assert touched("SELECT * INTO #mine FROM old", "mssql") == {("SELECT", "old", True)}
    assert touched("SELECT a INTO v FROM old", "oracle") == {("SELECT", "old", True)}


def test_a_conflict_that_is_met_by_adding_up_is_no_guard() -> None:
    insert = "INSERT INTO t (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = "
    assert touched(insert + "t.n + 1") == {("INSERT", "t", False)}
    assert touched(insert + "EXCLUDED.n") == {("INSERT", "t", True)}
    assert touched("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE n = VALUES(n)", "mysql") == {("INSERT", "t", True)}


def test_a_system_has_one_name_old_or_new() -> None:
    for old, new in (("mssql", "microsoft.sql_server"), ("oracle", "oracle.db"), ("dynamodb", "aws.dynamodb")):
        assert system_of(old).name == system_of(new).name == new
    assert system_of("Never Heard").name == "never heard"


def test_a_statement_that_is_read_in_haste_is_read_by_its_words_and_parsed_later() -> None:
    text = "WITH old AS (SELECT a FROM source) INSERT INTO kept SELECT a FROM old"
    hasty = read_in_haste(text, "postgresql")
    assert ([access.table for access in hasty.found], hasty.lasting) == (["kept"], False)
    assert touched(text) == {("INSERT", "kept", False), ("SELECT", "source", True)}
    known = read_in_haste(text, "postgresql")
    assert (known.lasting, len(known.found)) == (True, 2)
