"""What is sighted: the shapes that a span had, once each; and what is kept of a write."""

from agent.ingest.aggregator import Aggregator
from agent.model.columns import Shape
from agent.model.facts import ExemplarKind
from tests.ingest.spans import call, consume, folded, spans, write


def test_a_shape_that_no_span_of_this_aggregator_had_was_not_seen() -> None:
    book = [consume("g"), consume("later")]
    flush = folded(Aggregator(book), spans({"shape": 0}))
    assert {str(sighting.key) for sighting in flush.sightings} == {"consumes topic:c/orders -> group:c/g"}


def test_a_shape_is_sighted_once_and_again_only_by_another_aggregator() -> None:
    book: list[Shape] = [consume("g")]
    aggregator = Aggregator(book)
    assert len(folded(aggregator, spans({"shape": 0}), spans({"shape": 0})).sightings) == 1
    book += [write(f"t{number}") for number in range(200)]  # met while it runs
    flush = folded(aggregator, spans({"shape": 0}, {"shape": 150}))
    assert [str(sighting.key) for sighting in flush.sightings] == [
        "writes service:billing -> table:postgresql/shop.t149"
    ]
    assert len(folded(Aggregator(book), spans({"shape": 0})).sightings) == 1


def test_a_write_kept_as_evidence_says_verb_and_table_and_no_more() -> None:
    flush = folded(Aggregator([write("sales.orders"), write("kept", guarded=True)]), spans({"shape": 0}, {"shape": 1}))
    notes = {
        exemplar.note: str(window.key)
        for window in flush.windows
        for exemplar in window.exemplars
        if exemplar.kind is ExemplarKind.WRITE
    }
    assert notes == {
        "INSERT sales.orders": "writes service:billing -> table:postgresql/shop.sales.orders",
        "INSERT kept": "writes service:billing -> table:postgresql/shop.kept",
    }


def test_only_a_write_is_evidence_of_a_write() -> None:
    flush = folded(Aggregator([consume(), call()]), spans({"shape": 0}, {"shape": 1}))
    assert not [e for window in flush.windows for e in window.exemplars if e.kind is ExemplarKind.WRITE]
