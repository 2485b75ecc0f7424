"""Protobuf schemas that go together and that do not, held against the runtime of Protobuf itself."""

from collections.abc import Iterator
from random import Random

import pytest
from google.protobuf.message_factory import GetMessageClass

from agent.measure.schemas.comparison import DEPENDS as OPEN
from agent.measure.schemas.comparison import Comparison
from agent.measure.schemas.protobuf_compile import compiled
from agent.measure.schemas.reading import reads
from agent.model.schemas import SchemaVersion
from tests.measure.schemas.changes import BREAKS, CHANGES, DEPENDS, READS, Change
from tests.measure.schemas.wire import filled, kept

TRIES = 300


def version(text: str, *imports: tuple[str, str], number: int = 1) -> SchemaVersion:
    return SchemaVersion(number=number, type="PROTOBUF", text=text, imports=imports)


def compared(reader: str, writer: str, *imports: tuple[str, str]) -> Comparison:
    return reads(version(reader, *imports, number=1), version(writer, *imports, number=2))


def verdict(found: Comparison) -> str:
    if found.breaks:
        return BREAKS
    assert not found.unsure or found.unsure.startswith(OPEN), found.unsure
    return DEPENDS if found.unsure else READS


def both(change: Change) -> Iterator[tuple[str, str, str]]:
    """The reader's text, the writer's, and what is right."""
    yield change.new, change.old, change.backward
    yield change.old, change.new, change.forward


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_each_change_is_judged_in_both_directions_and_says_what_a_reader_sees(change: Change) -> None:
    found = [(compared(reader, writer), right) for reader, writer, right in both(change)]
    assert [verdict(one) for one, _ in found] == [right for _, right in found]
    told = [text for one, _ in found for text in (one.unsure, *(each.what for each in one.breaks))]
    assert any(change.says in text for text in told)
    assert all(each.path.startswith("/") for one, _ in found for each in one.breaks)
    assert compared(change.old, f"// words only\n{change.old}") == Comparison()


@pytest.mark.parametrize("change", [one for one in CHANGES if one.wire], ids=lambda change: change.name)
def test_the_runtime_of_protobuf_sees_the_same(change: Change) -> None:
    """Records written with one and read with the other: something differs just where it is said to."""
    for reader, writer, right in both(change):
        read, written = (
            GetMessageClass(compiled(text, ()).message_types_by_name["Order"]) for text in (reader, writer)
        )
        dice = Random(7)
        differs = any(not kept(read, filled(written, dice)) for _ in range(TRIES))
        assert differs == (right != READS), (change.name, right)
