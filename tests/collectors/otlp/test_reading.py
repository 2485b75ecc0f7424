"""The time and the room that statements get: bounded, whatever is sent."""

import gc
from typing import Any

import pytest

from collectors.otlp import keys
from collectors.otlp.decode import Decoder
from collectors.otlp.memo import Memo, digest
from tests.collectors.otlp.build import CLIENT, body, sent, span


def asks(text: str, **more: str) -> Any:
    """The span of a query."""
    return span(CLIENT, {"db.system.name": "postgresql", "db.namespace": "d", "db.query.text": text} | more)


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
