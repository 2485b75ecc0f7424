"""Sources that are asked: what fails is said once and tried again; what the store does not take now it gets later."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.app import pulls
from agent.app.pulls import Pulling, Pulls
from agent.model.facts import Sample
from agent.model.pull import Cost, NotSeenError, Seen
from agent.model.seam import source, subject_of
from agent.store.engine import StoreError
from agent.store.store import Store, open_store

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


class Broker:
    """A source that does as it is told: a number is a look with so many facts, a text why there is none."""

    kind, name, every = "kafka", "prod", timedelta(seconds=30)

    def __init__(self, *does: int | str) -> None:
        self.does, self.cost, self.retold, self.closed = list(does), Cost(), 0, threading.Event()
        self._looks = 0
        self.refused: tuple[str, ...] = ()

    def look(self) -> Seen:
        self._looks += 1
        does = self.does.pop(0)
        if isinstance(does, str):
            raise NotSeenError(does)
        at = NOW + timedelta(seconds=30 * self._looks)
        facts = [Sample(subject_of(source("kafka", f"prod-{n}")), "looks", at, float(self._looks)) for n in range(does)]
        return Seen(at, tuple(facts), self.refused, "3 topics, 2 groups")

    def line(self) -> dict[str, Any] | None:
        return None

    def retell(self) -> None:
        self.retold += 1

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'store.db'}")


def pulling(store: Any, broker: Broker) -> Pulling:
    return Pulling(broker, store, threading.Event())


def test_a_look_is_in_the_store_with_its_source(store: Store) -> None:
    one = pulling(store, Broker(3, 2))
    one.turn()
    one.turn()
    [row] = [row for row in store.sources() if row.source == "kafka/prod"]
    assert (row.last_fact, sum(row.counters.values())) == (NOW + timedelta(seconds=60), 5)
    assert (one.told.facts, one.told.failed, one.told.trouble, one.told.about) == (5, 0, "", "3 topics, 2 groups")
    assert store.attached_at() == NOW + timedelta(seconds=30)
    assert one.pull.cost.looks == 2


def test_what_is_no_cluster_says_by_itself_when_it_was_heard(store: Store) -> None:
    broker = Broker(1)
    broker.kind = "registry"  # type: ignore[misc]
    pulling(store, broker).turn()
    heard = subject_of(source("registry", "prod"))
    assert store.series(heard, "looks", NOW, NOW + timedelta(minutes=5)).times == (NOW.timestamp() + 30,)


def test_a_source_that_is_away_is_said_once_and_its_return_too(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "agent.app.pulls")
    one = pulling(store, Broker("refused", "refused", "refused", 1))
    for _ in range(3):
        one.turn()
    assert (one.told.failed, one.told.trouble, one.told.failures) == (3, "refused", {"refused": 3})
    [row] = store.sources()
    assert (row.error, row.last_success) == ("refused", None)
    one.turn()
    assert (one.told.failed, one.told.trouble) == (0, "")
    assert store.sources()[0].error == ""
    assert [record.getMessage() for record in caplog.records] == ["source not seen", "source answers again"]


def test_a_source_that_answers_in_part_is_said_once_and_that_it_does_so_wholly_again(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "agent.app.pulls")
    broker = Broker(1, 1, 1, 1, 1)
    one = pulling(store, broker)
    told = [
        (),
        ("offsets: 2 partitions have no leader",),
        ("offsets: 1 partition has none",),
        (),
        ("x: not offered by it",),
    ]
    seen = []
    for refused in told:
        broker.refused = refused
        one.turn()
        seen.append(one.told.partly)
    assert seen == [False, True, True, False, False]
    assert [record.getMessage() for record in caplog.records] == [
        "source answers in part",
        "source answers wholly again",
    ]


class Sulking:
    """A store that takes nothing for a while."""

    def __init__(self, store: Store) -> None:
        self._store, self.sulks = store, True

    def __getattr__(self, name: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self._store, name)
        if name == "record" and self.sulks:

            def refuse(*_: object, **__: object) -> None:
                raise StoreError("no room")

            return refuse
        return found


def test_what_the_store_does_not_take_now_it_gets_later(store: Store) -> None:
    sulking = Sulking(store)
    one = pulling(sulking, Broker(2, 2, 2))
    one.turn()
    one.turn()
    assert one.told.trouble == "store did not answer (no room)"
    sulking.sulks = False
    one.turn()
    assert one.told.trouble == ""
    start, end = NOW, NOW + timedelta(hours=1)
    series = store.series(subject_of(source("kafka", "prod-1")), "looks", start, end)
    assert series.values == (1, 2, 3), "no look is lost"


def test_what_waits_for_a_store_is_bounded_and_what_is_dropped_is_counted_and_told_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulls, "MOST_WAITING", 5)
    broker = Broker(4, 4, 4)
    one = pulling(Sulking(store), broker)
    one.turn()
    one.turn()
    assert one.told.dropped == {"store did not answer": 8}
    assert broker.retold == 1
    one.turn()
    assert one.told.dropped == {"store did not answer": 8}


def test_that_the_store_takes_no_looks_is_said_once_and_that_it_takes_them_again_too(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "agent.app.pulls")
    sulking = Sulking(store)
    one = pulling(sulking, Broker(1, 1, 1, 1, 1))
    for _ in range(3):
        one.turn()
    sulking.sulks = False
    one.turn()
    one.turn()
    said = [(record.getMessage(), record.__dict__["fields"].get("after")) for record in caplog.records]
    assert said == [("store did not take a look", None), ("store takes looks again", 3)]


def test_a_look_that_fails_in_an_unforeseen_way_is_not_the_last_one(store: Store) -> None:
    class Odd(Broker):
        def look(self) -> Seen:
            if self.does[0] == "odd":
                self.does.pop(0)
                raise KeyError("odd")
            return super().look()

    one = pulling(store, Odd("odd", 1))
    one.turn()
    assert one.told.trouble == "KeyError: 'odd'"
    one.turn()
    assert one.told.trouble == ""


def test_every_source_stops_and_hangs_up(store: Store) -> None:
    brokers = [Broker(*[1] * 50), Broker(*["gone"] * 50)]
    asked = Pulls(brokers, store)
    asked.start()
    assert asked.stop(10)
    assert all(broker.closed.is_set() for broker in brokers)
    assert bool(asked)
    assert not Pulls([], store)
