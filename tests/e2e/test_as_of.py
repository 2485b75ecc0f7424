"""`scan --as-of T` with T inside a recording: what was there at T is judged and counted, and nothing of later."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.app.scan import scan
from collectors.recording.reader import read
from tests.e2e.commands import told

START = datetime(2026, 11, 1, tzinfo=UTC)
TURN = 150  #: looks of 30 s: until then billing falls behind, afterwards it catches up
LOOKS = 2 * TURN
MIDDLE = START + timedelta(seconds=30 * (TURN - 1))


def look(number: int) -> str:
    """100 messages more; billing reads 60 of them and later 200, audit reads all."""
    end = 10_000 + 100 * number
    behind = 40 * min(number, TURN)
    behind = max(0, behind - 100 * (number - TURN)) if number > TURN else behind
    groups = {
        name: {"state": "Stable", "committed": {"orders": {"0": read}}}
        for name, read in (("billing", end - behind), ("audit", end))
    }
    topics = {"orders": {"partitions": {"0": {"start": 0, "end": end}}}}
    at = (START + timedelta(seconds=30 * number)).isoformat()
    head = {"recording": 1, "source": "kafka", "cluster": "prod", "at": at}
    return json.dumps(head | {"topics": topics, "groups": groups})


def recorded(folder: Path, looks: int = LOOKS) -> Path:
    path = folder / f"{looks}.ndjson"
    path.write_text("\n".join(map(look, range(looks))) + "\n")
    return path


def scanned(path: Path, as_of: datetime | None = None) -> dict[str, Any]:
    words = ["scan", path.name, "--format", "json", *(["--as-of", as_of.isoformat()] if as_of else [])]
    done = told(*words, cwd=path.parent)
    assert done.code == 0, done.err
    result: dict[str, Any] = json.loads(done.out)
    return result


def behind(result: dict[str, Any]) -> dict[str, str]:
    """The state of each finding of LAG-01 by its group."""
    return {one["subject"]["name"]: one["state"] for one in result["findings"] if one["rule"] == "LAG-01"}


def facts(looks: int) -> int:
    return sum(len(reading.facts) for reading in read(map(look, range(looks))))


def test_the_backlog_at_a_time_inside_a_recording_is_judged_and_its_healthy_twin_is_silent(tmp_path: Path) -> None:
    path = recorded(tmp_path)
    then, end = scanned(path, MIDDLE), scanned(path)
    assert behind(then) == {"prod/billing": "open"}
    assert then["verdicts"]["LAG-01"] == {"fails": 1, "meets": 1, "blind": 0, "not_applicable": 0}
    assert behind(end) == {"prod/billing": "resolved"}
    assert end["verdicts"]["LAG-01"] == {"fails": 0, "meets": 2, "blind": 0, "not_applicable": 0}
    assert (then["to"], end["to"]) == ("2026-11-01T01:14:30Z", "2026-11-01T02:29:30Z")


def test_what_stands_at_a_time_is_what_a_recording_that_ends_there_tells(tmp_path: Path) -> None:
    then, cut = scanned(recorded(tmp_path), MIDDLE), scanned(recorded(tmp_path, TURN))
    for result in (then, cut):
        result["inputs"][0].pop("path")
    assert then == cut


@pytest.mark.parametrize(
    ("seconds", "looks"),
    [(-1, 0), (0, 1), (29, 1), (30, 2), (59, 2), (30 * (LOOKS - 1) - 1, LOOKS - 1), (30 * LOOKS, LOOKS)],
)
def test_an_input_counts_the_facts_that_were_used(seconds: int, looks: int, tmp_path: Path) -> None:
    path = recorded(tmp_path)
    packed = tmp_path / "other.gz"
    packed.write_bytes(gzip.compress(path.read_bytes().replace(b'"prod"', b'"test"')))
    result = scan([path, packed], every=timedelta(minutes=30), as_of=START + timedelta(seconds=seconds)).as_dict()
    assert [one["facts"] for one in result["inputs"]] == [facts(looks)] * 2


def test_lines_that_are_no_looks_count_up_to_the_last_one_that_was_used(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("\n".join((look(0), "rubbish", look(1), "rubbish", "rubbish", look(2), "rubbish", look(3), "")))
    rejected = {}
    for number in range(4):
        result = scan([path], every=timedelta(minutes=5), as_of=START + timedelta(seconds=30 * number)).as_dict()
        rejected[number] = result["inputs"][0]["rejected"]
    assert rejected == {0: 0, 1: 1, 2: 3, 3: 4}


def test_a_silence_before_the_time_is_judged_up_to_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("\n".join((*map(look, range(TURN)), look(TURN + 1_000))))
    silence = MIDDLE + timedelta(hours=2)
    result = scanned(path, silence)
    assert result["to"] == silence.isoformat().replace("+00:00", "Z")
    assert result["verdicts"]["LAG-01"]["fails"] == 0
