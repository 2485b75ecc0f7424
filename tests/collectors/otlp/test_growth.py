"""Whatever a sender writes, reading it takes time in proportion to its length."""

import time
from collections.abc import Callable

import pytest

from agent.model import seam
from collectors.otlp import literals, messages, sampling, sql
from collectors.otlp.conventions import path_template
from collectors.otlp.plain import plain
from tests.collectors.otlp.build import cost

Read = Callable[[str], object]


READS: dict[str, Read] = {
    "path": path_template,
    "sampling": lambda text: sampling.kept_by(text.encode()),
    "brokers": messages._ENTRY.findall,
    "by words": sql._LEXED.match,
    "from": lambda text: list(sql._FROM.finditer(text)),
    "into": lambda text: list(sql._INTO.finditer(text)),
    "guard": sql._GUARD.search,
    "piece": lambda text: list(sql._PIECE.finditer(text)),
    "bracket": lambda text: list(sql._BRACKET.finditer(text)),
    "plain": plain,
    "literals": lambda text: literals.normalise(text, "oracle"),
    "lists": lambda text: literals._LIST.sub("(?)", text),
    "rows": lambda text: literals._ROWS.sub(r"\1", text),
    "name": seam.clean,
    "route": seam._SERVED.match,
}
PIECES = (
    "1",
    "a",
    " ",
    "a ",
    "A ",
    "1\n",
    "/1",
    "a.b",
    "a.",
    ",",
    "?,",
    "(?,",
    "(?),",
    "(",
    "[",
    "`",
    ") ",
    "ot=",
    ",ot=;",
)
PIECES = (*PIECES, ";th:0 ", "FROM a ", "INTO a ", "OR a ", "IGNORE ", "VALUES (?)", "a = ?, ", "WHERE a ")
HEADS = ("", "/", "ot=th:0;", "WITH a ", "SELECT a", "INSERT INTO a (", "UPDATE t SET ", "VALUES (?)")


@pytest.mark.parametrize("name", READS)
def test_a_text_four_times_as_long_takes_about_four_times_as_long(name: str) -> None:
    read = READS[name]
    for head in HEADS:
        for piece in PIECES:
            short, long = (head + (piece * size)[:size] + "\nx" for size in (1_000, 4_000))
            started = time.process_time()
            read(long)
            if time.process_time() - started > 0.002:  # else it is quick, whatever it grows like
                assert cost(read, long) < 10 * cost(read, short) + 0.002, (head, piece)


def test_a_path_of_digits_and_a_newline_is_an_identifier_at_once() -> None:
    started = time.process_time()
    assert path_template("/" + "1" * 100_000 + "\nx") == "/{id}"
    assert path_template("/" + "1" * 39 + "\nx/orders") == "/{id}/orders"
    assert path_template("/12\n3x/a") == "/{id}/a"
    assert time.process_time() - started < 0.1


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/orders/7", "/orders/{id}"),
        ("/orders/\u0663", "/orders/{id}"),
        ("/orders/a1b2c3", "/orders/{id}"),
        ("/orders/deadbeef", "/orders/{id}"),
        ("/orders/deadbee", "/orders/deadbee"),
        ("/x/abcdefab-abcd-abcd-abcd-abcdefabcdef", "/x/{id}"),
        ("/x/abcdefab-abcd-abcd-abcdefabcdef", "/x/abcdefab-abcd-abcd-abcdefabcdef"),
        ("/" + "z" * 40, "/{id}"),
        ("/" + "z" * 39, "/" + "z" * 39),
        ("/v1/orders22/b", "/v1/orders22/b"),
        ("/a?b=1#c", "/a"),
        ("/a/b/c/d/e/f/g/h/i", "/a/b/c/d/e/f/g/h/{rest}"),
        ("", "/"),
    ],
)
def test_what_looks_like_an_identifier_is_replaced_and_nothing_else(path: str, shown: str) -> None:
    assert path_template(path) == shown
