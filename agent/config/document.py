"""A document: plain values, and where in the file each of them stands."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.config.problem import Path, Place, Problem, cut, dotted

MAX_NODES = 200_000  #: values in one file: 1 MiB of `[,,,` is half a million of them
MAX_TURNS = 20  #: values of keys given twice that are looked at as well


@dataclass(slots=True)
class Node:
    """One value with its place; a mapping's children also know the place of their key."""

    value: Any
    place: Place
    keys: dict[str, Place] = field(default_factory=dict)
    children: "dict[str, Node] | list[Node] | None" = None


@dataclass(frozen=True, slots=True)
class Again:
    """A key that was given once more, with its other value."""

    parent: Node
    key: str
    place: Place
    node: Node

    def take(self) -> None:
        """Let it stand where the one before stood."""
        self.parent.value[self.key], self.parent.keys[self.key] = self.node.value, self.place
        if isinstance(self.parent.children, dict):
            self.parent.children[self.key] = self.node


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: plain values, and where each of them stands.

    `problems` are mistakes of YAML that leave the rest readable; whoever takes the values must tell them.
    """

    file: str
    root: Node
    problems: tuple[Problem, ...] = ()
    again: tuple[Again, ...] = ()
    size: int = 0  #: values in it

    def turns(self) -> Iterator[None]:
        """First with the first value of every key that is given twice, then with each later one in its place.

        In the order of the file, so that what stands below a later value has its turn as well. Only for errors: at
        the end the last values stand.
        """
        yield
        for again in self.again[: min(MAX_TURNS, MAX_NODES // max(self.size, 1))]:
            again.take()
            yield

    def told(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Some problems and the document's own, in the order of the file; of one place, YAML's own only."""
        marked = {(problem.line, problem.column) for problem in self.problems}
        others = [problem for problem in problems if (problem.line, problem.column) not in marked or not problem.line]
        found = dict.fromkeys((*self.problems, *others))
        return cut(self.file, sorted(found, key=lambda one: (one.line, one.column)))

    @property
    def value(self) -> Any:
        """Plain dicts with text keys, lists, texts, numbers, booleans and None."""
        return self.root.value

    def find(self, path: Path) -> Node | None:
        """The value at a path, or None."""
        node: Node | None = self.root
        for step in path:
            node = _child(node, step)
        return node

    def place(self, path: Path) -> Place:
        """Where to point for a value: at it, or at its key where it spans lines; the nearest parent if absent."""
        best = self.root.place
        node: Node | None = self.root
        for step in path:
            if node is None:
                break
            key = node.keys.get(step) if isinstance(step, str) else None
            node = _child(node, step)
            if node is not None:
                best = key if key is not None and node.children is not None else node.place
        return best

    def key_place(self, path: Path) -> Place:
        """Where the key itself stands."""
        parent = self.find(path[:-1])
        step = path[-1] if path else None
        found = parent.keys.get(step) if parent is not None and isinstance(step, str) else None
        return found or self.place(path)

    def problem(self, path: Path, what: str, hint: str = "", *, at: Place | None = None) -> Problem:
        """A problem with the value at a path."""
        place = at or self.place(path)
        return Problem(self.file, place.line, place.column, dotted(path), what, hint)


def _child(node: Node | None, step: str | int) -> Node | None:
    children = node.children if node is not None else None
    if isinstance(children, dict) and isinstance(step, str):
        return children.get(step)
    if isinstance(children, list) and isinstance(step, int) and 0 <= step < len(children):
        return children[step]
    return None
