"""What was set to another value, and when: the newest first, of whom one asks, and nothing that changes by itself."""

from datetime import UTC, datetime, timedelta

from agent.model import seam
from agent.model.facts import Setting
from agent.model.seam import Component
from agent.store.store import Store

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
ORDERS, BILLING = seam.topic("orders", "prod"), seam.group("billing", "prod")
CLUSTER = seam.source("kafka", "prod")


def put(store: Store, minute: int, component: Component, **values: str | None) -> None:
    at = NOON + timedelta(minutes=minute)
    store.record(
        settings=[Setting(component, name.replace("_", "."), value, at, "kafka") for name, value in values.items()]
    )


def told(store: Store, since: int = 0, until: int = 60, **more: object) -> list[tuple[str, str | None, str | None]]:
    span = NOON + timedelta(minutes=since), NOON + timedelta(minutes=until)
    return [(one.name, one.before, one.value) for one in store.changes(*span, **more)]  # type: ignore[arg-type]


def test_changes_are_told_with_what_was_before_and_first_sights_are_none(store: Store) -> None:
    put(store, 0, ORDERS, retention_ms="1", cleanup_policy="delete")
    put(store, 5, ORDERS, retention_ms="2", cleanup_policy="delete")
    put(store, 9, ORDERS, retention_ms=None)
    put(store, 12, ORDERS, retention_ms="2")
    assert told(store) == [("retention.ms", None, "2"), ("retention.ms", "2", None), ("retention.ms", "1", "2")]
    assert told(store, since=6, until=10) == [("retention.ms", "2", None)]


def test_of_components_and_kinds_page_by_page(store: Store) -> None:
    for minute in (0, 1, 2):
        put(store, minute, ORDERS, retention_ms=str(minute))
        put(store, minute, BILLING, protocol=f"p{minute}")
        put(store, minute, CLUSTER, acls=f"rules {minute}")
    assert {name for name, *_ in told(store, of=[ORDERS])} == {"retention.ms"}
    assert {name for name, *_ in told(store, kinds=["group", "source"])} == {"protocol", "acls"}
    assert len(told(store)) == 6
    assert told(store, most=2) + told(store, skip=2, most=2) + told(store, skip=4, most=9) == told(store)


def test_a_topic_made_anew_is_a_change_of_its_id(store: Store) -> None:
    put(store, 0, ORDERS, id="first", partitions="4")
    put(store, 5, ORDERS, id="second", partitions="6")
    assert told(store) == [("id", "first", "second"), ("partitions", "4", "6")]


def test_what_changes_by_itself_is_left_out(store: Store) -> None:
    for minute in (0, 1):
        put(store, minute, BILLING, state=f"s{minute}", coordinator=str(minute))
        put(store, minute, ORDERS, sampled_errors=f"E{minute}", in_sync="3")
        put(store, minute, CLUSTER, refused_offsets=f"why {minute}")
    assert told(store) == []
