"""`seamwatch scan` on recordings of a registry and a broker: a rule fires on one subject, and not on its twin."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs

from agent.app.schemas import schema
from tests.e2e.commands import seamwatch, told
from tests.registry import recorded

START, LATER = "2026-11-01T00:00:00Z", "2026-11-01T06:00:00Z"
DAY = 86_400_000


def broker(at: str, readers: dict[str, list[str]], **settings: str) -> dict[str, Any]:
    """A line of a broker: the groups that read each topic."""
    groups = sorted({group for names in readers.values() for group in names})
    return {
        "recording": 1,
        "source": "kafka",
        "cluster": "prod",
        "at": at,
        "topics": {topic: {"settings": settings, "partitions": {"0": {"end": 100}}} for topic in readers},
        "groups": {
            group: {
                "state": "Stable",
                "committed": {topic: {"0": 100} for topic, names in readers.items() if group in names},
            }
            for group in groups
        },
    }


def record(*fields: str, **defaults: Any) -> str:
    made = [
        {"name": name, "type": "double"} | ({"default": defaults[name]} if name in defaults else {}) for name in fields
    ]
    return json.dumps({"type": "record", "name": "Order", "namespace": "shop", "fields": made})


def subject(compatibility: str | None, *texts: str, kind: str = "AVRO") -> dict[str, Any]:
    versions = {str(n): {"id": n, "type": kind, "schema": text, "references": []} for n, text in enumerate(texts, 1)}
    return {"compatibility": compatibility, "mode": None, "versions": versions}


def registry(at: str, subjects: dict[str, Any], compatibility: str | None = "BACKWARD") -> dict[str, Any]:
    whole = {"compatibility": compatibility, "mode": "READWRITE"}
    return {"recording": 1, "source": "registry", "registry": "main", "at": at, "subjects": subjects} | whole


def scanned(folder: Path, *lines: dict[str, Any], workflows: str = "") -> dict[str, Any]:
    (folder / "estate.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if workflows:
        (folder / "flows.yaml").write_text(workflows)
    paths = ["estate.ndjson", *(["flows.yaml"] if workflows else [])]
    done = told("scan", *paths, "--format", "json", cwd=folder)
    assert done.code == 0, done.err
    result: dict[str, Any] = json.loads(done.out)
    jsonschema_rs.validate(schema("scan"), result)
    return result


def found(result: dict[str, Any], rule: str) -> dict[str, str]:
    """What a rule says, by the subject's name."""
    return {one["subject"]["name"]: one["says"] for one in result["findings"] if one["rule"] == rule}


def blind(result: dict[str, Any], rule: str) -> set[str]:
    return {one["subject"]["name"] for one in result["blind"] if one["rule"] == rule}


def test_a_real_registry_breaks_the_readers_of_one_subject_and_of_no_other(tmp_path: Path) -> None:
    readers = {name: ["billing", "audit"] for name in ("orders", "legacy", "basket", "payments")}
    lines = [broker(START, readers), recorded().line(START)]
    (tmp_path / "estate.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = seamwatch("scan", "estate.ndjson", "--format", "json", "--fail-on", "critical", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    assert found(result, "SCH-02") == {
        "main/legacy-value": "main/legacy-value: readers on v1 cannot read v2: string is written and long is read "
        "(at /fields/0/type); 2 groups read it."
    }
    assert result["verdicts"]["SCH-02"]["meets"] == 1
    assert "main/orders-value" not in blind(result, "SCH-02")
    # The registry's own setting is NONE, and all but orders-value have it.
    assert set(found(result, "SCH-01")) == {"main/legacy-value", "main/basket-value", "main/payments-value"}
    assert found(result, "SCH-03") == {}


def test_compatibility_that_is_not_enforced_is_found_beside_its_twin(tmp_path: Path) -> None:
    two, three = record("id"), record("id", "vat", vat=0.0)
    subjects = {
        "orders-value": subject("NONE", two),
        "refunds-value": subject("BACKWARD_TRANSITIVE", two),
        "scratch-value": subject("NONE", two),
        "young-value": subject(None, two),
        "old-value": subject(None, two),
    }
    grown = {name: {**one} for name, one in subjects.items()}
    for name in ("young-value", "old-value"):
        grown[name] = subject(None, two, three)
    both = ["billing", "audit"]
    short, long = (
        broker(at, {"orders": both, "refunds": both, "scratch": [], "young": both}, **{"retention.ms": str(7 * DAY)})
        for at in (START, LATER)
    )
    for line in (short, long):
        line["topics"]["old"] = {"settings": {"retention.ms": "3600000"}, "partitions": {"0": {"end": 100}}}
        for group in line["groups"].values():
            group["committed"]["old"] = {"0": 100}
    seed = registry("2026-10-31T23:00:00Z", {})
    result = scanned(tmp_path, seed, registry(START, subjects), short, registry(LATER, grown), long)
    assert found(result, "SCH-01") == {
        "main/orders-value": "main/orders-value may change in any way (compatibility NONE), and 2 groups read it.",
        "main/young-value": "main/young-value is checked against its last version only (BACKWARD), while older records "
        "are kept for 7 d: 2 groups read it.",
    }
    severities = {one["subject"]["name"]: one["severity"] for one in result["findings"] if one["rule"] == "SCH-01"}
    assert severities == {"main/orders-value": "high", "main/young-value": "medium"}
    assert blind(result, "SCH-01") == set()


def test_a_default_that_is_inherited_from_a_registry_that_did_not_tell_it_is_blind(tmp_path: Path) -> None:
    lines = [
        broker(START, {"orders": ["a", "b"]}),
        registry(START, {"orders-value": subject(None, record("id"))}, None),
    ]
    result = scanned(tmp_path, *lines)
    assert blind(result, "SCH-01") == {"main/orders-value"}
    assert found(result, "SCH-01") == {}


def test_a_breaking_version_is_found_beside_its_twin_whoever_goes_first(tmp_path: Path) -> None:
    before, without, more = record("id", "amount"), record("id"), record("id", "amount", "amount2", amount2=0.0)
    subjects = {
        "orders-value": subject("NONE", before, before.replace("shop", "store"), without),
        "refunds-value": subject("NONE", before, before.replace("shop", "store"), more),
        "ahead-shop.Order": subject("FORWARD", before, without),
        "behind-shop.Order": subject("BACKWARD", before, without),
        "unread-value": subject("NONE", before, '"string"'),
        "proto-value": subject("NONE", "message A {}", "message B {}", kind="PROTOBUF"),
    }
    readers = {name: ["billing", "audit"] for name in ("orders", "refunds", "ahead", "behind", "proto")}
    result = scanned(tmp_path, broker(START, readers | {"unread": []}), registry(START, subjects))
    assert set(found(result, "SCH-02")) == {"main/orders-value", "main/ahead-shop.Order"}
    assert blind(result, "SCH-02") == {"main/proto-value"}
    assert {(one["severity"], one["evidence"]) for one in result["findings"] if one["rule"] == "SCH-02"} == {
        ("critical", "observed")
    }


FLOWS = """
components:
  - {component: "group:prod/a", owner: finance}
  - {component: "group:prod/b", owner: sales}
  - {component: "topic:prod/files", contract: "https://example.org/pdf"}
"""


def test_a_topic_without_a_contract_is_found_beside_its_twins(tmp_path: Path) -> None:
    many = ["c", "d", "e", "f", "g"]
    readers = {
        "json-orders": many,
        "orders": many,
        "refunds": many,
        "payments": many,
        "two-teams": ["a", "b"],
        "one-group": ["a"],
        "files": many,
        "app-store-repartition": many,
        "__consumer_offsets": many,
    }
    subjects = {
        "orders-value": subject(None, record("id")),
        "refunds-shop.Order": subject(None, record("id")),
        "payments": subject(None, '"string"'),
    }
    lines = [broker(START, readers), registry(START, subjects)]
    result = scanned(tmp_path, *lines, workflows=FLOWS)
    assert found(result, "SCH-03") == {
        "prod/json-orders": "prod/json-orders is read by 5 groups and has no schema.",
        "prod/two-teams": "prod/two-teams is read by 2 groups of 2 teams and has no schema.",
    }
    assert blind(result, "SCH-03") == set()
    assert result["verdicts"]["SCH-03"] == {"fails": 2, "meets": 4, "blind": 0, "not_applicable": 3}
    unread = scanned(tmp_path, broker(START, readers), workflows=FLOWS)
    assert found(unread, "SCH-03") == {}
    assert {"prod/json-orders", "prod/orders", "prod/two-teams"} <= blind(unread, "SCH-03")
