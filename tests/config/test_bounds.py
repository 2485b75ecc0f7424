"""A bound stands in one place: a message that tells one tells the one that holds."""

from pathlib import Path

import pytest

from agent.config import contract, secret, words, yamlfile
from agent.config.problem import Problem
from agent.config.secret import SecretError, Sources
from agent.config.workflow import declare


def told(*problems: Problem) -> str:
    return "\n".join(map(str, problems))


def test_a_text_a_file_a_secret_and_a_name_are_refused_with_the_bound_that_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows = ("flows.yaml", f"workflows: [{{name: order-to-cash, owner: web, runbook: {'r' * 2_000}}}]")
    assert not declare([flows])[1]
    monkeypatch.setattr(words, "MAX_TEXT", 1_500)
    assert "is longer than 1,500 characters" in told(*declare([flows])[1])
    monkeypatch.setattr(yamlfile, "MAX_BYTES", 0)
    assert "is larger than 0 MiB" in told(*declare([flows])[1])
    (tmp_path / "key").write_text("k" * 9_000)
    monkeypatch.setattr(secret, "MAX_BYTES", 8 << 10)
    with pytest.raises(SecretError, match="larger than 8 KiB"):
        Sources({}, tmp_path).resolve("file:key")


def test_a_name_that_would_be_cut_is_refused_with_the_length_at_which_it_is() -> None:
    flows = ("flows.yaml", f"workflows: [{{name: {'n' * (contract.MAX_NAME + 1)}}}]")
    assert f"over {contract.MAX_NAME:,}. " in told(*declare([flows])[1])
