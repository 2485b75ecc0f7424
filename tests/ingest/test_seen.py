"""When a seam was first and last seen: by its windows and sightings, never by the day of a delivery."""

from datetime import UTC, datetime, timedelta

from agent.ingest.aggregator import Aggregator
from agent.model.flush import Delivered, Flush
from agent.model.seam import SeamKey
from agent.store.store import Store
from tests.ingest.spans import AT, consume, folded, spans

MINUTE = AT.replace(second=0)


def seen(store: Store) -> list[tuple[datetime, datetime]]:
    return [(row.first_seen, row.last_seen) for row in store.seams()]


def test_a_delivery_is_first_seen_in_its_minute_and_not_at_midnight(store: Store) -> None:
    store.ensure_writer("w")
    aggregator = Aggregator([consume()])
    store.flush(folded(aggregator, spans({"shape": 0, "offset": 1, "partition": 0})))
    [(first, last)] = seen(store)
    assert MINUTE - timedelta(minutes=1) <= first <= last <= AT


def test_a_delivery_whose_window_came_before_moves_nothing(store: Store) -> None:
    store.ensure_writer("w")
    flush = folded(Aggregator([consume()]), spans({"shape": 0, "offset": 1, "partition": 0}))
    store.flush(flush)
    before = seen(store)
    key = flush.delivered[0].key
    assert isinstance(key, SeamKey)
    day = datetime(2026, 1, 1, tzinfo=UTC)
    store.flush(Flush("w", 1, 2, delivered=(Delivered(key, 0, "INSERT t", day, ((1, 1),)),)))
    assert seen(store) == before
