"""The README's commands, options, rules and exit codes are those of the product, and the other way round."""

import re
import shlex
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from agent.app.wiring import catalogue
from agent.cli import COMMANDS
from agent.config.load import RESERVED, load, variables
from agent.config.settings import Settings
from agent.store.store import open_store
from tests.conftest import missing
from tests.e2e.commands import told
from tests.web.test_site import estate, serving

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
CODE = re.findall(r"`([^`\n]+)`", TEXT)
SHOWN = [line.strip().partition(" #")[0] for line in re.findall(r"(?m)^    (.+)$", TEXT)]
GROUPS = {
    "finding": ("list", "ack", "silence", "dispute", "waive", "reopen"),
    "db": ("upgrade", "downgrade", "status"),
    "config": ("show",),
}


def helped(*words: str) -> str:
    done = told(*words, "--help", cwd=ROOT)
    assert done.code == 0, words
    return done.out


def test_every_row_of_a_table_has_the_cells_of_its_head() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("|")]
    assert len(rows) > 20
    for before, after in pairwise(TEXT.splitlines()):
        if before.startswith("|") and after.startswith("|"):
            assert before.count("|") == after.count("|"), after


def test_every_command_stands_in_the_readme_and_is_one() -> None:
    named = {words.split()[1] for words in CODE if words.startswith("seamwatch ")}
    assert named == set(COMMANDS)
    for name, inner in GROUPS.items():
        assert all(f"`{word}`" in TEXT or f"{name} {word}" in TEXT for word in inner)
        assert all(helped(name, word) for word in inner)


def test_every_option_that_the_readme_names_is_one() -> None:
    everything = "".join(helped(name) for name in COMMANDS) + "".join(
        helped(group, name) for group, names in GROUPS.items() for name in names
    )
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", TEXT))
    assert {"--follow", "--replay", "--fail-on", "--min-coverage"} <= named
    assert {option for option in named if option not in everything} == set()


def test_every_rule_and_whether_it_is_a_preview_stands_in_the_readme() -> None:
    rows = dict(re.findall(r"(?m)^\| ([A-Z]+-\d\d) \| (.+) \|$", TEXT))
    assert rows == {
        rule.id: f"{rule.title.removesuffix('.')}{' (preview)' if rule.stability.value == 'preview' else ''}."
        for rule in catalogue()
    }


def test_every_variable_that_the_readme_names_is_read() -> None:
    named = set(re.findall(r"SEAMWATCH_\w+", TEXT)) - {"SEAMWATCH_"}
    assert named
    assert named <= {*variables(), *RESERVED}


@pytest.mark.parametrize("door", ["otlp", "web"])
def test_the_readme_moves_each_port_by_a_key_and_by_a_variable(door: str, tmp_path: Path) -> None:
    [line] = [code for code in CODE if code.startswith(f"listen: {{{door}:")]
    [(name, value)] = [code.split("=") for code in CODE if code.startswith(f"SEAMWATCH_LISTEN__{door.upper()}=")]
    (tmp_path / "seamwatch.yaml").write_text(line)
    for environ, folder in (({}, tmp_path), ({name: value}, tmp_path.parent)):
        found = load(None, environ, folder)
        assert isinstance(found, Settings)
        assert str(getattr(found.listen, door)) == value
        assert found.listen != Settings().listen


BROKER = ("init", "doctor", "record")  #: commands that need one: tests/kafka/test_commands.py runs them


def without_a_broker(line: str) -> bool:
    words = line.split()
    return words[0].endswith("seamwatch") and words[1] not in ("run", *BROKER)


@pytest.mark.parametrize("line", [line for line in SHOWN if "seamwatch" in line and without_a_broker(line)])
def test_a_command_that_the_readme_shows_runs(line: str) -> None:
    _, *words = shlex.split(line)
    done = told(*words, cwd=ROOT)
    assert done.code == 1, "the capture has a finding of high severity"
    assert "IDM-01" in done.out


def test_the_capture_that_the_readme_shows_beside_a_healthy_one() -> None:
    assert told("scan", "tests/captures/otlp/py-healthy", "--fail-on", "high", cwd=ROOT).code == 0


def test_every_target_of_make_that_the_readme_names_is_one() -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    named = {code.split()[1] for code in [*CODE, *SHOWN] if code.startswith("make ")}
    assert named
    assert named <= targets


def test_the_change_that_the_readme_sends_is_taken_and_without_its_origin_refused(tmp_path: Path) -> None:
    if not shutil.which("curl"):
        missing("curl is not installed.")
    [line] = re.findall(r"(?m)^    (curl .+\\\n.+)$", TEXT)
    store = open_store(f"sqlite:///{tmp_path / 's.db'}")
    estate(store, ["orders"])
    fingerprint = store.findings()[0].fingerprint
    with serving(store) as port:
        words = shlex.split(line.replace("\\\n", " ").replace("8740", str(port)).replace("FINGERPRINT", fingerprint))
        origin = words.index(f"Origin: http://127.0.0.1:{port}")
        for sent, says in (([*words[: origin - 1], *words[origin + 1 :]], "Send an Origin"), (words, '"said":"ack"')):
            done = subprocess.run([*sent, "-sS"], capture_output=True, text=True, check=False)
            assert says in done.stdout, done.stderr
            acknowledged = store.findings()[0].said.owner == "payments"
            assert acknowledged is (sent == words)
    store.close()
