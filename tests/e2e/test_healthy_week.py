"""Seven virtual days of a busy healthy estate: not one finding of any rule, preview or not."""

import gzip
from datetime import timedelta
from pathlib import Path

import pytest

from agent.app.scan import scan
from tests.e2e.healthy import WORKFLOWS, Broker, Traffic


@pytest.mark.slow
def test_a_busy_healthy_week_has_no_finding_at_all(tmp_path: Path) -> None:
    index = []
    for number, (at, body) in enumerate(Traffic(7).requests()):
        name = f"{number:05}-traces.pb"
        (tmp_path / name).write_bytes(body)
        index.append(f'{{"file": "{name}", "recv_unix_nano": {int(at.timestamp() * 1e9)}}}')
    (tmp_path / "index.jsonl").write_text("\n".join(index))
    with gzip.open(tmp_path / "broker.ndjson.gz", "wb", compresslevel=1) as lines:
        lines.writelines(line + b"\n" for line in Broker(7).lines())
    (tmp_path / "workflows.yaml").write_text(WORKFLOWS)

    result = scan([tmp_path], every=timedelta(minutes=10)).as_dict()

    assert [(found["rule"], found["says"]) for found in result["findings"]] == []
    judged = {rule: counts["meets"] for rule, counts in result["verdicts"].items()}
    assert all(judged[rule] for rule in ("IDM-01", "LAG-01", "DLQ-01", "SCH-04", "GOV-01", "TRC-01")), judged
    assert sum(source["rejected"] for source in result["inputs"]) == 0
