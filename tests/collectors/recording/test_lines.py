"""Lines of recordings: good and bad ones, plain and gzip, however large; nothing crashes the reader."""

import gzip
import json
import os
import random
from datetime import UTC, datetime, timedelta
from io import BufferedReader
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.recording.lines import MAX_LINE, Lines, opened
from collectors.recording.reader import Reader, looks_like_recording, read

AT = "2026-11-01T00:00:30Z"


def line(source: str = "kafka", **fields: Any) -> bytes:
    names: dict[str, Any] = {"gateway": {"gateway": "edge"}, "registry": {"registry": "main"}, "ping": {}}
    head = {"recording": 1, "source": source, "at": AT} | names.get(source, {"cluster": "prod"})
    return json.dumps(head | fields).encode()


BAD = {
    "line is no JSON": [b"{", b"nope", b"\xff\xfe", b'{"recording": 1, "x": NaN}', b"[" * 100_000, b'{"a": "\\ud800"}'],
    "line is no object": [b"[]", b"1", b'"x"', b"null"],
    "line is no recording": [b"{}", b'{"source": "kafka"}'],
    "line is of another version": [
        b'{"recording": 2, "source": "kafka"}',
        b'{"recording": "1", "source": "kafka"}',
        b'{"recording": true, "source": "kafka"}',
    ],
    "source is unknown": [b'{"recording": 1}', b'{"recording": 1, "source": "x"}', b'{"recording": 1, "source": []}'],
    "time has no zone": [line(at="2026-11-01T00:00:30")],
    "no time": [line(at=None)],
    "time is not RFC 3339": [
        line(at="2026-13-01T00:00:00Z"),
        line(at="today"),
        line(at=5),
        line(at="10000-01-01T00:00:00Z"),
    ],
    "time is out of range": [
        line(at="0001-01-01T00:00:00+23:59"),
        line(at="0001-01-01T00:00:00Z"),
        line(at="1969-12-31T23:59:59Z"),
        line(at="1970-01-01T00:00:00+01:00"),
        line(at="2262-01-01T00:00:00Z"),
        line(at="9999-12-31T23:59:59Z"),
        line(at="9999-12-31T23:59:59-23:59"),
    ],
    "time is ahead of the clock": [
        line(at=(datetime.now(UTC) + timedelta(days=2)).isoformat()),
        line(at="2261-12-31T00:00:00Z"),
    ],
    "cluster is missing": [line(cluster=None), line(cluster=""), line(cluster=5)],
    "gateway is missing": [line("gateway", gateway=None)],
    "line is longer than 16 MiB": [b'{"recording": 1, "x": "' + b"x" * MAX_LINE + b'"}'],
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_line_is_counted_by_reason_and_never_fatal(reason: str) -> None:
    reader = Reader()
    readings = list(reader.read([*BAD[reason], line()]))
    assert len(readings) == 1
    assert reader.tally.rejected == {reason: len(BAD[reason])}


@pytest.mark.parametrize("at", ["2026-11-01T01:00:30+01:00", "2026-11-01t00:00:30z", "2026-11-01T00:00:30.000000000Z"])
def test_a_time_with_any_zone_is_the_same_instant(at: str) -> None:
    assert next(read([line(at=at)])).at == datetime(2026, 11, 1, 0, 0, 30, tzinfo=UTC)


def test_unknown_fields_are_kept_out_and_counted() -> None:
    topics = {name: {"colour": 1, "partitions": {"0": {"end": 1, "x": 2}}} for name in "ab"}
    reader = Reader()
    [reading] = reader.read([line(topics=topics, shares={}, groups={"g": {"y": 1, "members": [{"z": 1}]}})])
    assert reading.unknown == {
        "topics.*.colour": 2,
        "topics.*.partitions.*.x": 2,
        "groups.*.y": 1,
        "groups.*.members.*.z": 1,
        "shares": 1,
    }
    assert reader.tally.unknown == reading.unknown


def test_what_is_told_apart_is_bounded() -> None:
    reader = Reader()
    list(reader.read(line(**{f"x{number}": 1}) for number in range(1000)))
    assert len(reader.tally.unknown) <= 201
    assert sum(reader.tally.unknown.values()) == 1000


def test_blank_lines_are_none() -> None:
    reader = Reader()
    assert len(list(reader.read([b"\n", b"  \n", line() + b"\r\n"]))) == 1
    assert reader.tally.rejected == {}


def test_plain_and_gzip_files_read_the_same(tmp_path: Path) -> None:
    text = b"\n".join(line(cluster=name, topics={}) for name in "abc")
    (tmp_path / "a.ndjson").write_bytes(text)
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(text))
    assert list(Reader().read_file(tmp_path / "a.ndjson")) == list(Reader().read_file(tmp_path / "b.ndjson.gz"))
    assert list(Reader().read_file(tmp_path / "a.ndjson"))


def test_a_cut_or_broken_gzip_keeps_what_came_before(tmp_path: Path) -> None:
    text = b"".join(line(cluster=str(random.Random(n).random())) + b"\n" for n in range(2000))  # a fixed seed
    whole = gzip.compress(text)
    for broken in (whole[: len(whole) // 2], whole[:5000] + b"\0" * 50 + whole[5050:], whole + b"rubbish"):
        (tmp_path / "x.gz").write_bytes(broken)
        reader = Reader()
        assert list(reader.read_file(tmp_path / "x.gz"))
        assert reader.tally.rejected["gzip is broken or cut off"] == 1


def test_a_huge_line_is_never_held(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x" * (3 * MAX_LINE) + b"\n" + line() + b"\n")
    assert [len(one) for one in Lines(tmp_path / "x").every()] == [MAX_LINE + 1, len(line())]
    reader = Reader()
    assert len(list(reader.read_file(tmp_path / "x"))) == 1
    assert reader.tally.rejected == {"line is longer than 16 MiB": 1}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_are_those_of_the_file_whatever_the_pieces(tmp_path: Path, pack: Any) -> None:
    dice = random.Random(3)  # a fixed seed
    lines = [dice.randbytes(dice.choice((0, 1, 100, 50_000))).replace(b"\n", b"") for _ in range(60)]
    (tmp_path / "x").write_bytes(pack(b"\n".join(lines)))
    found = list(Lines(tmp_path / "x").every())
    assert found == lines[: len(found)]
    assert not any(lines[len(found) :])


def test_gzip_files_one_behind_another_are_one_file(tmp_path: Path) -> None:
    text = [b"a" * 100_000 + b"\n", b"\n", b"b\n"]
    (tmp_path / "x").write_bytes(b"".join(gzip.compress(part) for part in text) + b"\0" * 100)
    lines = Lines(tmp_path / "x")
    assert b"\n".join(lines.every()) + b"\n" == b"".join(text)
    assert not lines.broken


def test_a_file_that_grows_gives_its_new_lines_once_they_have_ended(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    lines = Lines(path)
    assert list(lines.whole()) == []
    for more, ended in ((b"a\nb", [b"a"]), (b"", []), (b"c\n", [b"bc"]), (b"d", []), (b"\n", [b"d"])):
        with path.open("ab") as file:
            file.write(more)
        assert list(lines.whole()) == ended


def test_no_file_is_held_open(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a\n" * 100_000)
    before = len(list(Path("/proc/self/fd").iterdir()))
    reading = [Lines(tmp_path / "x").whole() for _ in range(50)]
    assert [next(lines) for lines in reading] == [b"a"] * 50
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_a_read_that_would_wait_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    writer = os.open(tmp_path / "x", os.O_RDWR)  # so that the pipe is not over, only empty
    with opened(tmp_path / "x") as raw, BufferedReader(opened(tmp_path / "x")) as buffered:
        for read in (raw.read, buffered.read, buffered.readline):
            with pytest.raises(BlockingIOError, match="waits for somebody to write"):
                read(10)
        os.write(writer, b"a\nb")
        assert raw.read(10) == b"a\nb"
    os.close(writer)


def test_a_byte_order_mark_is_no_part_of_a_line() -> None:
    assert looks_like_recording(b"\xef\xbb\xbf" + line())
    assert len(list(read([b"\xef\xbb\xbf" + line(), "\ufeff" + line().decode()]))) == 2


def test_a_recording_is_known_by_its_content() -> None:
    assert looks_like_recording(line())
    assert looks_like_recording(b'{"recording": 9, "source": "x"}')
    assert not looks_like_recording(b'{"resourceSpans": []}')
    assert not looks_like_recording(b"workflows:")


def test_a_recording_is_known_although_its_first_line_is_cut_off_or_broken() -> None:
    long = line(topics={f"t{number}": {} for number in range(10_000)})
    assert looks_like_recording(long[:65_536])
    assert looks_like_recording(b"\xef\xbb\xbf" + long[:100])
    assert looks_like_recording('{ "recording" : 1, broken')
    assert not looks_like_recording(b'{"resourceSpans": [{"recording": 1')


@given(st.binary() | st.text())
def test_no_bytes_crash_the_recogniser(data: bytes | str) -> None:
    assert not looks_like_recording(data)


ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.sampled_from("0123"), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = [
    "topics",
    "groups",
    "broker",
    "cluster_id",
    "connectors",
    "subjects",
    "compatibility",
    "mode",
    "slug",
    "signal",
    "code",
    "rid",
    "body",
    "routes",
    "partitions",
    "committed",
    "age_seconds",
    "members",
    "settings",
    "config",
    "tasks",
    "versions",
    "timeout_seconds",
    "type",
    "state",
    "protocol",
    "epoch",
    "end",
]
TREE: st.SearchStrategy[Any] = st.recursive(
    ANY, lambda inner: st.dictionaries(st.sampled_from([*FIELDS, "orders", "0"]), inner, max_size=4), max_leaves=20
)


@given(
    st.sampled_from(["kafka", "connect", "registry", "ping", "gateway"]), st.dictionaries(st.sampled_from(FIELDS), TREE)
)
def test_no_line_crashes_the_reader(source: str, fields: dict[str, Any]) -> None:
    for reading in read([line(source, **fields)]):
        assert all("\0" not in repr(fact).replace("\\x00", "\0") for fact in reading.facts)


@given(st.binary() | st.text())
def test_no_bytes_crash_the_reader(data: bytes | str) -> None:
    assert list(read([data])) == []
