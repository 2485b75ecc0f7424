"""What is remembered of senders is bounded in bytes: a text that nobody would write takes no more room than a name."""

import gc
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.ingest.aggregator import Aggregator
from agent.ingest.index import Operations
from agent.model.columns import Role, Shape
from collectors.otlp import conventions as c
from collectors.otlp import decode
from collectors.otlp.decode import Decoder, ShapeBook
from collectors.otlp.plans import key_of
from collectors.otlp.receiver import _MOST_SENDERS, ReceiverCounters
from collectors.otlp.rows import NO_ROOM
from collectors.otlp.sampling import kept_by
from tests.collectors.otlp.build import CLIENT, CONSUMER, NOON, PRODUCER, body, sent, shapes, span

pytestmark = pytest.mark.slow

NOW = datetime.fromtimestamp(NOON / 1e9, tz=UTC)
HTTP = {"http.request.method": "POST", "server.address": "b"}
KAFKA = {"messaging.system": "kafka"}
SQL = {"db.system.name": "postgresql", "db.collection.name": "t", "db.operation.name": "INSERT"}


def state(text: str) -> Any:
    return sent("s", span(CLIENT, HTTP, trace_state=f"ot=th:8;x:{text}"))


MODES = {
    "trace state": state,
    "scope": lambda text: sent("s", span(CLIENT, HTTP), scope=text),
    "resource": lambda text: sent("s", span(CLIENT, HTTP), x=text),
    "version": lambda text: sent("s", span(CLIENT, HTTP), service__version=text),
    "environment": lambda text: sent("s", span(CLIENT, HTTP), deployment__environment=text),
    "instance": lambda text: sent("s", span(CLIENT, HTTP), service__instance__id=text),
    "service": lambda text: sent(text, span(CLIENT, HTTP)),
    "attribute": lambda text: sent("s", span(CLIENT, HTTP | {text: 1})),
    "template": lambda text: sent("s", span(CLIENT, HTTP | {"url.template": text})),
    "url": lambda text: sent("s", span(CLIENT, HTTP | {"url.full": f"http://{text}/{text}"})),
    "method": lambda text: sent("s", span(CLIENT, {"rpc.system": "grpc", "rpc.service": text, "rpc.method": text})),
    "topic": lambda text: sent("s", span(PRODUCER, KAFKA | {"messaging.destination.name": text})),
    "span name": lambda text: sent("s", span(PRODUCER, KAFKA, name=f"send {text}")),
    "group": lambda text: sent("s", span(CONSUMER, KAFKA | {"messaging.destination.name": "t", c.GROUP[0]: text})),
    "database": lambda text: sent("s", span(CLIENT, SQL | {"db.namespace": text})),
    "system": lambda text: sent("s", span(CLIENT, SQL | {"db.system.name": text})),
    "server": lambda text: sent("s", span(CLIENT, SQL | {"server.address": text, "server.port": text})),
}


@pytest.mark.parametrize("mode", MODES)
def test_texts_of_100_kb_leave_no_more_behind_than_names(mode: str) -> None:
    make, decoder = MODES[mode], Decoder()
    aggregator = Aggregator(decoder.shapes)

    def fold(number: int) -> None:
        aggregator.fold(decoder.decode(body(make(f"{number:08}" * 12_500))), NOW)

    fold(0)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(1, 81):
            fold(number)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000, "it was sent 8 MB or more"


def test_a_name_of_usual_length_stays_whole_and_a_cut_one_says_so() -> None:
    whole, cut = (
        shapes(span(CLIENT, HTTP | {"url.template": "/" + "x" * size}), service__version="v" * size, scope="s" * size)
        for size in (400, 600)
    )
    assert (whole[0].operation, whole[0].version, whole[0].scope) == ("POST b/" + "x" * 400, "v" * 400, "s" * 400)
    for text in (cut[0].operation, cut[0].version, cut[0].scope):
        assert (len(text), text[-1]) == (512, "\u2026")
    assert c.clipped("x" * 512) == "x" * 512


def test_ids_that_differ_only_at_their_ends_are_two_however_long() -> None:
    told = KAFKA | {"messaging.destination.name": "t", "messaging.operation": "process"}
    spans = [span(CONSUMER, told | {"messaging.message.id": "x" * 2_000 + end}) for end in "ab"]
    assert len(set(Decoder().decode(body(sent("s", *spans))).ident.tolist())) == 2


def test_spans_with_longer_lists_of_attributes_than_are_kept_are_still_told_apart() -> None:
    decoder = Decoder()
    many = {f"attribute.{number}": 1 for number in range(200)}
    spans = [span(CLIENT, many | HTTP), span(PRODUCER, many | KAFKA | {"messaging.destination.name": "t"})]
    for _ in range(2):
        columns = decoder.decode(body(sent("s", *spans)))
        roles = [decoder.shapes[number].role for number in columns.shape.tolist()]
        assert roles == [Role.CALL, Role.PUBLISH]
    assert len(decoder._plans) == 2
    assert key_of(3, ("a", "b")) == (3, ("a", "b"))
    assert key_of(3, ("a" * 3_000,)) != key_of(3, ("a" * 3_001,))


def test_a_long_trace_state_is_read_as_a_short_one_is() -> None:
    assert kept_by(b"ot=th:8") == kept_by(b"ot=th:8;x:" + b"y" * 5_000) == 0.5


def test_all_shapes_together_have_so_many_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_MAX_CHARACTERS", 1_000)
    book = ShapeBook()
    numbers = [book.number(Shape(f"{number:0100}", Role.SERVE)) for number in range(12)]
    assert numbers == [*range(10), NO_ROOM, NO_ROOM]
    assert book.number(Shape(f"{3:0100}", Role.SERVE)) == 3


def test_all_operations_together_have_so_many_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Operations, "MOST_CHARACTERS", 1_000)
    operations = Operations()
    assert [operations.number(f"{number:0100}") for number in range(12)] == [*range(1, 11), 0, 0]
    assert (operations.refused, operations.number(f"{3:0100}")) == (2, 4)


def test_so_many_user_agents_are_told_apart() -> None:
    counters = ReceiverCounters()
    for number in range(1_000):
        counters.sender(f"agent {number}")
    counters.sender("agent 3")
    assert len(counters.senders) == _MOST_SENDERS + 1
    assert (counters.senders["agent 3"], counters.senders["others"]) == (2, 1_000 - _MOST_SENDERS)
