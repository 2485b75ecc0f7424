"""Each input is recognised by its content; one that cannot be read is counted and stops nothing."""

import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.app.inputs import Sent, find
from agent.app.scan import scan
from collectors.otlp.decode import Decoder
from tests.e2e.commands import seamwatch, told

START = datetime(2026, 11, 1, tzinfo=UTC)


def look(seconds: int = 0, cluster: str = "prod") -> str:
    at = (START + timedelta(seconds=seconds)).isoformat()
    topics = {"orders": {"partitions": {"0": {"start": 0, "end": 100 + seconds}}}}
    told = {"recording": 1, "source": "kafka", "cluster": cluster, "at": at, "topics": topics, "groups": {}}
    return json.dumps(told)


def described() -> str:
    """A look that tells enough to judge what of its topic needs no time."""
    told = json.loads(look()) | {"brokers": 3, "broker": {"settings": {"auto.create.topics.enable": "true"}}}
    told["sampled"] = {"orders": {"records": 500, "framed": 500, "judged": 500, "identified": 500}}
    told["topics"]["orders"] |= {"replication": 3, "in_sync": 3, "offline": 0, "settings": {"min.insync.replicas": "2"}}
    return json.dumps(told)


def request(seconds: int = 0, service: str = "shop", **more: Any) -> dict[str, Any]:
    nanoseconds = int((START + timedelta(seconds=seconds)).timestamp()) * 10**9
    span = {"traceId": f"{seconds + 1:032x}", "spanId": f"{seconds + 1:016x}", "kind": 2, "name": "GET /"}
    span |= {"startTimeUnixNano": str(nanoseconds), "endTimeUnixNano": str(nanoseconds)}
    told_by = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return more | {"resourceSpans": [{"resource": told_by, "scopeSpans": [{"scope": {"name": "x"}, "spans": [span]}]}]}


def one(folder: Path, content: str | bytes, name: str = "file") -> dict[str, Any]:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    [found] = scan([folder / name], every=timedelta(minutes=5)).as_dict()["inputs"]
    return {"format": found["format"], "facts": found["facts"], **found["reasons"]}


BOM = "\ufeff"
FLOW = '{"workflows": [{"name": "a"}]}'
LINEAGE = '{"eventType": "START", "eventTime": "2026-11-01T00:00:00Z", "run": {"runId": "x"}, "producer": "p"}'
COMBINED = '10.0.0.7 - bob [01/Nov/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl"'
NGINX = '{"time": "2026-11-01T00:00:00Z", "request_method": "GET", "request_uri": "/", "status": 200}'


@pytest.mark.parametrize(
    "content",
    [
        look(),
        BOM + look(),
        "\n\n \r\n" + look(),
        "rubbish\n{\n[1]\n" + look(),
        "\n".join(f"rubbish {number}" for number in range(150)) + "\n" + look(),
        '{"at": "2026-11-01T00:00:00Z", "x": "' + "x" * 100_000 + '", ' + look()[1:].replace('"at"', '"was"'),
        gzip.compress(look().encode(), mtime=0),
    ],
)
def test_a_recording_is_known_whatever_stands_before_it(content: str | bytes, tmp_path: Path) -> None:
    found = one(tmp_path, content)
    assert found["format"] == "recording"
    assert found["facts"] > 0


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (json.dumps(request()), 1),
        (BOM + json.dumps(request()), 1),
        (json.dumps(request(), indent=2), 1),
        (json.dumps({"zz": "x" * 100_000} | request()), 1),
        (json.dumps({"zz": "x" * 100_000} | request(), indent=2), 1),
        ("\n".join(json.dumps(request(second)) for second in range(5)), 5),
        ("\n".join(json.dumps({"zz": "x" * 100_000} | request(second)) for second in range(5)) + "\n", 5),
        (gzip.compress(b"\n".join(json.dumps(request(second)).encode() for second in range(5)), mtime=0), 5),
        ('{"resourceSpans": []}', 0),
    ],
)
def test_otlp_in_json_is_known_one_request_a_file_or_a_line(content: str | bytes, facts: int, tmp_path: Path) -> None:
    assert one(tmp_path, content) == {"format": "otlp-traces", "facts": facts}


def test_what_is_no_request_among_lines_is_counted(tmp_path: Path) -> None:
    lines = [json.dumps(request()), "{", "", '{"resourceMetrics": [{}]}', json.dumps(request(9))]
    assert one(tmp_path, "\n".join(lines)) == {
        "format": "otlp-traces",
        "facts": 2,
        "line is no OTLP request": 1,
        "metrics are not read yet by this version": 1,
    }


@pytest.mark.parametrize("whole", [3, 0])
def test_of_a_recording_that_broke_off_all_whole_looks_are_read_and_the_torn_end_counts_once(
    whole: int, tmp_path: Path
) -> None:
    looks = [f"{look(second)}\n".encode() for second in range(whole + 1)]
    facts = one(tmp_path, b"".join(looks[:-1]))["facts"] if whole else 0
    packed = b"".join(map(gzip.compress, looks))
    for cut in (packed[:-20], packed + b"\x1f\x8b"):
        cut_facts = facts if cut == packed[:-20] else one(tmp_path, b"".join(looks))["facts"]
        assert one(tmp_path, cut) == {"format": "recording", "facts": cut_facts, "gzip is broken or cut off": 1}
    if whole:
        plain = {"format": "recording", "facts": facts, "last line is cut off": 1}
        assert one(tmp_path, b"".join(looks)[:-20]) == plain


def test_a_request_that_broke_off_is_not_taken(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps(request(), indent=2).encode())
    reason = "cannot be read (gzip is broken or cut off)"
    assert one(tmp_path, packed[:-30]) == {"format": "unknown", "facts": 0, reason: 1}


@pytest.mark.parametrize("name", ["flows.yaml", "flows.yml", "flows.json", "flows", "flows.txt"])
@pytest.mark.parametrize(
    "content", [FLOW, BOM + FLOW, "workflows:\n  - {name: a}\n", json.dumps(json.loads(FLOW), indent=2)]
)
def test_a_workflow_file_is_known_whatever_its_name(content: str, name: str, tmp_path: Path) -> None:
    assert one(tmp_path, content, name) == {"format": "workflow", "facts": 1}


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (LINEAGE, "openlineage", "OpenLineage is not read yet by this version"),
        (f"{LINEAGE}\n{LINEAGE}\n", "openlineage", "OpenLineage is not read yet by this version"),
        (f"[{LINEAGE}]", "openlineage", "OpenLineage is not read yet by this version"),
        (COMBINED, "access-log", "access logs are not read yet by this version"),
        (f"{COMBINED}\n{COMBINED}\n", "access-log", "access logs are not read yet by this version"),
        (NGINX, "access-log", "access logs are not read yet by this version"),
        ('{"resourceMetrics": []}', "otlp-metrics", "metrics are not read yet by this version"),
        ('{"resourceLogs": []}\n{"resourceLogs": []}', "otlp-logs", "logs are not read yet by this version"),
        ("data_dir: x\n", "unknown", "not recognised"),
        ("some words\n", "unknown", "not recognised"),
        ('{"a": 1}', "unknown", "not recognised"),
        (b"\x89PNG\r\n\x1a\n\0\0", "unknown", "not recognised"),
    ],
)
def test_what_is_not_read_says_what_it_is(content: str | bytes, kind: str, reason: str, tmp_path: Path) -> None:
    assert one(tmp_path, content) == {"format": kind, "facts": 0, reason: 1}


def test_a_bad_workflow_file_and_a_missing_path_among_good_inputs_are_counted(tmp_path: Path) -> None:
    (tmp_path / "good.ndjson").write_text(look())
    (tmp_path / "good.yaml").write_text("workflows: [{name: a, tier: production}]")
    (tmp_path / "bad.yaml").write_text("workflows:\n  - {name: b, ownr: x}\n")
    done = told("scan", "good.ndjson", "good.yaml", "bad.yaml", "gone", "--format", "json", cwd=tmp_path)
    assert done.code == 0
    assert done.err == 'bad.yaml, line 2, column 15: "ownr" is no key of workflows.b. Did you mean "owner"?\n'
    result = json.loads(done.out)
    assert [(source["path"], source["rejected"], source["reasons"]) for source in result["inputs"]] == [
        ("good.ndjson", 0, {}),
        ("good.yaml", 0, {}),
        ("bad.yaml", 1, {'line 2, column 15: "ownr" is no key of workflows.b. Did you mean "owner"?': 1}),
        ("gone", 1, {"does not exist": 1}),
    ]
    assert [found["subject"]["name"] for found in result["findings"]] == ["a"]


@pytest.mark.parametrize("words", [("bad.yaml",), ("gone",), ("empty",), ("junk", "gone")])
def test_the_exit_code_is_3_only_where_nothing_could_be_read(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("workflows: [{ownr: x}]")
    (tmp_path / "junk").write_text("junk")
    (tmp_path / "empty").touch()
    done = told("scan", *words, cwd=tmp_path)
    assert done.code == 3
    assert done.err.endswith("None of the inputs could be read.\n")
    (tmp_path / "good.ndjson").write_text(look())
    assert told("scan", *words, "good.ndjson", cwd=tmp_path).code == 0


GATES = [("--fail-on", "low"), ("--min-coverage", "0.5"), ("--fail-on", "critical", "--format", "json")]


@pytest.mark.parametrize("words", [(), *GATES])
def test_a_scan_that_looked_at_nothing_is_not_green(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "good.ndjson").write_text(described())
    (tmp_path / "flow.yaml").write_text("workflows: [{name: a, tier: sandbox}]")
    for paths in (("good.ndjson",), ("good.ndjson", "flow.yaml")):
        done = told("scan", *paths, "--as-of", "2020-01-01", *words, cwd=tmp_path)
        assert done.code == 3
        assert done.err == "Nothing was looked at: the first of it is of 2026-11-01T00:00:00Z, after --as-of.\n"
        assert told("scan", *paths, "--as-of", "2026-11-02", *words, cwd=tmp_path).code == 0
    (tmp_path / "none.json").write_text('{"resourceSpans": []}\n')
    none = told("scan", "none.json", *words, cwd=tmp_path)
    assert none.code == 3
    assert none.err == "Nothing was looked at: the inputs tell of nothing that happened.\n"
    assert told("scan", "flow.yaml", *words, cwd=tmp_path).code == 0


@pytest.mark.parametrize("words", GATES)
def test_a_gate_does_not_pass_by_a_path_that_leads_nowhere(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text("workflows: [{name: a, tier: production}]")
    (tmp_path / "junk").write_text("junk")
    done = told("scan", "flow.yaml", "gone", *words, cwd=tmp_path)
    assert done.code == 3
    assert done.err == "gone does not exist: the rest was judged.\n"
    assert "GOV-01" in done.out
    two = told("scan", "flow.yaml", "gone", "away", *words, cwd=tmp_path)
    assert two.err == "gone, away do not exist: the rest was judged.\n"
    assert told("scan", "flow.yaml", "junk", "--min-coverage", "0.5", cwd=tmp_path).code == 0, (
        "it is there, and counted"
    )


def test_a_file_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    (tmp_path / "r.ndjson").write_text(look())
    inputs = find([tmp_path, tmp_path / "r.ndjson", tmp_path])
    assert len(inputs.files) == len(list(inputs.happened())) == 1


def test_a_file_that_keeps_its_reader_waiting_is_refused(tmp_path: Path) -> None:
    """The kernel's log is a file for all who ask, and a read of it waits for the next message."""
    done = seamwatch("scan", "/proc/kmsg", cwd=tmp_path, timeout=60)
    assert done.returncode == 3, "whoever may not read it is refused as well"
    assert done.stdout.startswith("not taken: /proc/kmsg: ")


def test_a_stream_keeps_no_replay_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    [source] = find([tmp_path / "pipe"]).files
    assert source.reasons == {"is a stream, no file": 1}


def test_everything_happens_in_the_order_of_arrival(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.ndjson").write_text("\n".join(look(second) for second in range(number * 50, 200, 7)))
        (tmp_path / f"{number}.json").write_text(json.dumps(request(number * 33)))
    (tmp_path / "lines.json").write_text("\n".join(json.dumps(request(second)) for second in range(3, 160, 5)))
    times = [happened.at for happened in find([tmp_path]).happened()]
    assert times == sorted(times)
    assert len(times) > 100


def test_a_request_is_decoded_when_its_time_has_come_and_not_before(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.json").write_text(json.dumps(request(number * 60, service=f"s{number}")))
    decoder = Decoder()
    known = []
    for happened in find([tmp_path]).happened():
        known.append(len(decoder.shapes))
        assert isinstance(happened.what, Sent)
        happened.what.columns(decoder)
    assert known == [0, 1, 2]


def test_more_recordings_than_files_may_be_open_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(120):
        lines = "\n".join(look(second, f"c{number}") for second in (0, 30, 60))
        data = gzip.compress(lines.encode()) if number % 2 else lines.encode()
        (folder / f"{number}.ndjson").write_bytes(data)
    command = [sys.executable, "-m", "agent", "scan", str(folder), "--format", "json"]

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))

    done = subprocess.run(
        command, cwd=tmp_path, preexec_fn=few, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["inputs"]) == 120
    assert {source["rejected"] for source in result["inputs"]} == {0}
    assert len({source["facts"] for source in result["inputs"]}) == 1


def waited(true: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_a_scan_that_is_stopped_leaves_no_folder_behind(number: int, code: int, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "r.ndjson").write_text("\n".join(look(second) for second in range(0, 80_000, 30)))
    command = [sys.executable, "-m", "agent", "scan", "r.ndjson", "--every", "5s"]
    environ = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    process = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    waited(lambda: list((tmp_path / "tmp").glob("seamwatch-scan-*/*.db")), process)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said.strip()) == (code, b"Stopped.")
    assert list((tmp_path / "tmp").iterdir()) == []
