"""Loading: the file, the environment over it, then what only the whole can tell. Never raises for what it reads."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path as FilePath
from typing import Any, get_origin

from agent.config.problem import Path, Place, Problem, dotted, nearest, quoted
from agent.config.secret import Secret, Sources
from agent.config.settings import DEFAULT_FILE, Keys, Origin, Settings, Store, leaves
from agent.config.shape import check, hints, plain
from agent.config.yamlfile import Document, Node, parse, read, scalar

PREFIX = "SEAMWATCH_"
RESERVED = frozenset({"SEAMWATCH_REQUIRE_ALL"})  #: belongs to our own tests
_LIKE = f"Keys of {DEFAULT_FILE} are written like SEAMWATCH_LISTEN__WEB."
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}")
# Kubernetes puts these into every pod of a namespace that has a Service whose name begins with "seamwatch".
_KUBERNETES = re.compile(r"SEAMWATCH_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)\w*)")
_KUBERNETES_PORT = re.compile(r"(?:tcp|udp|sctp)://\S+")


def load(
    config: FilePath | None, environ: Mapping[str, str], folder: FilePath = FilePath()
) -> Settings | tuple[Problem, ...]:
    """The settings in force, or everything that is wrong.

    `config` must exist; without it `seamwatch.yaml` in `folder` is read if it is there.
    """
    path = config or FilePath(DEFAULT_FILE)
    given = config is not None or (folder / path).exists()
    document = read(folder / path, str(path)) if given else Document(DEFAULT_FILE, Node({}, Place(1, 1), children={}))
    if not isinstance(document, Document):
        return document
    base = (folder / path).parent if given else folder
    overlay = _overlay(environ)
    keys = check(
        Keys,
        document,
        _merged(document.value, overlay.values),
        context=Sources(environ, base),
        blame=overlay.names,
    )
    if isinstance(keys, tuple):
        return (*keys, *overlay.problems)
    unknown = [wrong for wrong in overlay.problems if f"env:{wrong.file}" != keys.store.url.reference]
    origins = {dotted(leaf): _origin(leaf, document, overlay.names) for leaf, _ in leaves(keys)}
    settings = _settled(keys, document.file if given else "", base, origins)
    problems = (*_names(document, keys), *_crossed(settings), *unknown)
    return problems or settings


@dataclass(frozen=True, slots=True)
class _Overlay:
    """What the environment says: values by path, and the variable of each."""

    values: Mapping[Path, Any]
    names: Mapping[Path, str]
    problems: tuple[Problem, ...]


def variables() -> dict[str, Path]:
    """Every variable that may be set, with the key that it stands for."""
    found: dict[str, Path] = {}
    for section in fields(Keys):
        inner = plain(hints(Keys)[section.name])
        names = [field.name for field in fields(inner)] if is_dataclass(inner) and isinstance(inner, type) else []
        paths: list[Path] = [(section.name, name) for name in names] or [(section.name,)]
        for path in paths:
            found[PREFIX + "__".join(map(str, path)).upper()] = path
    return found


def _overlay(environ: Mapping[str, str]) -> _Overlay:
    known = variables()
    values: dict[Path, Any] = {}
    names: dict[Path, str] = {}
    problems: list[Problem] = []
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or not text or _foreign(name, text):
            continue
        path = known.get(name.upper())
        if path is None:
            close = nearest(name.removeprefix(PREFIX), [word.removeprefix(PREFIX) for word in known])
            hint = (
                close.replace('"', f'"{PREFIX}', 1) or f"Keys of {DEFAULT_FILE} are written like SEAMWATCH_LISTEN__WEB."
            )
            problems.append(Problem(name, 0, 0, "", "this variable sets nothing", hint))
            continue
        value = _value(path, text, name)
        if isinstance(value, tuple):
            problems += value
        else:
            values[path], names[path] = value, name
    return _Overlay(values, names, tuple(problems))


def _foreign(name: str, text: str) -> bool:
    service = name.endswith("_PORT") and _KUBERNETES_PORT.fullmatch(text)
    return name in RESERVED or bool(service) or _KUBERNETES.fullmatch(name) is not None


def _value(path: Path, text: str, name: str) -> Any:
    """A variable's text as a value of its key: YAML for lists and mappings, a core word for numbers, else as it is."""
    hint: Any = Keys
    for step in path:
        hint = plain(hints(hint)[str(step)])
    if get_origin(hint) is tuple and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if get_origin(hint) is not None:
        document = parse(text, name)
        if isinstance(document, Document):
            return document.value
        return tuple(replace(problem, line=0, column=0) for problem in document)
    if path == ("store", "url") and not text.startswith(("env:", "file:")):
        return f"env:{name}"  # what stands in a variable is already given by reference
    return scalar(text.strip()) if hint in (int, float, bool) else text


def _merged(value: Any, overlay: Mapping[Path, Any]) -> Any:
    """The file's values with the environment's over them; an emptied section counts as absent."""
    if not isinstance(value, dict | None):
        return value
    merged = {key: _filled(key, section) for key, section in (value or {}).items() if section is not None}
    for path, item in overlay.items():
        *sections, last = path
        target: Any = merged
        for section in sections:
            target = target.setdefault(section, {})
        if isinstance(target, dict):
            target[last] = item
    return merged


def _filled(key: str, section: Any) -> Any:
    if not isinstance(section, dict):
        return section
    if key in ("clusters", "databases", "rules"):  # their keys are names, and a name with nothing below it counts
        return {name: {} if item is None and key != "databases" else item for name, item in section.items()}
    return {name: item for name, item in section.items() if item is not None}


def _origin(path: Path, document: Document, names: Mapping[Path, str]) -> Origin:
    for depth in range(len(path), 0, -1):
        name = names.get(path[:depth])
        if name is not None:
            return Origin(name)
    node = document.find(path)
    if node is None or node.value is None:
        return Origin()
    place = document.place(path)
    return Origin(document.file, place.line, place.column)


def _settled(keys: Keys, file: str, base: FilePath, origins: Mapping[str, Origin]) -> Settings:
    from_file = origins["data_dir"].line > 0
    folder = base / keys.data_dir if from_file else keys.data_dir
    url = keys.store.url or Secret(f"sqlite:///{folder / 'seamwatch.db'}")
    values = {field.name: getattr(keys, field.name) for field in fields(Keys)}
    values |= {"data_dir": folder, "store": Store(url)}
    return Settings(**values, file=file, base=base, origins=origins)


def _names(document: Document, keys: Keys) -> Iterator[Problem]:
    for section, names in (("clusters", keys.clusters), ("databases", keys.databases)):
        for name in names:
            if not _NAME.fullmatch(name):
                path = (section, name)
                what, hint = f"{quoted(name)} is no name for {section}", "Use letters, digits, dots, dashes."
                yield document.problem(path, what, hint, at=document.key_place(path))


def _crossed(settings: Settings) -> Iterator[Problem]:
    """What is wrong with values that are each right."""
    listen, journal, limits = settings.listen, settings.journal, settings.limits
    if listen.web.port and listen.web == listen.otlp:
        yield settings.problem("listen.web", f"listen.web and listen.otlp are both {listen.web}", "Change one port.")
    if journal.reserve_bytes >= journal.max_bytes:
        what = "journal.reserve_bytes is not less than journal.max_bytes, so spans have no room"
        yield settings.problem(_set(settings, "journal.reserve_bytes", "journal.max_bytes"), what, "Raise max_bytes.")
    for small, large in (("body_bytes", "inflated_bytes"), ("inflated_bytes", "in_flight_bytes")):
        if getattr(limits, small) > getattr(limits, large):
            what = f"limits.{small} is over limits.{large}, so such a request could never be read"
            yield settings.problem(_set(settings, f"limits.{small}", f"limits.{large}"), what, f"Raise {large}.")
    yield from _twice(settings, "clusters", ((f"{n}.id", c.id) for n, c in settings.clusters.items() if c.id))
    servers = ((alias, str(one)) for alias, several in settings.databases.items() for one in several)
    yield from _twice(settings, "databases", servers)


def _set(settings: Settings, *keys: str) -> str:
    """The first of some keys that somebody has set."""
    return next((key for key in keys if settings.origin(key).source != "default"), keys[0])


def _twice(settings: Settings, section: str, named: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for name, value in named:
        if value in first:
            what = f"{section}.{name} is {quoted(value)}, which is {section}.{first[value]} already"
            yield settings.problem(f"{section}.{name}", what, "Keep one of them.")
        first.setdefault(value, name)
