"""Workflow files, version 1: what cannot be measured and is declared instead. Every error at once, none raised."""

import difflib
import glob
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path as FilePath
from typing import Any

from agent.config import contract, settings
from agent.config.contract import DIRECTIONS, ComponentShape, FileShape, WorkflowShape
from agent.config.document import Document
from agent.config.problem import Path, Problem, either, nearest, quoted
from agent.config.settings import Settings
from agent.config.shape import check, spoken
from agent.config.yamlfile import MAX_BYTES, parse, read
from agent.model.declared import ComponentFacts, Declarations, LoadTest, Pilot, Team, Workflow
from agent.model.seam import COMPONENT_KINDS, SeamKey

MAX_FILES = 2_000
_NEAR = 8  #: files of a name alike that are opened, to see whether they are meant
_SECTIONS = tuple(key.name for key in fields(FileShape))
_HEAD = re.compile(r"(?m)(?:^|[{,]\s*)[\"']?(?:workflows|components|teams)[\"']?[ \t]*:")
_OTHER = re.compile(r"(?m)(?:^|[{,]\s*)[\"']?(?:openapi|asyncapi|swagger|apiVersion|services)[\"']?[ \t]*:")
_ITEMS = re.compile(r"(?m)^[\"']?(?:workflows|components|teams)[\"']?[ \t]*:\s*(?:#[^\n]*\n\s*)*-\s*[{\w\"'-]+\s*[:\w]")

_COMPONENT_KEYS = tuple(key.name for key in fields(ComponentShape) if key.name != "component")
KINDS = frozenset({*COMPONENT_KINDS, "schedule"})

Result = tuple[Declarations, tuple[Problem, ...]]
Tell = Callable[[int, str, str], Problem]


def schema(name: str) -> dict[str, Any]:
    """The published JSON Schema of `workflow` files or of the `config` file; raise KeyError for another name."""
    return {"workflow": contract.schema, "config": settings.schema}[name]()


def looks_like_workflow(text: str) -> bool:
    """True for the text of a workflow file, also one with mistakes; false for a configuration or an OpenAPI file."""
    if not _HEAD.search(text) or _OTHER.search(text):
        return False
    document = parse(text, "")
    if not isinstance(document, Document):
        return _ITEMS.search(text) is not None
    value = document.value
    if not isinstance(value, dict):
        return False
    lists = [value[key] for key in _SECTIONS if isinstance(value.get(key), list)]
    if any(isinstance(item, dict) for items in lists for item in items):
        return True
    # The configuration has a list of globs under the same key.
    return bool(value) and set(value) <= set(_SECTIONS) and not any(items for items in lists)


def find(
    patterns: Sequence[str], base: FilePath, tell: Tell | None = None
) -> tuple[tuple[FilePath, ...], tuple[Problem, ...]]:
    """The files that paths and globs name, relative to a folder; a name that leads to none is a problem.

    `tell` makes a problem of a pattern's number, what is wrong, and what to write.
    """
    tell = tell or (lambda number, what, hint: Problem(patterns[number], 0, 0, f"workflows[{number}]", what, hint))
    found: dict[FilePath, None] = {}
    problems: list[Problem] = []
    for number, pattern in enumerate(patterns):
        names = _matches(pattern, base)
        if not names:
            what = "matches no file" if glob.has_magic(pattern) else "does not exist"
            hint = _like(pattern, base) or f"Paths start from {base.resolve().name}/."
            problems.append(tell(number, what, hint))
        found |= dict.fromkeys(names)
    if len(found) > MAX_FILES:
        problems.append(tell(0, f"and what follows match {len(found):,} files", "Narrow the globs."))
    return tuple(found)[:MAX_FILES], tuple(problems)


def _like(pattern: str, base: FilePath) -> str:
    """The nearest name in the folder that a path leads to, of a file that is one of workflows."""
    folder, _, name = pattern.rpartition("/")
    try:
        beside = sorted(entry.name for entry in (base / folder).iterdir())[:MAX_FILES]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(name.lower(), [one.lower() for one in beside], n=_NEAR)
    meant = [one for one in beside if one.lower() in near and _is_one(base / folder / one)]
    return nearest(name, [f"{folder}/{one}" if folder else one for one in meant], lambda one: one.rpartition("/")[2])


def _is_one(file: FilePath) -> bool:
    try:
        if not file.is_file():
            return False
        with file.open("rb") as stream:
            return looks_like_workflow(stream.read(MAX_BYTES).decode("utf-8", "replace"))
    except OSError:
        return False


def _matches(pattern: str, base: FilePath) -> list[FilePath]:
    try:
        names = glob.glob(pattern, root_dir=base, recursive=True)  # noqa: PTH207  # Path.glob refuses absolute patterns
    except (OSError, ValueError, re.error, RecursionError):
        return []
    return [base / name for name in sorted(names) if (base / name).is_file()]


def load(patterns: Sequence[str], base: FilePath = FilePath(), tell: Tell | None = None) -> Result:
    """Read every file that the patterns name. Good files count also where others have problems."""
    files, problems = find(patterns, base, tell)
    declared, wrong = declarations(read(file) for file in files)
    return declared, (*problems, *wrong)


def load_configured(settings: Settings) -> Result:
    """What the configured files declare; a path that leads nowhere is told with its place in the configuration."""

    def tell(number: int, what: str, hint: str) -> Problem:
        key = f"workflows[{number}]"
        return settings.problem(key, f"{key} is {quoted(settings.workflows[number])}, which {what}", hint)

    return load(settings.workflows, settings.base, tell)


def declare(texts: Iterable[tuple[str, str | bytes]]) -> Result:
    """Declarations from (file name, text) pairs."""
    return declarations(parse(text, name) for name, text in texts)


def declarations(documents: Iterable[Document | tuple[Problem, ...]]) -> Result:
    """Declarations from parsed files; a file with a problem is left out as a whole, and told of."""
    collected = _Collected()
    for document in documents:
        collected.loaded = True
        if isinstance(document, Document):
            collected.add(document)
        else:
            collected.problems += document
    declared = Declarations(
        tuple(collected.workflows.values()),
        tuple(collected.components),
        tuple(collected.teams.values()),
        loaded=collected.loaded,
    )
    return declared, tuple(collected.problems)


@dataclass(slots=True)
class _Collected:
    """What the files read so far declare."""

    workflows: dict[str, Workflow] = field(default_factory=dict)
    components: list[ComponentFacts] = field(default_factory=list)
    teams: dict[str, Team] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    loaded: bool = False
    _named: dict[tuple[str, str], str] = field(default_factory=dict)  #: also by files with problems
    _values: dict[tuple[str, str], tuple[Any, str]] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        """Check one file and take it in, or its problems."""
        shape: FileShape | None = None
        problems: list[Problem] = []
        named, values = dict(self._named), dict(self._values)
        for turn, _ in enumerate(document.turns()):
            self._named, self._values = dict(named), dict(values)
            checked = check(FileShape, document, {} if document.value is None else document.value)
            problems += checked if isinstance(checked, tuple) else ()
            problems += [*_directions(document), *self._repeated(document)]
            shape = checked if not turn and isinstance(checked, FileShape) else shape
        self.problems += document.told(problems)
        if shape is not None and not problems and not document.problems:
            self._take(document, shape)

    def _take(self, document: Document, shape: FileShape) -> None:
        for index, flow in enumerate(shape.workflows or ()):
            self.workflows[flow.name] = _workflow(flow, _place(document, ("workflows", index)))
        for index, facts in enumerate(shape.components or ()):
            self.components.append(_component(facts, _place(document, ("components", index))))
        for index, team in enumerate(shape.teams or ()):
            place = _place(document, ("teams", index))
            self.teams[team.name] = Team(team.name, team.on_call, team.maturity_note, place)

    def _repeated(self, document: Document) -> Iterator[Problem]:
        for section in ("workflows", "teams"):
            for path, item in _entries(document, section):
                name = item.get("name")
                if isinstance(name, str):
                    yield from self._again(document, path, section, name)
        for path, item in _entries(document, "components"):
            component = item.get("component")
            if isinstance(component, str):
                yield from self._said(document, path, component, item)

    def _again(self, document: Document, path: Path, section: str, name: str) -> Iterator[Problem]:
        place = self._named.get((section, name))
        if place is not None:
            what = f"{section.removesuffix('s')} {quoted(name)} is declared already in {place}"
            yield document.problem((*path, "name"), what, "Keep one of them.")
        self._named.setdefault((section, name), _place(document, path))

    def _said(self, document: Document, path: Path, component: str, item: dict[str, Any]) -> Iterator[Problem]:
        for key, value in _given(item):
            known, place = self._values.setdefault((component, key), (value, _place(document, path)))
            if known != value:
                both = f"{quoted(_word(value))} here and {quoted(_word(known))} in {place}"
                yield document.problem((*path, key), f"{key} of {component} is {both}", "Keep one of them.")


def _entries(document: Document, section: str, below: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The mappings of a list as they were written, right or not."""
    node = document.find((*below, section))
    items = node.value if node is not None and isinstance(node.value, list) else []
    return (((*below, section, index), item) for index, item in enumerate(items) if isinstance(item, dict))


def _given(item: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a component's entry says, as it may be compared."""
    for key in _COMPONENT_KEYS:
        value = item.get(key)
        if value is not None:
            yield key, value.strip() if isinstance(value, str) else value


def _word(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _directions(document: Document) -> Iterator[Problem]:
    for above, _ in _entries(document, "workflows"):
        for path, seam in _entries(document, "seams", above):
            kind = seam.get("kind")
            if isinstance(kind, str) and kind in DIRECTIONS:
                yield from _direction(document, path, kind, {key: _kind(seam.get(key)) for key in ("source", "target")})


def _kind(component: object) -> str:
    """The kind of a component as it was written; empty where it is none, which its shape tells."""
    kind = component.partition(":")[0] if isinstance(component, str) else ""
    return kind if kind in KINDS else ""


def _direction(document: Document, path: Path, kind: str, given: dict[str, str]) -> Iterator[Problem]:
    wanted = dict(zip(("source", "target"), DIRECTIONS[kind], strict=True))
    swapped = given["target"] in wanted["source"] and given["source"] in wanted["target"]
    leads = f"{kind} leads from {either(wanted['source'])} to {either(wanted['target'])}"
    for key, kinds in wanted.items():
        if given[key] and given[key] not in kinds:
            told = document.find((*path, key))
            what = f"{spoken(document, (*path, key))} is {quoted(told.value if told else None)}, and {leads}"
            hint = "Swap source and target." if swapped else f"Name a {kinds[0]}."
            yield document.problem((*path, key), what, hint)


def _place(document: Document, path: Path) -> str:
    return f"{document.file}, line {document.place(path).line}"


def _values(shape: Any) -> dict[str, Any]:
    return {key.name: getattr(shape, key.name) for key in fields(shape)}


def _workflow(shape: WorkflowShape, place: str) -> Workflow:
    pilot = Pilot(shape.pilot.date, shape.pilot.result) if shape.pilot else None
    tests = None
    if shape.loadtests is not None:
        tests = tuple(LoadTest(t.date, t.rate_per_second, t.minutes, t.result) for t in shape.loadtests)
    seams = tuple(SeamKey(seam.kind, seam.source, seam.target) for seam in shape.seams or ())
    return Workflow(**_values(shape) | {"pilot": pilot, "loadtests": tests, "seams": seams, "place": place})


def _component(shape: ComponentShape, place: str) -> ComponentFacts:
    letters = str(shape.dead_letters) if shape.dead_letters else None
    changed = {"component": str(shape.component), "dead_letters": letters, "place": place}
    return ComponentFacts(**_values(shape) | changed)
