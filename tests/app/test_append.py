"""A recording that is written on: what broke off is cut off, what is no recording is left as it is."""

import errno
import gzip
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from agent.app.append import Appending, ForeignError


def look(number: int, more: str = "") -> bytes:
    told = {"recording": 1, "source": "kafka", "cluster": "c", "at": f"2026-11-01T00:00:{number:02}Z", "topics": {}}
    return json.dumps(told | ({"more": more} if more else {})).encode() + b"\n"


def added(path: Path, *lines: bytes) -> str:
    """Open it as `record` does, write some lines; what was said of it."""
    file = Appending(path)
    for line in lines:
        file.write(line)
    file.close()
    return file.said


def read(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).splitlines(keepends=True)


@pytest.mark.parametrize("name", ["r.ndjson", "r.ndjson.gz"])
def test_a_recording_is_gone_on_with(name: str, tmp_path: Path) -> None:
    assert added(tmp_path / name, look(0), look(1)) == ""
    assert added(tmp_path / name, look(2)) == ""
    assert read(tmp_path / name) == [look(0), look(1), look(2)]


@pytest.mark.parametrize("name", ["r.ndjson", "r.ndjson.gz"])
@pytest.mark.parametrize("gone", [1, 5, 40, 90])
def test_a_last_look_that_was_cut_off_is_dropped_and_all_before_stays(name: str, gone: int, tmp_path: Path) -> None:
    path = tmp_path / name
    added(path, look(0))
    whole = path.stat().st_size
    added(path, look(1, os.urandom(200).hex()))
    path.write_bytes(path.read_bytes()[:-gone])
    left = path.stat().st_size - whole
    said = added(path, look(2))
    if name.endswith(".gz") and gone < 9:  # all of the look is there, and only the sum behind it is not
        assert "what follows the 1 look at its end that could be read was dropped" in said
        assert len(read(path)) == 3
    elif gone == 1:  # of a plain line only the end is missing
        assert said == ""
        assert len(read(path)) == 3
    else:
        assert f"the {left:,} bytes at its end, which are no whole look, were dropped" in said
        assert read(path) == [look(0), look(2)]


def test_of_an_unfinished_member_of_many_looks_all_that_can_be_read_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "r.ndjson.gz"
    added(path, look(0))
    path.chmod(0o640)
    packing = zlib.compressobj(wbits=31)
    torn = b"".join(packing.compress(look(number)) + packing.flush(zlib.Z_SYNC_FLUSH) for number in range(1, 30))
    path.write_bytes(path.read_bytes() + torn + packing.compress(look(30)) + packing.flush(zlib.Z_SYNC_FLUSH)[:-30])
    assert "what follows the 29 looks at its end" in added(path, look(31))
    assert read(path) == [look(number) for number in (*range(30), 31)]
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.ndjson.gz"]


def test_a_recording_with_looks_behind_a_damage_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "r.ndjson.gz"
    torn = zlib.compressobj(wbits=31)
    head = torn.compress(look(0)) + torn.flush(zlib.Z_SYNC_FLUSH)
    path.write_bytes(gzip.compress(look(5)) + head + gzip.compress(look(1)) * 3)
    before = path.read_bytes()
    with pytest.raises(ForeignError, match=r"is damaged behind byte .* left as it is. Name another file."):
        Appending(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [b"a,b\n1,2\n", gzip.compress(b"a,b\n1,2\n", mtime=0), b'{"resourceSpans": []}\n', b"\x1f\x8b\x08", b"\x89PNG"],
)
def test_what_is_no_recording_is_refused_and_left_as_it_is(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.gz"
    path.write_bytes(content)
    with pytest.raises(ForeignError, match=r"mine.gz is no recording, so it is left as it is. Name another file."):
        Appending(path)
    assert path.read_bytes() == content


def test_what_a_file_holds_decides_how_it_is_gone_on_with_not_its_name(tmp_path: Path) -> None:
    for name, content in (("plain.gz", look(0)), ("packed.ndjson", gzip.compress(look(0)))):
        (tmp_path / name).write_bytes(content)
        added(tmp_path / name, look(1))
        assert read(tmp_path / name) == [look(0), look(1)]


def test_zeros_that_a_power_cut_leaves_are_dropped(tmp_path: Path) -> None:
    for name, content in (("a.ndjson", look(0)), ("b.gz", gzip.compress(look(0)))):
        (tmp_path / name).write_bytes(content + bytes(40_000))
        assert "40,000 bytes" in added(tmp_path / name, look(1))
        assert read(tmp_path / name) == [look(0), look(1)]


def test_two_processes_do_not_record_into_one_file(tmp_path: Path) -> None:
    first = Appending(tmp_path / "r.ndjson")
    with pytest.raises(ForeignError, match="Another process records into"):
        Appending(tmp_path / "r.ndjson")
    first.close()
    added(tmp_path / "r.ndjson", look(0))


@pytest.mark.parametrize("name", ["r.ndjson", "r.ndjson.gz"])
def test_a_look_for_which_the_disk_has_no_room_leaves_nothing_of_it(name: str, tmp_path: Path) -> None:
    program = (
        "import resource, signal, sys; from pathlib import Path; from agent.app.append import Appending\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "file = Appending(Path(sys.argv[1])); line = sys.stdin.buffer.read()\n"
        "try:\n    while True: file.write(line)\n"
        "except OSError as problem: print(problem.errno, problem.filename)\n"
    )
    path = tmp_path / name
    line = look(0, os.urandom(600).hex())
    done = subprocess.run([sys.executable, "-c", program, str(path)], input=line, capture_output=True, check=True)
    assert done.stdout.decode().split() == [str(errno.EFBIG), str(path)]
    assert set(read(path)) == {line}
