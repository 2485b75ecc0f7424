"""Whether a reader's Avro schema reads what a writer's wrote, and if not, where and why.

Avro's own checker judges the structure. It forgets places inside unions and passes over logical types, so both trees
are walked beside it: the walk words what the checker refuses, and alone judges decimals, dates and times.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from agent.measure.schemas.avro_tree import LOGICAL, Node, Tree, shown
from agent.measure.schemas.comparison import MOST_BREAKS, READABLE, Break, Budget, Comparison, named

#: reader -> writers of another type that it reads as well
_PROMOTED = {
    "long": ("int",),
    "float": ("int", "long"),
    "double": ("int", "long", "float"),
    "string": ("bytes",),
    "bytes": ("string",),
}
_NAMED = ("record", "enum", "fixed")


def check(reader: Tree, writer: Tree) -> Comparison:
    """Compare two trees; raise UncomparableError where that is not possible."""
    if (reader.root, reader.named) == (writer.root, writer.named):
        return READABLE
    from agent.measure.schemas.avro_witness import word

    walk = _Walk(reader, writer)
    walk.compare(reader.root, writer.root, "")
    said = word(reader, writer)
    structural = walk.structural
    if said.readable:
        structural = []
    elif not structural:
        place = next((place for place in said.places if place != "/"), "/")
        structural = [Break(place, f"Avro refuses {named('; '.join(said.messages).replace('-.', ''))}")]
    return Comparison(tuple(dict.fromkeys([*structural, *walk.logical]))[:MOST_BREAKS])


def _size(node: dict[str, Any]) -> str:
    return f"{node['size']:,} bytes"


class _Walk:
    """Both trees side by side, from a pair of nodes to the pairs below it; each pair of definitions once."""

    def __init__(self, reader: Tree, writer: Tree) -> None:
        self._reader, self._writer = reader, writer
        self._budget = Budget()
        self._done: set[tuple[str, str]] = set()
        self.structural: list[Break] = []
        self.logical: list[Break] = []

    def _refused(self, path: str, what: str) -> None:
        self.structural.append(Break(path or "/", what))

    def compare(self, reads: Node, writes: Node, path: str) -> None:
        """A reader's node with the writer's node that it meets."""
        self._budget.step()
        reads, writes = self._reader.resolved(reads), self._writer.resolved(writes)
        if isinstance(writes, list):
            for branch in writes:
                self._branch(reads, branch, path)
        elif isinstance(reads, list):
            self._branch(reads, writes, path)
        elif _kind(reads) == _kind(writes):
            self._alike(reads, writes, path)
        elif _kind(writes) in _PROMOTED.get(_kind(reads), ()):
            self._meaning(reads, writes, path)
        else:
            self._refused(path, f"{_typed(writes)} is written and {_typed(reads)} is read")

    def _branch(self, reads: Node, branch: Node, path: str) -> None:
        """One of the writer's branches, with the one that takes it at the reader's."""
        if not isinstance(reads, list):
            self.compare(reads, branch, path)
            return
        written = self._writer.resolved(branch)
        ranked = sorted((self._fit(self._reader.resolved(one), written), number) for number, one in enumerate(reads))
        if not ranked or ranked[0][0] > _PROMOTABLE:
            self._refused(path, f"{_typed(written)} is written, which is none of what is read")
            return
        self.compare(reads[ranked[0][1]], branch, f"{path}/{ranked[0][1]}")

    def _fit(self, reads: Node, writes: Node) -> int:
        """How well a branch takes what is written; the lowest is the best."""
        self._budget.step()
        if _kind(reads) != _kind(writes):
            return _PROMOTABLE if _kind(writes) in _PROMOTED.get(_kind(reads), ()) else _PROMOTABLE + 1
        if _kind(reads) not in _NAMED or reads["name"] == writes["name"]:
            return 0
        return 1 if _same_name(reads, writes) else _PROMOTABLE + 1

    def _alike(self, reads: Node, writes: Node, path: str) -> None:
        kind = _kind(reads)
        if kind in ("array", "map"):
            inner = "items" if kind == "array" else "values"
            self.compare(reads[inner], writes[inner], f"{path}/{inner}")
            return
        self._meaning(reads, writes, path)
        if kind in _NAMED and not self._known((reads["name"], writes["name"])):
            if not _same_name(reads, writes):
                old, new = named(shown(writes["name"])), named(shown(reads["name"]))
                self._refused(f"{path}/name", f"{old} is written and {new} read, without an alias")
            self._inside(kind, reads, writes, path)

    def _inside(self, kind: str, reads: dict[str, Any], writes: dict[str, Any], path: str) -> None:
        if kind == "fixed" and reads["size"] != writes["size"]:
            self._refused(f"{path}/size", f"{_size(writes)} are written and {_size(reads)} read")
        elif kind == "enum":
            known = set(reads["symbols"])
            lacking = [symbol for symbol in writes["symbols"] if symbol not in known]
            if lacking and "default" not in reads:
                self._refused(f"{path}/symbols", f"the symbol {_few(lacking)} may be written and is not known")
        elif kind == "record":
            self._fields(reads["fields"], writes["fields"], path)

    def _known(self, pair: tuple[str, str]) -> bool:
        """Seen before; a definition that holds itself ends here."""
        if pair in self._done:
            return True
        self._done.add(pair)
        return False

    def _fields(self, reads: Sequence[dict[str, Any]], writes: Sequence[dict[str, Any]], path: str) -> None:
        written = {field["name"]: field for field in writes}
        for number, field in enumerate(reads):
            place = f"{path}/fields/{number}"
            found = next((written[name] for name in _names(field) if name in written), None)
            if found is not None:
                self.compare(field["type"], found["type"], f"{place}/type")
            elif "default" not in field:
                self._refused(place, f"{named(field['name'])} is not written, and has no default where it is read")

    def _meaning(self, reads: Node, writes: Node, path: str) -> None:
        """What both are marked as; a mark on one side only leaves the value as it is."""
        read, wrote = _logical(reads), _logical(writes)
        if read is None or wrote is None or read == wrote:
            return
        if read[0] != wrote[0]:
            if read[0].removeprefix("local-") != wrote[0].removeprefix("local-"):
                self.logical.append(Break(path or "/", f"{wrote[0]} is written and {read[0]} read: other values"))
            return
        if read[2] != wrote[2]:
            what = f"decimals of scale {wrote[2]} are written and of scale {read[2]} read: other values"
            self.logical.append(Break(f"{path}/scale", what))
        elif read[1] < wrote[1]:
            what = f"decimals of {wrote[1]} digits are written and of {read[1]} digits read: large ones do not fit"
            self.logical.append(Break(f"{path}/precision", what))


_PROMOTABLE = 2


def _kind(node: Node) -> str:
    return node if isinstance(node, str) else str(node["type"])


def _logical(node: Node) -> tuple[str, int, int] | None:
    return node.get(LOGICAL) if isinstance(node, dict) else None


def _typed(node: Node) -> str:
    """A type in words, as its schema names it."""
    if isinstance(node, list):
        return "a union"
    kind = _kind(node)
    return f"the {kind} {named(shown(node['name']))}" if kind in _NAMED else kind


def _names(field: dict[str, Any]) -> Iterator[str]:
    yield field["name"]
    yield from field.get("aliases", ())


def _same_name(reads: dict[str, Any], writes: dict[str, Any]) -> bool:
    """Avro compares names without their namespaces, and aliases in full."""
    if reads["name"].rpartition(".")[2] == writes["name"].rpartition(".")[2]:
        return True
    return writes["name"] in reads.get("aliases", ())


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{named(names[0])}{more}"
