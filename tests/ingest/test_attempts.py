"""One message that fails again and again is kept as evidence, with how often; and no other is."""

from typing import Any

from agent.ingest import attempts
from agent.ingest.aggregator import Aggregator
from agent.model.attempts import Attempts, read
from agent.model.columns import Shape, SpanColumns
from agent.model.facts import ExemplarKind
from tests.ingest.spans import AT, SECOND, consume, folded, spans

BOOK = [consume(), consume("other")]


def delivery(number: int, offset: int, *, error: bool = True, partition: int = 0, **more: Any) -> dict[str, Any]:
    """A delivery that ends at a second."""
    end = number * SECOND
    return {"span": 100 + number, "offset": offset, "partition": partition, "error": error, "end": end, **more}


def told(*batches: SpanColumns) -> list[Attempts]:
    flush = folded(Aggregator(list[Shape](BOOK)), *batches)
    kept = [one for window in flush.windows for one in window.exemplars if one.kind is ExemplarKind.FAILING]
    return [found for one in kept if (found := read(one)) is not None]


def test_an_offset_that_fails_again_and_again_is_told_with_its_times() -> None:
    [one] = told(*(spans(delivery(10 * number, 7)) for number in range(6)))
    assert (one.partition, one.offset, one.count) == (0, 7, 6)
    assert (one.last - one.first).total_seconds() == 50
    assert int(one.trace, 16)


def test_in_one_batch_and_out_of_order_it_is_the_same() -> None:
    assert [one.count for one in told(spans(*(delivery(10 * number, 7) for number in (3, 0, 2, 1))))] == [4]


def test_what_goes_well_in_between_and_other_offsets_begin_anew() -> None:
    well = spans(delivery(0, 7), delivery(1, 7), delivery(2, 7, error=False), delivery(3, 8), delivery(4, 8))
    assert told(well) == [], "the third attempt went well, and the next offset failed twice"
    assert told(spans(*(delivery(number, number) for number in range(9)))) == [], (
        "each fails once: a dependency is down"
    )
    passed = [spans(delivery(number, 7)) for number in range(5)] + [spans(delivery(9, 8, error=False))]
    assert told(*passed) == [], "it is past it"


def test_partitions_and_groups_are_told_apart() -> None:
    rows = [delivery(number, 7, partition=number % 2) for number in range(4)]
    assert told(spans(*rows)) == []
    rows = [delivery(number, 7, shape=number % 2) for number in range(4)]
    assert told(spans(*rows)) == []
    beside = [delivery(number, 7, shape=number % 2, error=number % 2 == 0) for number in range(8)]
    assert [one.count for one in told(spans(*beside))] == [4], "that the other group went on changes nothing"


def test_a_late_failure_of_an_offset_that_was_passed_changes_nothing() -> None:
    [one] = told(spans(*(delivery(10 + number, 8) for number in range(4))), spans(delivery(1, 7)))
    assert (one.offset, one.count) == (8, 4)


def test_deliveries_without_an_offset_are_not_followed() -> None:
    assert told(*(spans(delivery(number, -1)) for number in range(9))) == []


def test_one_is_told_once_a_minute_and_partitions_have_a_bound() -> None:
    aggregator = Aggregator(list[Shape](BOOK))
    seen = aggregator.evidence._attempts
    for number in range(10):
        aggregator.take(aggregator.fold(spans(delivery(number, 7)), AT))
    assert len(seen.drain()) == 1
    aggregator.take(aggregator.fold(spans(delivery(30, 7)), AT))
    assert seen.drain() == []
    aggregator.take(aggregator.fold(spans(delivery(75, 7)), AT))
    assert [one.count for _, one in seen.drain()] == [12]
    many = spans(*(delivery(0, 1, partition=number) for number in range(attempts.MOST + 5)))
    aggregator.take(aggregator.fold(many, AT))
    assert len(seen._by) == attempts.MOST
