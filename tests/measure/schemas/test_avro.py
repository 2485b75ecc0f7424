"""Avro: what a reader cannot read, where, and what only looks like a break."""

import json
from typing import Any

import pytest

from agent.measure.schemas.avro_tree import record_name
from agent.measure.schemas.reading import reads
from agent.model.schemas import SchemaVersion

Field = dict[str, Any]
ID: Field = {"name": "id", "type": "long"}


def record(*fields: Field, **more: Any) -> Any:
    return {"type": "record", "name": "Order", "namespace": "shop", "fields": list(fields)} | more


def a(kind: Any, **more: Any) -> Any:
    """A record of one field."""
    return record({"name": "a", "type": kind, **more})


def decimal(precision: int, scale: int, **more: Any) -> Any:
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale} | more


def logical(kind: str, name: str) -> Any:
    return {"type": kind, "logicalType": name}


def enum(*symbols: str, **more: Any) -> Any:
    return {"type": "enum", "name": "State", "symbols": list(symbols)} | more


def fixed(size: int, **more: Any) -> Any:
    return {"type": "fixed", "name": "Key", "size": size} | more


LINE = {"type": "record", "name": "Line", "fields": [{"name": "sku", "type": "string"}]}
LINE_INT = {"type": "record", "name": "Line", "fields": [{"name": "sku", "type": "int"}]}
TREE = {"type": "record", "name": "Tree", "fields": [{"name": "next", "type": ["null", "Tree"]}]}

#: reader, writer
READABLE = {
    "a field is added with a default": (record(ID, {"name": "b", "type": "int", "default": 0}), record(ID)),
    "a default of null is a default": (record(ID, {"name": "b", "type": ["null", "int"], "default": None}), record(ID)),
    "a field is dropped": (record(ID), record(ID, {"name": "b", "type": "int"})),
    "only words differ": (record({**ID, "doc": "number"}, doc="An order."), record(ID)),
    "fields in another order": (record(ID, {"name": "b", "type": "int"}), record({"name": "b", "type": "int"}, ID)),
    "a field renamed with an alias": (record({**ID, "name": "number", "aliases": ["id"]}), record(ID)),
    "a record renamed with an alias": (record(ID, name="Purchase", aliases=["Order"]), record(ID)),
    "an alias in full": (record(ID, name="Purchase", aliases=["shop.Order"]), record(ID)),
    "a record moved to another namespace": (record(ID, namespace="store"), record(ID)),
    "int to long": (a("long"), a("int")),
    "long to double": (a("double"), a("long")),
    "string to bytes": (a("bytes"), a("string")),
    "a type becomes one of two": (a(["null", "string"]), a("string")),
    "branches in another order": (a(["string", "null"]), a(["null", "string"])),
    "a symbol is added": (a(enum("A", "B")), a(enum("A"))),
    "a symbol is lost, with a default": (a(enum("A", default="A")), a(enum("A", "B"))),
    "a definition that holds itself": (TREE, {**TREE, "doc": "x"}),
    "properties of others": (a({"type": "string", "avro.java.string": "String"}), a("string")),
    "decimals with more digits": (a(decimal(12, 2)), a(decimal(10, 2))),
    "a decimal is marked as one": (a(decimal(10, 2)), a("bytes")),
    "a mark that Avro ignores": (a(logical("string", "date")), a("string")),
    "a time without a zone": (a(logical("long", "local-timestamp-millis")), a(logical("long", "timestamp-millis"))),
    "fixed stays": (a(fixed(16, doc="x")), a(fixed(16))),
    "an error is a record": (record(ID, type="error"), record(ID)),
    "no namespace at all": ({"type": "map", "values": "long"}, {"type": "map", "values": "int"}),
}
#: reader, writer, place, words
BROKEN = {
    "a field is added without a default": (
        record(ID, {"name": "amount", "type": "double"}), record(ID), "/fields/1", "`amount` is not written"),
    "another type": (a("long"), a("string"), "/fields/0/type", "string is written and long is read"),
    "a narrower type": (a("int"), a("long"), "/fields/0/type", "long is written and int is read"),
    "null is allowed": (a("string"), a(["null", "string"]), "/fields/0/type", "null is written and string is read"),
    "a branch is lost": (a(["null", "int"]), a(["null", "string"]), "/fields/0/type", "string is written, which is"),
    "a symbol is lost": (a(enum("A")), a(enum("A", "B", "C")), "/fields/0/type/symbols", "the symbol `B` and 1 more"),
    "another size": (a(fixed(16)), a(fixed(12)), "/fields/0/type/size", "12 bytes are written and 16 bytes read"),
    "a record renamed": (record(ID, name="Purchase"), record(ID), "/name", "`shop.Order` is written and `shop"),
    "deep in a list of maps": (
        a({"type": "array", "items": {"type": "map", "values": LINE_INT}}),
        a({"type": "array", "items": {"type": "map", "values": LINE}}),
        "/fields/0/type/items/values/fields/0/type", "string is written and int is read"),
    "inside a union": (
        a(["null", LINE_INT]), a(["null", LINE]), "/fields/0/type/1/fields/0/type", "string is written and int"),
    "decimals of another scale": (
        a(decimal(10, 4)), a(decimal(10, 2)), "/fields/0/type/scale", "of scale 2 are written and of scale 4 read"),
    "decimals with fewer digits": (
        a(decimal(10, 2)), a(decimal(12, 2)), "/fields/0/type/precision", "of 12 digits are written and of 10 digits"),
    "a scale inside a union": (
        a(["null", decimal(10, 4)]), a(["null", decimal(10, 2)]), "/fields/0/type/1/scale", "of scale 2"),
    "fixed decimals": (
        a(fixed(8, logicalType="decimal", precision=9, scale=3)),
        a(fixed(8, logicalType="decimal", precision=9, scale=2)), "/fields/0/type/scale", "of scale 2"),
    "days are read as instants": (
        a(logical("long", "timestamp-millis")), a(logical("int", "date")), "/fields/0/type", "date is written"),
    "another unit": (
        a(logical("long", "timestamp-micros")), a(logical("long", "timestamp-millis")), "/fields/0/type",
        "timestamp-millis is written and timestamp-micros read"),
}  # fmt: skip


def version(schema: Any, *references: Any, number: int = 1) -> SchemaVersion:
    return SchemaVersion(number=number, text=json.dumps(schema), references=tuple(map(json.dumps, references)))


@pytest.mark.parametrize("case", READABLE)
def test_what_only_looks_like_a_break_is_none(case: str) -> None:
    reader, writer = READABLE[case]
    found = reads(version(reader), version(writer))
    assert (found.breaks, found.unsure) == ((), "")


@pytest.mark.parametrize("case", BROKEN)
def test_a_break_has_its_place_and_its_words(case: str) -> None:
    reader, writer, place, words = BROKEN[case]
    found = reads(version(reader), version(writer))
    assert found.unsure == ""
    assert [one.path for one in found.breaks] == [place]
    assert words in found.breaks[0].what


def test_a_name_that_another_subject_defines_is_that_subject_s_version() -> None:
    basket = record({"name": "lines", "type": {"type": "array", "items": "shop.Line"}}, name="Basket")
    line, other = {**LINE, "namespace": "shop"}, {**LINE_INT, "namespace": "shop"}
    assert reads(version({**basket, "doc": "x"}, line), version(basket, line)).breaks == ()
    [one] = reads(version(basket, other), version(basket, line)).breaks
    assert (one.path, one.what) == ("/fields/0/type/items/fields/0/type", "string is written and int is read")


CANNOT = {
    "it is no JSON": ["{", "", "{'a': 1}", "[" * 100_000],
    "it is nested too deep": ["[" * 100 + "]" * 100],
    "it is too large": [json.dumps(["int"] * 30_000)],
    "it is too long": ['"' + "x" * (1 << 20) + '"'],
    "a type that it names is not defined": ['"shop.Line"', '{"type": "shop.Line"}'],
    "a table names no type": ["{}", '{"type": 4}'],
    "a type has no name": ['{"type": "record", "fields": []}', '{"type": "enum", "name": "", "symbols": []}'],
    "a record has no fields": ['{"type": "record", "name": "A"}'],
    "a record has too many fields": [json.dumps(record(*({"name": f"f{n}", "type": "int"} for n in range(3_000))))],
    "a record has two fields of one name": [json.dumps(record(ID, ID))],
    "a field has no name": ['{"type": "record", "name": "A", "fields": [4]}'],
    "a fixed type has no size": ['{"type": "fixed", "name": "A", "size": true}'],
    "an enum's symbols are no list of names": ['{"type": "enum", "name": "A", "symbols": ["A", "A"]}'],
    "a union is in a union": ['["int", ["null"]]'],
    "a union has too many branches": [json.dumps(["int"] * 300)],
    "Avro does not take it": ['["int", "int"]'],
    "a type is neither a name, a list nor a table": ["4", "null", "true"],
    "a type is defined twice": [json.dumps([record(ID), record(ID)])],
}


@pytest.mark.parametrize(("why", "text"), [(why, text) for why, texts in CANNOT.items() for text in texts])
def test_a_text_that_cannot_be_compared_says_why_and_breaks_nothing(why: str, text: str) -> None:
    broken = SchemaVersion(number=1, text=text)
    for pair in ((broken, version("int")), (version("int"), broken)):
        found = reads(*pair)
        assert (found.breaks, found.unsure) == ((), why)


def test_many_records_that_hold_each_other_end_in_bounded_steps() -> None:
    def chain(kind: str, length: int) -> Any:
        records = [{"type": "record", "name": "R0", "fields": [{"name": "a", "type": kind}]}]
        return records + [
            {"type": "record", "name": f"R{n}", "fields": [{"name": "a", "type": f"R{n - 1}"}]}
            for n in range(1, length)
        ]

    assert reads(version(chain("int", 200)), version(chain("string", 200))).breaks
    wide = [f"R{n}" for n in range(200)]
    many = [[*chain(kind, 200), {"type": "map", "values": wide}] for kind in ("int", "long")]
    assert reads(version(many[0]), version(many[1])).unsure == ""
    deep = [
        [SchemaVersion(number=1, text=json.dumps(f"R{1_999}"), references=tuple(map(json.dumps, chain(kind, 2_000))))]
        for kind in ("int", "string")
    ]
    assert reads(deep[0][0], deep[1][0]).unsure in ("it is nested too deep", "it takes too many steps")


def test_what_was_not_seen_is_told_and_not_compared() -> None:
    blank, loose = SchemaVersion(number=3), SchemaVersion(number=4, text='"int"', references=None)
    assert reads(blank, version("int")).unsure == "the text of version 3 was not seen"
    assert reads(version("int"), loose).unsure == "a schema that version 4 refers to was not seen"


def test_another_format_cannot_be_read() -> None:
    proto = SchemaVersion(number=1, type="PROTOBUF", text='syntax = "proto3";')
    assert reads(proto, proto).unsure == ""
    assert "`PROTOBUF` is written and `AVRO` is read" in reads(version("int"), proto).breaks[0].what
    assert reads(
        SchemaVersion(number=1, type="THRIFT", text="a"), SchemaVersion(number=2, type="THRIFT", text="b")
    ).unsure


def test_a_name_brings_no_hidden_character_into_what_is_told() -> None:
    hostile = {"name": "a\u001b[31m`\u202e" + "x" * 500, "type": "int"}
    [one] = reads(version(record(hostile)), version(record())).breaks
    assert one.what.startswith("`a[31m\u02cbxxx")
    assert len(one.what) < 120
    found = reads(*(SchemaVersion(number=1, type="JSON", text=json.dumps(text)) for text in (
        {"type": "object", "properties": {"\u001b": {"type": "string"}}},
        {"type": "object", "properties": {"\u001b": {"type": "integer"}}},
    )))  # fmt: skip
    assert [one.path for one in found.breaks] == ["/properties//type"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (json.dumps(record(ID)), "shop.Order"),
        ('{"type": "record", "name": "a.B", "namespace": "x", "fields": []}', "a.B"),
        ('{"type": "record", "name": "B", "namespace": null, "fields": []}', "B"),
        ('{"type": "map", "values": "int"}', None),
        ('"int"', None),
        ("{", None),
        ('{"type": "record", "name": 4}', None),
    ],
)
def test_the_name_of_a_record_is_that_of_its_root(text: str, name: str | None) -> None:
    assert record_name(text) == name
