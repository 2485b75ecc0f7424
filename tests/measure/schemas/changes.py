"""Changes of Protobuf schemas, and what becomes of a reader: the one table that is held against several judges."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["reads", "breaks", "depends"]
READS, BREAKS, DEPENDS = "reads", "breaks", "depends"


@dataclass(frozen=True)
class Change:
    """From an old text to a new one."""

    name: str
    old: str
    new: str
    backward: Verdict  #: whether the new one reads what the old one wrote
    forward: Verdict  #: whether the old one reads what the new one writes
    says: str = ""  #: a part of what is told of the first break or doubt
    #: Whether the wire alone shows it; not so where a name or an intention decides
    wire: bool = True


def order(body: str, syntax: str = "proto3") -> str:
    """A schema of one message."""
    return f'syntax = "{syntax}"; package shop; message Order {{ string id = 1; {body} }}'


def _two(body: str) -> str:
    return order(body, "proto2").replace("string id", "optional string id")


def _enum(values: str, syntax: str = "proto3", field: str = "State s = 2;") -> str:
    text = order if syntax == "proto3" else _two
    return text(f"enum State {{ {values} }} {field}")


def _google(file: str, field: str) -> str:
    imported = f'import "google/protobuf/{file}.proto";'
    return f'syntax = "proto3"; {imported} message Order {{ google.protobuf.{field} = 1; }}'


def _retyped(old: str, new: str, backward: Verdict, forward: Verdict, says: str = "") -> Change:
    return Change(f"{old} to {new}", order(f"{old} a = 2;"), order(f"{new} a = 2;"), backward, forward, says)


CHANGES = (
    # What looks like a break and is none.
    Change("a field added", order(""), order("double amount = 2;"), READS, READS),
    Change("a field removed", order("double amount = 2;"), order(""), READS, READS),
    Change("a field removed and reserved", order("double amount = 2;"), order("reserved 2;"), READS, READS),
    Change("a reservation removed", order("reserved 2;"), order(""), READS, READS),
    Change("a reserved number used again", order("reserved 2;"), order("int32 a = 2;"), READS, READS),
    Change("a field renamed", order("double amount = 2;"), order("double total = 2;"), READS, READS),
    Change(
        "fields in another order", order("int32 a = 2; int32 b = 3;"), order("int32 b = 3; int32 a = 2;"), READS, READS
    ),
    Change("a mark of presence", order("int32 a = 2;"), order("optional int32 a = 2;"), READS, READS),
    Change(
        "one becomes a list", order("string a = 2;"), order("repeated string a = 2;"), READS, DEPENDS, "only the last"
    ),
    Change(
        "packed or not", order("repeated int32 a = 2;"), order("repeated int32 a = 2 [packed = false];"), READS, READS
    ),
    Change(
        "a list of entries is a map",
        order("message E { string key = 1; int32 value = 2; } repeated E a = 2;"),
        order("map<string, int32> a = 2;"),
        DEPENDS,
        READS,
        "of several with one key only the last is read",
    ),
    Change("an enum value added", _enum("A = 0; B = 1;"), _enum("A = 0; B = 1; C = 2;"), READS, READS),
    Change("an enum value renamed", _enum("A = 0; B = 1;"), _enum("A = 0; BEE = 1;"), READS, READS),
    Change(
        "an alias added",
        _enum("A = 0; B = 1;"),
        _enum("option allow_alias = true; A = 0; B = 1; BEE = 1;"),
        READS,
        READS,
    ),
    Change("a choice added", order(""), order("oneof c { int32 a = 2; int32 b = 3; }"), READS, READS),
    Change(
        "one field in a new choice", order("int32 a = 2;"), order("oneof c { int32 a = 2; int32 b = 3; }"), READS, READS
    ),
    Change(
        "a helper added with its field",
        order(""),
        order("Address to = 2;") + " message Address { string street = 1; }",
        READS,
        READS,
    ),
    Change(
        "a type of the same shape",
        order("Money a = 2;") + " message Money { int64 units = 1; }",
        order("Price a = 2;") + " message Price { int64 units = 1; }",
        READS,
        READS,
    ),
    Change(
        "moved with its number reserved",
        order("string mail = 2;"),
        order("reserved 2; string mail = 3;"),
        READS,
        READS,
        wire=False,
    ),
    # Types.
    _retyped("int32", "int64", READS, DEPENDS, "9,223,372,036,854,775,807 is read as -1"),
    _retyped("uint32", "uint64", READS, DEPENDS),
    _retyped("uint32", "int64", READS, DEPENDS),
    _retyped("sint32", "sint64", READS, DEPENDS),
    _retyped("bool", "int32", READS, DEPENDS, "2 is read as true"),
    _retyped("int32", "uint32", DEPENDS, DEPENDS, "-1 is read as 4,294,967,295"),
    _retyped("fixed32", "sfixed32", DEPENDS, DEPENDS),
    _retyped("string", "bytes", READS, DEPENDS, "no UTF-8"),
    _retyped("int32", "sint32", BREAKS, BREAKS, "1 is read as -1"),
    _retyped("int64", "sint64", BREAKS, BREAKS),
    _retyped("int32", "fixed32", BREAKS, BREAKS, "never finds it"),
    _retyped("int64", "double", BREAKS, BREAKS),
    _retyped("float", "double", BREAKS, BREAKS),
    _retyped("double", "fixed64", BREAKS, BREAKS, "1 is read as 4,607,182,418,800,017,408"),
    _retyped("int32", "string", BREAKS, BREAKS),
    _retyped("repeated int32", "int32", BREAKS, READS, "packed repeated int32 and read as int32"),
    _retyped("repeated int32", "repeated int64", READS, DEPENDS),
    _retyped("map<string, int32>", "map<string, string>", BREAKS, BREAKS, "`value` is written as int32"),
    Change(
        "a text becomes a message",
        order("string a = 2;"),
        order("M a = 2; message M { string b = 1; }"),
        BREAKS,
        BREAKS,
        "the reader takes the bytes of one for the other",
    ),
    Change(
        "bytes become a message",
        order("bytes a = 2;"),
        order("M a = 2; message M { string b = 1; }"),
        DEPENDS,
        DEPENDS,
    ),
    Change(
        "another message",
        order("A a = 2; message A { string x = 1; }"),
        order("B a = 2; message B { string y = 2; }"),
        BREAKS,
        BREAKS,
        "the reader finds nothing in it",
    ),
    Change(
        "deep inside",
        order("A a = 2; message A { repeated B b = 1; } message B { int32 c = 1; }"),
        order("A a = 2; message A { repeated B b = 1; } message B { string c = 1; }"),
        BREAKS,
        BREAKS,
        "`c` is written as int32 and read as string",
    ),
    Change(
        "a type that holds itself",
        order("Node n = 2; message Node { Node next = 1; int32 v = 2; }"),
        order("Node n = 2; message Node { Node next = 1; float v = 2; }"),
        BREAKS,
        BREAKS,
    ),
    Change(
        "a time becomes a span",
        _google("timestamp", "Timestamp at"),
        _google("duration", "Duration at"),
        BREAKS,
        BREAKS,
        "`at` is written as the message `Timestamp` and read as the message `Duration`: other values",
        wire=False,
    ),
    Change(
        "a wider wrapper",
        _google("wrappers", "Int32Value a"),
        _google("wrappers", "Int64Value a"),
        READS,
        DEPENDS,
    ),
    # Numbers and names.
    Change(
        "a number taken by another",
        order("string mail = 2;"),
        order("string phone = 2; string mail = 3;"),
        BREAKS,
        BREAKS,
        "`mail` is written as number 2 and read as number 3",
    ),
    Change(
        "renumbered", order("string mail = 2;"), order("string mail = 3;"), BREAKS, BREAKS, "the reader never finds it"
    ),
    Change(
        "enum values swapped",
        _enum("A = 0; B = 1; C = 2;"),
        _enum("A = 0; C = 1; B = 2;"),
        BREAKS,
        BREAKS,
        "`B` is written as 1 and read as 2: the reader takes it for `C`",
    ),
    # Required, and what stands for what is not written.
    Change("required added", _two(""), _two("required int32 a = 2;"), BREAKS, READS, "refuses a record without it"),
    Change("required no longer", _two("required int32 a = 2;"), _two("optional int32 a = 2;"), READS, BREAKS),
    Change("required removed", _two("required int32 a = 2;"), _two(""), READS, BREAKS),
    Change(
        "a required closed enum with a value more",
        _enum("A = 0;", "proto2", "required State s = 2;"),
        _enum("A = 0; B = 1;", "proto2", "required State s = 2;"),
        READS,
        BREAKS,
        "`B` may be written, and the reader refuses",
    ),
    Change(
        "a default that stands for zero",
        order("int32 a = 2;"),
        _two("optional int32 a = 2 [default = 5];"),
        BREAKS,
        READS,
        "`a` is not written where it is `0`, and the reader takes it for `5`",
    ),
    Change(
        "a group becomes a message",
        _two("optional group G = 2 { optional int32 a = 1; }"),
        _two("optional G g = 2; message G { optional int32 a = 1; }"),
        BREAKS,
        BREAKS,
    ),
    # Choices.
    Change(
        "fields moved into a choice",
        order("int32 a = 2; int32 b = 3;"),
        order("oneof c { int32 a = 2; int32 b = 3; }"),
        BREAKS,
        READS,
        "`a` and `b` may both be written",
    ),
    Change(
        "a case removed",
        order("oneof c { int32 a = 2; int32 b = 3; int32 d = 4; }"),
        order("oneof c { int32 a = 2; int32 b = 3; }"),
        BREAKS,
        READS,
        "`d` may be written for `c`, and the reader finds no case of it",
    ),
    # Messages.
    Change(
        "a message removed",
        order("") + " message Refund { string id = 1; }",
        order(""),
        BREAKS,
        READS,
        "records of `Refund` may be written, which the reader does not know",
        wire=False,
    ),
    Change(
        "a message renamed",
        order("int32 a = 2;"),
        order("int32 a = 2;").replace("Order", "Purchase"),
        DEPENDS,
        DEPENDS,
        "the message `Order` is now `Purchase`",
        wire=False,
    ),
    Change(
        "renamed and not alike",
        order("int32 a = 2;"),
        order("string a = 2;").replace("Order", "Purchase"),
        BREAKS,
        BREAKS,
        "records of `Order` may be written",
        wire=False,
    ),
    Change(
        "the package renamed",
        order("int32 a = 2;"),
        order("int32 a = 2;").replace("shop", "store"),
        DEPENDS,
        DEPENDS,
        "the package `shop` is now `store`",
        wire=False,
    ),
)
