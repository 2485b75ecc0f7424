"""What changed when, on a real cluster: settings with where they come from, a topic deleted and made again, members."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.model import seam
from agent.model.facts import Run, Sample, Setting, Sighting
from agent.model.kafka.facts import Fold
from agent.model.kafka.snapshots import members_of, partitions_of
from agent.store.history import Asked, Change
from agent.store.store import Store, open_store
from collectors.kafka.watch import Watch
from tests.kafka.estate import Estate, Record
from tests.kafka.looking import watching

pytestmark = pytest.mark.real
ERRANDS = ("topic settings", "broker settings", "group settings", "client metrics", "rights")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


class Looking:
    """Looks at a cluster, everything anew each time, and keeps what it tells."""

    def __init__(self, watch: Watch, store: Store) -> None:
        self._watch, self._store, self._fold = watch, store, Fold()

    def look(self) -> None:
        for errand in ERRANDS:
            self._watch.errands.soon(errand)
            self._watch.know()
            facts = list(self._fold.facts(self._watch.look()))
            kinds: tuple[type, ...] = (Sample, Setting, Run, Sighting)
            self._store.record(*([fact for fact in facts if isinstance(fact, kind)] for kind in kinds))


def changes(store: Store, topic: str) -> list[Change]:
    place = seam.topic(topic, "test")
    now = max(one.since for one in store.in_force(place).values())
    return store.changes(Asked(now - timedelta(hours=1), now + timedelta(hours=1), components=(place,)), 100)


def test_a_setting_that_somebody_sets_is_a_change_with_its_source_and_other_topics_have_none(
    broker: str, estate: Estate, store: Store
) -> None:
    topic, other = estate.topic(config={"retention.ms": "604800000"}), estate.topic()
    with watching(broker) as watch:
        looking = Looking(watch, store)
        looking.look()
        before = store.in_force(seam.topic(topic, "test"))
        assert before["retention.ms"].source == "kafka, set on the topic"
        assert before["cleanup.policy"].source == "kafka, default"
        assert changes(store, topic) == []
        estate.configure("topic", topic, {"retention.ms": "86400000", "flush.ms": "1000"})
        looking.look()
        told = {one.name: (one.before, one.after, one.source) for one in changes(store, topic)}
        assert told == {
            "retention.ms": ("604800000", "86400000", "kafka, set on the topic"),
            "flush.ms": (None, "1000", "kafka, set on the topic"),
        }
        assert changes(store, other) == []


def test_a_topic_that_is_deleted_and_made_again_is_another_one(broker: str, estate: Estate, store: Store) -> None:
    topic, other = estate.topic(partitions=2), estate.topic(partitions=2)
    with watching(broker) as watch:
        looking = Looking(watch, store)
        looking.look()
        estate.recreate(topic, partitions=3)
        watch._told_at = 0.0  # the metadata is due
        looking.look()
        told = {one.name: one for one in changes(store, topic)}
        assert (told["partitions"].before, told["partitions"].after) == ("2", "3")
        first = told["id"].earlier
        assert first is not None
        assert told["id"].after not in (None, first)
        assert changes(store, other) == []


def test_members_and_partitions_are_kept_as_they_are(broker: str, estate: Estate, store: Store) -> None:
    topic, classic, modern = estate.topic(partitions=3), estate.name("classic"), estate.name("modern")
    estate.join(classic, topic, client_id="reader-1", instance="one")
    estate.join_consumer(modern, topic)
    behind = estate.name("behind")
    estate.produce(topic, 7, Record(partition=2))
    estate.commit(behind, {(topic, partition): 0 for partition in range(3)})
    with watching(broker) as watch:
        Looking(watch, store).look()
    found = {}
    for name in (classic, modern):
        told = store.latest(seam.group(name, "test"), "now.members")
        assert told is not None
        [found[name]] = members_of(told[0]).shown
    assert (found[classic].client, found[classic].instance) == ("reader-1", "one")
    assert found[classic].host == "127.0.0.1"
    assert found[modern].host == "127.0.0.1"
    assert found[classic].assigned == found[modern].assigned == {topic: "0-2"}
    told = store.latest(seam.group(behind, "test"), f"now.on:{topic}")
    assert told is not None
    assert [cell.lag for cell in partitions_of(told[0]).cells] == [0, 0, 7]
