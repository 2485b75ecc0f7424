"""A damaged journal heals at the next start; trouble of the disk at a start never costs an intact one."""

import errno
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.ingest.journal import Journal, JournalBrokenError, JournalUnusableError
from agent.ingest.reserve import release_reserve
from tests.ingest.troubles import PAGE, Holder, filled, found, record

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def holder(path: Path) -> Iterator[Holder]:
    filled(path, 1)
    one = Holder(path)
    yield one
    one.let_go()


def test_a_file_that_a_run_found_damaged_is_exchanged_once_with_every_record_kept(path: Path) -> None:
    filled(path)
    path.with_name("journal.db.suspect").touch()
    records, lost, aside = found(path)
    assert records == [1, 2, 3]
    assert len(lost) == 1
    assert "every record of it could be read" in lost[0]
    assert aside is not None
    assert found(path, 4) == ([], (), None)


def test_whatever_page_is_damaged_the_first_start_heals_it(path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    assert len(whole) > 8 * PAGE
    for number in range(len(whole) // PAGE):
        for file in path.parent.iterdir():
            file.unlink()
        path.write_bytes(whole[: number * PAGE] + b"\xee" * PAGE + whole[(number + 1) * PAGE :])
        records, lost, aside = found(path)
        assert set(records) <= {1, 2, 3}
        assert lost, f"page {number} is damaged and nothing is said"
        assert aside is not None
        assert found(path, 4)[1:] == ((), None)


def test_a_damaged_page_of_digests_costs_no_record(path: Path) -> None:
    filled(path)
    with sqlite3.connect(path) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'digests_at'").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(b"\xee" * PAGE)
    records, lost, _ = found(path)
    assert records == [1, 2, 3]
    assert lost


def test_after_any_flipped_byte_the_second_start_works(path: Path) -> None:
    filled(path)
    whole, dice = path.read_bytes(), random.Random(11)
    for _ in range(150):
        for file in path.parent.iterdir():
            file.unlink()
        at = dice.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << dice.randrange(8))]) + whole[at + 1 :])
        try:
            records, _, _ = found(path)
        except JournalBrokenError:
            records, _, _ = found(path)
        assert set(records) <= {1, 2, 3, 4}


def test_a_lost_operation_leaves_the_numbers_of_the_others(path: Path) -> None:
    filled(path, 1)
    names = record(0).operations
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE operations SET name = 'x' WHERE number = 2")
    connection.close()
    again = Journal(path, reserve_bytes=1 << 20).open(0)
    assert again.operations[0] == names[0]
    assert again.operations[2:] == tuple(names[2:])


def test_a_gap_is_said_once_and_not_at_every_start(path: Path) -> None:
    filled(path, 5)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM records WHERE seq = 3")
        connection.execute("UPDATE records SET crc = crc + 1 WHERE seq = 2")
    connection.close()
    journal = Journal(path, reserve_bytes=1 << 20)
    assert journal.open(0).lost == ("record 2 is damaged", "records 3 to 3 are missing")
    journal.close()
    journal = Journal(path, reserve_bytes=1 << 20)
    assert journal.open(0).lost == ()
    assert journal.sequence == 5
    journal.close()


_OPEN = """
import sys
from pathlib import Path
from agent.ingest.journal import Journal, JournalUnusableError
try:
    found = Journal(Path(sys.argv[1]), reserve_bytes=65536).open(0)
except JournalUnusableError as problem:
    sys.exit(str(problem))
assert not found.lost and found.set_aside is None and len(found.records) == 3, found
"""


@pytest.mark.real
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("op", ["w", "t", "s"])
def test_no_trouble_of_the_disk_at_a_start_costs_an_intact_journal(shim: str, path: Path, op: str, number: int) -> None:
    filled(path)
    path.with_name("journal.db.reserve").unlink()
    for first in range(1, 6):
        environ = {**os.environ, "LD_PRELOAD": shim, "SW_DIR": str(path.parent), "SW_FAIL": f"{number}:{op}:{first}"}
        command = [sys.executable, "-c", _OPEN, str(path)]
        done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or "start again: the file was left as it is" in done.stderr, done.stderr
        assert list(path.parent.glob("*.damaged-*")) == []
    journal = Journal(path, reserve_bytes=1 << 20)
    at_start = journal.open(0)
    journal.close()
    assert ([sequence for sequence, _ in at_start.records], at_start.lost) == ([1, 2, 3], ())


def test_a_journal_that_another_process_holds_is_left_as_it_is(path: Path, holder: Holder) -> None:
    with pytest.raises(JournalUnusableError, match="held by another process"):
        Journal(path, reserve_bytes=1 << 20, busy_seconds=0.05).open(0)
    assert path.with_name("journal.db.reserve").exists()
    holder.let_go()
    assert found(path)[:2] == ([1], ())


def test_a_folder_in_place_of_the_journal_is_said_and_left(path: Path) -> None:
    path.mkdir()
    with pytest.raises(JournalUnusableError, match="Look at its disk"):
        Journal(path, reserve_bytes=1 << 20).open(0)
    assert path.is_dir()


@pytest.mark.real
def test_a_disk_that_is_full_at_the_start_is_cured_by_the_reserve(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        path = folder / "journal.db"
        filled(path)
        with suppress(OSError), (folder / "hog").open("wb", buffering=0) as hog:
            while hog.write(bytes(PAGE)):
                pass
        with pytest.raises(OSError, match="No space"):
            (folder / "more").write_bytes(bytes(PAGE))
        records, lost, aside = found(path)
        assert (records, lost, aside) == ([1, 2, 3], (), None)
        assert not path.with_name("journal.db.reserve").exists(), "it was filled again, and the disk with it"
        (folder / "hog").unlink()
        found(path, 4)
        assert path.with_name("journal.db.reserve").exists()
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_reserve_can_be_given_back_before_anything_is_open(path: Path) -> None:
    filled(path)
    assert release_reserve(path)
    assert not path.with_name("journal.db.reserve").exists()
    assert not release_reserve(path)
    assert found(path)[:2] == ([1, 2, 3], ())


def test_an_exchange_that_was_cut_off_is_finished_by_the_next_start(path: Path) -> None:
    filled(path)
    path.rename(path.with_name("journal.db.new"))  # the old one had its new name already
    assert found(path) == ([1, 2, 3], (), None)
