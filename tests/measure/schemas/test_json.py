"""JSON Schema: the clear breaks, what is none, and all that nobody can tell here."""

import json
from typing import Any

import pytest

from agent.measure.schemas.comparison import Comparison
from agent.measure.schemas.reading import reads
from agent.model.schemas import SchemaVersion


def compared(reader: Any, writer: Any) -> Comparison:
    one, other = (SchemaVersion(number=1, type="JSON", text=json.dumps(schema)) for schema in (reader, writer))
    return reads(one, other)


def thing(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)} | more


def a(**schema: Any) -> dict[str, Any]:
    return thing({"a": schema})


TEXT, WHOLE, REAL = {"type": "string"}, {"type": "integer"}, {"type": "number"}
LINE = {"$defs": {"line": thing({"sku": TEXT})}}
LINE_NOW = {"$defs": {"line": thing({"sku": TEXT}, "sku")}}
REFERS = {"$ref": "#/$defs/line"}
NODE = {"$defs": {"node": thing({"next": {"$ref": "#/$defs/node"}, "value": REAL})}, "$ref": "#/$defs/node"}
NODE_NOW = {"$defs": {"node": thing({"next": {"$ref": "#/$defs/node"}, "value": WHOLE})}, "$ref": "#/$defs/node"}

READABLE = {
    "the same": (a(type="string"), a(type="string")),
    "words": (a(type="string", title="A", description="b"), a(type="string")),
    "a property that may be there": (thing({"a": TEXT, "b": WHOLE}), thing({"a": TEXT})),
    "a property that is gone": (thing({"a": TEXT}), thing({"a": TEXT, "b": WHOLE})),
    "no longer required": (thing({"a": TEXT}), thing({"a": TEXT}, "a")),
    "required, with a default": (thing({"a": {**TEXT, "default": ""}}, "a"), thing({"a": TEXT})),
    "a wider type": (a(type="number"), a(type="integer")),
    "null as well": (a(type=["string", "null"]), a(type="string")),
    "a value more": (a(enum=["x", "y"]), a(enum=["x"])),
    "a constant of a list": (a(enum=["x", "y"]), a(const="x")),
    "a value of another type than allowed": (a(enum=["x"]), a(type="string", enum=["x", None])),
    "wider bounds": (a(type="integer", maximum=9, minimum=0), a(type="integer", maximum=5, minimum=1)),
    "a bound that is none": (a(type="string", minLength=0), a(type="string")),
    "a bound of another type": (a(type="integer", minLength=4), a(type="integer")),
    "opened": (thing({"a": TEXT}), thing({"a": TEXT}, additionalProperties=False)),
    "closed on both sides": (
        thing({"a": TEXT, "b": TEXT}, additionalProperties=False), thing({"a": TEXT}, additionalProperties=False)),
    "a map of numbers": (
        thing({}, additionalProperties=REAL), thing({}, additionalProperties=WHOLE)),
    "definitions that only words tell apart": ({**LINE, **a(**REFERS)}, {**LINE, **a(**REFERS), "title": "x"}),
    "a definition that holds itself": ({**NODE, "description": "x"}, NODE),
    "alternatives that stay": (
        {**a(anyOf=[TEXT, WHOLE]), "title": "x"}, a(anyOf=[TEXT, WHOLE])),
    "true takes all": ({"properties": {"a": True}}, {"properties": {"a": WHOLE}}),
    "a property called title": (thing({"title": REAL}), thing({"title": WHOLE})),
    "a format is added": (a(type="string", format="date"), a(type="string")),
    "items": (a(type="array", items=REAL), a(type="array", items=WHOLE)),
}  # fmt: skip
BROKEN = {
    "newly required": (thing({"a": TEXT}, "a"), thing({"a": TEXT}), "/required", "`a` may be left out"),
    "narrowed": (a(type="integer"), a(type="number"), "/properties/a/type", "number may be written, and integer"),
    "no null": (a(type="string"), a(type=["string", "null"]), "/properties/a/type", "null may be written"),
    "a value less": (a(enum=["x"]), a(enum=["x", "y"]), "/properties/a/enum", "1 of 2 values"),
    "true is not 1": (a(enum=[1]), a(enum=[True]), "/properties/a/enum", "1 of 1 values"),
    "only a list of values": (a(type="string", enum=["x"]), a(type="string"), "/properties/a/enum", "any value"),
    "a lower maximum": (
        a(type="integer", maximum=5), a(type="integer", maximum=9), "/properties/a/maximum",
        "`maximum` is 9 where it is written, and 5 where it is read"),
    "a higher minimum length": (
        a(type="string", minLength=3), a(type="string"), "/properties/a/minLength", "is no bound where it is written"),
    "closed": (
        thing({"a": TEXT}, additionalProperties=False), thing({"a": TEXT}), "/additionalProperties", "more properties"),
    "a property that a closed object does not have": (
        thing({"a": TEXT}, additionalProperties=False), thing({"a": TEXT, "b": TEXT}, additionalProperties=False),
        "/additionalProperties", "`b` may be written"),
    "unique": (a(type="array", uniqueItems=True), a(type="array"), "/properties/a/uniqueItems", "items may repeat"),
    "in items": (
        a(type="array", items=WHOLE), a(type="array", items=REAL), "/properties/a/items/type", "number may be written"),
    "in a definition": ({**LINE_NOW, **a(**REFERS)}, {**LINE, **a(**REFERS)}, "/properties/a/required", "`sku` may be"),
    "in a definition that holds itself": (NODE_NOW, NODE, "/properties/value/type", "number may be written"),
    "in a property with a slash": (
        thing({"a/b": WHOLE}), thing({"a/b": TEXT}), "/properties/a~1b/type", "string may be written"),
    "a property title": (thing({"title": WHOLE}), thing({"title": REAL}), "/properties/title/type", "number"),
    "never": (thing({"a": False}), thing({"a": TEXT}), "/properties/a", "is not allowed where it is read"),
}  # fmt: skip
UNSURE = {
    "alternatives": (a(anyOf=[TEXT]), a(anyOf=[TEXT, WHOLE])),
    "alternatives around": (a(type="integer"), a(type="number", anyOf=[{"multipleOf": 1}])),
    "alternatives that lead to changed definitions": ({**LINE_NOW, **a(anyOf=[REFERS])}, {**LINE, **a(anyOf=[REFERS])}),
    "another pattern": (a(type="string", pattern="a"), a(type="string", pattern="b")),
    "another format": (a(type="string", format="date"), a(type="string", format="date-time")),
    "a type that only the reader has": (a(type="string"), a()),
    "a reference outside": (a(**{"$ref": "other.json"}), a(type="string")),
    "a reference with company": ({**LINE, **a(**REFERS, required=["x"])}, {**LINE, **a(type="object")}),
    "a reference to itself": ({"$defs": {"x": {"$ref": "#/$defs/x"}}, **a(**{"$ref": "#/$defs/x"})}, a(type="string")),
    "exclusive against inclusive": (a(type="integer", exclusiveMaximum=5), a(type="integer", maximum=9)),
    "exclusive as in draft 4": (a(type="integer", exclusiveMaximum=True), a(type="integer")),
    "bounds of a list of values": (a(type="integer", maximum=5), a(type="integer", enum=[1, 9])),
    "more properties of a type": (thing({}, additionalProperties=TEXT), thing({})),
    "tuples": (a(type="array", items=[TEXT]), a(type="array", items=[WHOLE])),
    "items that only the reader has": (a(type="array", items=TEXT), a(type="array")),
    "required as in draft 3": (a(required=True), a()),
    "no schema": (thing({"a": 4}), thing({"a": TEXT})),
    "another type of old": (a(type="any"), a(type="string")),
}


@pytest.mark.parametrize("case", READABLE)
def test_what_is_wider_or_only_words_is_read(case: str) -> None:
    reader, writer = READABLE[case]
    assert compared(reader, writer) == Comparison()


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_certainly_refused_has_its_place_and_words(case: str) -> None:
    reader, writer, place, words = BROKEN[case]
    found = compared(reader, writer)
    assert [one.path for one in found.breaks] == [place], found
    assert words in found.breaks[0].what


@pytest.mark.parametrize("case", UNSURE)
def test_what_nobody_can_tell_is_neither_a_break_nor_read(case: str) -> None:
    reader, writer = UNSURE[case]
    found = compared(reader, writer)
    assert found.breaks == ()
    assert found.unsure


def test_others_beside_a_document_are_the_same_or_nothing_is_known() -> None:
    text = json.dumps(a(**{"$ref": "line.json"}))
    one, other = (SchemaVersion(number=n, type="JSON", text=text, references=(f'{{"title": "{n}"}}',)) for n in (1, 2))
    assert reads(one, one).unsure == ""
    assert reads(one, other).unsure == "a `$ref` is not followed (at /properties/a)"
