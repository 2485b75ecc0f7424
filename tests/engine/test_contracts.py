"""Contracts and topics from a real store: which subject is of which topic, how old a version is, what it refers to."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.engine.builders import BUILDERS
from agent.engine.estate import Estate
from agent.model import seam, subjects
from agent.model.declared import ComponentFacts, Declarations
from agent.model.facts import Sample, Setting, Sighting
from agent.model.seam import Component
from agent.store.store import Store, open_store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOTHING = Declarations()
REGISTRY = seam.source("registry", "main")
ORDER = json.dumps({"type": "record", "name": "Order", "namespace": "shop", "fields": []})


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    opened.attach(NOON - 40 * DAY)
    opened.ensure_writer("w")
    yield opened
    opened.close()


def told(store: Store, component: Component, at: datetime = NOON - HOUR, **settings: str) -> None:
    """Settings of one component, their dots written as two underscores."""
    source = component.name.partition("/")[0] if component.kind == "source" else "registry"
    facts = [Setting(component, name.replace("__", "."), value, at, source) for name, value in settings.items()]
    seen = [] if component.kind == "source" else [Sighting(component, at)]
    store.record(settings=facts, sightings=seen)


def subject(store: Store, name: str, at: datetime = NOON - HOUR, registry: str = "main", **settings: str) -> Component:
    one = seam.schema_subject(registry, name)
    told(store, one, at, **settings)
    return one


def reads(store: Store, topic: str, *groups: str, cluster: str = "prod") -> Component:
    """A topic of a broker that told its groups."""
    one = seam.topic(topic, cluster)
    told(store, seam.source("kafka", cluster), topics_listed="true", **({"groups_listed": "true"} if groups else {}))
    store.record(sightings=[Sighting(one, NOON - HOUR)])
    for name in groups:
        group = seam.group(name, cluster)
        told(store, group, state="Stable")
        store.record(sightings=[Sighting(seam.consumes(one, group), NOON - HOUR)])
    return one


def built(store: Store, kind: type, declared: Declarations = NOTHING) -> dict[str, Any]:
    ones: list[Any] = list(BUILDERS[kind](Estate(store, declared, NOON)))
    return {one.ref.name: one for one in ones}


def placed(store: Store, declared: Declarations = NOTHING) -> dict[str, list[str]]:
    """The topics of each subject."""
    found = built(store, subjects.Contract, declared)
    return {name: [topic.name for topic in one.topics] for name, one in found.items()}


def test_every_strategy_of_names_finds_its_topic(kept: Store) -> None:
    for topic in ("orders", "orders-eu", "refunds"):
        reads(kept, topic, "billing")
    for name in ("orders-value", "orders-key", "orders-eu-value", "refunds", ":.sales:refunds-value", "nowhere-value"):
        subject(kept, name, versions="1", version__1__schema='"string"')
    for name in ("orders-shop.Order", "orders-eu-shop.Order", "shop.Order"):
        subject(kept, name, versions="1", version__1__schema=ORDER)
    subject(kept, "orders-shop.Unseen", versions="1")
    subject(kept, "orders-Proto", versions="1", version__1__type="PROTOBUF", version__1__schema="message Proto {}")
    subject(kept, "orders-shop.Wrong", versions="1", version__1__schema=ORDER)
    assert {name.partition("/")[2]: topics for name, topics in placed(kept).items()} == {
        "orders-value": ["prod/orders"],
        "orders-key": ["prod/orders"],
        "orders-eu-value": ["prod/orders-eu"],
        "refunds": ["prod/refunds"],
        ":.sales:refunds-value": ["prod/refunds"],
        "nowhere-value": [],
        "orders-shop.Order": ["prod/orders"],
        "orders-eu-shop.Order": ["prod/orders-eu"],
        "shop.Order": ["prod/orders", "prod/orders-eu"],
        "orders-shop.Unseen": ["prod/orders"],
        "orders-Proto": ["prod/orders"],
        "orders-shop.Wrong": [],
    }


def test_a_registry_that_is_called_like_a_cluster_is_of_that_one_only(kept: Store) -> None:
    for cluster in ("prod", "test"):
        reads(kept, "orders", "billing", cluster=cluster)
    subject(kept, "orders-value", versions="1", registry="prod")
    subject(kept, "orders-value", versions="1", registry="shared")
    assert placed(kept) == {"prod/orders-value": ["prod/orders"], "shared/orders-value": ["prod/orders", "test/orders"]}


def test_a_subject_named_after_a_record_is_of_the_topic_that_declares_it_and_else_of_any(kept: Store) -> None:
    orders, refunds = reads(kept, "orders", "billing"), reads(kept, "refunds", "billing")
    told(kept, REGISTRY, subjects_listed="true")
    subject(kept, "shop.Order", versions="1", version__1__schema=ORDER)
    line = json.dumps({"type": "record", "name": "Line", "fields": []})
    subject(kept, "Line", versions="1", version__1__schema=line)
    subject(kept, "refunds-value", versions="1", version__1__schema='"string"', version__1__references="Line@1")
    found = built(kept, subjects.Topic)
    assert [one.name for one in found[orders.name].unplaced] == ["main/shop.Order"]
    assert (found[orders.name].subjects, len(found[refunds.name].subjects)) == ((), 1)
    facts = ComponentFacts(str(orders), contract="shop.Order")
    declared = Declarations(components=(facts,), loaded=True)
    found = built(kept, subjects.Topic, declared)
    assert found[orders.name].unplaced == ()
    assert [one.name for one in found[orders.name].subjects] == ["main/shop.Order"]
    assert found[orders.name].contract == "shop.Order"
    assert placed(kept, declared)["main/shop.Order"] == ["prod/orders"]


def test_where_no_registry_was_read_subjects_are_not_seen_and_where_no_broker_was_readers_are_not(kept: Store) -> None:
    orders = reads(kept, "orders", "billing")
    kept.record(sightings=[Sighting(seam.consumes(seam.topic("loose", "-"), seam.group("a", "-")), NOON - HOUR)])
    found = built(kept, subjects.Topic)
    assert [(one.subjects, one.listed) for one in (found[orders.name], found["-/loose"])] == [
        (None, True),
        (None, False),
    ]
    told(kept, REGISTRY, subjects_listed="true")
    for name in ("orders-value", "loose-value", "scratch", "a.Record"):
        subject(kept, name)
    assert built(kept, subjects.Topic)["prod/orders"].subjects == (seam.schema_subject("main", "orders-value"),)
    listed = {name: one.readers_listed for name, one in built(kept, subjects.Contract).items()}
    assert listed == {
        "main/orders-value": True,
        "main/loose-value": False,
        "main/scratch": True,
        "main/a.Record": False,
    }


def test_owners_are_those_that_are_declared_of_a_group_or_of_what_runs_it(kept: Store) -> None:
    orders = reads(kept, "orders", "billing", "audit", "search")
    told_by = {"service": "audit-worker"}
    kept.record(sightings=[Sighting(seam.consumes(orders, seam.group("audit", "prod")), NOON - HOUR, told_by)])
    facts = (
        ComponentFacts("group:prod/billing", owner="finance"),
        ComponentFacts("service:audit-worker", owner="risk"),
    )
    declared = Declarations(components=facts, loaded=True)
    subject(kept, "orders-value")
    owners = {"group:prod/billing": "finance", "group:prod/audit": "risk"}
    assert built(kept, subjects.Topic, declared)[orders.name].owners == owners
    assert built(kept, subjects.Contract, declared)["main/orders-value"].owners == owners
    assert built(kept, subjects.Topic)[orders.name].owners == {}


def ages(store: Store) -> list[tuple[int, timedelta | None, timedelta]]:
    [one] = built(store, subjects.Contract).values()
    return [(version.number, version.age, version.at_least) for version in one.schemas]


def test_the_age_of_a_version_is_known_where_an_earlier_look_did_not_find_it(kept: Store) -> None:
    subject(kept, "orders-value", NOON - 5 * DAY, versions="1,2")
    subject(kept, "orders-value", NOON - 3 * DAY, versions="1,2,3")
    subject(kept, "orders-value", NOON - DAY, versions="2,3,4")
    assert ages(kept) == [(2, None, 5 * DAY), (3, 3 * DAY, 3 * DAY), (4, DAY, DAY)]


def test_a_version_that_was_there_before_the_days_that_are_looked_back_is_at_least_so_old(kept: Store) -> None:
    subject(kept, "orders-value", NOON - 30 * DAY, versions="1")
    subject(kept, "orders-value", NOON - 20 * DAY, versions="1,2")
    assert ages(kept) == [(1, None, 7 * DAY), (2, None, 7 * DAY)]
    told(kept, reads(kept, "orders", "billing"), retention__ms=str(25 * 86_400_000))
    assert ages(kept) == [(1, None, 25 * DAY), (2, 20 * DAY, 20 * DAY)]


def test_versions_that_are_told_later_than_their_subject_are_not_new(kept: Store) -> None:
    subject(kept, "orders-value", NOON - 5 * DAY)
    subject(kept, "orders-value", NOON - 2 * DAY, versions="1,2")
    assert ages(kept) == [(1, None, 2 * DAY), (2, None, 2 * DAY)]


def test_a_subject_that_a_registry_did_not_have_before_is_as_old_as_it_looks(kept: Store) -> None:
    told(kept, REGISTRY, NOON - 5 * DAY, subjects_listed="true")
    subject(kept, "orders-value", NOON - 2 * DAY, versions="1,2")
    assert ages(kept) == [(1, 2 * DAY, 2 * DAY), (2, 2 * DAY, 2 * DAY)]


def test_a_version_that_was_deleted_is_none_and_its_settings_stay_behind(kept: Store) -> None:
    subject(
        kept, "orders-value", versions="1,x,3", version__1__schema="a", version__2__schema="b", version__3__type="JSON"
    )
    [one] = built(kept, subjects.Contract).values()
    assert [(v.number, v.type, v.text) for v in one.schemas] == [(1, "AVRO", "a"), (3, "JSON", None)]


def test_what_a_version_refers_to_comes_with_it_each_after_its_own_parts(kept: Store) -> None:
    def references(told: str) -> tuple[str, ...] | None:
        subject(kept, "basket-value", versions="1", version__1__schema="b", version__1__references=told)
        found: tuple[str, ...] | None = built(kept, subjects.Contract)["main/basket-value"].schemas[0].references
        return found

    subject(
        kept, "line", versions="1,2", version__1__schema="l1", version__2__schema="l2", version__2__references="sku@1"
    )
    subject(kept, "sku", versions="1", version__1__schema="s1")
    subject(kept, "ring", versions="1", version__1__schema="r", version__1__references="ring@1")
    assert references("") == ()
    assert references("line@1") == ("l1",)
    assert references("line@latest,sku@1") == ("s1", "l2")
    assert references("gone@1") is None
    assert references("line@9") is None
    assert references("ring@1") is None


def test_imports_come_under_the_names_that_were_told_for_them(kept: Store) -> None:
    def imports(told: str, **names: str) -> tuple[tuple[str, str], ...] | None:
        name = f"basket{len(told)}{len(names)}-value"
        subject(kept, name, versions="1", version__1__schema="b", version__1__references=told, **names)
        found: tuple[tuple[str, str], ...] | None = built(kept, subjects.Contract)[f"main/{name}"].schemas[0].imports
        return found

    subject(kept, "unit", versions="1", version__1__schema="u")
    money = {"version__1__references": "unit@1", "version__1__reference_names": "a/unit.proto"}
    subject(kept, "money", versions="1", version__1__schema="m", **money)
    both = {"version__1__reference_names": "money.proto,b/unit.proto"}
    found = imports("money@1,unit@1", **both)
    assert found == (("a/unit.proto", "u"), ("money.proto", "m"), ("b/unit.proto", "u"))
    assert imports("") == ()
    assert imports("money@1") is None
    assert imports("money@1,unit@1,unit@2", **both) is None


@pytest.mark.parametrize(
    ("settings", "kept_for", "for_ever"),
    [
        ({}, None, None),
        ({"retention__ms": "86400000"}, DAY, False),
        ({"retention__ms": "86400000", "cleanup__policy": "delete"}, DAY, False),
        ({"retention__ms": "-1"}, None, True),
        ({"cleanup__policy": "compact"}, None, True),
        ({"retention__ms": "86400000", "cleanup__policy": "compact,delete"}, DAY, False),
    ],
)
def test_how_long_records_stay_is_told_by_the_topic(
    kept: Store, settings: dict[str, str], kept_for: timedelta | None, for_ever: bool | None
) -> None:
    orders = reads(kept, "orders", "billing")
    told(kept, orders, **settings)
    subject(kept, "orders-value", versions="1")
    one = built(kept, subjects.Contract)["main/orders-value"]
    assert one.endless is for_ever
    assert for_ever or one.retention == kept_for


@pytest.mark.parametrize(
    ("commits", "went_back"),
    [
        ([], None),
        ([100, 110, 120], False),
        ([100, 110, 105, 120], False),  # a rebalance before a commit: a few again
        ([100, 110, 120, 10], True),
    ],
)
def test_a_reader_that_falls_behind_where_it_was_a_quarter_of_an_hour_ago_went_back(
    kept: Store, commits: list[int], went_back: bool | None
) -> None:
    orders = reads(kept, "orders", "billing")
    subject(kept, "orders-value", versions="1")
    ref = seam.group_on_topic(orders, seam.group("billing", "prod"))
    step = timedelta(minutes=10)
    kept.record([Sample(ref, "committed", NOON - step * (len(commits) - n), float(v)) for n, v in enumerate(commits)])
    assert built(kept, subjects.Contract)["main/orders-value"].replayed is went_back
