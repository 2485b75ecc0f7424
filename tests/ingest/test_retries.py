"""Retries: calls that follow a failed one, and servers that one call reached more than once."""

from typing import Any

from agent.app.inputs import Sent, find
from agent.app.wiring import decoder
from agent.ingest.aggregator import Aggregator
from agent.ingest.retries import Retries
from agent.model.columns import Shape, SpanColumns
from agent.model.facts import Column
from agent.model.flush import Flush
from tests.e2e.test_scan import CAPTURES
from tests.ingest.spans import SECOND, call, folded, serve, spans, total

BOOK = [call(), serve(), call(sampled=0.5)]


def attempt(number: int, **more: Any) -> dict[str, Any]:
    """One attempt a second below the parent 99, each half a second long."""
    start = number * SECOND
    return {"span": 10 + number, "parent": 99, "start": start, "end": start + SECOND // 2, **more}


def retries(*batches: SpanColumns) -> int:
    return total(folded(Aggregator(list[Shape](BOOK)), *batches), "service:b:80", Column.RETRIES)


def test_calls_after_a_failed_one_are_retries_and_the_first_is_none() -> None:
    assert retries(spans(attempt(0, error=True), attempt(1, error=True), attempt(2))) == 2


def test_a_retry_is_seen_across_requests() -> None:
    assert retries(spans(attempt(0, error=True)), spans(attempt(1, error=True)), spans(attempt(2))) == 2


def test_calls_that_repeat_no_failure_are_no_retries() -> None:
    assert retries(spans(*(attempt(number) for number in range(5)))) == 0, "fan-out, all well"
    assert retries(spans(attempt(0, error=True), attempt(1, parent=98))) == 0, "below another span"
    assert retries(spans(attempt(0, error=True), attempt(1, trace_lo=5))) == 0, "in another trace"
    assert retries(spans(attempt(0, error=True), attempt(1, shape=2))) == 0, "to another callee"
    assert retries(spans(attempt(0, error=True, end=9 * SECOND), attempt(1))) == 0, "began before that one failed"
    assert retries(spans(attempt(0, error=True, parent=0), attempt(1, parent=0))) == 0, "roots have no parent"


def test_one_failure_explains_one_later_call() -> None:
    assert retries(spans(attempt(0, error=True), *(attempt(number) for number in range(1, 6)))) == 1


def test_a_retry_moves_with_its_call_to_the_route_that_answered() -> None:
    calls = [attempt(0, error=True), attempt(1)]
    served = [{"shape": 1, "span": 20 + n, "parent": 10 + n, "remote": 1, "start": n * SECOND} for n in range(2)]
    for batches in ([spans(*calls, *served)], [spans(*calls), spans(*served)], [spans(*served), spans(*calls)]):
        flush = folded(Aggregator(list[Shape](BOOK)), *batches)
        assert total(flush, "route:b POST /x", Column.RETRIES) == 1
        assert total(flush, "route:b POST /x", Column.COUNT) == 2
        assert total(flush, "service:b:80", Column.RETRIES) == 0


def test_servers_below_one_call_are_hidden_retries_and_each_counts_once() -> None:
    calls = [attempt(0, error=True), attempt(1)]
    served = [{"shape": 1, "span": 20 + n, "parent": 11, "remote": 1, "start": SECOND + n} for n in range(3)]
    flush = folded(Aggregator(list[Shape](BOOK)), spans(*calls, *served))
    assert total(flush, "route:b POST /x", Column.COUNT) == 3
    assert total(flush, "route:b POST /x", Column.RETRIES) == 3, "one in code, two hidden below it"


def test_failures_are_bounded_and_what_had_no_room_is_counted() -> None:
    book = Retries()
    rows = spans(*(attempt(number, error=True, start=0, end=9 * SECOND) for number in range(100)))
    book.among(rows, rows.shape.astype("int64") * 0 + range(100), 0.0)
    assert book.evicted == 36


def captured(name: str) -> Flush:
    spans_ = decoder(None)
    aggregator = Aggregator(spans_.shapes)
    for one in find([CAPTURES / name]).happened():
        assert isinstance(one.what, Sent)
        columns = one.what.columns(spans_)
        assert columns is not None
        aggregator.take(aggregator.fold(columns, one.at))
    return aggregator.drain("w", 0, 1)


def test_the_retry_storm_has_two_retries_in_three_calls_and_the_healthy_capture_none() -> None:
    storm = captured("py-retry-storm")
    supplier = "route:supplier-api POST /reserve"
    assert (total(storm, supplier, Column.COUNT), total(storm, supplier, Column.RETRIES)) == (47, 31)
    assert sum(window.values[Column.RETRIES] for window in captured("py-healthy").windows) == 0
