"""YAML: text into plain values that remember their lines. YAML 1.2 core words; never tags, aliases or objects.

Built from libyaml's events, not by a loader, so depth, aliases and tags are refused before anything is made of them.
"""

import re
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import yaml

from agent.config.document import MAX_NODES, Again, Document, Node
from agent.config.problem import Place, Problem, cut, dotted, quoted

MAX_BYTES = 1 << 20
MAX_DEPTH = 64

_START = Place(1, 1)
_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE, _FALSE = re.compile(r"true|True|TRUE"), re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_MAX_DIGITS = 1_000  # Python refuses to convert more than 4,300
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE, _NAN = re.compile(r"[-+]?\.(inf|Inf|INF)"), re.compile(r"\.(nan|NaN|NAN)")
#: lone surrogates; and line ends of YAML 1.1 that YAML 1.2 takes as text: libyaml would quietly make them spaces
_UNREADABLE = re.compile("[\ud800-\udfff\x85\u2028\u2029]")
_INSTEAD = {
    0x85: 'Remove it, or write "\\N".',
    0x2028: 'Remove it, or write "\\L".',
    0x2029: 'Remove it, or write "\\P".',
}


class _Refused(Exception):  # noqa: N818  # never leaves this module
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


def scalar(text: str) -> Any:
    """What a plain word means in YAML 1.2's core schema: `no`, `1:30` and `2026-05-01` are texts."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if len(text) > _MAX_DIGITS:
        return text
    if _INT.fullmatch(text):
        return int(text, 0 if text[1:2] in ("o", "x") else 10)
    if _FLOAT.fullmatch(text) or _INFINITE.fullmatch(text) or _NAN.fullmatch(text):
        return float(text.replace(".", "", 1) if text[-1] in "fFnN" else text)
    return text


def read(file: FilePath, name: str = "") -> Document | tuple[Problem, ...]:
    """Read one YAML file; every error is a value."""
    name = name or str(file)
    try:
        if not file.is_file():
            what = "is no file" if file.exists() else "does not exist"
            return (Problem(name, 0, 0, "", what, "Name a YAML file."),)
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as wrong:
        reason = getattr(wrong, "strerror", None) or str(wrong)
        return (Problem(name, 0, 0, "", f"cannot be read ({reason})", "Check the path and its rights."),)
    return parse(data, name)


def parse(data: bytes | str, file: str) -> Document | tuple[Problem, ...]:
    """Parse one YAML document; every error is a value, none is raised.

    Problems alone come only for what cannot be read on from; a document tells its others beside its values.
    """
    text = _decoded(data, file)
    if isinstance(text, Problem):
        return (text,)
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            builder.take(event)
    except _Refused as refused:
        return (*cut(file, builder.problems), refused.problem)
    except yaml.reader.ReaderError as wrong:
        # libyaml counts bytes.
        position = len(text.encode()[: wrong.position].decode(errors="ignore"))
        return (_unreadable(text, position, file),)
    except yaml.MarkedYAMLError as wrong:
        return (*cut(file, builder.problems), _malformed(text, wrong, file))
    root = builder.root or Node(None, Place(1, 1))
    return Document(file, root, tuple(builder.problems), tuple(builder.again), builder.nodes)


def _decoded(data: bytes | str, file: str) -> str | Problem:
    size = len(data) if isinstance(data, bytes) else len(data.encode(errors="replace"))
    if size > MAX_BYTES:
        return Problem(file, 0, 0, "", f"is larger than {MAX_BYTES >> 20:,} MiB", "Split it into several files.")
    if isinstance(data, str):
        text = data.removeprefix("\ufeff")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as wrong:
            line = data.count(b"\n", 0, wrong.start) + 1
            column = wrong.start - data.rfind(b"\n", 0, wrong.start)
            return Problem(file, line, column, "", "is not UTF-8", "Save the file as UTF-8.")
    wrong_sign = _UNREADABLE.search(text)
    return _unreadable(text, wrong_sign.start(), file) if wrong_sign else text


def _unreadable(text: str, position: int, file: str) -> Problem:
    line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
    code = ord(text[position]) if position < len(text) else 0
    return Problem(
        file,
        line,
        column,
        "",
        f"has a character that YAML does not allow (U+{code:04X})",
        _INSTEAD.get(code, "Remove it."),
    )


def _malformed(text: str, wrong: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = wrong.problem_mark or wrong.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    line = min(line, text.rstrip().count("\n") + 1)  # at its end libyaml counts a line too many
    what = str(wrong.problem or "cannot be read")
    start = wrong.context_mark.line + 1 if wrong.context_mark else line
    what += f", in what begins in line {start}" if start < line else ""
    if "tab" in what or (mark and "cannot start any token" in what and text[mark.index : mark.index + 1] == "\t"):
        return Problem(file, line, column, "", "a tab indents this line", "Indent with spaces.")
    if "mapping values are not allowed" in what:
        return Problem(file, line, column, "", 'a second ": " on one line', 'Put the text in quotes: key: "a: b".')
    if "cannot start any token" in what:
        return Problem(file, line, column, "", "a value begins with @, ` or %", 'Put it in quotes: key: "@value".')
    if "nesting depth" in what:
        return _too_deep(file, Place(line, column)).problem
    return Problem(file, line, column, "", f"not valid YAML ({what})", "Check indentation, quotes and brackets.")


def _too_deep(file: str, place: Place) -> _Refused:
    what = f"nested more than {MAX_DEPTH} levels deep"
    return _Refused(Problem(file, place.line, place.column, "", what, "Write it flatter."))


@dataclass(slots=True)
class _Open:
    """A collection being read: its node, and the key that waits for its value."""

    node: Node
    step: str | int = ""  #: where it stands in its parent
    key: str | None = None
    at: Place = _START  #: of the waiting key
    skip: bool = False  #: the waiting key is a duplicate


class _Builder:
    """Makes nodes of events on a stack of its own: hostile nesting never meets Python's recursion limit."""

    def __init__(self, file: str) -> None:
        self.file, self.root = file, None  # type: str, Node | None
        self.problems: list[Problem] = []
        self.again: list[Again] = []
        self.nodes = 0
        self._stack: list[_Open] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Fold one event in; raise _Refused for what is not allowed."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._refusal(event, "a second document begins here", "Keep one document a file.")
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._stack.pop()
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)

    def _node(self, event: yaml.NodeEvent) -> None:
        self._check(event)
        place = _place(event)
        if isinstance(event, yaml.AliasEvent):
            self._alias(event, place)
            return
        if isinstance(event, yaml.ScalarEvent):
            if self._waits_for_key():
                self._key(event, place)
                return
            # `implicit[0]`: a plain word; a quoted or block one is always a text.
            value = scalar(event.value) if event.implicit[0] else event.value
            self._put(Node(value, place))
            return
        if self._waits_for_key():
            raise self._refusal(event, "a key is a list or mapping", "Write a plain word as the key.")
        node = (
            Node({}, place, children={}) if isinstance(event, yaml.MappingStartEvent) else Node([], place, children=[])
        )
        if len(self._stack) >= MAX_DEPTH:
            raise _too_deep(self.file, place)
        step = self._step()
        self._put(node)
        self._stack.append(_Open(node, step))

    def _check(self, event: yaml.NodeEvent) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._refusal(event, f"more than {MAX_NODES:,} values", "Split it into several files.")
        tag = getattr(event, "tag", None)  # an alias has none
        if isinstance(event, yaml.AliasEvent):
            self._note(event, f"an alias (*{_short(event.anchor)})", "Aliases are not read; write the value out.")
        elif event.anchor is not None:
            self._note(event, f"an anchor (&{_short(event.anchor)})", "Anchors are not read; remove it.")
        if tag is not None:
            self._note(event, f"a tag ({_short(tag)})", "Tags are not read; remove it.")

    def _alias(self, event: yaml.AliasEvent, place: Place) -> None:
        """Nothing stands for it: what it would mean is not read."""
        if not self._waits_for_key():
            self._put(Node(None, place))
            return
        top = self._stack[-1]
        top.key, top.at, top.skip = str(event.anchor), place, True

    def _note(self, event: yaml.Event, what: str, hint: str) -> None:
        place = _place(event)
        self.problems.append(Problem(self.file, place.line, place.column, "", what, hint))

    def _waits_for_key(self) -> bool:
        top = self._stack[-1] if self._stack else None
        return top is not None and isinstance(top.node.value, dict) and top.key is None

    def _key(self, event: yaml.ScalarEvent, place: Place) -> None:
        top, key = self._stack[-1], event.value
        top.key, top.at = key, place
        if key == "<<" and event.implicit[0]:
            top.skip = True
            self._note(event, "a merge key (<<)", "Merge keys are not read; write the keys out.")
            return
        first = top.node.keys.get(key)
        if first is not None:
            what = f"{quoted(key)} is given twice, first in line {first.line}"
            self.problems.append(
                Problem(self.file, place.line, place.column, self._path(key), what, "Keep one of them.")
            )
        else:
            top.node.keys[key] = place

    def _put(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        if isinstance(top.node.children, list):
            top.node.children.append(node)
            top.node.value.append(node.value)
            return
        key, skipped = top.key or "", top.skip
        top.key, top.skip = None, False
        if skipped or not isinstance(top.node.children, dict):
            return
        if key in top.node.children:
            self.again.append(Again(top.node, key, top.at, node))
            return
        top.node.children[key] = node
        top.node.value[key] = node.value

    def _path(self, key: str) -> str:
        return dotted((*(opened.step for opened in self._stack[1:]), key))

    def _step(self) -> str | int:
        top = self._stack[-1] if self._stack else None
        if top is None:
            return ""
        return len(top.node.children) if isinstance(top.node.children, list) else top.key or ""

    def _refusal(self, event: yaml.Event, what: str, hint: str) -> _Refused:
        place = _place(event)
        return _Refused(Problem(self.file, place.line, place.column, "", what, hint))


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _short(text: object) -> str:
    return str(text)[:40]
