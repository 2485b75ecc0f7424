"""Three real nodes, of which one is killed, or stands still: the others are seen all the same, and it comes back."""

import time

import pytest

from agent.model.kafka.look import UNSEEN, Look
from collectors.kafka.watch import Watch
from tests.kafka.estate import Estate, eventually
from tests.kafka.looking import column, watching
from tests.kafka.servers import Cluster

pytestmark = [pytest.mark.real, pytest.mark.slow]
TIMEOUT = 2.0  #: s, of one request


def whole(look: Look, topic: str) -> bool:
    """All of a topic is seen; a node may not have heard of one that was just made, or of who leads it."""
    known = look.topics is not None and topic in look.topics.rows.names
    return known and UNSEEN not in column(look, "end", topic)


def seen_again(watch: Watch, topic: str) -> bool:
    watch._told_at = 0.0  # the metadata is read every minute; a test has not so long
    return whole(watch.look(), topic)


def test_a_killed_node_costs_its_own_part_until_others_lead_and_it_comes_back(cluster: Cluster) -> None:
    with Estate(cluster.bootstrap) as estate:
        topic = estate.topic(partitions=6, replicas=2, config={"min.insync.replicas": "1"})
        lonely = estate.topic("lonely", partitions=6, replicas=1)
        estate.produce(topic, 5)
    with watching(*cluster.bootstrap, timeout=TIMEOUT) as watch:
        eventually(lambda: seen_again(watch, topic) and whole(watch.look(), lonely), "both topics are seen")
        cluster.kill(2)
        began = time.monotonic()
        look = watch.look()
        assert time.monotonic() - began < 10 * TIMEOUT
        assert look.topics is not None, "what the others lead is seen"
        assert any(end != UNSEEN for end in column(look, "end", topic))
        assert look.refused["offsets"], "and what is not seen is said"
        eventually(lambda: seen_again(watch, topic), "others lead its partitions", within=60)
        look = watch.look()
        assert look.topics is not None
        assert UNSEEN in column(look, "end", lonely), "nobody else has these"
        assert (look.topics.about[lonely].offline or 0) >= 1
        assert look.topics.about[topic].in_sync == 1
        cluster.up()
        eventually(lambda: seen_again(watch, lonely), "all is seen again", within=60)


def test_a_node_that_stands_still_keeps_nobody_waiting_for_ever(cluster: Cluster) -> None:
    with Estate(cluster.bootstrap) as estate:
        topic = estate.topic(partitions=6, replicas=1)
    with watching(*cluster.bootstrap, timeout=TIMEOUT) as watch:
        eventually(lambda: seen_again(watch, topic), "the topic is seen")
        cluster.pause(3)
        began = time.monotonic()
        look = watch.look()
        took = time.monotonic() - began
        assert took < 2 * TIMEOUT, "all that it is asked costs one deadline"
        assert any(end != UNSEEN for end in column(look, "end", topic))
        assert UNSEEN in column(look, "end", topic)
        assert "timed out" in " ".join(look.refused.values())
        cluster.resume(3)
        eventually(lambda: seen_again(watch, topic), "all is seen again", within=60)
