"""A file that somebody writes to is read on whatever becomes of it, and no line of it is given twice."""

import gc
import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.recording.growing import Growing, Herd


def write(path: Path, first: int, last: int, *, anew: bool = False, wide: int = 0) -> None:
    """Lines from one number up to, and without, another; of one length, and with one tail, where they are `wide`."""
    with path.open("w" if anew else "a") as file:
        file.writelines(f"line {number:06d}{'.' * wide}\n" for number in range(first, last))


def numbers(growing: Growing) -> list[int]:
    return [int(line[5:11]) for line in growing.whole()]


def changes(growing: Growing) -> list[tuple[str, bool, int]]:
    return [(change.what, change.lost, change.known) for change in growing.changes()]


def held(folder: Path) -> int:
    """How many files of a folder are open."""
    return sum(_leads(entry).startswith(str(folder)) for entry in Path("/proc/self/fd").iterdir())


def _leads(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:  # closed meanwhile: that of the folder itself, or another thread's
        return ""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "x", 0, 100)
    return tmp_path / "x"


@pytest.fixture
def growing(path: Path) -> Growing:
    made = Growing(path, Herd())
    assert numbers(made) == list(range(100))
    return made


def test_a_file_that_grows_or_is_quiet_is_only_read_on(growing: Growing, path: Path) -> None:
    assert numbers(growing) == []
    write(path, 100, 110)
    assert numbers(growing) == list(range(100, 110))
    os.utime(path)
    assert numbers(growing) == []
    assert changes(growing) == []


def test_a_file_that_grows_gives_the_same_line_twice_where_it_stands_twice(growing: Growing, path: Path) -> None:
    write(path, 99, 100)
    assert numbers(growing) == [99]


def test_gzip_that_is_being_written_is_read_on_from_within(path: Path) -> None:
    packed = gzip.compress(path.read_bytes())
    path.write_bytes(packed[: len(packed) // 2])
    growing = Growing(path, Herd())
    found = numbers(growing)
    assert not growing.broken
    with path.open("ab") as file:
        file.write(packed[len(packed) // 2 :])
    assert found + numbers(growing) == list(range(100))
    with path.open("ab") as file:
        file.write(b"no gzip")
    assert (numbers(growing), growing.broken) == ([], True)


def copied_and_truncated(path: Path) -> None:
    write(path, 100, 110, anew=True)


def copied_truncated_and_outgrown(path: Path) -> None:
    write(path, 100, 310, anew=True)


@pytest.mark.parametrize("truncated", [copied_and_truncated, copied_truncated_and_outgrown])
def test_a_truncated_file_is_read_from_its_beginning(
    growing: Growing, path: Path, truncated: Callable[[Path], None]
) -> None:
    truncated(path)
    found = numbers(growing)
    write(path, 900, 905)
    assert found[:10] == list(range(100, 110))
    assert len(found) in (10, 210)
    assert numbers(growing) == list(range(900, 905))
    assert changes(growing) == [("truncated", True, 0)], "told once"
    assert changes(growing) == []


def test_lines_of_one_length_and_one_ending_are_known_by_the_first(tmp_path: Path) -> None:
    write(tmp_path / "x", 0, 5, wide=9_000)
    growing = Growing(tmp_path / "x", Herd())
    assert len(numbers(growing)) == 5
    write(tmp_path / "x", 5, 15, wide=9_000, anew=True)
    assert numbers(growing) == list(range(5, 15))


def test_a_file_that_is_truncated_to_nothing_and_quiet_is_told_once(growing: Growing, path: Path) -> None:
    os.truncate(path, 0)
    assert [numbers(growing), numbers(growing)] == [[], []]
    assert changes(growing) == [("truncated", True, 0)]


def test_a_file_that_is_written_anew_in_place_gives_only_its_new_lines(growing: Growing, path: Path) -> None:
    write(path, 0, 50, anew=True)
    assert numbers(growing) == [], "half of it stands there again"
    write(path, 50, 104)
    assert numbers(growing) == list(range(100, 104))
    assert changes(growing) == [("truncated", False, 100)]


def test_a_renamed_file_is_read_to_its_end_and_then_the_new_one(growing: Growing, path: Path, tmp_path: Path) -> None:
    write(path, 100, 103)
    path.rename(tmp_path / "x.1")
    write(path, 104, 106)
    assert numbers(growing) == [100, 101, 102, 104, 105]
    write(path, 106, 108)
    assert numbers(growing) == [106, 107]
    assert changes(growing) == [("rotated", False, 0)]


def test_while_the_new_file_is_empty_the_old_one_is_read_on(growing: Growing, path: Path, tmp_path: Path) -> None:
    path.rename(tmp_path / "x.1")
    path.touch()
    write(tmp_path / "x.1", 100, 102)
    assert numbers(growing) == [100, 101]
    write(tmp_path / "x.1", 102, 103)
    write(path, 103, 104)
    assert numbers(growing) == [102, 103]
    assert changes(growing) == [("rotated", False, 0)]


def test_a_last_line_without_its_end_is_given_when_its_file_is_over(
    growing: Growing, path: Path, tmp_path: Path
) -> None:
    with path.open("a") as file:
        file.write("line 000100")
    assert numbers(growing) == []
    path.rename(tmp_path / "x.1")
    write(path, 101, 102)
    assert numbers(growing) == [100, 101]


@pytest.mark.parametrize("first", [0, 40])
def test_of_a_file_put_in_its_place_the_lines_that_it_begins_with_are_known(
    growing: Growing, path: Path, tmp_path: Path, first: int
) -> None:
    """Editors and careful writers write a whole new file, perhaps without the oldest lines, and rename it."""
    write(tmp_path / "new", first, 110)
    (tmp_path / "new").rename(path)
    assert numbers(growing) == list(range(100, 110))
    write(path, 110, 111)
    assert numbers(growing) == [110]
    assert changes(growing) == [("rotated", False, 100 - first)]


def test_a_deleted_file_is_said_at_every_look_and_the_next_of_its_name_is_read(growing: Growing, path: Path) -> None:
    write(path, 100, 102)
    path.unlink()
    found: list[bytes] = []
    with pytest.raises(FileNotFoundError):
        found.extend(growing.whole())
    with pytest.raises(FileNotFoundError):
        list(growing.whole())
    write(path, 102, 105)
    assert numbers(growing) == [102, 103, 104]
    assert changes(growing) == [("deleted", False, 0)]


def test_a_file_that_lost_its_name_is_read_on(growing: Growing, path: Path, tmp_path: Path) -> None:
    path.rename(tmp_path / "away")
    write(tmp_path / "away", 100, 102)
    lines = growing.whole()
    assert [next(lines), next(lines)] == [b"line 000100", b"line 000101"]
    with pytest.raises(FileNotFoundError):
        next(lines)
    (tmp_path / "away").rename(path)
    write(path, 102, 103)
    assert numbers(growing) == [102]
    assert changes(growing) == []


def test_files_that_take_each_others_names_are_read_once(tmp_path: Path) -> None:
    names = [tmp_path / name for name in ("x", "x.1", "x.2")]
    herd = Herd()
    for place, name in enumerate(names):
        write(name, 100 * (2 - place), 100 * (3 - place))
    followed = [Growing(name, herd) for name in names]
    assert sum(len(numbers(one)) for one in followed) == 300
    for turn in range(3, 6):
        for old, new in ((1, 2), (0, 1)):
            names[old].rename(names[new])
        write(names[1], 100 * turn, 100 * turn + 5)
        write(names[0], 100 * turn + 5, 100 * turn + 8)
        assert [numbers(one) for one in followed] == [list(range(100 * turn, 100 * turn + 8)), [], []]
        assert not [change for one in followed for change in one.changes() if change.lost]


def test_beyond_a_bound_no_file_is_kept_open_and_what_it_had_left_is_told_as_lost(path: Path, tmp_path: Path) -> None:
    growing = Growing(path, Herd(most_open=0))
    assert len(numbers(growing)) == 100
    assert held(tmp_path) == 0
    write(path, 100, 101)
    assert numbers(growing) == [100]
    path.rename(tmp_path / "x.1")
    write(path, 101, 103)
    assert numbers(growing) == [101, 102]
    write(path, 200, 201, anew=True)
    assert numbers(growing) == [200]
    assert changes(growing) == [("rotated", True, 0), ("truncated", True, 0)]


def test_a_file_is_held_no_longer_than_it_is_followed(path: Path, tmp_path: Path) -> None:
    growing = Growing(path, Herd())
    for turn in range(5):
        list(growing.whole())
        path.rename(tmp_path / f"x.{turn}")
        write(path, 100 + turn, 101 + turn)
    list(growing.whole())
    assert held(tmp_path) == 1
    del growing
    gc.collect()
    assert held(tmp_path) == 0


def test_what_is_remembered_of_lines_is_bounded(path: Path) -> None:
    herd = Herd(most_known=60)
    growing = Growing(path, herd)
    list(growing.whole())
    assert len(herd.taken) <= 60
    write(path, 90, 104, anew=True)
    assert numbers(growing) == [100, 101, 102, 103]
