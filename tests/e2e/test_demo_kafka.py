"""The demo's own broker without one: scripts stand in for the testbed's, so that each way to fail is had at will."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.demo import kafka
from deploy.demo.kafka import MORE, NONE, VARIABLE, NoBrokerError, Own, lacking
from deploy.demo.run import Real

ROOT = Path(__file__).parents[2]
#: what `kafka.sh` does in the testbed, with a process that sleeps as the broker
SCRIPT = """#!/bin/bash
case $1 in
up) echo "up $3" >>"$CALLS"; {up} ;;
down) echo down >>"$CALLS"; [ ! -f "$TESTBED_RUN/demo-1.pid" ] || kill -9 "$(cat "$TESTBED_RUN/demo-1.pid")" ;;
esac
"""
SERVES = 'setsid sleep 300 >/dev/null 2>&1 & echo $! >"$TESTBED_RUN/demo-1.pid"'


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the script writes down what it was asked for."""
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setattr(kafka, "TESTBED", tmp_path / "testbed")
    (tmp_path / "testbed").mkdir()
    return tmp_path / "calls"


def script(tmp_path: Path, up: str) -> None:
    (tmp_path / "testbed" / "kafka.sh").write_text(SCRIPT.replace("{up}", up))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Own]:
    found = Own(tmp_path / "kafka")
    yield found
    found.stop()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()


def within(seconds: float, so: Callable[[], object]) -> bool:
    end = time.monotonic() + seconds
    while not so() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(so())


def test_a_broker_of_our_own_serves_until_it_is_stopped_and_its_folder_goes_with_it(
    tmp_path: Path, calls: Path, own: Own
) -> None:
    script(tmp_path, SERVES)
    assert not own.alive
    own.start()
    found = own.wait()
    port = int(found.address.rpartition(":")[2])
    assert (found.own, found.address.startswith("127.0.0.1:"), own.alive) == (True, True, True)
    assert 1024 < port < 32_768
    pid = int((tmp_path / "kafka" / "demo-1.pid").read_text())
    own.stop()
    assert gone(pid)
    assert calls.read_text().split() == ["up", str(port), "down"]
    assert not (tmp_path / "kafka").exists()


def test_a_port_that_is_taken_in_the_meantime_is_followed_by_another(tmp_path: Path, calls: Path, own: Own) -> None:
    taken = f'[ "$(grep -c up "$CALLS")" -gt 2 ] || {{ echo "Address already in use" >&2; exit 1; }}; {SERVES}'
    script(tmp_path, taken)
    own.start()
    found = own.wait()
    ports = [line.split()[1] for line in calls.read_text().splitlines() if line.startswith("up")]
    assert len(set(ports)) == len(ports) == 3
    assert found.address.endswith(ports[-1])


@pytest.mark.parametrize(
    ("up", "says"),
    [
        ("echo 'Address already in use' >&2; exit 1", "could not be started (Address already in use)"),
        (
            "echo '[ERROR] Could not transfer artifact org.apache.kafka:kafka' >&2; exit 1",
            "Maven could not fetch Kafka",
        ),
        ("exit 1", "it said nothing"),
        ("echo 'java.lang.OutOfMemoryError' >&2; exit 3", "OutOfMemoryError"),
    ],
)
def test_a_broker_that_cannot_start_is_told_in_a_sentence(
    tmp_path: Path, calls: Path, own: Own, up: str, says: str
) -> None:
    script(tmp_path, up)
    own.start()
    with pytest.raises(NoBrokerError) as told:
        own.wait()
    assert says in str(told.value)
    assert "\n" not in str(told.value)
    assert calls.read_text().count("up") <= 3


def test_a_start_that_takes_long_is_ended_with_the_demo(tmp_path: Path, calls: Path, own: Own) -> None:
    script(tmp_path, 'sleep 300 & echo $! >"$CALLS.pid"; wait')
    own.start()
    pid = Path(f"{calls}.pid")
    assert within(10, lambda: pid.exists() and pid.read_text().strip())
    begun = time.monotonic()
    own.stop()
    assert time.monotonic() - begun < 5
    assert within(5, lambda: gone(int(pid.read_text())))
    assert not (tmp_path / "kafka").exists()


def test_the_broker_ends_when_the_demo_is_killed(tmp_path: Path, calls: Path) -> None:
    script(tmp_path, SERVES)
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom deploy.demo import kafka\n"
        "kafka.TESTBED = Path(sys.argv[1]) / 'testbed'\nown = kafka.Own(Path(sys.argv[1]) / 'kafka')\n"
        "own.start()\nprint(own.wait().address, flush=True)\ntime.sleep(300)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith("127.0.0.1:")
        pid = int((tmp_path / "kafka" / "demo-1.pid").read_text())
        demo.send_signal(signal.SIGKILL)
    assert within(10, lambda: gone(pid) and not (tmp_path / "kafka").exists())


@pytest.mark.parametrize(
    ("missing", "says"), [("mvn", "Maven is not installed"), ("bash", "the testbed or bash is missing")]
)
def test_what_a_broker_of_our_own_lacks_is_named(missing: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    which = kafka.shutil.which
    monkeypatch.setattr(kafka.shutil, "which", lambda name: None if name == missing else which(name) or "/bin/true")
    assert lacking() == says


def test_an_old_java_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "env.sh").write_text("java_for() { return 1; }")
    (tmp_path / "kafka.sh").write_text("")
    monkeypatch.setattr(kafka, "TESTBED", tmp_path)
    monkeypatch.setattr(kafka.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert lacking() == "Java 17 is not installed"


def test_without_a_broker_one_line_says_what_would_make_it_real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("deploy.demo.run.lacking", lambda: "Maven is not installed")
    real = Real(tmp_path)
    real.begin()
    assert real.kafka() is None
    assert capsys.readouterr().out == f"Its broker is simulated (Maven is not installed). {MORE}.\n"
    monkeypatch.setenv(VARIABLE, NONE)
    real = Real(tmp_path)
    real.begin()
    assert (real.kafka(), capsys.readouterr().out, list(tmp_path.iterdir())) == (None, "", [])


def test_a_broker_that_is_given_and_does_not_answer_leaves_the_simulated_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for address, says in (
        ("127.0.0.1:9", "No Kafka broker answers at 127.0.0.1:9 ("),
        ("no address", f"{VARIABLE} is 'no address', which is no host:port."),
        ("127.0.0.1:port", f"{VARIABLE} is '127.0.0.1:port', which is no host:port."),
    ):
        monkeypatch.setenv(VARIABLE, address)
        real = Real(tmp_path)
        real.begin()
        assert real.kafka() is None
        said = capsys.readouterr().out
        assert said.startswith(says)
        assert said.endswith("The demo goes on with its simulated broker alone.\n")
        real.stop()


def test_a_broker_that_fails_to_start_leaves_the_simulated_one(
    tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("deploy.demo.run.lacking", lambda: "")
    script(tmp_path, "echo 'no space left' >&2; exit 1")
    real = Real(tmp_path)
    real.begin()
    assert real.kafka() is None
    assert "could not be started (no space left). The demo goes on with its simulated broker" in capsys.readouterr().out
    real.stop()
    assert not (tmp_path / "kafka").exists()
