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


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("run",), 2),
        (("record", "looks.ndjson"), 2),
        (("doctor", "kafka"), 2),
        (("init", "--kafka", "127.0.0.1:1", "--out", "new.yaml"), 2),
        (("scan", "empty"), 3),
    ],
)
def test_without_the_extra_for_kafka_it_is_asked_for_by_name(words: tuple[str, ...], code: int, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import sys, importlib.util\n"
        "real = importlib.util.find_spec\n"
        "gone = ('kafka', 'cramjam')\n"
        "importlib.util.find_spec = lambda name, *more: None if name in gone else real(name, *more)\n"
        "sys.modules.update(dict.fromkeys(gone))\n"
    )
    (tmp_path / "empty").mkdir()
    (tmp_path / "seamwatch.yaml").write_text("clusters: {prod: {bootstrap: ['127.0.0.1:1']}}\n")
    environ = {**os.environ, "PYTHONPATH": f"{hidden}:{ROOT}"}
    command = [sys.executable, "-m", "agent", *words]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.returncode == code, done.stderr
    if code == 2:
        assert "pip install 'seamwatch[kafka]'" in done.stderr


def test_without_the_extra_for_kafka_the_agent_runs_where_no_cluster_is_named() -> None:
    hide = "import sys; sys.modules.update(dict.fromkeys(('kafka', 'cramjam')))"
    use = (
        "import agent.app.agent, agent.app.scan, agent.app.doctor; from agent.app.wiring import catalogue; catalogue()"
    )
    code = f"{hide}; {use}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
