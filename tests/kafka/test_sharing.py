"""Servers are started by the first user and ended by the last, also by one that crashes."""

import os
from pathlib import Path

import pytest

from tests.kafka.estate import eventually
from tests.kafka.sharing import Script, shared


@pytest.fixture
def script(tmp_path: Path) -> Script:
    fake = tmp_path / "fake.sh"
    fake.write_text(f'echo "$@" >>{tmp_path}/calls\n')
    return Script(str(fake), tmp_path)


def calls(script: Script) -> list[str]:
    path = script.run / "calls"
    return path.read_text().split() if path.exists() else []


def up(script: Script) -> str:
    script.must("up")
    return "told"


def test_the_first_user_starts_and_the_last_ends(script: Script) -> None:
    with shared("one", script, lambda: up(script)) as first:
        with shared("one", script, lambda: up(script)) as second:
            assert first == second == "told"
        assert calls(script) == ["up"]
    assert calls(script)[:2] == ["up", "down"]


def test_who_comes_after_the_last_starts_again(script: Script) -> None:
    with shared("one", script, lambda: up(script)):
        pass
    with shared("one", script, lambda: up(script)):
        assert calls(script).count("up") == 2


def test_servers_end_when_their_only_user_crashes(script: Script) -> None:
    child = os.fork()
    if not child:
        with shared("one", script, lambda: up(script)):
            os._exit(0)
    os.waitpid(child, 0)
    eventually(lambda: calls(script) == ["up", "down"], "the servers are ended")
