"""Whatever a registry holds, comparing it raises nothing and ends."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.measure.schemas.avro_tree import record_name
from agent.measure.schemas.reading import reads
from agent.model.schemas import SchemaVersion

WORDS = st.sampled_from(
    [
        *("type", "name", "namespace", "fields", "items", "values", "symbols", "size", "default", "aliases", "record"),
        *("enum", "fixed", "array", "map", "int", "long", "string", "null", "bytes", "error", "logicalType", "decimal"),
        *(
            "precision",
            "scale",
            "properties",
            "required",
            "object",
            "integer",
            "number",
            "$ref",
            "#",
            "#/$defs/a",
            "$defs",
        ),
        *(
            "anyOf",
            "const",
            "maximum",
            "minLength",
            "additionalProperties",
            "a",
            "A.b",
            "",
            "-.a",
            "uniqueItems",
            "a.",
            ".b",
        ),
    ]
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | WORDS | st.text(max_size=4)
)
ANY = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=5)
)


def named(kind: str, **more: Any) -> Any:
    return st.fixed_dictionaries(
        {"type": st.just(kind), "name": WORDS, **more}, optional={"aliases": ANY, "default": ANY}
    )


LIKELY: Any = st.deferred(
    lambda: (
        WORDS
        | ANY
        | st.lists(LIKELY, max_size=3)
        | named("record", fields=st.lists(st.fixed_dictionaries({"name": WORDS, "type": LIKELY}), max_size=3))
        | named("enum", symbols=st.lists(WORDS, max_size=3))
        | named("fixed", size=st.integers(-1, 9) | ANY)
        | st.fixed_dictionaries({"type": st.just("array"), "items": LIKELY})
        | st.fixed_dictionaries({"type": st.just("object"), "properties": st.dictionaries(WORDS, LIKELY, max_size=3)})
    )
)
TEXT = LIKELY.map(json.dumps) | ANY.map(json.dumps) | st.text(max_size=20)


@given(st.tuples(TEXT, TEXT), st.sampled_from(["AVRO", "JSON", "PROTOBUF", "", "avro"]), st.lists(TEXT, max_size=2))
def test_any_two_texts_are_compared_or_said_not_to_be(pair: tuple[str, str], kind: str, references: list[str]) -> None:
    one, other = (
        SchemaVersion(number=n, type=kind, text=text, references=tuple(references)) for n, text in enumerate(pair)
    )
    found = reads(one, other)
    assert all(each.path.startswith("/") and each.what for each in found.breaks)
    assert reads(one, one).breaks == ()
    record_name(pair[0])


@given(LIKELY)
def test_a_schema_reads_itself_whatever_it_says_of_itself(schema: Any) -> None:
    worded = {**schema, "doc": "x", "description": "y"} if isinstance(schema, dict) else schema
    for kind in ("AVRO", "JSON"):
        one, other = (SchemaVersion(number=1, type=kind, text=json.dumps(text)) for text in (schema, worded))
        assert reads(one, other).breaks == ()
