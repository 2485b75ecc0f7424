"""What is lost between the journal and the store is said: once, with how much and since when; and nowhere else."""

import asyncio
import logging
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from agent.app import losses as told
from agent.app.parts import Parts, assemble
from agent.app.status import figures, status
from agent.config.load import load
from agent.config.settings import Settings
from agent.ingest.intake import digest_of
from agent.model.facts import Column
from agent.web.status import Loss
from tests.bench.payload import SPANS, request
from tests.ingest.test_tail import copied
from tests.ingest.troubles import PAGE

NOW = datetime.now(UTC)
FEW = 3  #: requests that fit SQLite's log before it is checkpointed, at 1,000 pages
WRITES = SPANS // 5  #: of one request: each a seam that needs no pair, so that it counts at once


class Life:
    """One agent after another in one folder, each with a journal and a store of its own opening."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.path = Path(url.removeprefix("sqlite:///"))
        self.parts: Parts | None = None

    def start(self) -> Parts:
        environ = {"SEAMWATCH_DATA_DIR": str(self.folder), "SEAMWATCH_STORE__URL": self.url}
        environ |= {"SEAMWATCH_JOURNAL__RESERVE_BYTES": str(1 << 20)}
        settings = load(None, environ, self.folder.parent)
        assert isinstance(settings, Settings)
        self.parts = assemble(settings)
        return self.parts

    def take(self, seeds: range, *, flushed: bool) -> None:
        """Take requests in, one record of the journal each, and give them to the store."""
        assert self.parts is not None
        memory, journal = self.parts.memory, self.parts.memory.journal
        for seed in seeds:
            columns = self.parts.receiver._decoder.decode(request(seed))
            assert not columns.dropped, "what was not read of a request is not in the store either"
            record = memory.aggregator.fold(columns, NOW)
            journal.append([record], [(digest_of(columns), int(NOW.timestamp()))])
            memory.aggregator.take(record)
            if flushed:
                asyncio.run(memory.flush())

    def end(self) -> None:
        """As a kill leaves it: what was not flushed stays in the journal."""
        assert self.parts is not None
        self.parts.memory.journal.close()
        self.parts.store.close()
        os.close(self.parts.handle)
        self.parts = None

    def lived(self, flushed: range, kept: range) -> None:
        """An agent has been there, and was killed: some requests are in the store, and some in the journal only."""
        self.start()
        self.take(flushed, flushed=True)
        self.take(kept, flushed=False)
        self.end()

    def restart(self) -> Parts:
        self.end()
        return self.start()

    def writes(self) -> int:
        """Requests whose writes the store has, once all is flushed."""
        assert self.parts is not None
        asyncio.run(self.parts.memory.flush())
        sums = self.parts.store.sums(NOW - timedelta(days=3), NOW + timedelta(days=1), kinds=["writes"])
        counted = sum(values[Column.COUNT] for values in sums.values())
        assert counted % WRITES == 0, "a request was kept in part"
        return counted // WRITES


@pytest.fixture
def life(tmp_path: Path, url: str) -> Iterator[Life]:
    one = Life(tmp_path / "data", url)
    yield one
    if one.parts is not None:
        one.end()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Life]:
    one = Life(tmp_path / "data", f"sqlite:///{tmp_path / 'data' / 'seamwatch.db'}")
    yield one
    if one.parts is not None:
        one.end()


def empty(life: Life) -> None:
    """The store is emptied by somebody else."""
    if life.url.startswith("sqlite"):
        for suffix in ("-wal", "-shm", ""):
            life.path.with_name(life.path.name + suffix).unlink(missing_ok=True)
        return
    psycopg = create_engine(life.url.replace("postgresql://", "postgresql+psycopg://"))
    with psycopg.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    psycopg.dispose()


def only(parts: Parts) -> Loss:
    [loss] = parts.losses
    assert status(parts).losses == (loss,)
    return loss


def dropped(parts: Parts) -> dict[tuple[str, str], int]:
    return {place: count for place, count in figures(parts).dropped.items() if place[0] == "journal"}


def test_an_emptied_store_is_told_and_gets_what_the_journal_holds_once(
    life: Life, caplog: pytest.LogCaptureFixture
) -> None:
    life.lived(range(5), range(5, 8))
    empty(life)
    with caplog.at_level(logging.WARNING):
        parts = life.start()
    [line] = [one for one in caplog.records if one.message == "store lost"]
    assert line.levelname == "WARNING"
    fields = vars(line)["fields"]
    assert (fields["records"], fields["first"], fields["last"], fields["replayed"]) == (5, 1, 5, 3)
    assert fields["flushed"].startswith("up to ")
    loss = only(parts)
    assert (loss.reason, loss.records) == ("store lost", 5)
    assert "has no record of this agent; the journal had given it records up to 5" in loss.what
    assert "What the journal holds after them, 3 records, goes into it now." in loss.what
    assert dropped(parts) == {("journal", "store lost"): 5}
    assert life.writes() == 3
    life.take(range(8, 9), flushed=True)
    assert life.writes() == 4


def test_a_loss_is_found_once_and_told_for_a_week(life: Life, caplog: pytest.LogCaptureFixture) -> None:
    life.start()
    life.take(range(2), flushed=True)
    life.end()
    empty(life)
    loss = only(life.start())
    caplog.clear()
    parts = life.restart()  # killed before its first flush
    assert "store lost" not in caplog.text
    assert only(parts) == loss
    assert dropped(parts) == {("journal", "store lost"): 2}
    assert told.losses(parts.memory, loss.at + told.KEPT - timedelta(seconds=1)) == (loss,)
    assert told.losses(parts.memory, loss.at + told.KEPT) == ()


def test_a_store_from_an_older_copy_is_told_with_the_time_of_what_it_lacks(local: Life, tmp_path: Path) -> None:
    local.start()
    local.take(range(4), flushed=True)
    connection = local.parts.memory.journal._connection if local.parts else None
    assert connection is not None
    connection.execute("UPDATE flushes SET minute = minute - 90")
    local.end()
    copy = shutil.copy(local.path, tmp_path / "backup.db")
    local.lived(range(4, 9), range(9, 10))
    empty(local)
    shutil.copy(copy, local.path)
    loss = only(local.start())
    assert loss.records == 5
    assert "has records up to 4 of this agent; the journal had given it records up to 9" in loss.what
    assert re.search(r"It lacks 5 records, flushed between .* UTC and .* UTC: it was emptied", loss.what)
    assert local.writes() == 5


@pytest.mark.parametrize("how", ["cut", "gone", "whole"])
def test_a_cut_log_of_the_store_is_told_and_a_whole_one_says_nothing(local: Life, tmp_path: Path, how: str) -> None:
    local.start()
    local.take(range(FEW), flushed=True)
    left = copied(local.path, tmp_path / "left").parent
    local.end()
    wal = left / "seamwatch.db-wal"
    kept = {"whole": 1.0, "cut": 0.8, "gone": 0.0}[how]
    wal.write_bytes(wal.read_bytes()[: int(wal.stat().st_size * kept)])
    again = Life(left, f"sqlite:///{left / 'seamwatch.db'}")
    parts = again.start()
    lost = sum(loss.records for loss in parts.losses)
    assert {"whole": lost == 0, "cut": 0 < lost < FEW, "gone": lost == FEW}[how]
    assert again.writes() == FEW - lost
    again.end()


def test_nothing_is_lost_where_nothing_is_missing(life: Life, caplog: pytest.LogCaptureFixture) -> None:
    assert life.start().losses == (), "a first start"
    life.take(range(3), flushed=True)
    assert life.restart().losses == (), "a clean stop"
    life.take(range(3, 5), flushed=False)
    assert life.restart().losses == (), "a kill with records that are not flushed"
    assert life.writes() == 5
    memory = life.restart().memory
    life.take(range(5, 6), flushed=False)
    memory.store.flush(memory.intake.drain(memory.writer, memory.flushed))  # killed before the journal dropped it
    assert life.restart().losses == ()
    assert life.writes() == 6
    (life.folder / "writer").unlink()
    assert life.restart().losses == (), "a folder that lost its name has lost no record"
    assert life.restart().losses == ()
    for part in life.folder.glob("journal.db*"):
        part.unlink()
    assert life.restart().losses == (), "a journal made anew"
    assert not [line for line in caplog.records if line.message == "store lost"]


def test_a_journal_of_the_version_before_knows_how_much_is_lost_but_not_when(local: Life) -> None:
    for seed in range(3):
        parts = local.restart() if local.parts else local.start()
        assert parts.losses == (), "an upgrade"
        local.take(range(seed, seed + 1), flushed=True)
        connection = parts.memory.journal._connection
        assert connection is not None
        connection.execute("DROP TABLE flushes")
    local.end()
    empty(local)
    loss = only(local.start())
    assert loss.records == 3
    assert "It lacks 3 records: it was emptied" in loss.what


def spoil(path: Path, whole: int) -> None:
    """Write over every page after the first few, below nobody who has the file open."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(whole * PAGE)
        file.write(b"\xee" * (size - whole * PAGE))


def test_a_damaged_journal_is_told_with_what_it_lost_and_where_it_is(life: Life) -> None:
    parts = life.start()
    life.take(range(5), flushed=False)
    connection = parts.memory.journal._connection
    assert connection is not None
    connection.execute("UPDATE records SET crc = crc + 1 WHERE seq = 2")
    connection.execute("DELETE FROM records WHERE seq = 4")
    parts = life.restart()
    loss = only(parts)
    assert (loss.reason, loss.records) == ("journal damaged", 2)
    [aside] = life.folder.glob("journal.db.damaged-*")
    assert loss.what == (
        f"The journal at {life.folder / 'journal.db'} was damaged: record 2 is damaged; records 4 to 4 are missing. "
        f"It was set aside as {aside}. A new one is in its place and begins with 3 records that could be read."
    )
    assert dropped(parts) == {("journal", "journal damaged"): 2}
    assert life.writes() == 3
    again = life.restart()
    assert only(again) == loss, "told for a week"
    assert dropped(again) == {("journal", "journal damaged"): 2}


def test_a_journal_that_lost_nothing_but_its_file_is_told_with_no_record_lost(local: Life) -> None:
    local.start()
    local.take(range(3), flushed=False)
    (local.folder / "journal.db.suspect").touch()
    parts = local.restart()
    assert (only(parts).reason, only(parts).records) == ("journal damaged", 0)
    assert dropped(parts) == {("journal", "journal damaged"): 0}
    assert local.writes() == 3


def test_a_journal_in_which_nothing_can_be_read_is_told_with_every_record_it_had(local: Life) -> None:
    local.lived(range(2), range(2, 6))
    spoil(local.folder / "journal.db", 0)
    loss = only(local.start())
    assert (loss.reason, loss.records) == ("journal damaged", 4)
    assert "records 3 to 6 are missing" in loss.what
    assert local.writes() == 2


def test_a_damaged_store_is_told_with_its_cause_where_it_is_and_what_goes_on(
    local: Life, caplog: pytest.LogCaptureFixture
) -> None:
    local.lived(range(3), range(3, 5))
    spoil(local.path, local.path.stat().st_size // PAGE - 2)
    loss = only(local.start())
    assert (loss.reason, loss.records) == ("store damaged", 3)
    [aside] = local.folder.glob("seamwatch.db.damaged-*")
    cause = re.match(
        r"Cannot open the store at (\S+) \((.*?)\)\. It was set aside as (\S+); history before ", loss.what
    )
    assert cause is not None, loss.what
    assert (cause[1], cause[3]) == (str(local.path), str(aside))
    assert re.fullmatch(r".*[Pp]age \d+: \w.*", cause[2]), "the first real line, not the name of the database"
    assert "A new store is in its place: what the journal holds goes into it" in loss.what
    assert re.search(
        r"It lacks what the journal had dropped, 3 records, flushed .*, 2 records, goes into it", loss.what
    )
    [line] = [line for line in caplog.records if line.message == "store damaged"]
    assert str(aside) in vars(line)["fields"]["what"][1]
    assert local.writes() == 2
