"""Apache Avro's own word on whether one schema reads another. It is imported only where schemas are compared."""

from dataclasses import dataclass
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.name import Names
from avro.schema import make_avsc_object

from agent.measure.schemas.avro_tree import Tree
from agent.measure.schemas.comparison import Budget, UncomparableError


@dataclass(frozen=True, slots=True)
class Word:
    """What the library says."""

    readable: bool
    places: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


class _Memory(dict[Any, Any]):
    """The checker's own memory of pairs, which it looks into before each step."""

    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self._budget = budget

    def __contains__(self, pair: object) -> bool:
        self._budget.step()
        return super().__contains__(pair)


def word(reader: Tree, writer: Tree) -> Word:
    """Whether all that the writer writes can be read; raise UncomparableError where it is not known."""
    checker = ReaderWriterCompatibilityChecker()
    checker.memoize_map = _Memory(Budget())
    try:
        found = checker.get_compatibility(reader=_schema(reader), writer=_schema(writer))
    except AvroException as problem:
        msg = "Avro does not take it"
        raise UncomparableError(msg) from problem
    readable = found.compatibility is not SchemaCompatibilityType.incompatible
    return Word(readable, tuple(sorted(found.locations)), tuple(sorted(found.messages)))


def _schema(tree: Tree) -> Any:
    names = Names(validate_names=False)
    for one in tree.references:
        make_avsc_object(one, names, validate_enum_symbols=False, validate_names=False)
    return make_avsc_object(tree.root, names, validate_enum_symbols=False, validate_names=False)
