"""Loading: the file, the environment over it, then what only the whole can tell. Never raises for what it reads."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path as FilePath
from typing import Any, get_origin

from agent.config.document import Document, Node
from agent.config.estates import mistakes
from agent.config.problem import Path, Place, Problem, dotted, nearest, quoted
from agent.config.secret import Secret, Sources
from agent.config.settings import DEFAULT_FILE, Keys, Origin, Settings, Store, leaves
from agent.config.shape import check, good_part, hints, plain
from agent.config.yamlfile import MAX_BYTES, parse, read, scalar

PREFIX = "SEAMWATCH_"
#: of our own tests; of the command line; of `make demo`
RESERVED = frozenset({"SEAMWATCH_REQUIRE_ALL", "SEAMWATCH_DEBUG", "SEAMWATCH_DEMO_KAFKA"})
_LIKE = f"Keys of {DEFAULT_FILE} are written like SEAMWATCH_LISTEN__WEB."
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}")
# Kubernetes puts these into every pod of a namespace that has a Service whose name begins with "seamwatch".
_KUBERNETES = re.compile(r"SEAMWATCH_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)\w*)")
_KUBERNETES_PORT = re.compile(r"(?:tcp|udp|sctp)://\S+")


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that is wrong, and the settings without it: so that what they lead to can be looked at as well."""

    settings: Settings
    problems: tuple[Problem, ...]


def load(
    config: FilePath | None, environ: Mapping[str, str], folder: FilePath = FilePath()
) -> Settings | tuple[Problem, ...]:
    """The settings in force, or everything that is wrong.

    `config` must exist; without it `seamwatch.yaml` in `folder` is read if it is there.
    """
    found = look(config, environ, folder)
    return found.problems or found.settings


def look(config: FilePath | None, environ: Mapping[str, str], folder: FilePath = FilePath()) -> Found:
    """The settings and everything that is wrong with them; a file that cannot be read counts as an empty one."""
    path = config or FilePath(DEFAULT_FILE)
    given = config is not None or (folder / path).exists()
    document = read(folder / path, str(path)) if given else Document(DEFAULT_FILE, Node({}, Place(1, 1), children={}))
    broken = () if isinstance(document, Document) else document
    if not isinstance(document, Document):
        document = Document(str(path), Node({}, Place(1, 1), children={}))
    base = (folder / path).parent if given else folder
    overlay = _overlay(environ)
    one = _Reading(document, overlay, Sources(environ, base), base, document.file if given else "")
    settings, problems, mentioned = Settings(), list[Problem](), _mentioned(folder / path) if broken else ""
    for turn, _ in enumerate(document.turns()):
        found = one.settings()
        settings = settings if turn else found.settings
        problems += found.problems
        mentioned += str(document.find(("store", "url")) and document.value["store"]["url"])
    unknown = [wrong for wrong in overlay.problems if f"env:{wrong.file}" not in mentioned]
    return Found(settings, (*broken, *document.told([*problems, *unknown])))


def _mentioned(path: FilePath) -> str:
    """The text of a file that is no YAML: a variable that it names may set something."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One file with the environment over it."""

    document: Document
    overlay: "_Overlay"
    sources: Sources
    base: FilePath
    file: str

    def settings(self) -> Found:
        """The settings without what is wrong, and that."""
        document, overlay = self.document, self.overlay
        value = _merged(document.value, overlay.values)
        checked = check(Keys, document, value, context=self.sources, blame=overlay.names)
        wrong = checked if isinstance(checked, tuple) else ()
        keys, left = (
            good_part(Keys, value, context=self.sources) if isinstance(checked, tuple) else (checked, frozenset[Path]())
        )
        settings = _settled(keys, self.file, self.base, self._origins(keys), self._names())
        bad = {dotted(path) for path in left}
        crossed = [problem for about, problem in _crossed(settings) if not any(_below(key, bad) for key in about)]
        return Found(settings, (*wrong, *_misnamed(document, keys), *crossed))

    def _origins(self, keys: Keys) -> dict[str, Origin]:
        names = self.overlay.names
        found = {dotted(leaf): _origin(leaf, self.document, names) for leaf, _ in leaves(keys)}
        listed = self.document.find(("workflows",))
        items = listed.value if listed is not None and isinstance(listed.value, list) else []
        for number, pattern in enumerate(keys.workflows):
            at = items.index(pattern) if pattern in items else 0
            found[f"workflows[{number}]"] = _origin(("workflows", at), self.document, names)
        return found

    def _names(self) -> dict[str, Origin]:
        """Where the names of rules and of their thresholds stand."""
        rules = None if ("rules",) in self.overlay.values else self.document.find(("rules",))
        found: dict[str, Origin] = {}
        for rule, changed in _items(rules.value if rules is not None else None):
            for path in (("rules", rule), *(("rules", rule, name) for name, _ in _items(changed))):
                place = self.document.key_place(path)
                found[dotted(path)] = Origin(self.document.file, place.line, place.column)
        return found


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _below(key: str, bad: Iterable[str]) -> bool:
    """A key, what it is part of, or a part of it is wrong."""
    return any(f"{key}.".startswith(f"{one}.") or one.startswith((f"{key}.", f"{key}[")) for one in bad)


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
        if isinstance(document, Document) and not document.problems:
            return document.value
        wrong = document.problems if isinstance(document, Document) else document
        return tuple(replace(problem, line=0, column=0) for problem in wrong)
    if path == ("store", "url") and not text.startswith(("env:", "file:")):
        return f"env:{name}"  # what stands in a variable is already given by reference
    return scalar(text.strip()) if hint in (int, float, bool) else text


NAMED = ("clusters", "connect", "registries", "databases", "rules")  #: sections by names that somebody gives


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
    if key in NAMED:  # their keys are names, and a name with nothing below it counts
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


def _settled(
    keys: Keys, file: str, base: FilePath, origins: Mapping[str, Origin], names: Mapping[str, Origin]
) -> Settings:
    from_file = origins["data_dir"].line > 0
    folder = base / keys.data_dir if from_file else keys.data_dir
    url = keys.store.url or Secret(f"sqlite:///{folder / 'seamwatch.db'}")
    values = {field.name: getattr(keys, field.name) for field in fields(Keys)}
    values |= {"data_dir": folder, "store": Store(url)}
    return Settings(**values, file=file, base=base, origins=origins, names=names)


def _misnamed(document: Document, keys: Keys) -> Iterator[Problem]:
    for section in NAMED[:-1]:
        for name in getattr(keys, section):
            if not NAME.fullmatch(name):
                path = (section, name)
                what, hint = f"{quoted(name)} is no name for {section}", "Use letters, digits, dots, dashes."
                yield document.problem(path, what, hint, at=document.key_place(path))


def _crossed(settings: Settings) -> Iterator[tuple[tuple[str, ...], Problem]]:
    """What is wrong with values that are each right, and which they are."""
    listen, journal, limits = settings.listen, settings.journal, settings.limits
    if listen.web.port and listen.web == listen.otlp:
        what = f"listen.web and listen.otlp are both {listen.web}"
        yield _both(settings, ("listen.web", "listen.otlp"), what, "Change one port.")
    if journal.reserve_bytes >= journal.max_bytes:
        what = "journal.reserve_bytes is not less than journal.max_bytes, so spans have no room"
        yield _both(settings, ("journal.reserve_bytes", "journal.max_bytes"), what, "Raise max_bytes.")
    for small, large in (("body_bytes", "inflated_bytes"), ("inflated_bytes", "in_flight_bytes")):
        if getattr(limits, small) > getattr(limits, large):
            what = f"limits.{small} is over limits.{large}, so such a request could never be read"
            yield _both(settings, (f"limits.{small}", f"limits.{large}"), what, f"Raise {large}.")
    yield from _twice(settings, "clusters", ((f"{n}.id", c.id) for n, c in settings.clusters.items() if c.id))
    for key, what, hint in mistakes(settings.clusters, settings.connect):
        yield _logins(key), settings.misnamed(key, what, hint)
    servers = ((alias, str(one)) for alias, several in settings.databases.items() for one in several)
    yield from _twice(settings, "databases", servers)


def _logins(key: str) -> tuple[str, ...]:
    """The values that a login needs: one that was wrong is not missing as well."""
    return tuple(f"{key}.{name}" for name in ("user", "password", "token", "token_url", "client_id", "client_secret"))


def _both(settings: Settings, keys: tuple[str, ...], what: str, hint: str) -> tuple[tuple[str, ...], Problem]:
    """A problem at the first of some keys that somebody has set."""
    at = next((key for key in keys if settings.origin(key).source != "default"), keys[0])
    return keys, settings.problem(at, what, hint)


def _twice(
    settings: Settings, section: str, named: Iterable[tuple[str, str]]
) -> Iterator[tuple[tuple[str, ...], Problem]]:
    first: dict[str, str] = {}
    for name, value in named:
        if value in first:
            what = f"{section}.{name} is {quoted(value)}, which is {section}.{first[value]} already"
            yield (), settings.problem(f"{section}.{name}", what, "Keep one of them.")
        first.setdefault(value, name)
