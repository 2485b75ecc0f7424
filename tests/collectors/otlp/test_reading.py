"""The time and the room that statements get: bounded, whatever is sent, and what is left out is counted."""

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlglot

from agent.model.columns import SpanColumns
from collectors.otlp import decode, keys, tables
from collectors.otlp.budget import Budget, cpu_seconds, shared
from collectors.otlp.decode import Decoder, ShapeBook
from collectors.otlp.memo import Memo, digest
from collectors.otlp.sql import Reading, read
from tests.collectors.otlp.build import CLIENT, PRODUCER, body, sent, span

LEFT_OUT = "statement limit"


def asks(text: str, **more: str) -> Any:
    """The span of a query."""
    return span(CLIENT, {"db.system.name": "postgresql", "db.namespace": "d", "db.query.text": text} | more)


def hard(number: int) -> str:
    """A statement that only the parser reads rightly, like no other."""
    return f"WITH old AS (SELECT a FROM hard{number}) INSERT INTO kept{number} SELECT a FROM old"


def seams_of(decoder: Decoder, columns: SpanColumns) -> list[list[str]]:
    return [[str(key) for key in decoder.shapes[number].seams] for number in columns.shape.tolist()]


class Costly(Budget):
    """Each look takes a quarter of what is saved up; the clock stands still until it is told."""

    def __init__(self) -> None:
        self.now = 100.0
        super().__init__(share=0.5, most=0.25, clock=lambda: self.now)

    def spend(self, seconds: float) -> None:
        super().spend(0.0625)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the parser was given."""
    given: list[str] = []
    parse: Callable[..., Any] = sqlglot.parse_one
    monkeypatch.setattr(sqlglot, "parse_one", lambda text, **more: given.append(text) or parse(text, **more))
    return given


def test_a_flood_of_statements_is_parsed_then_read_by_words_then_left_out_and_all_is_read_later(
    parsed: list[str],
) -> None:
    budget = Costly()
    decoder = Decoder(budget=budget)
    known = asks("SELECT a FROM known")
    decoder.decode(body(sent("s", known)))
    budget.now += 10.0
    flood = body(
        sent("s", *(asks(hard(number)) for number in range(20)), known, span(PRODUCER, {"celery.action": "x"}))
    )
    columns = decoder.decode(flood)
    found = seams_of(decoder, columns)
    whole = [["writes service:s -> table:postgresql/d.kept{0}", "reads table:postgresql/d.hard{0} -> service:s"]]
    assert found[:3] == [[text.format(number) for text in whole[0]] for number in range(3)]
    assert len(parsed) == 3
    assert found[3] == ["writes service:s -> table:postgresql/d.kept3"]  # by its words
    assert found[4:20] == [[]] * 16
    assert found[20] == ["reads table:postgresql/d.known -> service:s"], "what is known is read in any flood"
    assert (len(columns), dict(columns.dropped)) == (22, {LEFT_OUT: 16})
    for _ in range(10):
        budget.now += 2.0
        columns = decoder.decode(flood)
    assert dict(columns.dropped) == {}
    assert seams_of(decoder, columns)[:20] == [[text.format(number) for text in whole[0]] for number in range(20)]
    assert len(parsed) == 20


def test_no_more_is_owed_than_can_be_saved_up_however_long_it_was_idle_before() -> None:
    now = [100.0]
    budget = Budget(share=0.5, most=0.25, clock=lambda: now[0])
    now[0] += 1_000.0
    budget.spend(9.0)
    assert budget.left() == -1.0
    now[0] += 0.5
    assert budget.left() == 0.0
    now[0] += 0.25
    assert budget.left() == 0.5


def test_no_statement_pays_for_the_loading_of_the_parser() -> None:
    script = """
import sys
from collectors.otlp import budget
from collectors.otlp.sql import read
look = budget.Look(budget.Budget(share=0.0, most=100.0, clock=lambda: 0.0))
with look.paid():
    assert "sqlglot" not in sys.modules
    read("WITH old AS (SELECT a FROM b) INSERT INTO c SELECT a FROM old", "postgresql")
assert "sqlglot" in sys.modules
loading = budget.time.thread_time() - budget.cpu_seconds()
paid = 100.0 * (1.0 - look.budget.left())
print(loading > 3 * paid, paid < 0.1, paid > 0.0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "True True True\n", done.stderr


def test_the_same_flood_again_within_a_second_costs_no_look() -> None:
    budget = Costly()
    decoder = Decoder(budget=budget)
    flood = body(sent("s", *(asks(hard(100 + number)) for number in range(20))))
    first = decoder.decode(flood)
    left = budget.left()
    again = decoder.decode(flood)
    assert budget.left() == left
    assert dict(again.dropped) == dict(first.dropped) == {LEFT_OUT: 16}


def test_a_span_whose_statement_is_left_out_tells_its_table_by_its_attributes() -> None:
    budget = Costly()
    budget.spend(0.0)
    decoder = Decoder(budget=budget)
    told = {"db.collection.name": "t", "db.operation.name": "SELECT"}
    flood = [asks(hard(200 + number)) for number in range(9)]
    columns = decoder.decode(body(sent("s", *flood, asks("SELECT a FROM t JOIN u ON t.a = u.a", **told))))
    assert seams_of(decoder, columns)[-1] == ["reads table:postgresql/d.t -> service:s"]
    assert dict(columns.dropped) == {LEFT_OUT: 10 - 3}, "it may touch more tables than that"


def test_who_waits_for_the_result_has_every_statement_read(parsed: list[str]) -> None:
    decoder = Decoder()
    columns = decoder.decode(body(sent("s", *(asks(hard(300 + number)) for number in range(20)))))
    assert dict(columns.dropped) == {}
    assert len(parsed) == 20


def test_where_senders_wait_a_flood_of_new_statements_gets_a_quarter_of_the_time_and_a_fifth_of_a_second_at_once() -> (
    None
):
    budget, now = shared(), [100.0]
    assert budget.cost is cpu_seconds
    budget.clock = lambda: now[0]
    budget._at = 100.0
    budget.spend(0.2)
    assert budget.left() <= 0
    now[0] += 0.4
    assert budget.left() == pytest.approx(0.5)  # a quarter of it was given back
    now[0] += 1_000.0
    assert budget.left() == 1.0
    budget.spend(0.3)
    assert budget.left() == pytest.approx(-0.5)


def test_where_nobody_waits_what_is_read_hangs_on_the_files_and_not_on_the_speed_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flood = [body(sent("s", *(asks(hard(1_000 * turn + one)) for one in range(40)))) for turn in range(12)]
    monkeypatch.setattr("collectors.otlp.budget._MOST_WORK", 4_000)
    found = []
    for slowness in (0.0, 0.002):
        monkeypatch.setattr("collectors.otlp.sql._MEMO", Memo(4 << 20))
        parse = sqlglot.parse_one
        with monkeypatch.context() as slow:
            slow.setattr(
                sqlglot, "parse_one", lambda text, by=slowness, how=parse, **more: burnt(by) or how(text, **more)
            )
            decoder = Decoder()
            found.append([seams_of(decoder, decoder.decode(request)) for request in flood])
    assert found[0] == found[1]
    read_by = [len(crossed) for crossed in found[0][0] + found[0][-1]]
    assert set(read_by) == {1, 2}, "some by the parser, some by their words, and none left out"


def burnt(seconds: float) -> None:
    """Take so many CPU-seconds."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@pytest.mark.parametrize("who", ["the search for garbage", "the statement"])
def test_a_long_search_for_garbage_that_falls_due_in_a_look_is_paid_by_no_statement(
    who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    due: list[str] = []
    took: list[str] = []
    made: list[list[str]] = []

    def searched(phase: str, _info: dict[str, int]) -> None:
        if phase == "start" and due:  # as long as one takes that walks millions of objects
            due.clear()
            took.append("the search for garbage")
            burnt(0.3)

    def reading(text: str, system: str) -> Reading:
        if "kept503 " in text and who == "the statement":
            took.append(who)
            burnt(0.3)
        elif "kept503 " in text:
            due.append(text)
            made.extend([] for _ in range(2 * gc.get_threshold()[0]))  # so many that a search is due
        return read(text, system)

    budget = shared()
    budget.clock = lambda: 100.0
    budget._at = 100.0
    monkeypatch.setattr(tables, "read", reading)
    decoder = Decoder(budget=budget)
    gc.callbacks.append(searched)
    try:
        columns = decoder.decode(
            body(sent("s", *(asks(f"INSERT INTO kept{500 + one} (a) VALUES (?)") for one in range(9))))
        )
    finally:
        gc.callbacks.remove(searched)
    assert took == [who]
    assert dict(columns.dropped) == ({LEFT_OUT: 5} if who == "the statement" else {})
    assert gc.isenabled()


@pytest.mark.parametrize(
    "join", [" JOIN b{0} ON b{0}.x = t.y", " JOIN a_long_name_that_fills_the_text_b{0} ON t.y = ?"]
)
def test_of_a_statement_64_tables_are_kept_and_every_span_of_it_is_counted(join: str) -> None:
    most = "SELECT a FROM t" + "".join(join.format(number) for number in range(63))
    assert (len(read(most, "postgresql").found), read(most, "postgresql").whole) == (64, True)
    for more in (64, 100, 240):
        text = "SELECT a FROM t" + "".join(join.format(number) for number in range(more))
        decoder = Decoder()
        columns = decoder.decode(body(sent("s", asks(text), asks(text), asks("SELECT a FROM healthy"))))
        assert [len(crossed) for crossed in seams_of(decoder, columns)] == [64, 64, 1]
        assert dict(columns.dropped) == {LEFT_OUT: 2}
        again = decoder.decode(body(sent("s", asks(text))))
        assert dict(again.dropped) == {LEFT_OUT: 1}, "known or not"


def test_a_span_that_is_dropped_is_counted_for_one_reason() -> None:
    text = "SELECT a FROM t" + "".join(f" JOIN b{number} ON b{number}.x = t.y" for number in range(100))
    bad = asks(text)
    bad.trace_id = b"\0" * 16
    assert dict(Decoder().decode(body(sent("s", bad))).dropped) == {"bad id": 1}


def test_what_a_statement_writes_is_kept_before_what_it_reads() -> None:
    text = "INSERT INTO target SELECT a FROM t" + "".join(
        f" JOIN b{number} ON b{number}.x = t.y" for number in range(99)
    )
    assert (read(text, "postgresql").found[0].table, read(text, "postgresql").whole) == ("target", False)


def test_all_shapes_together_have_so_many_seams_and_what_is_over_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_MAX_SEAMS", 100)
    decoder = Decoder()
    for number, fits in ((0, True), (1, False), (0, True)):
        joins = "".join(f" JOIN b{number}_{join} ON a = c" for join in range(60))
        columns = decoder.decode(body(sent("s", asks(f"SELECT a FROM t{number}{joins}"), asks("SELECT a FROM one"))))
        assert dict(columns.dropped) == ({} if fits else {"shape limit": 1})


def test_no_long_text_is_kept_once_it_is_read() -> None:
    secret = "s3cret" * 1_000
    decoder = Decoder()
    request = body(sent("s", asks(f"SELECT a FROM t WHERE b = '{secret}'"), asks("SELECT a FROM t WHERE b = 'brief'")))
    first, again = decoder.decode(request), decoder.decode(request)
    assert first.shape.tolist() == again.shape.tolist() == [0, 0]
    [known] = decoder._senders.values()
    assert len(known) == 2
    assert max(map(keys._size, known)) < 200
    del request
    gc.collect()
    held = [one for one in gc.get_objects() if isinstance(one, dict | tuple | list)]
    texts = [text for one in held for text in (one.values() if isinstance(one, dict) else one)]
    assert not [
        text for text in texts if isinstance(text, str | bytes) and len(text) > 6_000 and "s3crets3" in str(text)
    ]


def test_the_keys_of_all_senders_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_MAX_BYTES", 100_000)
    decoder = Decoder()
    for number in range(200):
        decoder.decode(body(sent(f"s{number % 7}", asks(f"SELECT a FROM t WHERE b = '{number:01000}'"))))
        held = sum(keys._room(key) for known in decoder._senders.values() for key in known)
        assert held <= 100_000
    assert decoder.decode(body(sent("s0", asks("SELECT a FROM t WHERE b = 1")))).shape.tolist() == [0]


def test_a_memo_keeps_what_was_asked_for_last_and_no_more_than_it_has_room_for() -> None:
    memo: Memo[str] = Memo(10)
    one, two, three = (digest("x", text) for text in "abc")
    memo.keep(one, "one", 4)
    memo.keep(two, "two", 4)
    assert memo.get(one) == "one"
    memo.keep(three, "three", 4)
    assert (memo.get(one), memo.get(two), memo.get(three)) == ("one", None, "three")
    memo.keep(three, "three", 5)
    memo.keep(two, "two", 11)
    assert (len(memo), memo.get(two)) == (0, None)
    assert digest("a", "bc") != digest("ab", "c")


def test_tables_with_long_names_are_not_kept_by_name() -> None:
    before = tables._table.cache_info().currsize
    read_by = Decoder()
    columns = read_by.decode(body(sent("s", asks("SELECT a FROM " + "n" * 500))))
    assert seams_of(read_by, columns) == [[f"reads table:postgresql/d.{'n' * 500} -> service:s"]]
    assert tables._table.cache_info().currsize == before


def test_two_threads_that_decode_at_once_find_what_one_finds() -> None:
    requests = [
        body(
            *(
                sent(
                    f"s{(number + turn) % 5}",
                    asks(f"SELECT a FROM t{(number * 3 + turn) % 40}"),
                    asks(hard(400 + (number + turn) % 9)),
                    span(PRODUCER, {"messaging.system": "kafka", "messaging.destination.name": f"q{turn}"}),
                    service__instance__id=f"i{(number + turn) % 11}",
                )
                for turn in range(12)
            )
        )
        for number in range(30)
    ]
    alone, both = Decoder(), Decoder(book=ShapeBook())
    expected = [seams_of(alone, alone.decode(request)) for request in requests]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(both.decode, [*requests, *requests]))
    finally:
        sys.setswitchinterval(before)
    assert [seams_of(both, columns) for columns in found] == [*expected, *expected]
    assert len(both.shapes) == len(alone.shapes)
    assert sorted(both._instances.values()) == sorted(alone._instances.values()) == list(range(len(alone._instances)))
