"""What changed when, from the looks of a cluster: topics, groups, brokers, client metrics, rights, and no more."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from agent.model import seam
from agent.model.facts import Setting
from agent.model.kafka.facts import Fold
from agent.model.kafka.look import Group, Look, Member, Segments, TopicAbout, Topics
from agent.store.history import Asked, Change
from agent.store.store import Store, open_store

START = datetime(2026, 11, 1, tzinfo=UTC)
WEEK, DAY = "604800000", "86400000"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


def topic(identity: str = "a", retention: str = WEEK, **more: str | None) -> TopicAbout:
    settings = {"cleanup.policy": "delete", "retention.ms": retention, **more}
    return TopicAbout(identity=identity, in_sync=1, settings=settings, own=frozenset({"retention.ms"}))


def look(minutes: float, cluster: str = "prod", **topics: TopicAbout) -> Look:
    rows = Segments.of([(name, [0]) for name in topics])
    column = np.zeros(len(topics), dtype=np.int64)
    read = Topics(rows, column, column, column, np.full(len(topics), np.nan), topics)
    broker: dict[str, str | None] = {"min.insync.replicas": "1", "offsets.retention.minutes": "10080"}
    group = Group("consumer", "Stable", members=(), settings={"consumer.session.timeout.ms": "45000"})
    return Look(
        cluster,
        START + timedelta(minutes=minutes),
        topics=read,
        groups={"billing": group},
        broker=broker,
        brokers=3,
        acls=("Allow User:a Read Topic:orders from *",),
        client_metrics={"all": {"interval.ms": "60000"}},
    )


def keep(store: Store, fold: Fold, *looks: Look) -> None:
    for one in looks:
        store.record(settings=[fact for fact in fold.facts(one) if isinstance(fact, Setting)])


def asked(store: Store, **more: object) -> list[Change]:
    return store.changes(Asked(START, START + timedelta(days=1), **more), 500)  # type: ignore[arg-type]


def told(changes: list[Change]) -> list[tuple[str, str, str | None, str | None]]:
    return [(one.kind, one.name, one.before, one.after) for one in changes]


def test_what_is_read_first_or_stays_is_no_change(store: Store) -> None:
    keep(store, Fold(), look(0, orders=topic()), look(5, orders=topic()), look(30, orders=topic()))
    assert asked(store) == []


def test_every_kind_of_change_is_told_with_what_was_before_newest_first(store: Store) -> None:
    first = look(0, orders=topic())
    group = Group("consumer", "Empty", members=(), settings={"consumer.session.timeout.ms": "50000"})
    later = replace(
        look(20, orders=topic(retention=DAY)),
        groups={"billing": group},
        broker={"min.insync.replicas": "2", "offsets.retention.minutes": "10080"},
        origins={"min.insync.replicas": "dynamic, set on all brokers"},
        acls=("Allow User:b Read Topic:orders from *",),
        client_metrics={"few": {"interval.ms": "9000"}},
    )
    keep(store, Fold(), first, look(10, orders=topic()), later, replace(later, at=START + timedelta(minutes=40)))
    found = asked(store)
    assert sorted(told(found), key=str) == sorted(
        [
            ("topic", "retention.ms", WEEK, DAY),
            ("group", "config.consumer.session.timeout.ms", "45000", "50000"),
            ("broker", "broker.min.insync.replicas", "1", "2"),
            ("client metrics", "client_metrics.all", "interval.ms=60000", None),
            ("client metrics", "client_metrics.few", None, "interval.ms=9000"),
            ("rights", "acls", "Allow User:a Read Topic:orders from *", "Allow User:b Read Topic:orders from *"),
        ],
        key=str,
    ), "a state is no setting"
    assert {one.at for one in found} == {START + timedelta(minutes=20)}
    sources = {one.name: one.source for one in found}
    assert sources["retention.ms"] == "kafka, set on the topic"
    assert sources["broker.min.insync.replicas"] == "kafka, dynamic, set on all brokers"


def test_a_topic_that_goes_and_one_of_the_same_name_are_told_as_such(store: Store) -> None:
    fold = Fold()
    keep(store, fold, look(0, orders=topic("a"), books=topic("b")), look(10, books=topic("b")))
    keep(store, fold, look(20, orders=topic("c", DAY), books=topic("b")), look(30, orders=topic("c", DAY)))
    keep(store, fold, look(40, orders=topic("c", DAY), books=topic("b"), fresh=topic("d")))
    found = [
        (int((one.at - START).total_seconds()) // 60, one.component.name, one.name, one.before, one.earlier, one.after)
        for one in asked(store)
    ]
    assert sorted(found, key=str) == [
        (10, "prod/orders", "id", "a", "a", None),
        (20, "prod/orders", "id", None, "a", "c"),
        (20, "prod/orders", "retention.ms", WEEK, WEEK, DAY),
        (30, "prod/books", "id", "b", "b", None),
        (40, "prod/books", "id", None, "b", "b"),
        (40, "prod/fresh", "id", None, None, "d"),
    ]
    gone = [one for one in asked(store) if one.after is None]
    assert [(one.component.name, one.at) for one in gone] == [
        ("prod/books", START + timedelta(minutes=30)),
        ("prod/orders", START + timedelta(minutes=10)),
    ]


def test_a_list_that_was_refused_takes_no_topic_away(store: Store) -> None:
    short = replace(look(10, books=topic("b")), refused={"topics": "only 1 shown: the right Describe Topic is missing"})
    keep(store, Fold(), look(0, orders=topic(), books=topic("b")), short)
    assert asked(store) == []


def test_a_setting_that_is_set_later_and_taken_back_is_a_change(store: Store) -> None:
    throttled = topic(**{"follower.replication.throttled.replicas": "*"})
    keep(store, Fold(), look(0, orders=topic()), look(10, orders=throttled), look(20, orders=topic()))
    name = "follower.replication.throttled.replicas"
    assert told(asked(store)) == [("topic", name, "*", None), ("topic", name, None, "*")]


def test_changes_are_asked_for_by_kind_cluster_component_and_time(store: Store) -> None:
    fold, other = Fold(), Fold()
    keep(store, fold, look(0, orders=topic(), o=topic()), look(10, orders=topic(retention=DAY), o=topic(retention=DAY)))
    keep(store, other, look(0, "test", orders=topic()), look(10, "test", orders=topic(retention=DAY)))
    keep(store, other, replace(look(20, "test", orders=topic(retention=DAY)), brokers=4))
    assert len(asked(store)) == 4
    assert told(asked(store, kinds=("broker",))) == [("broker", "brokers", "3", "4")]
    assert {one.component.name for one in asked(store, cluster="test")} == {"test/orders", "kafka/test"}
    assert asked(store, cluster="tes") == []
    assert [one.component.name for one in asked(store, components=(seam.topic("o", "prod"),))] == ["prod/o"]
    late = store.changes(Asked(START + timedelta(minutes=15), START + timedelta(days=1)))
    assert told(late) == [("broker", "brokers", "3", "4")]
    assert store.changes(Asked(START, START + timedelta(minutes=10))) == [], "until is not within"


def test_pages_follow_each_other_without_a_gap_or_a_repetition(store: Store) -> None:
    names = [f"t{number}" for number in range(23)]
    fold = Fold()
    keep(store, fold, look(0, **{name: topic() for name in names}))
    keep(store, fold, look(10, **{name: topic(retention=DAY) for name in names}))
    keep(store, fold, look(20, **{name: topic(retention="1") for name in names}))
    everything, found, before = asked(store), list[Change](), ""
    while page := store.changes(Asked(START, START + timedelta(days=1), before=before), 5):
        found += page
        before = page[-1].cursor
    assert found == everything
    assert len(found) == 46
    with pytest.raises(ValueError, match="no cursor"):
        asked(store, before="5")


def test_what_is_shown_as_it_was_last_grows_nothing(store: Store) -> None:
    group = seam.group("billing", "prod")
    fold = Fold()
    for minute in range(50):
        member = Member(f"m-{minute}", "billing", None, frozenset({("orders", minute)}), host="/10.0.0.7")
        one = replace(look(minute, orders=topic()), groups={"billing": Group("classic", "Stable", members=(member,))})
        keep(store, fold, one)
    found = store.latest(group, "now.members")
    assert found is not None
    assert '"a":{"orders":"49"}' in found[0]
    assert found[1] == START + timedelta(minutes=49)
    with store.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM settings WHERE name = 'now.members'").scalar()
    assert rows == 1
    assert "now.members" not in store.settings_as_of(START + timedelta(days=1))[group]
    assert [one for one in store.setting_history(group, START) if one.name.startswith("now.")] == []
    assert asked(store, kinds=("group",)) == []


def test_settings_in_force_have_their_source_and_those_that_are_unset_are_left_out(store: Store) -> None:
    fold, place = Fold(), seam.topic("orders", "prod")
    keep(store, fold, look(0, orders=topic(**{"flush.ms": "1"})), look(10, orders=topic(retention=DAY)))
    found = store.in_force(place)
    assert (found["retention.ms"].value, found["retention.ms"].source) == (DAY, "kafka, set on the topic")
    assert found["cleanup.policy"].source == "kafka"
    assert "flush.ms" not in found
