"""Whether a reader's JSON Schema takes what a writer's allows: the clear cases, and "cannot tell" for all others.

A break is told only where something that the writer's schema allows is certainly refused. Content that neither schema
names is left out of account: a property that is added to an open object is taken for new, not for one of another type.
"""

from collections.abc import Mapping
from typing import Any

from agent.measure.schemas.comparison import MOST_BREAKS, READABLE, Break, Budget, Comparison, named
from agent.measure.schemas.json_text import (
    LOWER,
    UPPER,
    WHOLE,
    definitions,
    escaped,
    followed,
    names,
    number,
    refers,
    same,
    table,
    takes,
    types,
    values,
    wordless,
)

_TWINS = {
    "maximum": "exclusiveMaximum",
    "exclusiveMaximum": "maximum",
    "minimum": "exclusiveMinimum",
    "exclusiveMinimum": "minimum",
}
_Node = dict[str, Any]


def check(reader: Any, writer: Any, *, referenced: bool) -> Comparison:
    """Compare two documents; `referenced` where both have the same others beside them.

    Raises UncomparableError where that takes too much, or where one is no JSON Schema.
    """
    reader, writer = wordless(reader), wordless(writer)
    if referenced and same(reader, writer):
        return READABLE
    walk = _Walk(reader, writer)
    walk.compare(reader, writer, "", certain=True)
    return Comparison(tuple(dict.fromkeys(walk.breaks))[:MOST_BREAKS], walk.unsure)


def _bounded(key: str) -> frozenset[str]:
    """The types that a bound is about."""
    ends = {"Length": ("string",), "Items": ("array",), "Properties": ("object",)}
    return frozenset(next((kinds for end, kinds in ends.items() if key.endswith(end)), ("number", "integer")))


class _Walk:
    """Both documents side by side. Below what cannot be compared nothing is `certain`: it makes doubt, and no break."""

    def __init__(self, reader: Any, writer: Any) -> None:
        self._reader, self._writer = reader, writer
        self._budget = Budget()
        own, other = definitions(reader), definitions(writer)
        self._same = own is not None and same(own, other)
        self._done: set[tuple[int, int]] = set()
        self.breaks: list[Break] = []
        self.unsure = ""

    def _doubt(self, path: str, why: str) -> None:
        self.unsure = self.unsure or f"{why} (at {path or '/'})"

    def _refused(self, path: str, what: str, *, certain: bool) -> None:
        if certain:
            self.breaks.append(Break(path or "/", what))
        else:
            self._doubt(path, "what may be written there is not told well enough")

    def compare(self, reads: Any, writes: Any, path: str, *, certain: bool) -> None:
        """A reader's schema with the writer's for the same value."""
        self._budget.step()
        reads, writes = followed(self._reader, reads), followed(self._writer, writes)
        if reads is None or writes is None:
            self._doubt(path, "a `$ref` is not followed")
        elif reads is True or writes is False or (self._same and same(reads, writes)):
            return
        elif reads is False:
            self._refused(path, "it may be written, and is not allowed where it is read", certain=certain)
        elif (id(reads), id(writes)) not in self._done:
            self._done.add((id(reads), id(writes)))
            self._node(reads, {} if writes is True else writes, path, certain=certain)

    def _node(self, reads: _Node, writes: _Node, path: str, *, certain: bool) -> None:
        for key in sorted(WHOLE):
            if not self._alike(key, reads, writes):
                self._doubt(path, f"`{key}` is not compared")
        # What narrows the writer in a way that is not compared may rule out the very value that would be refused.
        certain = certain and not any(key in writes for key in WHOLE - {"format"})
        self._types(reads, writes, path, certain=certain)
        self._values(reads, writes, path, certain=certain)
        for key in (*UPPER, *LOWER):
            self._bound(key, reads, writes, path, certain=certain)
        if reads.get("uniqueItems") is True and writes.get("uniqueItems") is not True:
            arrays = certain and "array" in (types(writes) or ())
            self._refused(f"{path}/uniqueItems", "items may repeat, and must not where it is read", certain=arrays)
        self._object(reads, writes, path, certain=certain)
        self._items(reads, writes, path, certain=certain)

    def _alike(self, key: str, reads: _Node, writes: _Node) -> bool:
        """The same on both sides, or something that cannot make the reader refuse more."""
        if key not in reads or (key == "format" and key not in writes):
            return True
        return key in writes and same(reads[key], writes[key]) and (self._same or not refers(reads[key]))

    def _types(self, reads: _Node, writes: _Node, path: str, *, certain: bool) -> None:
        read, written = types(reads), types(writes)
        if "type" not in reads:
            return
        if read is None or written is None:
            self._doubt(f"{path}/type", "a type that only the reader tells")
            return
        lacking = sorted(kind for kind in written if not takes(read, kind))
        if lacking:
            what = f"{lacking[0]} may be written, and {' or '.join(sorted(read))} is read"
            self._refused(f"{path}/type", what, certain=certain and values(writes) is None)

    def _values(self, reads: _Node, writes: _Node, path: str, *, certain: bool) -> None:
        read, written = values(reads), values(writes)
        if read is None:
            return
        if written is None:
            wide = bool((types(writes) or frozenset()) - {"null", "boolean"})
            what = "any value may be written, and only some are allowed where it is read"
            self._refused(f"{path}/enum", what, certain=certain and wide)
            return
        lacking = [one for one in written if not any(same(one, other) for other in read)]
        if lacking:
            what = f"{len(lacking)} of {len(written)} values that may be written are not allowed where it is read"
            self._refused(f"{path}/enum", what, certain=certain)

    def _bound(self, key: str, reads: _Node, writes: _Node, path: str, *, certain: bool) -> None:
        read, written, kinds = reads.get(key), writes.get(key), types(writes)
        about = kinds is None or bool(kinds & _bounded(key))
        if read is None or not about or (type(read) is type(written) and read == written):
            return
        told = number(read) and (written is None or number(written)) and values(writes) is None
        if not told or _TWINS.get(key) in writes:
            self._doubt(f"{path}/{key}", f"`{key}` is not compared")
        elif written is None and key.startswith("min") and key != "minimum" and read <= 0:
            return
        elif written is None or (read < written if key in UPPER else read > written):
            before = "no bound" if written is None else f"{written}"
            what = f"`{key}` is {before} where it is written, and {read} where it is read"
            self._refused(f"{path}/{key}", what, certain=certain and kinds is not None)

    def _object(self, reads: _Node, writes: _Node, path: str, *, certain: bool) -> None:
        read, written = table(reads.get("properties")), table(writes.get("properties"))
        certain = certain and _object(writes)
        self._required(reads, writes, path, certain=certain)
        self._more(reads, writes, path, certain=certain)
        for name in written:
            if name in read:
                self.compare(read[name], written[name], f"{path}/properties/{escaped(name)}", certain=certain)
            elif reads.get("additionalProperties") is False and written[name] is not False:
                what = f"{named(name)} may be written, and is not allowed where it is read"
                plain = certain and "patternProperties" not in reads
                self._refused(f"{path}/additionalProperties", what, certain=plain)

    def _required(self, reads: _Node, writes: _Node, path: str, *, certain: bool) -> None:
        if "required" in reads and not isinstance(reads["required"], list):
            self._doubt(f"{path}/required", "`required` is not compared")
        read = table(reads.get("properties"))
        for name in sorted(names(reads.get("required")) - names(writes.get("required"))):
            about = read.get(name)
            if not (isinstance(about, dict) and "default" in about):
                what = f"{named(name)} may be left out, and is required where it is read"
                self._refused(f"{path}/required", what, certain=certain)

    def _more(self, reads: _Node, writes: _Node, path: str, *, certain: bool) -> None:
        read, written = reads.get("additionalProperties", True), writes.get("additionalProperties", True)
        place = f"{path}/additionalProperties"
        if written is False or read is True or (self._same and same(read, written)):
            return
        if read is False:
            what = "more properties may be written, and are not allowed where it is read"
            self._refused(place, what, certain=certain and written is True)
        elif isinstance(read, dict) and isinstance(written, dict):
            self.compare(read, written, place, certain=certain)
        else:
            self._doubt(place, "`additionalProperties` is not compared")

    def _items(self, reads: _Node, writes: _Node, path: str, *, certain: bool) -> None:
        read, written = reads.get("items", True), writes.get("items", True)
        if isinstance(read, list) or isinstance(written, list):
            if read is not True and not (self._same and same(read, written)):
                self._doubt(f"{path}/items", "a list of `items` is not compared")
        elif written is True and read is not True:
            self._doubt(f"{path}/items", "`items` that only the reader tells")
        else:
            self.compare(read, written, f"{path}/items", certain=certain)


def _object(node: Mapping[str, Any]) -> bool:
    """It is told that an object may be written."""
    return "object" in (types(node) or ()) or "properties" in node
