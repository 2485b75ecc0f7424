"""What stands beside a topic: whose letters it takes, what it retries, whose name it nearly has, who still uses it."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.engine.deadletters import Taking, retries
from agent.engine.estate import Estate
from agent.engine.inventory import connectors, topics
from agent.engine.siblings import alike
from agent.engine.topics import summed
from agent.model.declared import ComponentFacts, Declarations
from agent.model.facts import Sample, Setting, Sighting
from agent.model.seam import Component, connector, consumes, group, group_on_topic, publishes, source, subject_of, topic
from agent.model.series import Series
from agent.model.subjects import Topic
from agent.store.store import Store, open_store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ORDERS, BILLING = topic("orders", "c"), group("billing", "c")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    opened.ensure_writer("w")
    yield opened
    opened.close()


def there(store: Store, *names: str, at: datetime = NOON - HOUR) -> None:
    store.record(sightings=[Sighting(topic(name, "c"), at) for name in names])


def read(store: Store, name: str, by: Component = BILLING, published: str = "") -> None:
    told = {"dead_letters": published} if published else {}
    store.record(sightings=[Sighting(consumes(topic(name, "c"), by), NOON - HOUR, told)])


def configured(store: Store, one: Component, settings: Mapping[str, str]) -> None:
    store.record(settings=[Setting(one, name, value, NOON - HOUR, "test") for name, value in settings.items()])


def counted(store: Store, what: Component, name: str, values: Mapping[datetime, float]) -> None:
    store.record(samples=[Sample(subject_of(what), name, at, value) for at, value in values.items()])


def taken(store: Store, name: str, declared: Declarations = Declarations()) -> str | None:  # noqa: B008 - frozen
    found = Taking(Estate(store, declared, NOON)).of(topic(name, "c"))
    return None if found is None else f"{found[0]}: {', '.join(one.name[2:] for one in found[1])}"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("orders.DLT", "name: orders"),
        ("orders-dlt", "name: orders"),
        ("orders_error", "name: orders"),
        ("dlq.orders", "name: orders"),
        ("dead-letter-topic-orders", "name: orders"),
        ("error.orders.billing", "name: orders"),
        ("orders-billing-dlq", "name: orders"),
        ("orders.v2.dlq", "name: orders"),
        ("platform-dlq", "name-only: "),
        ("error-events", None),
        ("parking-spots", None),
        ("app.errors", None),
        ("error.orders.shipping", None),
        ("terrors", None),
        ("orders", None),
    ],
)
def test_a_dead_letter_topic_is_told_by_its_name_and_what_is_related(store: Store, name: str, says: str | None) -> None:
    there(store, name, "orders", "app.events")
    read(store, "orders")
    assert taken(store, name) == says


def test_a_setting_a_declaration_or_a_span_tells_more_than_a_name(store: Store) -> None:
    there(store, "orders", "bin", "hospital", "cell", "orders.dlq", "orders-retry")
    read(store, "orders", published="topic:c/orders.dlq")
    read(store, "orders", by=group("tries", "c"), published="topic:c/orders-retry")
    read(store, "orders", by=group("shares", "c"))
    configured(store, connector("c", "sink"), {"topics": "orders", "errors.deadletterqueue.topic.name": "bin"})
    configured(store, group("shares", "c"), {"config.errors.deadletterqueue.topic.name": "cell"})
    declared = Declarations(components=(ComponentFacts("group:c/billing", dead_letters="topic:c/hospital"),))
    names = ("bin", "hospital", "cell", "orders.dlq", "orders-retry")
    found = [taken(store, name, declared) for name in names]
    assert found == ["connect: orders", "declared: orders", "share: orders", "span: orders", None]


def family(store: Store, name: str) -> str | None:
    estate = Estate(store, Declarations(), NOON)
    one = retries(estate, Taking(estate).search).get(topic(name, "c"))
    if one is None:
        return None
    end = f"{one.dead_letters.known_by} {one.dead_letters.topic.name[2:]}" if one.dead_letters else "no end"
    return f"{one.of.name[2:]}: {', '.join(part.name[2:] for part in one.family)}: {end}"


def test_retry_topics_are_a_family_with_its_end(store: Store) -> None:
    there(
        store, "orders", "orders-retry-0", "orders-retry-1", "orders-dlt", "sms", "sms_retry_5m", "mails.billing.retry"
    )
    there(store, "mails", "retry-policies", "card-retry", "web-retries", "orders-retry-1-dlt")
    assert family(store, "orders-retry-0") == "orders: orders-retry-0, orders-retry-1: name orders-dlt"
    assert family(store, "sms_retry_5m") == "sms: sms_retry_5m: no end"
    assert family(store, "mails.billing.retry") == "mails: mails.billing.retry: no end"
    for name in ("orders", "orders-dlt", "retry-policies", "card-retry", "web-retries"):
        assert family(store, name) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ordres", "orders"), ("order", "orders"), ("orders.created", "orders-created"),
        ("OrdersCreated", "orders_created"),
        ("paymets", "payments"), ("shipmentz", "shipments"), ("custmoer-updated", "customer-updated"),
    ],
)  # fmt: skip
def test_one_slip_makes_names_alike(one: str, other: str) -> None:
    assert alike(one, other)
    assert alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("orders-1", "orders-2"), ("orders", "orders-v2"), ("orders-2024", "orders-2025"), ("orders-dev", "orders"),
        ("orders-eu", "orders-us"), ("orders-a", "orders-b"), ("orders", "orders"), ("orders", "invoices"),
        ("car-events", "cat-events"), ("orders-new", "orders"), ("order-in", "order-on"),
    ],
)  # fmt: skip
def test_shards_versions_environments_and_regions_are_not_alike(one: str, other: str) -> None:
    assert not alike(one, other)


def built(store: Store, name: str, declared: Declarations = Declarations()) -> Topic:  # noqa: B008 - frozen
    [one] = [one for one in topics(Estate(store, declared, NOON)) if one.topic == topic(name, "c")]
    return one


def looked(store: Store, *ats: datetime) -> None:
    counted(store, source("kafka", "c"), "looks", dict.fromkeys(ats, 1.0))


def test_letters_know_what_waits_how_old_it_is_and_who_read(store: Store) -> None:
    there(store, "orders", "orders.dlq")
    queue, replay = topic("orders.dlq", "c"), group_on_topic(topic("orders.dlq", "c"), group("replay", "c"))
    counted(store, queue, "kept", {NOON - MINUTE: 9.0})
    counted(store, queue, "first_age_seconds", {NOON - MINUTE: 7200.0})
    configured(store, queue, {"retention.ms": "86400000"})
    configured(store, ORDERS, {"retention.ms": "604800000"})
    letters = built(store, "orders.dlq").letters
    assert letters is not None
    assert (letters.kept, letters.waiting, letters.oldest, letters.commits) == (9, 9, 2 * HOUR, ())
    assert (letters.retention, letters.source_retention, letters.usual_share) == (DAY, 7 * DAY, None)
    told = {"lag": {NOON - MINUTE: 4.0}, "age_seconds": {NOON - MINUTE: 600.0}}
    told["committed"] = {NOON - 5 * HOUR: 1.0, NOON - 3 * HOUR: 5.0, NOON - MINUTE: 5.0}
    store.record(samples=[Sample(replay, name, at, v) for name, values in told.items() for at, v in values.items()])
    letters = built(store, "orders.dlq").letters
    assert letters is not None
    assert (letters.waiting, letters.oldest, letters.commits) == (4, timedelta(minutes=10), (3 * HOUR,))


def test_the_usual_share_of_letters_is_the_median_of_fourteen_days(store: Store) -> None:
    there(store, "orders", "orders.dlq")
    days = [NOON - DAY * back for back in range(14, -1, -1)]
    counted(store, ORDERS, "produced", {at: 1000.0 * day for day, at in enumerate(days)})
    values = {at: 10.0 * day + (500 if day > 12 else 0) for day, at in enumerate(days)}
    counted(store, topic("orders.dlq", "c"), "produced", values | {NOON - MINUTE: values[NOON] - 1})
    found = built(store, "orders.dlq")
    assert found.letters is not None
    assert found.letters.usual_share == pytest.approx(0.01)
    assert found.source_written.last == 14_000


def test_a_topic_is_read_while_a_group_commits_or_has_members_and_else_as_it_was_a_month_ago(store: Store) -> None:
    there(store, "orders", "quiet", "held", at=NOON - 40 * DAY)
    for name, then, now in (("orders", 5.0, 9.0), ("quiet", 5.0, 5.0), ("held", 5.0, 5.0)):
        pair = group_on_topic(topic(name, "c"), BILLING)
        month = NOON - 30 * DAY - HOUR
        store.record(samples=[Sample(pair, "committed", at, v) for at, v in ((month, then), (NOON - MINUTE, now))])
        counted(store, topic(name, "c"), "produced", {month: 7.0, NOON - MINUTE: 7.0})
    store.record(samples=[Sample(group_on_topic(topic("held", "c"), BILLING), "members", NOON - MINUTE, 2.0)])
    told = {name: built(store, name).read_lately for name in ("orders", "quiet", "held")}
    assert told == {"orders": True, "quiet": False, "held": True}
    assert built(store, "quiet").written_lately is False


def test_of_a_topic_that_is_known_for_a_day_nothing_is_said_of_a_month(store: Store) -> None:
    there(store, "orders", at=NOON - DAY)
    counted(store, ORDERS, "produced", {NOON - MINUTE: 7.0})
    found = built(store, "orders")
    assert (found.read_lately, found.written_lately) == (None, None)


def test_a_sibling_is_looked_for_only_where_brokers_create_topics(store: Store) -> None:
    there(store, "orders", "ordres")
    read(store, "orders")
    for name, end in (("orders", 900.0), ("ordres", 3.0)):
        counted(store, topic(name, "c"), "produced", {NOON - MINUTE: end})
    assert built(store, "ordres").sibling is None
    configured(store, source("kafka", "c"), {"broker.auto.create.topics.enable": "true"})
    found = built(store, "ordres").sibling
    assert found is not None
    assert (found.topic, found.written, found.groups, found.edits) == (ORDERS, 900, 1, 1)
    assert built(store, "orders").sibling is None


def test_settings_of_producers_in_connectors_and_of_the_cluster_stand_beside_a_topic(store: Store) -> None:
    store.record(sightings=[Sighting(publishes(connector("c", "src"), ORDERS), NOON - HOUR)])
    configured(store, connector("c", "src"), {"producer.override.acks": "1", "tasks.max": "3"})
    configured(
        store, source("kafka", "c"), {"brokers": "3", "refused.producers": "no right", "broker.num.partitions": "1"}
    )
    found = built(store, "orders")
    assert found.overrides == {"c/src: producer.override.acks": "1"}
    assert (found.brokers, found.refused, found.broker) == (3, {"producers": "no right"}, {"num.partitions": "1"})


def test_a_connector_s_dead_letter_topic_is_there_or_not_where_topics_were_listed(store: Store) -> None:
    there(store, "bin")
    for name, queue in (("a", "bin"), ("b", "gone"), ("c", "")):
        store.record(sightings=[Sighting(connector("c", name), NOON - HOUR)])
        configured(store, connector("c", name), {"errors.deadletterqueue.topic.name": queue})
    listed = {one.connector.name: one.letters_listed for one in connectors(Estate(store, Declarations(), NOON))}
    assert listed == {"c/a": None, "c/b": None, "c/c": None}
    configured(store, source("kafka", "c"), {"topics_listed": "true"})
    listed = {one.connector.name: one.letters_listed for one in connectors(Estate(store, Declarations(), NOON))}
    assert listed == {"c/a": True, "c/b": False, "c/c": None}


def test_counts_of_several_topics_are_summed_from_where_all_are_known() -> None:
    one, other = Series((1.0, 2.0, 3.0), (10.0, 20.0, 30.0)), Series((2.0, 2.5), (1.0, 2.0))
    assert summed([one, other]) == Series((2.0, 3.0), (21.0, 32.0))
    assert summed([one]) == one
    assert summed([]) == Series()
