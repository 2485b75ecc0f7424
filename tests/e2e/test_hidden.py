"""What a sender or a file is called drives no terminal and hides in no page."""

import json
from pathlib import Path

import pytest

from collectors.otlp import conventions as c
from collectors.recording.reader import read
from tests.collectors.otlp.build import CONSUMER, decoded, sent, span
from tests.e2e.commands import told

EVIL = "\x1b]0;pwn\x07\x9b31m\u202e"
PLAIN = "]0;pwn31m"


def test_no_attribute_of_a_sender_keeps_a_hidden_character() -> None:
    kafka = {
        "messaging.system": "kafka",
        "messaging.destination.name": f"t{EVIL}",
        "messaging.operation.type": "process",
    }
    _, found = decoded(sent(f"s{EVIL}", span(CONSUMER, kafka), scope=f"c{EVIL}", service__version=EVIL))
    assert PLAIN in repr(found)
    assert not [sign for sign in EVIL if sign not in PLAIN and repr(sign)[1:-1] in repr(found)]


def test_an_identity_stays_as_it_was_sent() -> None:
    assert c.text({"a": EVIL}.get, ("a",), c.WHOLE) == EVIL
    assert c.text({"a": EVIL}.get, ("a",)) == PLAIN


def test_no_text_of_a_recording_keeps_a_hidden_character() -> None:
    head = {"recording": 1, "source": "kafka", "cluster": "prod", "at": "2026-11-01T00:00:30Z"}
    groups = {"g": {"state": f"a{EVIL}", "members": [{"client": EVIL, "assigned": [["t", 0]]}]}}
    settings = {"topics": {"t": {"settings": {"note": f"one\n\ttwo{EVIL}"}}}}
    [reading] = read([json.dumps(head | {"groups": groups} | settings)])
    values = [fact.value for fact in reading.facts if hasattr(fact, "value") and isinstance(fact.value, str)]
    assert f"a{PLAIN}" in values
    assert f"one\n\ttwo{PLAIN}" in values


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\x9b31m", "a\u202eb"])
def test_a_file_and_a_workflow_drive_no_terminal(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.pb").write_bytes(b"\xff" * 100)
    (tmp_path / "flows.yaml").write_text(
        json.dumps({"workflows": [{"name": "w", "tier": "production", "owner": name}]})
    )
    done = told("scan", ".", cwd=tmp_path)
    assert not [sign for sign in done.out + done.err if not sign.isprintable() and sign != "\n"]
    assert "not taken" in done.out
