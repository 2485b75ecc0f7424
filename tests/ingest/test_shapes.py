"""What is sighted: the shapes that a span had, once each, with what they say of server, environment and sampling."""

import pytest

from agent.ingest.aggregator import Aggregator
from agent.model.columns import Shape
from agent.model.facts import Column, ExemplarKind
from tests.ingest.spans import SECOND, call, consume, folded, serve, spans, total, write


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


def test_a_sighting_names_server_environment_and_share_where_they_are_known() -> None:
    told = consume(server="db1:5432", environment="production", sampled=0.1)
    [sighting] = folded(Aggregator([told]), spans({"shape": 0})).sightings
    assert {name: sighting.attributes.get(name) for name in ("server", "environment", "sampled")} == {
        "server": "db1:5432",
        "environment": "production",
        "sampled": "0.1",
    }
    [plain] = folded(Aggregator([consume()]), spans({"shape": 0})).sightings
    assert not {"server", "environment", "sampled"} & plain.attributes.keys()


@pytest.mark.parametrize(("share", "counted"), [(0.25, 3), (1.0, 0)])
def test_crossings_that_head_sampling_kept_are_counted(share: float, counted: int) -> None:
    flush = folded(Aggregator([consume(sampled=share)]), spans(*({"shape": 0, "offset": n} for n in range(3))))
    assert total(flush, "group:c/g", Column.SAMPLED) == counted
    assert total(flush, "group:c/g", Column.COUNT) == 3


def test_a_sampled_call_takes_its_mark_along_to_the_route() -> None:
    book = [call(sampled=0.5), serve(sampled=0.5)]
    caller = {"shape": 0, "span": 7, "end": 3 * SECOND}
    server = {"shape": 1, "span": 8, "parent": 7, "remote": 1, "end": 2 * SECOND}
    flush = folded(Aggregator(book), spans(caller, server))
    assert total(flush, "route:b POST /x", Column.SAMPLED) == total(flush, "route:b POST /x", Column.COUNT) == 1
    assert total(flush, "service:b:80", Column.SAMPLED) == total(flush, "service:b:80", Column.COUNT) == 0


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
