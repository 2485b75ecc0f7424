"""Settings: one YAML file and SEAMWATCH_ variables, frozen, each value knowing where it came from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import timedelta
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema, with_config

from agent.config.estates import Cluster, Connect, Registry, note
from agent.config.problem import Path, Problem, dotted, quoted
from agent.config.secret import HOW, Secret, SecretError, Sources
from agent.config.shape import FORBID, json_schema, written
from agent.config.words import (
    ADDRESS_SCHEMA,
    Address,
    Amount,
    Bind,
    Duration,
    PositiveDuration,
    Size,
    Text,
    Whole,
    address,
    wrong,
)

DEFAULT_FILE = "seamwatch.yaml"
OTLP, WEB = Address("127.0.0.1", 4318), Address("127.0.0.1", 8740)
_PASSWORD_KEYS = ("password", "pass", "pwd", "sslpassword")
_SCHEMES = ("sqlite", "postgresql")


def _url(value: object, info: ValidationInfo[Sources]) -> Secret:
    """A store's URL: a reference, or a literal without a password."""
    if not isinstance(value, str) or not value.strip():
        wrong(f"is {quoted(value) if value != '' else 'empty'}, which is no URL", "Write sqlite:///path or env:NAME.")
    try:
        secret = info.context.resolve(value.strip())
    except SecretError as refused:
        wrong(str(refused), HOW)
    found = secret or Secret(value.strip())
    scheme, password = _parts(found.reveal())
    if scheme.partition("+")[0] not in _SCHEMES:
        wrong("is no URL of SQLite or PostgreSQL", "Write sqlite:///path, postgresql://host/name or env:NAME.")
    if secret is None and password:
        wrong("holds a password in plain text", "Put the URL into a variable or file and write env:NAME or file:/path.")
    return found


def _parts(url: str) -> tuple[str, bool]:
    """The scheme of a URL, and whether it holds a password."""
    try:
        parts = urlsplit(url)
        named = any(key.lower() in _PASSWORD_KEYS for key, _ in parse_qsl(parts.query, keep_blank_values=True))
        # Whatever stands before an @ may be a password to someone's parser.
        return parts.scheme, named or parts.password is not None or ":" in parts.netloc.rpartition("@")[0]
    except ValueError:
        return "", True


def _folder(value: object) -> FilePath:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        wrong(f"is {quoted(value)}, which is no folder", "Write a path, such as ./seamwatch-data.")
    return FilePath(value)


def _loopback(value: object) -> Address:
    if isinstance(value, Address):
        return value
    found = address(value)
    if not found.loopback:
        wrong(
            f"is {quoted(value)}, beyond loopback, and tokens do not exist yet, so anyone could read and write",
            f"Write 127.0.0.1:{found.port}.",
        )
    return found


_PATH_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1})
Folder = Annotated[FilePath, PlainValidator(_folder), _PATH_SCHEMA]
Url = Annotated[Secret, PlainValidator(_url), _PATH_SCHEMA]
Loopback = Annotated[Address, PlainValidator(_loopback), ADDRESS_SCHEMA]


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class Store:
    """Where windows, findings and measures are kept."""

    url: Annotated[
        Url, note("URL of SQLite or PostgreSQL; with a password only as env:NAME or file:/path. Default: in data_dir.")
    ] = field(default_factory=lambda: Secret(""))


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class Listen:
    """Where the agent listens."""

    otlp: Annotated[Loopback, note("Address of OTLP over HTTP: traces.")] = OTLP
    web: Annotated[Loopback, note("Address of the screens, the API and /metrics.")] = WEB


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class Journal:
    """The journal, which makes what was acknowledged last."""

    max_bytes: Annotated[Size, note("Largest size of the journal; beyond it spans are refused.")] = 256 << 20
    reserve_bytes: Annotated[Size, note("Part of it held back: a full disk still lets old records go.")] = 16 << 20
    commit_ms: Annotated[Whole, note("Milliseconds a request waits at most for others in flight.")] = 50


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what senders may cost."""

    body_bytes: Annotated[Size, note("Largest body of one request as sent, compressed or not.")] = 16 << 20
    inflated_bytes: Annotated[Size, note("Largest body of one request once decompressed.")] = 64 << 20
    in_flight_bytes: Annotated[Size, note("Largest sum of all bodies being read.")] = 64 << 20
    head_seconds: Annotated[Amount, note("Seconds in which a request's head must have come.", ge=0.1)] = 5
    body_seconds: Annotated[Amount, note("Seconds in which a request's body must have come.", ge=0.1)] = 10
    seams: Annotated[Whole, note("Most seams of the whole estate; more are counted and left out.")] = 20_000
    seams_per_service: Annotated[Whole, note("Most seams of one service; more are counted and left out.")] = 400


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class Rounds:
    """When rules are judged."""

    every: Annotated[PositiveDuration, note("Time between two rounds.")] = timedelta(seconds=60)
    settle: Annotated[Duration, note("Rules judge as of now less this; what comes later is counted as late.")] = (
        timedelta(seconds=120)
    )


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class Log:
    """What the agent writes to its log."""

    level: Annotated[Literal["debug", "info", "warning", "error"], note("Least level that is logged.")] = "info"
    format: Annotated[Literal["text", "json"], note("Lines for people, or JSON for machines.")] = "text"


Thresholds = Mapping[str, Any]


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class Keys:
    """Every key of the configuration file."""

    data_dir: Annotated[Folder, note("Folder of the journal and of the SQLite store.")] = FilePath("seamwatch-data")
    store: Annotated[Store, note("Where windows, findings and measures are kept.")] = field(default_factory=Store)
    listen: Annotated[Listen, note("Where the agent listens; loopback only.")] = field(default_factory=Listen)
    journal: Annotated[Journal, note("Bounds of the journal.")] = field(default_factory=Journal)
    limits: Annotated[Limits, note("Bounds on what senders may cost.")] = field(default_factory=Limits)
    rounds: Annotated[Rounds, note("When rules are judged.")] = field(default_factory=Rounds)
    flush_seconds: Annotated[Amount, note("Seconds between two flushes of windows to the store.", ge=0.1)] = 10
    workflows: Annotated[tuple[Text, ...], note("Workflow files: paths and globs, relative to this file.")] = ()
    clusters: Annotated[dict[str, Cluster], note("Kafka clusters by name.")] = field(default_factory=dict)
    connect: Annotated[dict[str, Connect], note("Connect clusters by name.")] = field(default_factory=dict)
    registries: Annotated[dict[str, Registry], note("Schema registries by name.")] = field(default_factory=dict)
    databases: Annotated[
        dict[str, tuple[Bind, ...]], note("Database servers by alias: the host:port names under which spans know them.")
    ] = field(default_factory=dict)
    rules: Annotated[dict[str, dict[str, Any]], note("Thresholds by rule ID; each rule's README lists its own.")] = (
        field(default_factory=dict)
    )
    log: Annotated[Log, note("The agent's own log.")] = field(default_factory=Log)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: the file, a variable, or nobody gave it."""

    source: str = "default"
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


DEFAULT = Origin()


@dataclass(frozen=True, slots=True)
class Settings(Keys):
    """The configuration in force. `base` is the folder that globs and relative paths of the file start from."""

    file: str = ""  #: the file that was read, empty for none
    base: FilePath = FilePath()
    origins: Mapping[str, Origin] = field(default_factory=lambda: MappingProxyType({}))
    names: Mapping[str, Origin] = field(default_factory=lambda: MappingProxyType({}))  #: of rules and thresholds

    def origin(self, key: str) -> Origin:
        """Where the value of a dotted key came from."""
        return self.origins.get(key, DEFAULT)

    def problem(self, key: str, what: str, hint: str = "") -> Problem:
        """A problem with the value of a key, found by someone who knows more than its shape."""
        return self._at(self.origin(key), key, what, hint)

    def misnamed(self, key: str, what: str, hint: str = "") -> Problem:
        """A problem with the name of a rule or threshold: it points at the name, not at its value."""
        known = (origin for name, origin in self.origins.items() if f"{name}.".startswith(f"{key}."))
        below = (origin for origin in known if origin != DEFAULT)
        return self._at(self.names.get(key) or next(below, DEFAULT), key, what, hint)

    def _at(self, found: Origin, key: str, what: str, hint: str) -> Problem:
        file = found.source if found != DEFAULT else self.file or DEFAULT_FILE
        return Problem(file, found.line, found.column, key, what, hint)

    def listing(self) -> Iterator[tuple[str, str, Origin]]:
        """Every key with its value as it may be shown, and where that came from; secrets are ***."""
        for path, value in leaves(self):
            key = dotted(path)
            shown = value.shown() if isinstance(value, Secret) else written(value)
            yield key, str(shown), self.origin(key)

    def asked_clusters(self) -> Mapping[str, Cluster]:
        """Kafka clusters that are asked: those of which the file gives an address."""
        return {name: cluster for name, cluster in self.clusters.items() if cluster.bootstrap}

    def cluster_names(self) -> Mapping[str, str]:
        """Kafka cluster ids to the names that the file gives them."""
        return {cluster.id: name for name, cluster in self.clusters.items() if cluster.id}

    def server_aliases(self) -> Mapping[str, str]:
        """`host:port` of database servers to their aliases."""
        return {str(server): alias for alias, servers in self.databases.items() for server in servers}


def leaves(keys: Keys) -> Iterator[tuple[Path, Any]]:
    """Every single value with its path; what a mapping holds, item by item."""
    for section in fields(Keys):
        yield from _leaves((section.name,), getattr(keys, section.name))


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if is_dataclass(value) and not isinstance(value, Address):
        for inner in fields(value):
            yield from _leaves((*path, inner.name), getattr(value, inner.name))
    elif isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves((*path, str(name)), item)
    else:
        yield path, value


def schema() -> dict[str, Any]:
    """The published JSON Schema of the configuration file."""
    return json_schema(Keys, "config", "Seamwatch configuration, version 1")
