"""The wheel in a clean environment: four packages, templates and stories inside, runs from an empty folder."""

import importlib.metadata
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(out),
        str(ROOT),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_holds_what_runs_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"agent", "collectors", "rules", "migrations", next(t for t in tops if t.endswith(".dist-info"))}
    for needed in (
        "agent/web/templates/now.html",
        "agent/web/static/house.css",
        "collectors/otlp/instruments.toml",
        "rules/backlog/rising_lag/cases.toml",
        "rules/backlog/rising_lag/README.md",
    ):
        assert needed in names


def test_it_runs_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(home), str(wheel)]
    assert subprocess.run(command, check=False).returncode == 0
    empty = tmp_path / "empty"
    empty.mkdir()
    environ = {**os.environ, "PYTHONPATH": str(home), "PYTHONSAFEPATH": "1"}

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "agent", *args]
        return subprocess.run(command, cwd=empty, env=environ, capture_output=True, text=True, check=False)

    where = [sys.executable, "-c", "import agent; print(agent.__file__)"]
    found = subprocess.run(where, cwd=empty, env=environ, capture_output=True, text=True, check=True).stdout
    assert found.startswith(str(home))
    assert run("db", "upgrade").returncode == 0
    assert run("db", "status").returncode == 0
    rules = run("rules").stdout
    assert all(rule in rules for rule in ("IDM-01", "IDM-02", "SCH-04", "TRC-01", "DLQ-01", "LAG-01", "GOV-01"))


def test_the_four_names_belong_to_seamwatch_only() -> None:
    owners = importlib.metadata.packages_distributions()
    for name in ("agent", "collectors", "rules", "migrations"):
        assert set(owners.get(name, ["seamwatch"])) == {"seamwatch"}
