"""What we publish and what we read keep to the published schemas, and what we refuse does not."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from agent.app.scan import scan
from agent.app.schemas import schema
from agent.config.document import Document
from agent.config.workflow import declare
from agent.config.yamlfile import parse
from collectors.recording.reader import SOURCES, Reader
from deploy.demo.broker import Broker
from tests.collectors.recording.test_recording import EXAMPLES, kafka, line, ping
from tests.config.test_workflow import EXAMPLE
from tests.e2e.commands import told
from tests.e2e.healthy import WORKFLOWS
from tests.e2e.healthy import Broker as HealthyBroker

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "tests" / "captures" / "otlp"
NAMES = ["config", "workflow", "recording", "scan"]


def validator(name: str) -> Any:
    return jsonschema_rs.validator_for(schema(name), validate_formats=True)


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_is_one_and_is_what_the_command_prints(name: str) -> None:
    assert jsonschema_rs.meta.is_valid(schema(name))
    assert json.loads(told("schema", name, cwd=ROOT).out) == schema(name)


@pytest.mark.parametrize("folder", sorted(path.name for path in CAPTURES.iterdir() if path.is_dir()))
def test_the_result_of_every_capture_keeps_to_the_schema(folder: str) -> None:
    result = scan([CAPTURES / folder], every=timedelta(minutes=1)).as_dict()
    validator("scan").validate(json.loads(json.dumps(result)))


def test_a_result_of_nothing_readable_keeps_to_the_schema(tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    (tmp_path / "bad.yaml").write_text("workflows: [{ownr: x}]")
    for words in (("junk", "bad.yaml", "gone"), (".",)):
        done = told("scan", *words, "--format", "json", cwd=tmp_path)
        assert done.code == 3
        validator("scan").validate(json.loads(done.out))


def recordings() -> list[str | bytes]:
    demo, healthy = Broker(1, 0.0), HealthyBroker(1).lines()
    pings = [ping("2026-11-01T00:00:00Z", "start"), ping("2026-11-01T00:01:00Z", "exit", 1, "r")]
    made = [line(source) for source in SOURCES if source != "ping"]
    few = [next(healthy) for _ in range(20)]
    return [*EXAMPLES.values(), *demo.lines(300.0), *few, *pings, *made, kafka({"0": 1}, {"0": 1})]


@pytest.mark.parametrize("text", recordings())
def test_every_recording_that_is_read_whole_keeps_to_the_schema(text: str | bytes) -> None:
    reader = Reader()
    assert len(list(reader.read([text.replace("\n", " ") if isinstance(text, str) else text]))) == 1
    assert (reader.tally.rejected, reader.tally.unknown) == ({}, {})
    validator("recording").validate(json.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        line(cluster=None),
        line(at="2026-11-01 noon"),
        line(topics=[]),
        line(topics={"a": {"partitions": {"x": {"end": 1}}}}),
        line(topics={"a": {"partitions": {"0": {"end": "1"}}}}),
        line(topics={"a": {"settings": {"retention.ms": [1]}}}),
        line(groups={"g": {"committed": {"a": {"0": -1}}}}),
        line(groups={"g": {"committed": {"a": {"0": 1}}, "age_seconds": {"a": {"0": -1.5}}}}),
        line(groups={"g": {"members": "none"}}),
        line("connect", connectors={"c": {"type": "both"}}),
        line("ping", slug="a", signal="stop"),
        line("gateway", gateway=""),
        line("gateway", routes={"r": {"retries": "5"}}),
        line("registry", subjects={"s": {"versions": {"1": {"schema": 4}}}}),
        b'{"recording": 2, "source": "kafka", "at": "2026-11-01T00:00:00Z", "cluster": "c"}',
        b'{"recording": 1, "source": "rabbit", "at": "2026-11-01T00:00:00Z"}',
    ],
)
def test_a_recording_that_is_not_read_whole_is_refused_by_the_schema(text: bytes) -> None:
    reader = Reader()
    list(reader.read([text]))
    assert reader.tally.rejected
    assert not validator("recording").is_valid(json.loads(text))


def test_a_field_of_a_later_version_is_no_mistake() -> None:
    reader = Reader()
    text = line(shares={"s": {}}, topics={"a": {"tiered": True}})
    assert len(list(reader.read([text]))) == 1
    assert reader.tally.rejected == {}
    validator("recording").validate(json.loads(text))


@pytest.mark.parametrize("text", [EXAMPLE, WORKFLOWS, (ROOT / "deploy" / "demo" / "workflows.yaml").read_text()])
def test_every_workflow_file_that_is_declared_keeps_to_the_schema(text: str) -> None:
    assert declare([("w.yaml", text)])[1] == ()
    found = parse(text, "w.yaml")
    assert isinstance(found, Document)
    validator("workflow").validate(found.value)
