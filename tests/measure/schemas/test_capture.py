"""Real exchanges of a registry: what it said of two schemas is what is said here."""

import json
import re
from typing import Any

import pytest

from agent.measure.schemas.reading import reads
from agent.model.schemas import SchemaVersion
from tests.registry import Registry, exchanges, recorded


def version(made: dict[str, Any], number: int = 1) -> SchemaVersion:
    return SchemaVersion(number=number, type=made.get("type") or made.get("schemaType") or "AVRO", text=made["schema"])


def asked() -> list[tuple[str, list[SchemaVersion], SchemaVersion, bool]]:
    """Each question about compatibility under BACKWARD: the versions it was about, the new one, and the answer."""
    registry, found = Registry(), []
    for exchange in exchanges():
        path = re.match(r"/compatibility/subjects/([^/]+)/versions(?:/(\w+))?", exchange["path"])
        if path is not None:
            held = [version(one) for one in registry.subjects[path[1]]["versions"].values()]
            about = {"latest": held[-1:], None: held}.get(path[2], held[:1])
            found.append((exchange["path"], about, version(exchange["request"]), exchange["response"]["is_compatible"]))
        registry.take(exchange)
    return found


@pytest.mark.parametrize(("path", "held", "new", "compatible"), asked())
def test_what_the_registry_said_is_what_is_found(
    path: str, held: list[SchemaVersion], new: SchemaVersion, compatible: bool
) -> None:
    found = [reads(new, old) for old in held]
    assert [one.unsure for one in found] == [""] * len(held)
    assert any(one.breaks for one in found) != compatible, path


def test_all_four_questions_were_asked() -> None:
    assert [compatible for *_, compatible in asked()] == [False, False, False, True]


def test_the_places_are_those_that_the_registry_named_as_it_refused() -> None:
    [refused] = [one for one in exchanges() if one["status"] == 409]
    named = re.findall(r" at (/[\w/]+)", refused["response"]["message"])
    orders = recorded().subjects["orders-value"]["versions"]
    new = SchemaVersion(number=9, text=refused["request"]["schema"])
    assert [one.path for one in reads(new, version(orders["1"])).breaks] == named == ["/fields/0/type", "/fields/2"]


def test_the_change_that_was_let_through_is_broken_both_ways_and_the_others_are_not() -> None:
    subjects = recorded().subjects
    old, new = map(version, subjects["legacy-value"]["versions"].values())
    assert [one.path for one in reads(old, new).breaks] == ["/fields/0/type"]
    assert [one.path for one in reads(new, old).breaks] == ["/fields/0/type", "/fields/2"]
    first, second, third = map(version, subjects["orders-value"]["versions"].values())
    assert [reads(a, b).breaks for a in (first, second, third) for b in (first, second, third)] == [()] * 9


def test_a_schema_that_refers_to_another_subject_needs_its_text() -> None:
    subjects = recorded().subjects
    basket, line = (subjects[name]["versions"]["1"]["schema"] for name in ("basket-value", "line-value"))
    wider = json.dumps({**json.loads(line), "doc": "x"})
    one, other = (SchemaVersion(number=1, text=basket, references=(text,)) for text in (line, wider))
    assert (reads(one, other).breaks, reads(one, other).unsure) == ((), "")
    alone = SchemaVersion(number=1, text=basket, references=("{}",))
    assert reads(one, alone).unsure == "a table names no type"
