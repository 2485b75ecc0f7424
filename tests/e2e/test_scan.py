"""`seamwatch scan` on real captures: findings, seams and the published form."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from agent.app.schemas import schema
from tests.e2e.commands import seamwatch

CAPTURES = Path(__file__).parent.parent / "captures" / "otlp"
SCENARIOS = sorted(path.name for path in CAPTURES.iterdir() if path.is_dir()) if CAPTURES.is_dir() else []
#: what IDM-01, SCH-04 and DLQ-01 say of each capture: README of the captures
EXPECTED = {
    "py-duplicate": {("IDM-01", "fails", "high", "inferred")},
    "py-duplicate-batch-commit": {("IDM-01", "fails", "critical", "observed")},
    "py-shared-table": {("SCH-04", "fails", "high", "exposure")},
}


def scanned(cwd: Path, *paths: str) -> dict[str, Any]:
    done = seamwatch("scan", *paths, "--format", "json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    jsonschema_rs.validate(schema("scan"), result)
    return result


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_capture_gives_its_findings_and_no_other(name: str, tmp_path: Path) -> None:
    result = scanned(tmp_path, str(CAPTURES / name))
    harm = {
        (found["rule"], "fails", found["severity"], found["evidence"])
        for found in result["findings"]
        if found["rule"] in ("IDM-01", "SCH-04")
    }
    assert harm == EXPECTED.get(name, set())
    assert [found for found in result["findings"] if found["rule"] in ("DLQ-01", "TRC-01")] == []
    assert result["verdicts"]["TRC-01"]["fails"] == 0
    if name == "py-dlq":
        assert result["verdicts"]["DLQ-01"] == {"fails": 0, "meets": 1, "blind": 0, "not_applicable": 0}


def seam(result: dict[str, Any], kind: str, source: str, target: str) -> dict[str, int]:
    return next(s for s in result["seams"] if (s["kind"], s["source"], s["target"]) == (kind, source, target))


def test_the_healthy_capture_has_its_eight_crossings_a_seam(tmp_path: Path) -> None:
    result = scanned(tmp_path, str(CAPTURES / "py-healthy"))
    for kind, source, target in (
        ("calls", "service:orders-api", "route:inventory-api POST /reserve"),
        ("publishes", "service:orders-api", "topic:-/traces.h2.orders.created"),
        ("consumes", "topic:-/traces.h2.orders.created", "group:-/billing-worker"),
        ("consumes", "topic:-/traces.h2.invoices.issued", "group:-/traces-h2-ship"),
        ("writes", "service:billing-worker", "table:postgresql/billing.invoices"),
    ):
        assert seam(result, kind, source, target)["count"] == 8, (kind, source, target)


def test_duplicates_count_identities_seen_twice(tmp_path: Path) -> None:
    for name, topic, duplicates in (("py-duplicate", "d2", 0), ("py-duplicate-batch-commit", "e3", 3)):
        result = scanned(tmp_path, str(CAPTURES / name))
        found = seam(result, "consumes", f"topic:-/traces.{topic}.orders.created", "group:-/billing-worker")
        assert found["duplicates"] == duplicates


def test_fail_on_sets_the_exit_code(tmp_path: Path) -> None:
    path = str(CAPTURES / "py-duplicate")
    assert seamwatch("scan", path, "--fail-on", "high", cwd=tmp_path).returncode == 1
    assert seamwatch("scan", path, "--fail-on", "critical", cwd=tmp_path).returncode == 0
    assert seamwatch("scan", path, "--min-coverage", "0.9", cwd=tmp_path).returncode == 3


def test_a_bad_file_among_good_ones_is_counted_and_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "junk.pb").write_bytes(b"\xff" * 1000)
    (tmp_path / "cut.pb.gz").write_bytes(b"\x1f\x8b\x08\x00nothing")
    result = scanned(tmp_path, str(CAPTURES / "py-healthy"), str(tmp_path))
    assert {source["path"]: source["rejected"] for source in result["inputs"] if source["rejected"]} == {
        str(tmp_path / "junk.pb"): 1,
        str(tmp_path / "cut.pb.gz"): 1,
    }


def test_nothing_readable_and_nothing_there_exit_3(tmp_path: Path) -> None:
    (tmp_path / "junk.pb").write_bytes(b"\xff" * 1000)
    assert seamwatch("scan", "junk.pb", cwd=tmp_path).returncode == 3
    missing = seamwatch("scan", "nowhere", cwd=tmp_path)
    assert missing.returncode == 3
    assert "not taken: nowhere: does not exist (1)" in missing.stdout


@pytest.mark.parametrize("path", ["-", "/dev/stdin", "/dev/null", "pipe"])
def test_a_stream_is_refused_with_what_is_accepted(path: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = seamwatch("scan", path, cwd=tmp_path, given="")
    assert done.returncode == 2
    assert "scan takes files and folders, and " in done.stderr
    assert done.stderr.endswith(" is none. Write it to a file, and name that.\n")


def test_the_table_shows_the_fingerprint_of_each_finding(tmp_path: Path) -> None:
    (tmp_path / "flows.yaml").write_text("workflows: [{name: a, tier: production}, {name: b, tier: production}]")
    result = scanned(tmp_path, "flows.yaml")
    shown = seamwatch("scan", "flows.yaml", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[3] for line in shown[:3]] == ["fingerprint", *(f["fingerprint"] for f in result["findings"])]


def test_workflow_files_alone_are_judged(tmp_path: Path) -> None:
    (tmp_path / "flows.yaml").write_text(
        "workflows:\n  - name: a\n    tier: production\n  - {name: b, tier: sandbox}\n"
    )
    result = scanned(tmp_path, "flows.yaml")
    assert [(found["rule"], found["subject"]) for found in result["findings"]] == [
        ("GOV-01", {"kind": "workflow", "name": "a"})
    ]
    (tmp_path / "wrong.yaml").write_text("workflows:\n  - name: a\n    ownr: x\n")
    wrong = seamwatch("scan", "wrong.yaml", cwd=tmp_path)
    assert wrong.returncode == 3
    assert "line 3" in wrong.stderr
    assert "owner" in wrong.stderr


def test_the_workflow_files_of_the_configuration_are_judged_with_a_capture(tmp_path: Path) -> None:
    flows = tmp_path / "flows.yaml"
    flows.write_text("workflows: [{name: a, tier: production}]")
    (tmp_path / "seamwatch.yaml").write_text("workflows: [flows.yaml]")
    capture = str(CAPTURES / "py-healthy")
    rules = [
        {found["rule"] for found in scanned(tmp_path, *paths)["findings"]}
        for paths in ([capture], [capture, str(flows)])
    ]
    assert "GOV-01" in rules[0]
    assert rules[0] == rules[1]
    flows.write_text("workflows: [{nmae: a, tier: production}]")
    done = seamwatch("scan", capture, cwd=tmp_path)
    assert (done.returncode, "flows.yaml, line 1" in done.stderr) == (2, True)
    assert seamwatch("scan", "nowhere", "--config", "seamwatch.yaml", cwd=tmp_path).returncode == 2


def test_a_mistake_in_a_workflow_file_opens_no_gate(tmp_path: Path) -> None:
    (tmp_path / "flows.yaml").write_text("workflows: [{name: a, tier: production, ownr: x}]")
    capture = str(CAPTURES / "py-healthy")
    done = seamwatch("scan", capture, "flows.yaml", "--fail-on", "high", cwd=tmp_path)
    assert done.returncode == 3
    assert "Left out for mistakes in it: flows.yaml. The rest was judged." in done.stderr
    assert seamwatch("scan", capture, "flows.yaml", cwd=tmp_path).returncode == 0
