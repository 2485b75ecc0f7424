"""The end of the journal: where it is gone it is said, and never where it is not."""

import shutil
from pathlib import Path

import pytest

from tests.ingest.test_journal import rebuilt
from tests.ingest.troubles import filled, found, record

pytestmark = pytest.mark.slow


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def copied(path: Path, to: Path) -> Path:
    """The files as a kill leaves them, while the journal is open."""
    to.mkdir()
    for file in path.parent.iterdir():
        if file.is_file() and not file.name.endswith("-shm"):
            shutil.copy(file, to / file.name)
    return to / path.name


@pytest.mark.parametrize("how", ["cut off", "garbage"])
def test_a_lost_tail_is_told(path: Path, tmp_path: Path, how: str) -> None:
    journal = filled(path, 12, closed=False)
    left = copied(path, tmp_path / "left")
    journal.close()
    wal = left.with_name("journal.db-wal")
    whole = wal.read_bytes()
    half = len(whole) // 2
    wal.write_bytes(whole[:half] + (b"\xaa" * half if how == "garbage" else b""))
    records, lost, aside = found(left)
    assert 0 < len(records) < 12
    assert lost == (f"records {len(records) + 1} to 12 are missing",)
    assert aside is not None
    assert found(left, len(records) + 1) == ([], (), None)


def test_a_journal_that_is_gone_is_told_unless_the_store_has_everything(path: Path) -> None:
    filled(path)
    path.unlink()
    assert found(path) == ([], ("records 1 to 3 are missing",), None)
    filled(path.with_name("other.db"))
    path.with_name("other.db").unlink()
    assert found(path.with_name("other.db"), 3) == ([], (), None)


@pytest.mark.parametrize("mark", ["whole", "older", "gone", "empty", "torn"])
def test_after_a_kill_or_a_power_cut_nothing_is_said_to_be_lost(path: Path, tmp_path: Path, mark: str) -> None:
    older = path.with_name("journal.db.seq")
    journal = filled(path, 2, closed=False)
    before = older.read_bytes()
    journal.append([record(7)], [])
    left = copied(path, tmp_path / "left")
    journal.close()
    side = left.with_name("journal.db.seq")
    whole = side.read_bytes()
    assert whole != before
    contents = {"whole": whole, "older": before, "empty": b"", "torn": whole[:5] + b"\0" * 7}
    side.unlink() if mark == "gone" else side.write_bytes(contents[mark])
    assert found(left) == ([1, 2, 3], (), None)


def test_a_clean_stop_with_everything_flushed_leaves_nothing_to_say(path: Path) -> None:
    journal = filled(path, closed=False)
    journal.forget(3, 10)
    journal.close()
    assert found(path, 3) == ([], (), None)
    assert found(path, 0) == ([], (), None), "a new store: what the old one had is not lost by the journal"
    assert rebuilt(path)[1].sequence == 5
