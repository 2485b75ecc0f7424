"""`--help` answers at once: what it imports is counted, since a time depends on the machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import COMMANDS

HEAVY = {
    "asyncio",
    "fastapi",
    "google",
    "httptools",
    "ipaddress",
    "jinja2",
    "logging",
    "numpy",
    "orjson",
    "pathlib",
    "pydantic",
    "shutil",
    "socket",
    "sqlalchemy",
    "sqlglot",
    "sqlite3",
    "subprocess",
    "tempfile",
    "uvicorn",
    "yaml",
}
OURS = {"agent", "agent.cli", "agent.cli.dispatch", "agent.cli.common"}
LISTED = "import sys; from agent.cli import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
WORDS = [
    (),
    ("init",),
    ("doctor",),
    ("record",),
    ("run",),
    ("scan",),
    ("explain",),
    ("rules",),
    ("finding",),
    *(("finding", word) for word in ("list", "ack", "silence", "dispute", "waive", "reopen")),
    ("db",),
    *(("db", word) for word in ("upgrade", "downgrade", "status")),
    ("config",),
    ("config", "show"),
    ("schema",),
]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_help_imports_nothing_but_click_and_its_own_words(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", LISTED, *words, "--help"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.startswith("Usage: seamwatch")) == (0, True)
    loaded = set(done.stderr.split())
    own = {COMMANDS[words[0]][0]} if words else set()
    assert loaded & HEAVY == set()
    assert {name for name in loaded if name.startswith(("agent", "collectors", "rules"))} <= OURS | own


def test_every_command_is_looked_at() -> None:
    assert {words[0] for words in WORDS if words} == set(COMMANDS)


def test_a_command_that_works_loads_what_it_needs() -> None:
    command = [sys.executable, "-c", LISTED, "rules"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert {"orjson", "pathlib"} <= set(done.stderr.split()) & HEAVY
