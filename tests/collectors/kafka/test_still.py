"""Brokers that take connections and say nothing: what one look may cost, and that the others are seen."""

import pytest

from agent.model.kafka.look import UNSEEN, Look
from collectors.kafka.access import Access, TroubleError, Why
from collectors.kafka.link import Link
from collectors.kafka.watch import Watch
from tests.collectors.kafka.brokers import END, METADATA, TOPIC, Node, honest, nodes, seconds, silent, watched

TIMEOUT = 1.0  #: s, of one request


def ends(look: Look) -> list[int]:
    assert look.topics is not None
    assert look.topics.rows.names == (TOPIC,)
    return [int(end) for end in look.topics.end]


def test_a_broker_that_stands_still_costs_a_look_one_timeout_and_is_knocked_at_in_the_next() -> None:
    with nodes() as made, watched(made, TIMEOUT) as watch:
        assert ends(watch.look()) == [END] * 3
        made[2].manner = silent
        for _ in range(3):
            asked = made[2].counts.total()
            looks: list[Look] = []
            assert seconds(lambda: looks.append(watch.look())) < 1.9 * TIMEOUT  # noqa: B023
            assert ends(looks[0]) == [END, END, UNSEEN]
            assert looks[0].refused["offsets"] == "broker 3, ListOffsets: timed out"
            assert looks[0].refused["group offsets"] == "broker 3, ListGroups: timed out"
            assert made[2].counts.total() == asked + 1, "it was knocked at"
        made[2].manner = honest
        assert ends(watch.look()) == [END] * 3


def test_brokers_that_stand_still_are_waited_for_at_once() -> None:
    with nodes(4) as made, watched(made, TIMEOUT) as watch:
        watch.look()
        for node in made[1:]:
            node.manner = silent
        watch.look()
        assert seconds(watch.look) < 1.9 * TIMEOUT, "their connections are to be made anew, all at once"


def test_what_one_broker_could_tell_is_asked_of_one_that_is_awake() -> None:
    with nodes() as made, watched(made, TIMEOUT) as watch:
        watch.look()
        made[0].manner = silent
        before = [node.counts[METADATA] for node in made]
        for _ in range(3):
            watch._told_at = 0.0
            assert ends(watch.look()) == [UNSEEN, END, END]
        told = [node.counts[METADATA] - was for node, was in zip(made, before, strict=True)]
        assert sum(told[1:]) == 3
        assert watch.link.awake((1, 2, 3)) == 2


def test_a_door_that_never_shakes_hands_is_left_in_time() -> None:
    made = Node()
    made.manner = silent
    link = Link(Access("test", (f"127.0.0.1:{made.port}",), tls=True, timeout=TIMEOUT))

    def dial() -> None:
        with pytest.raises(TroubleError) as raised:
            link.dial()
        assert (raised.value.why, str(raised.value)) == (Why.TIMEOUT, f"127.0.0.1:{made.port}: timed out")

    try:
        assert seconds(dial) < 3 * TIMEOUT
    finally:
        link.close()
        made.close()


def test_a_watch_asks_again_after_it_could_not_look() -> None:
    with nodes() as made:
        watch = Watch(Access("test", (f"127.0.0.1:{made[0].port}",), timeout=TIMEOUT))
        made[0].manner = silent
        with pytest.raises(TroubleError, match="timed out"):
            watch.look()
        made[0].manner = honest
        assert ends(watch.look()) == [END] * 3
        watch.close()


def test_who_leads_now_is_asked_for_once_a_broker_was_missed() -> None:
    with nodes() as made, watched(made, TIMEOUT) as watch:
        watch.look()
        made[2].manner = silent
        watch.look()
        made[0].cluster = made[1].cluster = made[:2]
        looks: list[Look] = []
        assert seconds(lambda: looks.append(watch.look())) < TIMEOUT
        assert ends(looks[0]) == [END, END]
