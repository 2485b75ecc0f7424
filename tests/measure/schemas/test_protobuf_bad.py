"""Protobuf schemas that are none, that are hostile, or whose parts are missing: each is said, in bounded time."""

import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.measure.schemas import protobuf_compile, reading
from agent.measure.schemas.comparison import LACKING, MOST_TEXT
from agent.measure.schemas.reading import reads
from agent.model.schemas import SchemaVersion
from tests.measure.schemas.changes import order
from tests.measure.schemas.test_protobuf import compared, version

GOOD = order("int32 a = 2;")
OWN = (
    'syntax = "proto3"; import "google/protobuf/descriptor.proto"; message O { O a = 1; } '
    "extend google.protobuf.FileOptions { O o = 50000; }"
)
MANY = "".join(f"int64 f{n} = {n};" for n in range(1, 14_000))
HOSTILE = {
    "nested messages": 'syntax = "proto3"; ' + "message M {" * 5_000 + "}" * 5_000,
    "nested groups": 'syntax = "proto2"; message M {' + "optional group G = 1 {" * 3_000 + "}" * 3_000 + "}",
    "a nested option": f"{OWN} option (o) = {{{'a {' * 20_000}{'}' * 20_000}}};",
    "too many fields": f'syntax = "proto3"; message M {{ {MANY} }}',
    "many mistakes": 'syntax = "proto3"; ' + "x y;\n" * 40_000,
    "a long import": f'syntax = "proto3"; import "{"a" * 200_000}";',
    "no text": "\x00\x01\ud800",
    "another language": '{"type": "record", "name": "Order", "fields": []}',
    "half a message": 'syntax = "proto3"; message Order { string id = 1;',
    "an edition to come": 'edition = "9999"; message Order { string id = 1; }',
    "a number twice": order("int32 a = 1;"),
    "a path": 'syntax = "proto3"; import "../../../../../../etc/passwd"; message Order { }',
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_schema_is_said_without_quoting_it(text: str) -> None:
    begun = time.monotonic()
    for found in (compared(GOOD, text), compared(text, GOOD)):
        assert found.breaks == ()
        assert 0 < len(found.unsure) < 200
    assert time.monotonic() - begun < 4 * protobuf_compile.MOST_CPU


def test_the_place_of_a_mistake_is_told() -> None:
    assert compared(GOOD, "syntax = 'proto3';\nmessage Order {\n  strin id = 1;\n}").unsure == (
        "`protoc` finds a mistake in it, line 3, column 3"
    )
    wrong = ("money.proto", "syntax = 'proto3';\nmessage {")
    text = 'syntax = "proto3"; import "money.proto"; message Order { }'
    assert "a mistake in what it imports, line 2, column 9" in compared(text, f"{text}\n", wrong).unsure


WIDE = 'syntax = "proto3"; message M { ' + "".join(f"int64 f{n} = {n};" for n in range(1, 6_000)) + "}"
CHAIN = (
    'syntax = "proto3"; ' + "".join(f"message M{n} {{ M{n + 1} a = 1; }}" for n in range(8_000)) + "message M8000 {}"
)


@pytest.mark.parametrize("text", [WIDE, CHAIN], ids=["wide", "a long chain"])
def test_a_large_schema_is_compared_or_said_to_be_too_large(text: str) -> None:
    """250 KB are read in under a second; the last field of all decides as well as the first."""
    begun = time.monotonic()
    last = text.replace("int64 f5999", "double f5999").replace("message M8000 {}", "message M8000 { string b = 1; }")
    found = compared(text, last)
    assert [one.path for one in found.breaks] == (["/M/f5999"] if text == WIDE else [])
    assert time.monotonic() - begun < 10
    assert compared(text, "//" + "x" * MOST_TEXT).unsure == "it is too long"


def test_imports_come_by_their_names_and_what_google_and_confluent_have_needs_none() -> None:
    money = (
        "shop/money.proto",
        'syntax = "proto3"; package shop; import "shop/unit.proto"; message Money { Unit u = 1; }',
    )
    unit = ("shop/unit.proto", 'syntax = "proto3"; package shop; message Unit { int32 v = 1; }')
    other = ("shop/unit.proto", 'syntax = "proto3"; package shop; message Unit { float v = 1; }')
    paths = ("google/protobuf/timestamp.proto", "confluent/meta.proto", "confluent/type/decimal.proto")
    known = " ".join(f'import "{path}";' for path in paths)
    fields = (
        "Money m = 1; google.protobuf.Timestamp at = 2; confluent.type.Decimal d = 3 [(confluent.field_meta).doc = ''];"
    )
    text = f'syntax = "proto3"; package shop; {known} import "shop/money.proto"; message Order {{ {fields} }}'
    assert compared(text, f"{text}\n", unit, money) == reading.READABLE
    found = reads(version(text, other, money), version(text, unit, money))
    assert [one.path for one in found.breaks] == ["/Order/m/u/v"]
    assert compared(text, f"{text}\n", money).unsure == "something that it imports is not among its references"
    assert compared(text, f"{text}\n", unit, other, money).unsure == "two versions of one schema are imported"


def test_imports_in_a_ring_and_names_that_are_no_files_are_said() -> None:
    ring = ("a.proto", 'syntax = "proto3"; import "b.proto";'), ("b.proto", 'syntax = "proto3"; import "a.proto";')
    text = 'syntax = "proto3"; import "a.proto"; message Order { }'
    assert compared(text, f"{text}\n", *ring).unsure == "it imports itself"
    for name in ("/etc/passwd", "../a.proto", "a/../../b", "", "a\x00b", "x" * 300, "./a.proto", "a\nb"):
        found = compared(text, f"{text}\n", (name, "x"))
        assert found.unsure == "an import has a name that no file may have", name
    both = ("a.proto", "x"), ("a.proto/b.proto", "y")
    assert compared(text, f"{text}\n", *both).unsure == "an import is named like the folder of another"
    nameless = SchemaVersion(number=7, type="PROTOBUF", text=text, references=("x",), imports=None)
    assert reads(version(text), nameless).unsure == "a schema that version 7 refers to was not seen"


def test_without_the_compiler_it_is_blind_until_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    new = order("int32 a = 2; int32 never_seen_before = 3;")
    monkeypatch.setattr(protobuf_compile, "compiler", lambda: None)
    protobuf_compile.compiled.cache_clear()
    assert compared(new, GOOD).unsure == LACKING
    assert compared(GOOD, GOOD) == reading.READABLE
    monkeypatch.undo()
    assert compared(new, GOOD) == reading.READABLE


def a_compiler(folder: Path, code: str) -> str:
    path = folder / "protoc"
    path.write_text(f"#!{sys.executable}\n{code}\n")
    path.chmod(0o755)
    return str(path)


def test_a_compiler_that_hangs_or_takes_all_memory_or_says_nonsense_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "left"
    left.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(left))
    monkeypatch.setattr(protobuf_compile, "_patience", protobuf_compile._Patience())
    made = "import sys\nout = [a for a in sys.argv if a.startswith('--descriptor')][0].partition('=')[2]\n"
    for number, (code, says) in enumerate((
        ("import time; time.sleep(60)", "`protoc` did not end in time"),
        ("x = bytearray(4 << 30)", "`protoc` does not take it"),
        (made + "open(out, 'wb').write(b'\\xff' * 9)", "the runtime of Protobuf does not take it"),
        ("import os; os.kill(os.getpid(), 11)", "it takes `protoc` more than it may use"),
        ("pass", "`protoc` could not be run"),
    )):  # fmt: skip
        found = a_compiler(tmp_path, code)
        monkeypatch.setattr(protobuf_compile, "compiler", lambda found=found: found)
        monkeypatch.setattr(protobuf_compile, "_MOST_WAIT", 0.5 if "sleep" in code else 60.0)
        begun = time.monotonic()
        assert says in compared(order(f"int32 x{number} = 9;"), order(f"int32 y{number} = 9;")).unsure
        assert time.monotonic() - begun < 30, "the one that hangs does so for a minute"
    assert list(left.iterdir()) == []


def test_many_slow_schemas_do_not_keep_a_round_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = protobuf_compile._Patience()
    monkeypatch.setattr(protobuf_compile, "_patience", patience)
    one, other = order("int32 slow = 2;"), order("int32 slower = 2;")
    for _ in range(30):
        patience.took(3.0)
    assert compared(one, other).unsure == "other schemas keep the compiler busy for too long"
    monkeypatch.setattr(protobuf_compile, "_SPAN", -1.0)
    assert compared(one, other) == reading.READABLE


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([
    *("message ", "Order ", "{ ", "} ", "string ", "int32 ", "a ", "b ", "= ", "1; ", "2; ", "oneof c { ", "enum E { "),
    *("A = 0; ", "repeated ", "optional ", "map<string, int32> ", "reserved 3; ", 'import "a.proto"; ', "// x\n", "; "),
]), max_size=30).map(lambda parts: 'syntax = "proto3"; ' + "".join(parts)))  # fmt: skip
def test_any_text_is_compared_or_said_not_to_be(text: str) -> None:
    for found in (compared(GOOD, text), compared(text, GOOD), compared(text, text + "\n")):
        assert all(each.path.startswith("/") and each.what for each in found.breaks)
