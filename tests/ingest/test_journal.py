"""The journal: what was acknowledged comes back; what is broken is set aside and said."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.ingest.aggregator import Aggregator, Record
from agent.ingest.intake import Intake, Taken
from agent.ingest.journal import Journal, JournalBrokenError, JournalFullError
from agent.model.columns import SpanColumns
from agent.model.facts import Column
from collectors.otlp.decode import Decoder
from tests.bench.payload import request

pytestmark = pytest.mark.slow

AT = datetime.fromtimestamp(1_790_000_060, tz=UTC)


class Engine:
    """A decoder and an aggregator that share their shapes."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        self.aggregator = Aggregator(self.decoder.shapes)

    def columns(self, seed: int) -> SpanColumns:
        return self.decoder.decode(request(seed))

    def record(self, seed: int) -> Record:
        return self.aggregator.fold(self.columns(seed), AT)

    def counts(self) -> dict[str, int]:
        flush = self.aggregator.drain("w", 0, 1)
        found: dict[str, int] = {}
        for window in flush.windows:
            found[str(window.key)] = found.get(str(window.key), 0) + window.values[Column.COUNT]
        return {key: count for key, count in found.items() if count}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def opened(path: Path, **more: int) -> Journal:
    journal = Journal(path, reserve_bytes=1 << 20, **more)
    journal.open(0)
    return journal


def rebuilt(path: Path, flushed: int = 0) -> tuple[Engine, Journal]:
    engine, journal = Engine(), Journal(path, reserve_bytes=1 << 20)
    found = journal.open(flushed)
    engine.aggregator.restore_names(list(found.names), list(found.operations))
    for _, record in found.records:
        engine.aggregator.restore(record)
    return engine, journal


def test_what_was_journalled_comes_back_as_it_was(path: Path) -> None:
    engine, journal = Engine(), opened(path)
    for seed in range(3):
        record = engine.record(seed)
        journal.append([record], [(bytes([seed]) * 16, 5)])
        engine.aggregator.take(record)
    journal.close()
    again, journal = rebuilt(path)
    assert again.counts() == engine.counts()
    assert journal.sequence == 3
    journal.close()


def test_what_the_store_has_does_not_come_back(path: Path) -> None:
    engine, journal = Engine(), opened(path)
    for seed in range(3):
        journal.append([engine.record(seed)], [])
    journal.forget(2, 0)
    journal.close()
    journal = Journal(path, reserve_bytes=1 << 20)
    assert [sequence for sequence, _ in journal.open(2).records] == [3]
    journal.close()


@pytest.mark.parametrize("place", ["body", "crc"])
def test_a_damaged_record_is_told_and_set_aside_and_the_others_stay(path: Path, place: str) -> None:
    engine, journal = Engine(), opened(path)
    for seed in range(3):
        journal.append([engine.record(seed)], [])
    journal.close()
    with sqlite3.connect(path) as connection:
        value = "zeroblob(40)" if place == "body" else "crc + 1"
        connection.execute(f"UPDATE records SET {place} = {value} WHERE seq = 2")
    connection.close()
    journal = Journal(path, reserve_bytes=1 << 20)
    found = journal.open(0)
    assert found.lost == ("record 2 is damaged",)
    assert found.set_aside is not None
    assert found.set_aside.exists()
    assert [sequence for sequence, _ in found.records] == [1, 3]
    journal.append([engine.record(9)], [])
    assert journal.sequence == 4
    journal.close()


def test_a_missing_record_is_told(path: Path) -> None:
    engine, journal = Engine(), opened(path)
    for seed in range(3):
        journal.append([engine.record(seed)], [])
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM records WHERE seq = 2")
    connection.close()
    journal = Journal(path, reserve_bytes=1 << 20)
    assert journal.open(0).lost == ("records 2 to 2 are missing",)
    journal.close()


@pytest.mark.parametrize("junk", [b"no database", b"\0" * 8192, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_journal_never_stops_a_start(path: Path, junk: bytes) -> None:
    path.write_bytes(junk)
    journal = Journal(path, reserve_bytes=1 << 20)
    found = journal.open(7)
    assert found.lost
    assert found.set_aside is not None
    assert journal.append([Engine().record(1)], []) == 8
    journal.close()


def test_a_full_disk_refuses_keeps_nothing_of_the_batch_and_can_be_cured(path: Path) -> None:
    engine, journal = Engine(), opened(path)
    journal.append([engine.record(0)], [])
    assert journal._connection is not None
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    assert path.with_name("journal.db.reserve").exists()
    with pytest.raises(JournalFullError, match="is full"):
        journal.append([engine.record(seed) for seed in range(1, 50)], [])
    assert not path.with_name("journal.db.reserve").exists()
    full = journal.sequence
    journal._connection.execute("PRAGMA max_page_count = 1000000")
    assert journal.append([engine.record(99)], []) == full + 1
    journal.refill_reserve()
    assert path.with_name("journal.db.reserve").stat().st_size == 1 << 20
    journal.close()


def test_a_closed_journal_says_so(path: Path) -> None:
    journal = opened(path)
    journal.close()
    with pytest.raises(JournalBrokenError):
        journal.append([Engine().record(0)], [])


async def _served(engine: Engine, journal: Journal, seeds: list[int]) -> list[Taken]:
    intake = Intake(engine.aggregator, journal, lambda: AT, commit_seconds=0.001)
    running = asyncio.create_task(intake.run())
    outcomes = await asyncio.gather(*(intake.submit(engine.columns(seed)) for seed in seeds))
    await intake.stop()
    await running
    return list(outcomes)


def test_equal_requests_at_once_and_later_are_counted_once(path: Path) -> None:
    engine, journal = Engine(), opened(path)
    outcomes = asyncio.run(_served(engine, journal, [1, 2, 1, 1, 3]))
    assert sorted(outcomes) == ["again", "again", "new", "new", "new"]
    once = Engine()
    for seed in (1, 2, 3):
        once.aggregator.take(once.record(seed))
    assert engine.counts() == once.counts()
    journal.close()


def test_a_request_resent_after_a_restart_is_known(path: Path) -> None:
    engine, journal = Engine(), opened(path)
    asyncio.run(_served(engine, journal, [1]))
    journal.close()
    again = Journal(path, reserve_bytes=1 << 20)
    found = again.open(0)
    other = Engine()
    intake = Intake(other.aggregator, again, lambda: AT + timedelta(minutes=14))
    intake.remember(found.digests)
    assert asyncio.run(intake.submit(other.columns(1))) is Taken.AGAIN
    again.close()


class Full(Journal):
    """A journal whose disk is full for a while."""

    failing = True

    def append(self, records: object, digests: object) -> int:
        if self.failing:
            raise JournalFullError(str(self.path))
        return super().append(records, digests)  # type: ignore[arg-type]


def test_what_a_full_disk_refused_is_counted_once_when_it_comes_again(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "agent.ingest.intake")
    engine, journal = Engine(), Full(path, reserve_bytes=1 << 20)
    journal.open(0)

    async def served() -> list[Taken]:
        intake = Intake(engine.aggregator, journal, lambda: AT, commit_seconds=0.001)
        running = asyncio.create_task(intake.run())
        first = await intake.submit(engine.columns(1))
        assert intake.why_not(10) == "disk full"
        journal.failing = False
        while intake.why_not(10):  # noqa: ASYNC110  # the journal's own thread frees it
            await asyncio.sleep(0.01)
        second = await intake.submit(engine.columns(1))
        await intake.stop()
        await running
        return [first, second]

    assert asyncio.run(served()) == [Taken.REFUSED, Taken.AGAIN]
    once = Engine()
    once.aggregator.take(once.record(1))
    assert engine.counts() == once.counts()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["journal did not take a commit", "journal takes commits again"]
    journal.close()


def test_a_commit_under_way_refuses_nobody(path: Path) -> None:
    engine, journal = Engine(), opened(path)

    async def served() -> set[str]:
        intake = Intake(engine.aggregator, journal, lambda: AT, commit_seconds=0.001)
        running = asyncio.create_task(intake.run())
        sent = [asyncio.create_task(intake.submit(engine.columns(seed))) for seed in range(12)]
        said = set()
        while not all(one.done() for one in sent):
            said.add(intake.why_not(10))
            await asyncio.sleep(0)
        await intake.stop()
        await running
        return said

    assert asyncio.run(served()) == {""}
    journal.close()
