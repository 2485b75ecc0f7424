"""Records looked at on a real broker: what is told of them, what is never kept, and who may not."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer

from agent.app.asked_kafka import KafkaPull
from agent.config.estates import Cluster
from agent.config.words import Address
from agent.model.facts import Sample
from agent.model.kafka.look import Sampled
from collectors.kafka.access import Access
from collectors.kafka.batches import MOST_UNPACKED
from collectors.kafka.sampling import BEHIND, EACH
from collectors.kafka.watch import STEADY, Watch
from tests.kafka.estate import Estate, Record
from tests.kafka.looking import login
from tests.kafka.servers import Secure
from tests.kafka.virtual import Virtual, said, virtually

pytestmark = pytest.mark.real


@pytest.fixture
def sampled(broker: str, estate: Estate, tmp_path: Path) -> Iterator[Virtual]:
    with virtually([broker], estate, tmp_path, ["sampled-*"]) as found:
        yield found


def events(count: int, first: int = 0, **more: object) -> list[Record]:
    """Records with an identity, as CloudEvents in binary mode."""
    return [
        Record(
            json.dumps({"total": number, **more}).encode(),
            headers=(("ce_id", str(number).encode()), ("ce_source", b"/shop")),
        )
        for number in range(first, first + count)
    ]


def look(watch: Watch, topic: str) -> Sampled:
    return watch.look().sampled[topic]


def all_of(watch: Watch, topic: str, looks: int) -> int:
    return sum(look(watch, topic).records for _ in range(looks))


def test_only_what_is_asked_for_is_looked_at_and_nobody_joins_or_commits(broker: str, estate: Estate) -> None:
    asked, other = estate.topic("sampled-orders", partitions=3), estate.topic("orders")
    for topic in (asked, other):
        estate.send(topic, events(30))
    before = estate.groups()
    watch = Watch(Access("test", (broker,)), ["sampled-*"])
    plain = Watch(Access("test", (broker,)))
    try:
        first = watch.look()
        assert asked in first.sampled
        assert other not in first.sampled
        assert first.sampled[asked].records == 30
        assert first.sampled[asked].identified == 30
        assert first.refused["records"] == ""
        assert plain.look().sampled == {}
        assert "Fetch" not in plain.link.requests, "off by default"
        assert {kind for kind in watch.link.requests if "Commit" in kind or "Join" in kind} == set()
    finally:
        watch.close()
        plain.close()
    assert estate.groups() == before


def test_each_record_is_looked_at_once_and_a_flood_is_passed_over(broker: str, estate: Estate) -> None:
    topic = estate.topic("sampled-flood")
    estate.send(topic, events(20))
    watch = Watch(Access("test", (broker,)), [topic])
    try:
        assert look(watch, topic).records == 20
        assert look(watch, topic).records == 0
        estate.send(topic, events(5, 20))
        assert look(watch, topic).records == 5
        estate.send(topic, events(BEHIND + EACH + 1, 1_000))
        found = look(watch, topic)
        assert found.passed_over == BEHIND + 1
        assert found.records + all_of(watch, topic, 4) == EACH
        before = watch.link.requests.total()
        watch.look()
        assert watch.link.requests.total() - before <= STEADY
    finally:
        watch.close()


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec_of_a_real_producer(broker: str, estate: Estate, codec: str) -> None:
    topic = estate.topic(f"sampled-{codec}")
    producer = Producer({"bootstrap.servers": broker, "compression.type": codec, "linger.ms": 50})
    for number in range(100):
        producer.produce(topic, b'{"total": 1}' * 20, headers={"message-id": str(number).encode()})
    producer.flush(30)
    watch = Watch(Access("test", (broker,)), [topic])
    try:
        found = look(watch, topic)
    finally:
        watch.close()
    assert (found.records, found.identified, found.unread) == (100, 100, 0)


def test_what_unpacks_to_too_much_is_counted_and_what_follows_is_looked_at(broker: str, estate: Estate) -> None:
    topic = estate.topic("sampled-bomb")
    producer = Producer({"bootstrap.servers": broker, "compression.type": "zstd", "message.max.bytes": 100_000_000})
    producer.produce(topic, b"\0" * (MOST_UNPACKED + 1))
    producer.flush(30)
    estate.send(topic, events(5))
    cluster = Cluster(bootstrap=(Address("127.0.0.1", int(broker.rpartition(":")[2])),), sample=(topic,))
    pull = KafkaPull("prod", cluster, Path(), lambda: datetime.now(UTC))
    try:
        seen = pull.look()
        assert seen.dropped == {"a batch unpacks to more than 16 MiB": 1}
        assert pull.look().dropped == {}, "it is told once"
    finally:
        pull.close()
    counts = {fact.name: fact.value for fact in seen.facts if isinstance(fact, Sample) and topic in fact.subject.name}
    assert (counts["sampled"], counts["sampled_unread"]) == (5, 1)


def test_aborted_records_and_a_topic_made_anew(broker: str, estate: Estate) -> None:
    topic = estate.topic("sampled-transactions")
    estate.transact(topic, 3)
    estate.abort(topic, 4)
    estate.transact(topic, 2)
    watch = Watch(Access("test", (broker,)), [topic])
    try:
        assert look(watch, topic).records == 5
        estate.recreate(topic)
        estate.send(topic, events(7))
        watch._told_at = 0.0  # metadata are read each minute; not waited for here
        assert look(watch, topic).records == 7
    finally:
        watch.close()


def test_a_name_that_no_topic_has_is_said(broker: str, estate: Estate) -> None:
    watch = Watch(Access("test", (broker,)), ["sampled-no-such", "__consumer_offsets"])
    try:
        found = watch.look()
    finally:
        watch.close()
    assert found.sampled == {}
    assert found.refused["records"] == (
        "sample: no topic is named 'sampled-no-such' or '__consumer_offsets' (`*` stands for any characters)"
    )


def test_without_the_right_to_read_it_is_blind_and_the_right_is_named(secure: Secure) -> None:
    with Estate(secure.plain) as admin:
        topic = admin.topic("sampled-secret")
        admin.send(topic, events(10))
        admin.grant("User:agent", "DESCRIBE", "TOPIC", topic)
        watch = Watch(Access("test", (secure.bootstrap,), **login(secure, "agent")), [topic])
        try:
            found = watch.look()
            assert found.sampled[topic].records == 0
            assert found.refused["records"] == f"records of {topic}: the right Read Topic is missing"
            admin.grant("User:agent", "READ", "TOPIC", topic)
            assert look(watch, topic).records == 10
        finally:
            watch.close()
            admin.revoke("User:agent", "READ", "TOPIC", topic)
            admin.revoke("User:agent", "DESCRIBE", "TOPIC", topic)


# -- the rules that read it


def send_each(v: Virtual, topics: Mapping[str, list[Record]]) -> None:
    for topic, records in topics.items():
        v.estate.send(topic, records)
    v.run(4)
    v.judge()


def test_records_without_an_identity_are_found_and_a_few_old_ones_are_not(sampled: Virtual) -> None:
    v, estate = sampled, sampled.estate
    bare, few = estate.topic("sampled-bare"), estate.topic("sampled-few")
    states = estate.topic("sampled-states", config={"cleanup.policy": "compact"})
    nameless = [Record(json.dumps({"total": n}).encode(), headers=(("x-producer", b"shop 2.4"),)) for n in range(90)]
    send_each(
        v,
        {
            bare: events(210) + nameless,
            few: events(298) + nameless[:2],
            states: [Record(b'{"name": "x"}', key=str(n % 50).encode()) for n in range(300)],
        },
    )
    assert said(v, "IDM-03", bare) == "fails"
    shown = v.verdicts["IDM-03", bare]
    assert "90 of 300 records" in shown.says
    assert shown.show["sent by"] == "shop 2.4"
    assert said(v, "IDM-03", few) == "meets"
    assert said(v, "IDM-03", states) == "not_applicable"


def test_an_identity_of_two_events_is_found_and_a_second_sending_is_none(sampled: Virtual) -> None:
    v, estate = sampled, sampled.estate
    counter, again = estate.topic("sampled-counter"), estate.topic("sampled-again")
    resent = [Record(one.value.replace(b"}", b', "time": "later"}'), headers=one.headers) for one in events(40)]  # type: ignore[union-attr]
    send_each(v, {counter: events(320) + events(40, first=0, restarted=True), again: events(320) + resent})
    assert said(v, "IDM-04", counter) == "fails"
    assert v.verdicts["IDM-04", counter].says.startswith("40 identities in test/sampled-counter")
    assert said(v, "IDM-04", again) == "meets"


def test_dead_letters_are_known_by_their_headers_and_their_failures_are_named(sampled: Virtual) -> None:
    v, estate = sampled, sampled.estate
    source, group = estate.topic("sampled-invoices"), estate.name("billing")
    queue, plain = estate.topic("sampled-parked"), estate.topic("sampled-plain")
    headers = (
        ("kafka_dlt-original-topic", source.encode()),
        ("kafka_dlt-exception-fqcn", b"org.example.TaxTableMissing"),
        ("kafka_dlt-exception-message", b"Ann Onymous has no tax number"),
    )
    v.write(source, 50)
    v.read(group, source, 50)
    old = v.now - timedelta(days=3)
    estate.send(queue, [Record(b'{"name": "Ann Onymous"}', headers=headers, at=old)] * 12)
    estate.send(plain, [Record(b'{"name": "x"}', at=old)] * 12)
    v.run(4)
    v.judge()
    assert said(v, "DLQ-01", group) == "meets"
    assert said(v, "DLQ-03", queue) == "fails"
    shown = v.verdicts["DLQ-03", queue].show
    assert shown["known by"] == "headers"
    assert shown["letters of"] == f"test/{source}"
    assert shown["failures that their headers name"] == "TaxTableMissing"
    assert said(v, "DLQ-03", plain) == "not_applicable"


def test_no_content_reaches_the_store(sampled: Virtual, tmp_path: Path) -> None:
    topic = sampled.estate.topic("sampled-people")
    people = [Record(b'{"name": "Ann Onymous"}', key=b"ann@example.com", headers=(("message-id", b"id-of-ann"),))] * 3
    send_each(sampled, {topic: people})
    sampled.store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("store.db*"))
    assert topic.encode() in kept
    assert not any(word in kept for word in (b"Onymous", b"ann@example.com", b"id-of-ann"))
