"""A recording that is replayed goes on: what is appended is folded by the same reader, whatever the store does."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.app.append import Appending
from agent.app.demo import replay, replay_and_follow
from agent.app.follow import Following, dropped, followed
from agent.app.parts import Parts, assemble
from agent.app.status import figures, status
from agent.config.load import load
from agent.config.settings import Settings
from agent.web.words import helps
from collectors.recording.reader import read
from tests.e2e.commands import told

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def look(step: int) -> str:
    """Step by step 100 messages more, of which 90 are read."""
    at = (START + timedelta(seconds=30 * step)).isoformat()
    topics = {"orders": {"partitions": {"0": {"start": 0, "end": 1_000 + 100 * step}}}}
    groups = {"billing": {"state": "Stable", "committed": {"orders": {"0": 1_000 + 90 * step}}}}
    head = {"recording": 1, "source": "kafka", "cluster": "prod", "at": at}
    return json.dumps(head | {"topics": topics, "groups": groups})


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    settings = load(None, {"SEAMWATCH_DATA_DIR": str(tmp_path / "data")}, tmp_path)
    assert isinstance(settings, Settings)
    made = assemble(settings)
    yield made
    made.memory.journal.close()
    made.store.close()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "broker.ndjson"
    path.write_text("".join(f"{look(step)}\n" for step in range(10)))
    return path


def append(path: Path, *texts: str) -> None:
    with path.open("a") as file:
        file.writelines(texts)


def taken(parts: Parts) -> tuple[datetime | None, int]:
    """The last look that the store has, and how many facts it has had."""
    [row] = [row for row in parts.store.sources() if row.source == "recording/kafka/prod"]
    return row.last_fact, sum(row.counters.values())


def told_by(*steps: int) -> int:
    """How many facts some looks, one after another, are."""
    return sum(len(reading.facts) for reading in read(map(look, steps)))


def at(step: int) -> datetime:
    return START + timedelta(seconds=30 * step)


def test_what_is_appended_is_taken_in_before_the_next_round(parts: Parts, recording: Path) -> None:
    replay_and_follow(parts, [recording], timedelta(minutes=1))
    assert taken(parts) == (at(9), told_by(*range(10)))
    append(recording, f"{look(10)}\n", f"{look(11)}\n")
    parts.rounds.run(at(11))
    assert taken(parts) == (at(11), told_by(*range(12)))
    parts.rounds.run(at(12))
    assert taken(parts)[0] == at(11), "nothing new, and nothing twice"
    assert followed(parts) == {"recording/kafka/prod"}
    assert parts.replayed.endswith("were replayed, and the recordings are followed")


def test_a_line_that_cannot_be_taken_is_counted_by_its_reason_and_harms_no_other(
    parts: Parts, recording: Path, caplog: pytest.LogCaptureFixture
) -> None:
    replay_and_follow(parts, [recording], timedelta(minutes=1))
    assert dropped(parts) == {}
    append(recording, "xx\n", f"{look(10)}\n", '{"recording":1,"source":"kafka","at":"garbage"}\n', "yy\n")
    parts.rounds.run(at(10))
    assert taken(parts)[0] == at(10)
    lost = {("recording/kafka/prod", "line is no JSON"): 2, ("recording/kafka/prod", "time is not RFC 3339"): 1}
    assert dropped(parts) == lost
    assert figures(parts).dropped.items() >= lost.items()
    append(recording, "zz\n")
    parts.rounds.run(at(11))
    assert dropped(parts)["recording/kafka/prod", "line is no JSON"] == 3
    assert [record.message for record in caplog.records].count("recording not taken") == 1


def test_a_line_that_is_being_written_waits_for_its_end(parts: Parts, recording: Path) -> None:
    append(recording, look(10)[:50])
    replay_and_follow(parts, [recording], timedelta(minutes=1))
    parts.rounds.run(at(10))
    assert taken(parts)[0] == at(9)
    append(recording, look(10)[50:] + "\n")
    parts.rounds.run(at(10))
    assert taken(parts)[0] == at(10)


def test_a_packed_recording_whose_writer_was_killed_is_followed_and_read_on_once_it_is_mended(
    parts: Parts, tmp_path: Path
) -> None:
    path = tmp_path / "broker.ndjson.gz"
    packed = [gzip.compress(f"{look(step)}\n".encode()) for step in range(12)]
    path.write_bytes(b"".join(packed[:10]) + packed[10][:-30])
    replay_and_follow(parts, [path], timedelta(minutes=1))
    assert taken(parts) == (at(9), told_by(*range(10)))
    file = Appending(path)
    file.write(f"{look(11)}\n".encode())
    file.close()
    parts.rounds.run(at(11))
    assert taken(parts)[0] == at(11)
    assert dropped(parts) == {("recording/kafka/prod", "line is no JSON"): 1}, "the look that was cut off"


def test_a_packed_recording_that_is_damaged_says_so_once(parts: Parts, tmp_path: Path) -> None:
    path = tmp_path / "broker.ndjson.gz"
    path.write_bytes(b"".join(gzip.compress(f"{look(step)}\n".encode()) for step in range(10)))
    replay_and_follow(parts, [path], timedelta(minutes=1))
    with path.open("ab") as file:
        file.write(b"what is no gzip")
    for _ in range(3):
        parts.rounds.run(at(10))
    assert dropped(parts) == {("recording/kafka/prod", "gzip is broken or cut off"): 1}


def test_the_readers_memory_goes_on(parts: Parts, recording: Path) -> None:
    """How old the oldest unread message is follows from when its offset was the end: seen in the replay only."""
    replay_and_follow(parts, [recording], timedelta(minutes=1))
    append(recording, f"{look(10)}\n")
    assert isinstance(parts.rounds, Following)
    parts.rounds.take()
    found = parts.store.series_of(["age_seconds"], START, START + timedelta(hours=1))
    [ages] = found.values()
    assert len(ages.values) == 11
    assert ages.values[-1] > 0


def test_without_follow_a_replay_is_over(parts: Parts, recording: Path) -> None:
    replay(parts, [recording], timedelta(minutes=1))
    append(recording, f"{look(10)}\n")
    parts.rounds.run(at(10))
    assert taken(parts)[0] == at(9)
    assert followed(parts) == frozenset()
    assert parts.replayed.endswith("were replayed")


def test_a_recording_that_is_away_for_a_while_is_read_on(parts: Parts, recording: Path, tmp_path: Path) -> None:
    replay_and_follow(parts, [recording], timedelta(minutes=1))
    append(recording, f"{look(10)}\n")
    recording.rename(tmp_path / "away")
    parts.rounds.run(at(10))
    assert taken(parts)[0] == at(10), "what was written before it went is taken in"
    (tmp_path / "away").rename(recording)
    append(recording, f"{look(11)}\n")
    parts.rounds.run(at(11))
    assert taken(parts) == (at(11), told_by(*range(12))), "and nothing twice"


def rotated(recording: Path) -> None:
    recording.rename(recording.with_suffix(".1"))


def truncated(recording: Path) -> None:
    recording.write_text("")


def rotated_with_a_new_file(recording: Path) -> None:
    rotated(recording)
    recording.touch()


def deleted(recording: Path) -> None:
    recording.unlink()


def put_in_its_place(recording: Path) -> None:
    new = recording.with_suffix(".new")
    new.write_bytes(recording.read_bytes())
    new.rename(recording)


def quiet(_recording: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("happens", "events", "dropped"),
    [
        (rotated, [("recording cannot be read", "WARNING"), ("recording rotated", "INFO")], {}),
        (rotated_with_a_new_file, [("recording rotated", "INFO")], {}),
        (put_in_its_place, [("recording rotated", "INFO")], {}),
        (deleted, [("recording cannot be read", "WARNING")], {}),
        (truncated, [("recording truncated", "WARNING")], {"cut off": 1}),
        (quiet, [], {}),
    ],
)
def test_whatever_becomes_of_a_recording_it_is_read_on_and_said_once(
    parts: Parts,
    recording: Path,
    caplog: pytest.LogCaptureFixture,
    happens: Callable[[Path], None],
    events: list[tuple[str, str]],
    dropped: dict[str, int],
) -> None:
    caplog.set_level("INFO", "agent.app.follow")
    replay_and_follow(parts, [recording], timedelta(minutes=1))
    happens(recording)
    parts.rounds.run(at(9))
    parts.rounds.run(at(9))
    for step in range(10, 12):
        append(recording, f"{look(step)}\n")
        parts.rounds.run(at(step))
        assert taken(parts) == (at(step), told_by(*range(step + 1))), "every look is counted once"
    assert [(one.getMessage(), one.levelname) for one in caplog.records] == events
    [told] = [one for one in status(parts).collectors if one.kind == "recording"]
    assert (told.state, told.dropped) == ("fresh", dropped)
    assert sum(figures(parts).dropped.values()) == sum(dropped.values())


def test_what_a_recording_lost_stands_on_its_page_and_in_the_log(
    parts: Parts, recording: Path, caplog: pytest.LogCaptureFixture
) -> None:
    replay_and_follow(parts, [recording], timedelta(minutes=1))
    append(recording, look(10)[:50])
    parts.rounds.run(at(10))
    recording.write_text(f"{look(11)}\n")
    parts.rounds.run(at(11))
    half, event = caplog.records
    assert half.getMessage() == "recording not taken", "the line of which only a half was written"
    lost = "what was written after the last look, if anything"
    assert event.fields == {"path": str(recording), "lost": lost}  # type: ignore[attr-defined]  # given by `extra`
    assert "rotate it by renaming" in helps("cut off")


def test_follow_needs_a_replay(tmp_path: Path) -> None:
    done = told("run", "--follow", cwd=tmp_path)
    assert done.code == 2
    assert "Add --replay PATH." in done.err


def test_the_collectors_page_tells_a_followed_recording_from_one_that_is_over(parts: Parts, recording: Path) -> None:
    def state() -> list[tuple[str, str]]:
        return [(one.state, one.note) for one in status(parts).collectors if one.kind == "recording"]

    replay(parts, [recording], timedelta(minutes=1))
    assert state() == [("replayed", "replayed")]
    replay_and_follow(parts, [recording], timedelta(minutes=1))
    assert state() == [("fresh", "followed")]
