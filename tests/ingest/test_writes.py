"""What a group does: the side effects that its deliveries were seen to have."""

from agent.ingest.aggregator import Aggregator
from tests.ingest.spans import AT, consume, folded, spans, write


def test_a_group_is_sighted_with_the_side_effects_it_was_seen_to_have_once_each() -> None:
    book = [consume(), write(), write("kept", guarded=True), write("elsewhere")]
    aggregator = Aggregator(book)
    first = [
        {"shape": 0, "span": 5, "offset": 1, "partition": 0},
        {"shape": 1, "span": 6, "parent": 5},
        {"shape": 2, "span": 7, "parent": 5},
        {"shape": 3, "span": 8},  # below no delivery
    ]
    again = [{**row, "trace_lo": 9, **({"offset": 2} if row["shape"] == 0 else {})} for row in first]
    told = [
        (str(sighting.key), sighting.attributes["writes"])
        for batch in (first, again)
        for sighting in folded(aggregator, spans(*batch), at=AT).sightings
        if "writes" in sighting.attributes
    ]
    group = "consumes topic:c/orders -> group:c/g"
    assert told == [
        (group, "INSERT table:postgresql/shop.invoices"),
        (group, "INSERT table:postgresql/shop.kept (guarded)"),
    ]


def test_a_group_is_told_with_sixteen_side_effects_at_the_most() -> None:
    aggregator = Aggregator([consume(), *(write(f"t{number}") for number in range(30))])
    rows = [{"shape": 0, "trace_lo": n, "span": 5, "offset": n, "partition": 0} for n in range(1, 31)]
    rows += [{"shape": n, "trace_lo": n, "span": 6, "parent": 5} for n in range(1, 31)]
    sightings = folded(aggregator, spans(*rows)).sightings
    assert len([sighting for sighting in sightings if "writes" in sighting.attributes]) == 16
