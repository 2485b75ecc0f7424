"""Looks of recordings wait for the next round in one transaction, and nothing of them is lost on the way."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.app.looks import Looks
from agent.model.facts import Run, Sample, Setting, Sighting
from agent.model.seam import topic
from agent.store.store import Store, open_store
from collectors.recording.reader import Reading, read

START = datetime(2026, 11, 1, tzinfo=UTC)


class Counting(Store):
    """A store that counts its transactions, and refuses the first ones."""

    refused = 0
    written = 0

    def record(
        self,
        samples: Sequence[Sample] = (),
        settings: Iterable[Setting] = (),
        runs: Iterable[Run] = (),
        sightings: Sequence[Sighting] = (),
    ) -> None:
        """Take it, or refuse it."""
        if self.refused:
            self.refused -= 1
            msg = "the disk is full"
            raise OSError(msg)
        self.written += 1
        super().record(samples, settings, runs, sightings)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Counting]:
    opened = open_store(f"sqlite:///{tmp_path / 's.db'}")
    yield Counting(opened.database)
    opened.close()


def looks(values: str) -> list[Reading]:
    lines = []
    for minute, value in enumerate(values):
        at = (START + timedelta(minutes=minute)).isoformat()
        topics = {"orders": {"settings": {"retention.ms": value}, "partitions": {"0": {"end": minute}}}}
        lines.append(json.dumps({"recording": 1, "source": "kafka", "cluster": "c", "at": at, "topics": topics}))
    return list(read(lines))


def kept(store: Store, values: str) -> list[tuple[str | None, int]]:
    held = Looks(store)
    for reading in looks(values):
        held.keep(reading, reading.at)
    held.write()
    changes = [one for one in store.setting_history(topic("orders", "c"), START) if one.name == "retention.ms"]
    return [(one.value, round((one.at - START) / timedelta(minutes=1))) for one in changes]


def test_a_setting_that_goes_back_and_forth_between_two_rounds_is_kept_each_time(store: Counting) -> None:
    assert kept(store, "1121331") == [("1", 0), ("2", 2), ("1", 3), ("3", 4), ("1", 6)]


def test_looks_that_change_nothing_are_one_transaction(store: Counting) -> None:
    assert kept(store, "1" * 9) == [("1", 0)]
    assert store.written == 1


def test_what_the_store_refuses_is_given_to_it_again(store: Counting) -> None:
    held = Looks(store)
    store.refused = 2
    readings = looks("12")
    for reading in readings:
        held.keep(reading, reading.at)
    for _ in range(2):
        with pytest.raises(OSError, match="disk is full"):
            held.write()
    held.write()
    assert held.waiting == 0
    [source] = store.sources()
    assert source.counters == {"received": sum(len(reading.facts) for reading in readings)}
    found = store.series_of(["produced"], START, START + timedelta(hours=1))
    assert [one.values for one in found.values()] == [(0.0, 1.0)]


def test_what_waits_is_bounded(store: Counting) -> None:
    held = Looks(store, most=5)
    for reading in looks("1" * 20):
        held.keep(reading, reading.at)
        assert held.waiting <= 5 + len(reading.facts)
    assert store.written > 3
