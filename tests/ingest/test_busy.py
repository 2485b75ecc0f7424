"""A busy journal makes a sender wait; a broken one is told to the owner, whoever met it."""

import asyncio
import threading
import time
from dataclasses import fields
from pathlib import Path

import pytest

from agent.ingest.aggregator import Record
from agent.ingest.intake import Intake, Taken
from agent.ingest.journal import Journal, JournalBrokenError, JournalBusyError
from tests.ingest.test_journal import AT, Engine
from tests.ingest.troubles import Holder, filled, found, record, spoil

pytestmark = pytest.mark.slow


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_a_busy_journal_says_so_and_takes_the_same_records_afterwards(path: Path) -> None:
    journal = filled(path, closed=False)
    one = Holder(path)
    with pytest.raises(JournalBusyError, match="another process"):
        journal.append([record(9)], [])
    with pytest.raises(JournalBusyError):
        journal.forget(1, 0)
    one.let_go()
    assert journal.append([record(9)], []) == 4
    journal.forget(2, 0)
    journal.close()
    assert found(path, 2)[:2] == ([3, 4], ())


class Slow(Record):
    """A record that takes its time to become bytes."""

    def pack(self) -> bytes:
        time.sleep(0.3)
        return super().pack()


def test_a_journal_is_known_to_be_held_before_and_while_a_commit_waits_for_it_and_not_after(path: Path) -> None:
    journal, whole = filled(path, closed=False), record(9)
    journal._busy_seconds = 10.0
    slow = Slow(**{one.name: getattr(whole, one.name) for one in fields(whole)})
    one = Holder(path)
    commit = threading.Thread(target=journal.append, args=([slow], []))
    commit.start()
    held = []
    while len(held) < 25:  # half a second: it is packed, then it waits
        held.append(journal.held_elsewhere())
        time.sleep(0.02)
    one.let_go()
    commit.join()
    assert held == [True] * 25
    assert journal.sequence == 4
    assert not journal.held_elsewhere()
    journal.close()
    assert not journal.held_elsewhere()


def test_a_busy_journal_makes_a_sender_wait_and_counts_its_spans_once(path: Path) -> None:
    engine, journal = Engine(), Journal(path, reserve_bytes=1 << 20, busy_seconds=0.05)
    journal.open(0)

    async def served() -> list[Taken]:
        intake = Intake(engine.aggregator, journal, lambda: AT, commit_seconds=0.001)
        running = asyncio.create_task(intake.run())
        one = Holder(path)
        first = await intake.submit(engine.columns(1))
        assert intake.why_not(10) == "journal busy"
        again = await intake.submit(engine.columns(1))  # past the door before it closed
        await intake.forget(0)
        one.let_go()
        while intake.why_not(10):  # noqa: ASYNC110  # the journal's own thread frees it
            await asyncio.sleep(0.01)
        outcomes = [first, again, await intake.submit(engine.columns(1)), await intake.submit(engine.columns(2))]
        await intake.stop()
        await running
        return outcomes

    assert asyncio.run(served()) == [Taken.REFUSED, Taken.REFUSED, Taken.AGAIN, Taken.NEW]
    journal.close()
    once = Engine()
    for seed in (1, 2):
        once.aggregator.take(once.record(seed))
    assert engine.counts() == once.counts()


def test_a_journal_that_breaks_while_it_is_shortened_reaches_the_owner_and_heals_at_the_next_start(path: Path) -> None:
    engine, journal = Engine(), filled(path, closed=False)

    async def served() -> str:
        intake = Intake(engine.aggregator, journal, lambda: AT, commit_seconds=0.001)
        running = asyncio.create_task(intake.run())
        spoil(path, journal)
        await intake.forget(2)
        assert intake.why_not(10) == "stopping"
        assert await intake.submit(engine.columns(1)) is Taken.REFUSED
        with pytest.raises(JournalBrokenError) as problem:
            await asyncio.wait_for(running, 10)
        return str(problem.value)

    assert "malformed" in asyncio.run(served())
    journal.close()
    _, lost, aside = found(path, 3)
    assert lost
    assert aside is not None
    assert found(path, 4) == ([], (), None)
