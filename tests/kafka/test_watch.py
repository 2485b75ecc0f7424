"""A real cluster, watched: groups of every protocol, lag in messages and seconds, what happens to topics."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from agent.model.facts import Sample
from agent.model.kafka.facts import Fold
from agent.model.kafka.look import Look
from collectors.kafka.watch import Watch
from tests.kafka.estate import Estate, Record, eventually
from tests.kafka.looking import ages, column, lag, watching

pytestmark = pytest.mark.real


def group(look: Look, name: str) -> "tuple[str | None, str, int]":
    assert look.groups is not None
    found = look.groups[name]
    return found.protocol, (found.state or "").lower(), len(found.members or ())


def test_groups_of_every_protocol_are_seen_alive_with_what_they_read(broker: str, estate: Estate) -> None:
    topic = estate.topic(partitions=2)
    estate.produce(topic, 5)
    classic, static, modern, shared = (estate.name(word) for word in ("classic", "static", "modern", "shared"))
    estate.join(classic, topic)
    estate.join(static, topic, instance="one")
    estate.join_consumer(modern, topic)
    share = estate.join_share(shared, topic)
    eventually(lambda: len(share.values()) == 5, "the share group has read")
    with watching(broker) as watch:
        look = watch.look()
        assert group(look, classic) == ("classic", "stable", 1)
        assert group(look, static) == ("classic", "stable", 1)
        assert group(look, modern) == ("consumer", "stable", 1)
        assert group(look, shared) == ("share", "stable", 1)
        assert look.groups is not None
        [member] = look.groups[static].members or ()
        assert (member.instance, member.assigned) == ("one", {(topic, 0), (topic, 1)})
        [new] = look.groups[modern].members or ()
        assert new.assigned == new.target == {(topic, 0), (topic, 1)}
        assert (look.groups[modern].epoch or 0) >= 1
        assert look.groups[modern].assignor
        assert not any("dead" in (one.state or "").lower() for one in look.groups.values())
        claimed = {f.name for f in Fold().facts(look) if isinstance(f, Sample) and shared in f.subject.name}
        assert "lag" not in claimed or lag(look, shared, topic)[0] == 0, "before it has acknowledged, nobody knows"


@pytest.mark.slow
def test_a_streams_group_is_seen_with_the_partitions_that_its_tasks_read(broker: str, estate: Estate) -> None:
    topics = topic, _ = "streams-plaintext-input", "streams-wordcount-output"  # so Kafka's own example has it
    name = estate.name("words")
    for each in topics:
        estate._create(each, 2, 1, {})
    try:
        member = estate.join_streams(name)
        estate.produce(topic, 5, Record(b"all streams lead to kafka", key=b"k"))
        with watching(broker) as watch:

            def read() -> bool:
                look = watch.look()
                return look.committed is not None and (name, topic) in look.committed.rows.names

            eventually(read, "the first commit", within=60)
            look = watch.look()
            assert look.groups is not None
            assert group(look, name) == ("streams", "stable", 1)
            [found] = look.groups[name].members or ()
            assert found.assigned == found.target
            assert {place for place in found.assigned or () if place[0] == topic} == {(topic, 0), (topic, 1)}
            assert {number for word, number in found.assigned or () if word.endswith("-repartition")} == {0, 1}
            assert (look.groups[name].epoch or 0) >= 1
            eventually(lambda: lag(watch.look(), name, topic)[0] == 0, "it has read", within=30)
            member.leave()
            eventually(lambda: group(watch.look(), name)[1:] == ("empty", 0), "it is empty", within=60)
    finally:
        for each in topics:
            estate.drop(each)


def test_a_group_that_left_is_empty_and_its_lag_stays(broker: str, estate: Estate) -> None:
    topic, name = estate.topic(partitions=3), estate.name("batch")
    for partition in range(3):
        estate.produce(topic, 10, Record(partition=partition))
    estate.commit(name, {(topic, 0): 10, (topic, 1): 4, (topic, 2): 0})
    with watching(broker) as watch:
        look = watch.look()
        assert group(look, name) == ("classic", "empty", 0)
        assert lag(look, name, topic) == {0: 0, 1: 6, 2: 10}
        assert ages(look, name, topic)[0] == 0


KINDS = ("steady", "bursty", "hourly", "diurnal")


def stamps(kind: str, rng: random.Random, now: datetime) -> list[datetime]:
    """Times of a day up to now, not too many: each is a real record."""
    at, found = now - timedelta(hours=24), list[datetime]()
    while at < now - timedelta(seconds=5):
        if kind == "steady":
            at += timedelta(seconds=rng.uniform(40, 50))
            found.append(at)
        elif kind == "bursty":
            at += timedelta(minutes=rng.uniform(15, 25))
            found += [at + timedelta(milliseconds=3 * step) for step in range(30)]
        elif kind == "hourly":
            at += timedelta(hours=1)
            found += [at + timedelta(milliseconds=step) for step in range(100)]
        else:
            rate = 0.002 + 0.05 * max(0.0, math.sin(at.timestamp() % 86_400 / 86_400 * 2 * math.pi))
            at += timedelta(seconds=rng.expovariate(rate))
            found.append(at)
    return [one.replace(microsecond=one.microsecond // 1000 * 1000) for one in found if one < now]


@pytest.mark.parametrize("kind", KINDS)
def test_lag_in_seconds_is_right_within_a_second_at_the_first_look(broker: str, estate: Estate, kind: str) -> None:
    rng, now = random.Random(f"real {kind}"), datetime.now(UTC)
    topic = estate.topic(partitions=4, config={"retention.ms": "-1"})
    told = {partition: stamps(kind, rng, now) for partition in range(4)}
    for partition, times in told.items():
        estate.send(topic, [Record(at=at, partition=partition) for at in times])
    names = [estate.name("reader") for _ in range(3)]
    done = {name: {partition: rng.randrange(len(times)) for partition, times in told.items()} for name in names}
    for name, offsets in done.items():
        estate.commit(name, {(topic, partition): offset for partition, offset in offsets.items()})
    with watching(broker) as watch:
        look = watch.look()
        for name in names:
            found = ages(look, name, topic)
            for partition, offset in done[name].items():
                true = (look.at - told[partition][offset]).total_seconds()
                assert found[partition] == pytest.approx(true, abs=1.0), (kind, partition, offset)


def test_a_marker_of_a_transaction_makes_no_record_older_than_it_is(broker: str, estate: Estate) -> None:
    topic, reader, behind = estate.topic(), estate.name("reader"), estate.name("behind")
    old = datetime.now(UTC) - timedelta(hours=5)
    estate.transact(topic, 3, Record(at=old))
    estate.produce(topic, 1)
    assert estate.ends(topic) == {0: 5}, "three records, a marker, and one record more"
    estate.commit(reader, {(topic, 0): 3})
    estate.commit(behind, {(topic, 0): 1})
    with watching(broker) as watch:
        look = watch.look()
        assert (lag(look, reader, topic), lag(look, behind, topic)) == ({0: 2}, {0: 4})
        assert ages(look, reader, topic)[0] < 60, "what is before the marker was read"
        assert ages(look, behind, topic)[0] == pytest.approx(5 * 3600, abs=60)


def test_a_stamp_of_the_future_hides_no_backlog(broker: str, estate: Estate) -> None:
    topic, name = estate.topic(config={"message.timestamp.after.max.ms": "90000000"}), estate.name("reader")
    estate.produce(topic, 1, Record(at=datetime.now(UTC) + timedelta(hours=20)))
    estate.produce(topic, 5)
    estate.commit(name, {(topic, 0): 2})
    clock = Clock()
    with watching(broker) as watch:
        watch._clock = clock
        fold, told = Fold(), list[Sample]()
        for _ in range(4):
            told = [fact for fact in fold.facts(watch.look()) if isinstance(fact, Sample)]
            clock.on(60)
        seen = {sample.name: sample.value for sample in told if name in sample.subject.name}
        assert seen["age_seconds"] >= 170, "it was there at the first look"
        assert seen["stamp_skew_seconds"] > 0


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self._at = datetime.now(UTC)

    def on(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)

    def __call__(self) -> datetime:
        return self._at


def test_records_deleted_before_they_were_read_are_counted(broker: str, estate: Estate) -> None:
    topic, name = estate.topic(), estate.name("reader")
    estate.produce(topic, 20)
    estate.commit(name, {(topic, 0): 5})
    estate.cut(topic, before=12)
    with watching(broker) as watch:
        facts = list(Fold().facts(watch.look()))
        lost = [f.value for f in facts if isinstance(f, Sample) and f.name == "lost" and name in f.subject.name]
        assert lost == [7]


def test_an_open_transaction_is_told_with_who_holds_it(broker: str, estate: Estate) -> None:
    topic = estate.topic()
    transaction = estate.leave_open(topic, 4)
    with watching(broker) as watch:
        look = until(watch, lambda look: bool(look.transactions))
        [mine] = [one for one in look.transactions or () if one.name == transaction]
        assert (mine.state, mine.partitions) == ("Ongoing", ((topic, 0),))
        assert mine.started is not None
        look = until(watch, lambda look: column(look, "stable", topic) == [0])
        assert column(look, "end", topic) == [4]


def until(watch: Watch, found: "object", looks: int = 12) -> Look:
    """Look until something is seen: errands come by turns."""
    for _ in range(looks):
        look = watch.look()
        if found(look):  # type: ignore[operator]
            return look
    raise AssertionError("not seen")


def test_who_writes_without_idempotence_is_told_from_who_does_not(broker: str, estate: Estate) -> None:
    plain, safe = estate.topic("plain"), estate.topic("safe")
    fold, told = Fold(), dict[tuple[str, str], float]()
    with watching(broker) as watch:
        for _ in range(4):
            estate.produce(plain, 3, enable_idempotence=False)
            estate.produce(safe, 3)
            watch.errands.soon("producers")
            facts = [fact for fact in fold.facts(watch.look()) if isinstance(fact, Sample)]
            told |= {(sample.subject.name, sample.name): sample.value for sample in facts}
    assert told[f"test/{plain}", "written_partitions"] == told[f"test/{plain}", "plain_partitions"] == 1
    assert told[f"test/{safe}", "written_partitions"] == 1
    assert told[f"test/{safe}", "plain_partitions"] == 0


def test_a_topic_that_is_deleted_and_made_anew_is_a_new_one(broker: str, estate: Estate) -> None:
    topic, name = estate.topic(), estate.name("reader")
    estate.produce(topic, 50)
    estate.commit(name, {(topic, 0): 10})
    clock = Clock()
    with watching(broker) as watch:
        watch._clock = clock
        first = watch.look()
        assert first.topics is not None
        assert lag(first, name, topic) == {0: 40}
        estate.recreate(topic)
        estate.produce(topic, 3)
        clock.on(61)
        again = watch.look()
        assert again.topics is not None
        assert again.topics.about[topic].identity != first.topics.about[topic].identity
        assert column(again, "end", topic) == [3]
        assert again.committed is not None
        assert (name, topic) not in again.committed.rows.names, "its offsets went with it"
        estate.drop(topic)
        clock.on(61)
        last = watch.look()
        assert last.topics is not None
        assert topic not in last.topics.rows.names
