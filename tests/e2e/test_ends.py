"""However a command is ended, by Ctrl-C or by a reader that has gone, it leaves no traceback; its code says it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.commands import told

COMMAND = [sys.executable, "-m", "agent"]
INTERRUPTED = (
    "import sys\n"
    "class Finder:\n"
    "    def find_spec(self, name, *_):\n"
    "        if name == 'click': raise KeyboardInterrupt\n"
    "sys.meta_path.insert(0, Finder())\n"
    "from agent.cli import main; main(['doctor'])\n"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [("init", "--out", "new.yaml", "--kafka"), ("doctor", "kafka")])
def test_a_command_that_waits_for_a_broker_ends_at_once_by_a_signal(
    words: tuple[str, ...], number: int, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        (tmp_path / "seamwatch.yaml").write_text(f'clusters: {{prod: {{bootstrap: ["{address}"], timeout: 90s}}}}\n')
        more = (address,) if words[0] == "init" else ()
        silent.settimeout(60)
        pipe = subprocess.PIPE
        one = subprocess.Popen([*COMMAND, *words, *more], cwd=tmp_path, stdout=pipe, stderr=pipe, text=True)
        with one, silent.accept()[0]:
            one.send_signal(number)
            out, err = one.communicate(timeout=30)
    assert (one.returncode, out, err) == (130, "", "Stopped.\n")
    assert not (tmp_path / "new.yaml").exists()


def test_ctrl_c_while_a_command_is_still_being_loaded_is_no_traceback(tmp_path: Path) -> None:
    here = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=here, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Stopped.\n")


@pytest.mark.parametrize(
    "words", [(), ("--help",), ("--version",), ("doctor", "--help"), ("doctor",), ("init", "--kafka", "127.0.0.1:1")]
)
def test_a_reader_that_has_gone_leaves_no_traceback_and_never_looks_like_findings(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "seamwatch.yaml").write_text('clusters: {gone: {bootstrap: ["127.0.0.1:1"]}}\n')
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        done = subprocess.run([*COMMAND, *words], cwd=tmp_path, stdout=nobody, stderr=subprocess.PIPE, check=False)
        assert (done.returncode, done.stderr) == (141, b"")
        silent = subprocess.run([*COMMAND, *words], cwd=tmp_path, stdout=nobody, stderr=nobody, check=False)
        assert silent.returncode == 141


@pytest.mark.parametrize(
    "words",
    [("init",), ("doctor",), ("record",), ("run",), ("finding", "silence"), ("finding", "waive")],
)
def test_help_has_an_example_on_a_line_of_its_own(words: tuple[str, ...], tmp_path: Path) -> None:
    lines = told(*words, "--help", cwd=tmp_path).out.splitlines()
    example = lines[lines.index("  Example:") + 1]
    assert f"seamwatch {' '.join(words)}" in example


@pytest.mark.parametrize("words", [("init",), ("doctor",), ("record",)])
def test_help_tells_the_exit_codes(words: tuple[str, ...], tmp_path: Path) -> None:
    text = " ".join(told(*words, "--help", cwd=tmp_path).out.split())
    assert "exit 0" in text.lower()
    assert "3 where" in text
