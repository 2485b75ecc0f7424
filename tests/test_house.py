"""What the house forbids, looked for in every tracked file."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST_LINES = 400


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in done.stdout.splitlines()]


def test_no_python_file_is_over_400_lines() -> None:
    files = [path for path in tracked() if path.suffix == ".py" and "captures" not in path.parts]
    files = [path for path in files if path.is_file() and "testbed" not in path.parts]
    assert {str(f.relative_to(ROOT)): n for f in files if (n := len(f.read_text().splitlines())) > MOST_LINES} == {}


def test_no_tracked_text_names_a_registry_or_a_path_of_a_machine() -> None:
    hosts = "|".join(
        ("py" + r"pi\.org", "python" + r"hosted", r"registry\.npm" + "js", r"maven\.apache" + r"\.org/maven2")
    )
    wrong = re.compile(rf"(?:{hosts})|(?:^|[\s\"'=:])/(?:work|root|farm)/")
    found = []
    for path in tracked():
        if path.suffix in (".pb", ".gz", ".woff2") or "captures" in path.parts or "vendor" in path.parts:
            continue
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
        found += [f"{path.relative_to(ROOT)}:{n}" for n, line in enumerate(text.splitlines(), 1) if wrong.search(line)]
    assert found == []


def test_the_lock_holds_names_and_hashes_only() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert text.count("--hash=sha256:") > 100
    assert not (ROOT / "uv.lock").exists() or "uv.lock" in (ROOT / ".gitignore").read_text()


def test_every_rule_folder_has_its_three_files() -> None:
    for rule in (ROOT / "rules").glob("*/*/rule.py"):
        assert (rule.parent / "cases.toml").is_file(), rule
        assert (rule.parent / "README.md").is_file(), rule
