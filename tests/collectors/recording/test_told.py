"""The README of recordings names every fact that a recording can tell, and nothing else."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.model.facts import Fact
from agent.model.kafka.look import Sampled
from collectors.recording import kafka, sampled
from collectors.recording.reader import read
from collectors.recording.section import Section, Tally
from tests.collectors.recording.test_recording import AT, EXAMPLES, line


def test_what_records_showed_comes_back_from_a_recording_as_it_was() -> None:
    look = kafka.look(Section(json.loads(line("kafka", sampled={"orders": SAMPLED})), "", Tally()), "prod", NOON)
    assert look.sampled["orders"] == Sampled(
        **dict.fromkeys(sampled.COUNTS, 5), **dict.fromkeys(sampled.NAMES, ("a", "b")),
        **dict.fromkeys(sampled.TEXTS, "why"), full_state=True,
    )  # fmt: skip
    assert kafka.line(look)["sampled"] == {"orders": SAMPLED}
    quiet = Section({"sampled": {"a": {"records": 0}, "b": {"framed": 1}, "c": {"records": -1}}}, "", Tally())
    assert sampled.told(sampled.read(quiet)) == {"a": {"records": 0}}


def _names(facts: tuple[Fact, ...]) -> set[tuple[str, str]]:
    found = set()
    for fact in facts:
        kind = type(fact).__name__.lower()
        name = re.sub(
            r"^(broker\.|refused\.|config\.|client_metrics\.|now\.on:).+",
            r"\1#",
            re.sub(r"\d+", "#", getattr(fact, "name", "")),
        )
        found.add((kind, name))
    return found


START = datetime(2026, 11, 2, tzinfo=UTC)
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SAMPLED = dict.fromkeys(sampled.COUNTS, 5) | {name: ["a", "b"] for name in sampled.NAMES}
SAMPLED |= dict.fromkeys(sampled.TEXTS, "why") | {"full_state": "true"}


def troubled() -> Iterator[bytes]:
    """Three looks at a group that has every trouble, so that every fact is told."""
    for minute in range(1, 4):
        told = {"start": 5, "end": 100 * minute, "stable": 50, "first_at": AT, "producers": []}
        ends = [told, told | {"end": 50}, told | {"end": 50}, told | {"end": 50}]
        topic = {
            "replication": 3,
            "in_sync": 2,
            "offline": 1,
            "settings": {"retention.ms": "604800000"},
            "partitions": {str(number): end for number, end in enumerate(ends)},
        }
        member = {"id": f"m-{minute}", "instance": "i", "assigned": [["orders", 0]], "target": [["orders", 0]]}
        group = {
            "state": "Stable",
            "epoch": minute,
            "assignor": "range",
            "coordinator": 1,
            "settings": {"consumer.session.timeout.ms": "45000"},
            "members": [member],
            "committed": {"orders": {"0": minute, "1": 40, "2": 40, "3": 40}},
            "age_seconds": {"orders": {"0": 7 if minute < 3 else 400, "1": 5, "2": 5, "3": 5}},
        }
        if minute == 2:
            group |= {"state": "CompletingRebalance"}
        at = f"2026-11-01T00:0{minute}:30Z"
        transaction = {"state": "Ongoing", "started": AT, "timeout_seconds": 60, "partitions": [["orders", 0]]}
        yield line(
            at=at,
            topics={"orders": topic},
            groups={"billing": group},
            brokers=3,
            transactions={"pay": transaction},
            acls=["Allow User:a Read Topic:orders from *"],
            client_metrics={"all": {"interval.ms": "60000"}},
            sampled={"orders": SAMPLED},
            refused={"topics": "no right"},
        )


def catching_up() -> Iterator[bytes]:
    """An hour of looks at a group that was behind."""
    for turn in range(14):
        at = START + timedelta(minutes=5 * turn)
        topic = {"partitions": {"0": {"start": 0, "end": 90_000 + 100 * turn}}}
        group = {"committed": {"orders": {"0": 500 * turn}}, "age_seconds": {"orders": {"0": 9_000 - 100 * turn}}}
        yield line(at=at.isoformat(), topics={"orders": topic}, groups={"billing": group})


REFERRING = {"1": {"references": [{"name": "n", "subject": "s", "version": 1}]}}


def test_the_readme_names_every_fact_and_nothing_else() -> None:
    root = Path(__file__).parents[3]
    text = (root / "collectors" / "recording" / "README.md").read_text()
    rows = re.findall(r"^\| (\w+) \| ([^|]+) \| (\w+) \| ([^|]*)\|", text, re.MULTILINE)
    wanted = {
        (source, kind, re.sub(r"<\w+>", "#", name.strip(" `"))) for source, _, kind, name in rows if source != "source"
    }
    plain = {(source, kind, name) for source, kind, name in wanted if name != "*any*"}
    config = {"consumer.override.group.id": "x"}
    more = [
        line("connect", connect="main", connectors={"c": {"type": "source", "topics": ["t"], "config": config}}),
        line("connect", version="4.3.1", kafka_cluster_id="x", connectors={}, refused={"offsets": "no right"}),
        line("registry", compatibility="NONE", mode="READWRITE", subjects={"a": {"alias": "b", "versions": REFERRING}}),
        line("registry", subjects={}, subjects_read=0, refused={"mode": "no right"}),
    ]
    lines = [*(example.replace("\n", "").encode() for example in EXAMPLES.values()), *more, *troubled(), *catching_up()]
    emitted = {
        (reading.source.name.partition("/")[0], kind, name)
        for reading in read(lines)
        for kind, name in _names(reading.facts)
    }
    free = {(source, kind) for source, kind, name in wanted if name == "*any*"}
    assert plain <= emitted, plain - emitted
    own = {"retention.ms", "cleanup.policy", "min.insync.replicas", "errors.tolerance", "consumer.override.group.id"}
    extra = {(source, kind, name) for source, kind, name in emitted - plain if name not in own}
    assert not extra
    assert free == {("kafka", "setting"), ("connect", "setting")}
