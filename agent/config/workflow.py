"""Workflow files, version 1: what cannot be measured and is declared instead. Every error at once, none raised."""

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path as FilePath
from typing import Any

from agent.config import contract, settings
from agent.config.contract import DIRECTIONS, ComponentShape, FileShape, SeamShape, WorkflowShape
from agent.config.problem import MAX_PROBLEMS, Path, Problem, either, more, quoted
from agent.config.shape import check
from agent.config.yamlfile import Document, parse, read
from agent.model.declared import ComponentFacts, Declarations, LoadTest, Pilot, Team, Workflow
from agent.model.seam import SeamKey

MAX_FILES = 2_000
_SECTIONS = tuple(key.name for key in fields(FileShape))
_HEAD = re.compile(r"(?m)(?:^|[{,]\s*)[\"']?(?:workflows|components|teams)[\"']?[ \t]*:")
_OTHER = re.compile(r"(?m)(?:^|[{,]\s*)[\"']?(?:openapi|asyncapi|swagger|apiVersion|services)[\"']?[ \t]*:")
_ITEMS = re.compile(r"(?m)^[\"']?(?:workflows|components|teams)[\"']?[ \t]*:\s*(?:#[^\n]*\n\s*)*-\s*[{\w\"'-]+\s*[:\w]")

Result = tuple[Declarations, tuple[Problem, ...]]


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


def find(patterns: Sequence[str], base: FilePath) -> tuple[tuple[FilePath, ...], tuple[Problem, ...]]:
    """The files that paths and globs name, relative to a folder; a name that leads to none is a problem."""
    found: dict[FilePath, None] = {}
    problems: list[Problem] = []
    for pattern in patterns:
        names = _matches(pattern, base)
        if not names:
            what = "matches no file" if glob.has_magic(pattern) else "does not exist"
            problems.append(Problem(pattern, 0, 0, "workflows", what, f"Paths start from {base.resolve().name}/."))
        found |= dict.fromkeys(names)
    if len(found) > MAX_FILES:
        problems.append(Problem(str(base), 0, 0, "workflows", f"{len(found):,} files match", "Narrow the globs."))
    return tuple(found)[:MAX_FILES], tuple(problems)


def _matches(pattern: str, base: FilePath) -> list[FilePath]:
    try:
        names = glob.glob(pattern, root_dir=base, recursive=True)  # noqa: PTH207  # Path.glob refuses absolute patterns
    except (OSError, ValueError, re.error, RecursionError):
        return []
    return [base / name for name in sorted(names) if (base / name).is_file()]


def load(patterns: Sequence[str], base: FilePath = FilePath()) -> Result:
    """Read every file that the patterns name. Good files count also where others have problems."""
    files, problems = find(patterns, base)
    declared, wrong = declarations(read(file) for file in files)
    return declared, (*problems, *wrong)


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
    _values: dict[tuple[str, str], tuple[Any, str]] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        """Check one file and take it in, or its problems."""
        value = {} if document.value is None else document.value
        shape = check(FileShape, document, value)
        if isinstance(shape, tuple):
            self.problems += shape
            return
        problems = [*_directions(document, shape), *self._repeated(document, shape)]
        if problems:
            self.problems += [*problems[:MAX_PROBLEMS], *more(document.file, len(problems))]
            return
        for index, flow in enumerate(shape.workflows or ()):
            self.workflows[flow.name] = _workflow(flow, _place(document, ("workflows", index)))
        for index, facts in enumerate(shape.components or ()):
            self._component(facts, _place(document, ("components", index)))
        for index, team in enumerate(shape.teams or ()):
            place = _place(document, ("teams", index))
            self.teams[team.name] = Team(team.name, team.on_call, team.maturity_note, place)

    def _component(self, facts: ComponentShape, place: str) -> None:
        declared = _component(facts, place)
        self.components.append(declared)
        self._values |= {(declared.component, key): (value, place) for key, value in _given(facts)}

    def _repeated(self, document: Document, shape: FileShape) -> Iterator[Problem]:
        flows = {name: flow.place for name, flow in self.workflows.items()}
        yield from _twice(document, "workflows", [flow.name for flow in shape.workflows or ()], flows)
        teams = {name: team.place for name, team in self.teams.items()}
        yield from _twice(document, "teams", [team.name for team in shape.teams or ()], teams)
        seen = dict(self._values)
        for index, facts in enumerate(shape.components or ()):
            path: Path = ("components", index)
            for key, value in _given(facts):
                known, place = seen.setdefault((str(facts.component), key), (value, _place(document, path)))
                if known != value:
                    both = f"{quoted(_word(value))} here and {quoted(_word(known))} in {place}"
                    what = f"{key} of {facts.component} is {both}"
                    yield document.problem((*path, key), what, "Keep one of them.")


def _given(facts: ComponentShape) -> Iterator[tuple[str, Any]]:
    for key in fields(facts):
        value = getattr(facts, key.name)
        if value is not None and key.name != "component":
            yield key.name, value


def _word(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _twice(document: Document, section: str, names: list[str], known: dict[str, str]) -> Iterator[Problem]:
    seen = dict(known)
    for index, name in enumerate(names):
        path: Path = (section, index)
        if name in seen:
            what = f"{section.removesuffix('s')} {quoted(name)} is declared already in {seen[name]}"
            yield document.problem((*path, "name"), what, "Keep one of them.")
        seen.setdefault(name, _place(document, path))


def _directions(document: Document, shape: FileShape) -> Iterator[Problem]:
    for index, flow in enumerate(shape.workflows or ()):
        for number, seam in enumerate(flow.seams or ()):
            yield from _direction(document, ("workflows", index, "seams", number), seam)


def _direction(document: Document, path: Path, seam: SeamShape) -> Iterator[Problem]:
    sources, targets = DIRECTIONS[seam.kind]
    swapped = seam.target.kind in sources and seam.source.kind in targets
    for key, part, kinds in (("source", seam.source, sources), ("target", seam.target, targets)):
        if part.kind not in kinds:
            leads = f"{seam.kind} leads from {either(sources)} to {either(targets)}"
            what = f"{key} of this seam is {quoted(str(part))}, and {leads}"
            yield document.problem((*path, key), what, "Swap source and target." if swapped else f"Name a {kinds[0]}.")


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
