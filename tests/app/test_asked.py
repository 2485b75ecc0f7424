"""Kafka clusters among the sources that are asked: what was learnt of stamps is taken back, and kept."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.app.asked_kafka import KafkaPull
from agent.config.estates import Cluster
from agent.model.kafka.look import Look
from agent.store.engine import StoreError
from agent.store.stamps import Marks

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
BEFORE = [("orders", 0, [(40, 1_000, 900), (80, 2_000, 1_900)]), ("orders", 1, [(7, 3_000, 2_900)])]


class Store:
    """Has marks of two partitions; does not tell them the first times."""

    def __init__(self, silent: int) -> None:
        self.silent, self.asked = silent, 0
        self.kept: list[tuple[datetime, list[Marks]]] = []

    def stamps(self, cluster: str) -> list[Marks]:
        assert cluster == "prod"
        self.asked += 1
        if self.asked <= self.silent:
            raise StoreError("locked")
        return list(BEFORE)

    def save_stamps(self, cluster: str, marks: Iterable[Marks], now: datetime) -> None:
        assert cluster == "prod"
        self.kept.append((now, list(marks)))

    def settings_as_of(self, *_: Any) -> dict[Any, Any]:
        return {}


class Looking:
    """A pull whose cluster is looked at when told, and what it learns there."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pull = KafkaPull("prod", Cluster(bootstrap=()), Path(), lambda: self.at, store)
        self.at = NOON
        monkeypatch.setattr(self.pull.watch, "look", lambda: Look("prod", self.at))

    def look(self, seconds: int) -> None:
        self.at = NOON + timedelta(seconds=seconds)
        assert self.pull.look().at == self.at

    def learn(self, partition: int, offset: int) -> None:
        place, end = ("orders", partition), [(9_000, 100)]
        self.pull.watch.ages.search({place: [offset]}, {place: end}, lambda _asks: {place: (offset, 5_000)}, 1)

    def known(self, partition: int) -> list[int]:
        marks = self.pull.watch.ages._marks.get(("orders", partition))
        return marks.offsets if marks else []


@pytest.mark.parametrize("silent", [0, 1, 3])
def test_what_was_learnt_before_is_taken_back_and_no_look_fails_for_want_of_it(
    silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(silent)
    one = Looking(store, monkeypatch)
    for number in range(silent):
        one.look(number)
        assert one.known(0) == []
    one.look(10)
    assert (one.known(0), one.known(1)) == ([40, 80], [7])
    one.look(20)
    assert store.asked == silent + 1, "and it is asked for no more"


def test_nothing_is_kept_in_place_of_what_was_not_taken_back_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(silent=1)
    one = Looking(store, monkeypatch)
    one.learn(0, 60)
    one.look(0)
    assert store.kept == [], "it would stand in place of what the store has"
    one.look(30)
    assert store.kept == [(NOON + timedelta(seconds=30), [("orders", 0, [(60, 5_000, 1)])])]
    assert one.known(1) == [7]

    healthy = Store(silent=0)
    other = Looking(healthy, monkeypatch)
    other.look(0)
    other.learn(1, 60)
    other.look(59)
    assert healthy.kept == [], "a minute is not over since nothing was to be kept"
    other.look(60)
    [(_, [(topic, partition, marks)])] = healthy.kept
    assert (topic, partition, [mark[:2] for mark in marks]) == ("orders", 1, [(7, 3_000), (60, 5_000)])


def test_marks_of_a_partition_that_was_cut_before_they_could_be_taken_back_are_void(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store(silent=1)
    one = Looking(store, monkeypatch)
    one.look(0)
    one.pull.watch.ages.cut(("orders", 0))
    one.look(1)
    assert (one.known(0), one.known(1)) == ([], [7])
    assert [marks for _, marks in store.kept] == [[("orders", 0, [])]], "and the store forgets them"
