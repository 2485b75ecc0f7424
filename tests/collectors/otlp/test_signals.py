"""Which signal a file holds is told by its content, for every body of every capture."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs

from agent.app.inputs import find
from collectors.otlp.signals import signal_of
from tests.collectors.otlp.build import PRODUCER, body, sent, span

CAPTURES = Path(__file__).parent.parent.parent / "captures" / "otlp"
FOLDERS = sorted(path for path in CAPTURES.iterdir() if path.is_dir())
#: the OTLP/JSON examples of opentelemetry-proto, by the last word of their names
JSON_NAMED = {"trace": "traces", "metrics": "metrics", "logs": "logs", "events": "logs"}


def expected(folder: Path) -> dict[str, str]:
    """Signal by file, from the paths they were sent to, or their names."""
    index = folder / "index.jsonl"
    if index.is_file():
        entries = [json.loads(line) for line in index.read_text().splitlines()]
        return {entry["file"]: entry["path"].rpartition("/")[2] for entry in entries if entry["bytes"]}
    return {path.name: JSON_NAMED[path.stem.rpartition("-")[2]] for path in folder.iterdir() if path.suffix == ".json"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_every_body_of_a_capture_is_recognised(folder: Path) -> None:
    files = {Path(source.path).name: source for source in find([folder]).files}
    assert {name: f"otlp-{signal}" for name, signal in expected(folder).items()} == {
        name: source.format for name, source in files.items()
    }
    refused = {str(dict(source.reasons)) for source in files.values() if source.format != "otlp-traces"}
    assert refused <= {str({f"{signal} are not read yet by this version": 1}) for signal in ("metrics", "logs")}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_body_is_recognised_without_its_name(folder: Path) -> None:
    for name, signal in expected(folder).items():
        content = (folder / name).read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        assert signal_of(content) == signal, name


def test_a_log_record_with_no_time_of_its_own_is_a_log() -> None:
    record = LogRecord(severity_number=9, attributes=[], body=None)
    logs = LogsData(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[record])])])
    assert signal_of(logs.SerializeToString()) == "logs"


def test_junk_and_nothing_are_no_signal() -> None:
    for junk in (b"", b"\xff" * 1000, b"\x0a", b"\x0a\x05\x12\x03\x12\x01", b"{}", b'{"resource": "spans"}', b"hello"):
        assert signal_of(junk) == ""


@given(st.binary(max_size=200), st.integers(0, 60))
def test_no_bytes_break_the_look(noise: bytes, at: int) -> None:
    good = body(sent("s", span(PRODUCER, {"messaging.system": "kafka"})))
    signal_of(noise)
    signal_of(good[:at] + noise + good[at:])
