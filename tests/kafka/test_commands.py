"""The commands that need a broker: init, doctor, record; and the agent itself, as a user starts them."""

import gzip
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import jsonschema_rs
import pytest

from agent.app.schemas import schema
from tests.e2e.commands import told
from tests.kafka.estate import Estate, eventually
from tests.kafka.servers import Secure

pytestmark = pytest.mark.real


def test_init_writes_what_doctor_and_record_then_use(broker: str, estate: Estate, tmp_path: Path) -> None:
    topic, group = estate.topic(), estate.name("reader")
    estate.produce(topic, 8)
    estate.commit(group, {(topic, 0): 3})
    begun = told("init", "--kafka", broker, "--name", "prod", cwd=tmp_path)
    assert begun.code == 0, begun
    assert "speaks Kafka, in plain text, without a login" in begun.out
    again = told("init", "--kafka", broker, cwd=tmp_path)
    assert again.code == 2
    assert "left as it is" in again.out
    seen = told("doctor", "kafka", cwd=tmp_path)
    assert seen.code == 0, seen
    assert "everything is allowed to everybody" in seen.out
    kept = told("record", "looks.ndjson.gz", "--for", "3s", "--every", "1s", cwd=tmp_path)
    assert kept.code == 0, kept
    lines = [json.loads(line) for line in gzip.decompress((tmp_path / "looks.ndjson.gz").read_bytes()).splitlines()]
    assert 2 <= len(lines) <= 4
    validator = jsonschema_rs.validator_for(schema("recording"))
    assert all(validator.is_valid(line) for line in lines)
    assert lines[-1]["groups"][group]["committed"][topic] == {"0": 3}
    judged = told("scan", "looks.ndjson.gz", "--format", "json", cwd=tmp_path)
    assert judged.code == 0
    seams = [(one["source"], one["target"]) for one in json.loads(judged.out)["seams"]]
    assert (f"topic:prod/{topic}", f"group:prod/{group}") in seams


def test_init_says_what_a_secure_broker_wants_and_takes_a_password_by_reference_only(
    secure: Secure, tmp_path: Path
) -> None:
    first = told("init", "--kafka", secure.bootstrap, cwd=tmp_path)
    assert first.code == 3
    assert "over TLS, with a login by" in first.out
    assert "--ca FILE" in first.out
    plain = told("init", "--kafka", secure.bootstrap, "--password", "hunter2", cwd=tmp_path)
    assert plain.code == 2
    assert "takes a reference" in plain.err
    (tmp_path / "pw").write_text("admin-secret\n")
    words = ("--ca", secure.ca, "--user", "admin", "--password", f"file:{tmp_path / 'pw'}", "--out", "two.yaml")
    done = told("init", "--kafka", secure.bootstrap, *words, cwd=tmp_path)
    assert done.code == 0, done
    assert "admin-secret" not in (tmp_path / "two.yaml").read_text() + done.out
    seen = told("doctor", "--config", "two.yaml", cwd=tmp_path)
    assert seen.code == 0, seen


def test_what_cannot_be_reached_is_told_with_what_to_do(tmp_path: Path) -> None:
    done = told("init", "--kafka", "127.0.0.1:1", cwd=tmp_path)
    assert done.code == 3
    assert "Nothing listens at 127.0.0.1:1 (connection refused). Check the address" in done.out
    assert not (tmp_path / "seamwatch.yaml").exists()
    assert told("doctor", cwd=tmp_path).code == 2
    assert told("record", "x.ndjson", cwd=tmp_path).code == 2
    (tmp_path / "seamwatch.yaml").write_text('clusters: {gone: {bootstrap: ["127.0.0.1:1"]}}\n')
    seen = told("doctor", "kafka", cwd=tmp_path)
    assert seen.code == 3
    assert "kafka/gone: cannot be seen" in seen.out
    kept = told("record", "x.ndjson", "--for", "1s", cwd=tmp_path)
    assert kept.code == 3
    assert "kafka/gone: 127.0.0.1:1" in kept.err


@pytest.mark.parametrize("name", ["looks.ndjson.gz", "looks.ndjson"])
def test_a_recording_that_is_killed_is_read_to_its_last_look_and_gone_on_with(
    name: str, broker: str, estate: Estate, tmp_path: Path
) -> None:
    estate.produce(estate.topic(), 8)
    (tmp_path / "seamwatch.yaml").write_text(f'clusters: {{prod: {{bootstrap: ["{broker}"]}}}}\n')
    path = tmp_path / name
    for least in (2, 4, 6):
        with recording(path, "--every", "1s") as killed:
            eventually(partial(looks_in, path, least), "two more looks", within=30)
            killed.kill()
        judged = told("scan", name, "--format", "json", cwd=tmp_path)
        [source] = json.loads(judged.out)["inputs"]
        assert (source["format"], source["rejected"]) == ("recording", 0), source
    with path.open("ab") as file:  # as a kill within a write, or a power cut, would leave it
        file.write(gzip.compress(b'{"recording":1,')[:-9] if name.endswith(".gz") else b'{"recording":1,')
    judged = told("scan", name, "--format", "json", cwd=tmp_path)
    [source] = json.loads(judged.out)["inputs"]
    assert source["rejected"] == 1
    before = source["facts"]
    kept = told("record", name, "--for", "2s", "--every", "1s", cwd=tmp_path)
    assert kept.code == 0
    assert "which are no whole look, were dropped" in kept.err
    [source] = json.loads(told("scan", name, "--format", "json", cwd=tmp_path).out)["inputs"]
    assert source["rejected"] == 0
    assert source["facts"] > before


def test_a_recording_is_read_while_it_is_written(broker: str, estate: Estate, tmp_path: Path) -> None:
    estate.produce(estate.topic(), 8)
    (tmp_path / "seamwatch.yaml").write_text(f'clusters: {{prod: {{bootstrap: ["{broker}"]}}}}\n')
    path = tmp_path / "looks.ndjson.gz"
    with recording(path, "--every", "1s") as one:
        eventually(partial(looks_in, path, 2), "two looks", within=30)
        judged = told("scan", path.name, "--format", "json", cwd=tmp_path)
        refused = told("record", path.name, cwd=tmp_path)
        one.kill()
    [source] = json.loads(judged.out)["inputs"]
    assert (source["format"], source["rejected"]) == ("recording", 0)
    assert source["facts"] > 0
    assert refused.code == 2
    assert "Another process records into looks.ndjson.gz" in refused.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_recording_says_what_it_watches_and_ends_with_0_by_a_signal_once_a_look_is_written(
    number: int, broker: str, tmp_path: Path
) -> None:
    (tmp_path / "seamwatch.yaml").write_text(f'clusters: {{prod: {{bootstrap: ["{broker}"]}}}}\n')
    path = tmp_path / "looks.ndjson"
    with recording(path, "--for", "6h") as one:
        eventually(partial(looks_in, path, 1), "a look", within=30)
        one.send_signal(number)
        out, err = one.communicate(timeout=30)
    assert one.returncode == 0
    assert f"Recording kafka/prod at {broker}, every 30 s.\nInto looks.ndjson, for 6 h, until " in err
    assert re.fullmatch(r"Stopped: 1 look written, \d+ KiB; looks.ndjson has \d+ KiB\.\n", out)


def test_a_recording_of_a_broker_that_does_not_answer_is_ended_at_once_by_a_second_signal(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        (tmp_path / "seamwatch.yaml").write_text(f'clusters: {{prod: {{bootstrap: ["{address}"], timeout: 60s}}}}\n')
        with recording(tmp_path / "looks.ndjson") as one:
            silent.settimeout(30)
            with silent.accept()[0]:
                one.send_signal(signal.SIGINT)
                assert one.stderr is not None
                eventually(lambda: "Ctrl-C again" in one.stderr.readline(), "the word of the second", within=10)
                one.send_signal(signal.SIGINT)
                _, err = one.communicate(timeout=20)
    assert one.returncode == 130
    assert err.endswith("Stopped.\n")
    assert "Traceback" not in err


@contextmanager
def recording(path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "agent", "record", path.name, *words]
    with subprocess.Popen(command, cwd=path.parent, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        try:
            yield one
        finally:
            one.kill()


def looks_in(path: Path, least: int) -> bool:
    """A recording has so many whole looks."""
    raw = path.read_bytes() if path.exists() else b""
    return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).count(b"\n") >= least
