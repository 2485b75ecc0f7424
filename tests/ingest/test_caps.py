"""Bounds: what finds no room is counted and told, and a restart gives nobody a fresh allowance."""

from datetime import timedelta

import pytest

from agent.ingest.aggregator import Aggregator
from agent.ingest.index import Slots, owner
from agent.ingest.pairing import Pairing
from agent.model import seam
from agent.model.columns import Shape
from agent.model.flush import Key
from tests.ingest.spans import SECOND, call, consume, folded, serve, spans, write

A, B = seam.service("a"), seam.service("b")
KEYS: list[tuple[str, Key]] = [
    ("a", seam.calls(A, B)),
    ("a", seam.writes(A, seam.table("postgresql", "shop", "t"))),
    ("a", seam.reads(seam.table("postgresql", "shop", "t"), A)),
    ("a", seam.publishes(A, seam.topic("orders", "c"))),
    ("g", seam.consumes(seam.topic("orders", "c"), seam.group("g", "c"))),
    ("a", seam.consumes(seam.topic("orders", "c"), seam.group_of("a"))),
    ("a", seam.route("a", "POST", "/x")),
]


@pytest.mark.parametrize(("name", "key"), KEYS)
def test_a_name_tells_its_service(name: str, key: Key) -> None:
    assert owner(key) == name


def test_a_restart_gives_a_service_no_fresh_allowance() -> None:
    before = Slots(20_000, 2)
    for number in range(4):
        before.slot(seam.calls(A, seam.service(f"b{number}")), "a")
    assert before.overflowed == {"a": 2}
    after = Slots(20_000, 2)
    for _ in range(2):  # the table of names and the record both tell them
        for slot, key in enumerate(before.keys):
            after.restore(slot, key)
    after.slot(seam.calls(A, seam.service("b9")), "a")
    after.slot(seam.calls(B, A), "b")
    assert after.overflowed == {"a": 1}
    assert len(after) == len(before) + 1


def test_a_healthy_estate_loses_nothing() -> None:
    aggregator = Aggregator([call(), serve(), consume(), write()])
    folded(aggregator, spans({"shape": 0}, {"shape": 1}, {"shape": 2, "offset": 1}, {"shape": 3}))
    assert aggregator.lost() == {}


def test_what_is_lost_is_told_by_reason() -> None:
    book: list[Shape] = [call(), *(write(f"t{number}") for number in range(5))]
    aggregator = Aggregator(book, per_service=3)
    aggregator.pairing = Pairing(aggregator.index, aggregator.slots, capacity=4)
    late, old = -600 * SECOND, -int(timedelta(hours=72).total_seconds()) * SECOND
    folded(aggregator, spans(*({"shape": 0, "span": n, "start": late, "end": late} for n in range(20))))
    folded(aggregator, spans({"shape": 0, "start": old, "end": old}, *({"shape": n} for n in range(1, 6))))
    lost = aggregator.lost()
    assert (lost["late"], lost["placed by arrival"], lost["seam limit"]) == (20, 1, 2)
    assert lost["no room to pair (call)"] == 16
    aggregator.counters.dropped["bad id"] += 3
    aggregator.operations.MOST = len(aggregator.operations.names)
    aggregator.operations.number("one more")
    assert (aggregator.lost()["bad id"], aggregator.lost()["side effect limit"]) == (3, 1)


def test_a_name_over_the_limit_makes_no_seam_in_the_store_either() -> None:
    aggregator = Aggregator([write(f"t{number}") for number in range(9)], per_service=3)
    flush = folded(aggregator, spans(*({"shape": number} for number in range(9))))
    named = {sighting.key for sighting in flush.sightings} | {window.key for window in flush.windows}
    over = {key for key in named if "__other__" in str(key)}
    assert len(named - over) == 3
    assert len(over) == 1
    assert sum(window.values[0] for window in flush.windows) == 9, "they are counted together"
