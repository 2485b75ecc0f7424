"""What hides in a name, or drives a terminal, is out of it, whichever room shows it."""

import pytest

from agent.config.problem import Problem, quoted
from agent.model.plain import plain, plain_lines
from agent.model.seam import clean
from agent.web.errors import shown

SIGNS = ["\x00", "\x07", "\x1b", "\n", "\x7f", "\x80", "\x9b", "\x9f", "\u200b", "\u2028", "\u202e", "\u2066", "\ufeff"]


@pytest.mark.parametrize("sign", SIGNS)
def test_every_room_has_the_same_set(sign: str) -> None:
    text = f"a{sign}[31mb"
    assert clean(text) == plain(text) == "a[31mb"
    assert shown(text) == "a\N{REPLACEMENT CHARACTER}[31mb"
    assert quoted(text) == '"a [31mb"'
    assert str(Problem("f", 0, 0, "", text)) == "f: a [31mb."


def test_what_is_plain_stays_and_lines_stay_where_there_may_be_some() -> None:
    for text in ("orders", "é😀日本", "<b>&", ""):
        assert plain(text) == plain_lines(text) == text
    assert plain_lines("a\n\tb\x9b\x1b") == "a\n\tb"
