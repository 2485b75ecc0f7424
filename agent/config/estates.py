"""What is watched by asking: Kafka clusters, Connect clusters, schema registries; where they are, and how to log in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema, with_config

from agent.config.problem import nearest, quoted
from agent.config.secret import HOW, Secret, SecretError, Sources
from agent.config.shape import FORBID
from agent.config.words import Bind, Flag, Given, PositiveDuration, Text, filled, resolvable, wrong

MECHANISMS = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
_TEXT_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1})


def note(text: str, **more: Any) -> Any:
    """The one line that an editor shows for a key."""
    return Field(description=text, **more)


def _credential(value: object, info: ValidationInfo[Sources]) -> Secret:
    """A password or token: only ever a reference to it."""
    if isinstance(value, Secret):
        return value
    filled(value)
    if not isinstance(value, str) or not value.strip():
        wrong("is empty" if value == "" else f"is {quoted(value)}, which is no reference", HOW)
    try:
        found = info.context.resolve(value.strip())
    except SecretError as refused:
        wrong(str(refused), HOW)
    if found is None:
        wrong("is written in plain text", f"Put it into a variable or file. {HOW}")
    return found


def _web(value: object) -> str:
    """The address of an HTTP interface, without a password in it."""
    filled(value)
    text = value.strip() if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        host = parts.hostname
        told = parts.scheme in ("http", "https") and host is not None and resolvable(host) and parts.port != 0
    except ValueError:
        told = False
    if not told:
        wrong(f"is {quoted(value)}, which is no address", "Write http://host:port or https://host/path.")
    if "@" in parts.netloc:
        wrong("holds a user or password", "Write user: and password: beside it.")
    return text.rstrip("/")


Credential = Annotated[Secret, PlainValidator(_credential), _TEXT_SCHEMA]
Web = Annotated[str, PlainValidator(_web), WithJsonSchema({"type": "string", "pattern": "^https?://"})]


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class Tls:
    """How a server is trusted, and who we are to it."""

    ca: Annotated[Given | None, note("File of authorities to trust, PEM; without one, the system's.")] = None
    certificate: Annotated[Given | None, note("File of our own certificate, PEM, for mutual TLS.")] = None
    key: Annotated[Given | None, note("File of its key, PEM.")] = None
    check_name: Annotated[Flag, note("Refuse a certificate of another host name.")] = True


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class Sasl:
    """How to log in to a Kafka cluster."""

    mechanism: Annotated[MECHANISMS, note("PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER.")]
    user: Annotated[Given | None, note("User of PLAIN and SCRAM.")] = None
    password: Annotated[Credential | None, note("Its password, as env:NAME or file:/path.")] = None
    token: Annotated[Credential | None, note("Token of OAUTHBEARER, as file:/path, read anew each time.")] = None
    token_url: Annotated[Web | None, note("Where OAUTHBEARER gets tokens for client_id.")] = None
    client_id: Annotated[Given | None, note("Client at token_url.")] = None
    client_secret: Annotated[Credential | None, note("Its secret, as env:NAME or file:/path.")] = None
    scope: Annotated[Text | None, note("Scope to ask for at token_url.")] = None


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class Cluster:
    """One Kafka cluster; with bootstrap addresses it is watched."""

    id: Annotated[Text | None, note("The cluster's own id, as spans name it; it is then shown by its name here.")] = (
        None
    )
    bootstrap: Annotated[tuple[Bind, ...], note("host:port of some brokers; each is tried until one answers.")] = ()
    tls: Annotated[Tls | None, note("Speak TLS; {} trusts the system's authorities.")] = None
    sasl: Annotated[Sasl | None, note("How to log in.")] = None
    every: Annotated[PositiveDuration, note("Time between two looks.")] = timedelta(seconds=30)
    timeout: Annotated[PositiveDuration, note("Longest wait for one answer.")] = timedelta(seconds=15)
    sample: Annotated[
        tuple[Text, ...],
        note("Topics whose records are looked at, as names, * for any characters; contents are not stored."),
    ] = ()


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class Connect:
    """One Connect cluster."""

    urls: Annotated[tuple[Web, ...], note("REST interfaces of its workers; the first that answers is asked.")]
    cluster: Annotated[
        Text | None, note("Name of the Kafka cluster that it works on; needed where there are several.")
    ] = None
    tls: Annotated[Tls | None, note("How its certificate is trusted.")] = None
    user: Annotated[Given | None, note("User of its REST interface.")] = None
    password: Annotated[Credential | None, note("Its password, as env:NAME or file:/path.")] = None
    every: Annotated[PositiveDuration, note("Time between two looks.")] = timedelta(seconds=60)


@with_config(FORBID)
@dataclass(frozen=True, slots=True)
class Registry:
    """One schema registry that speaks Confluent's REST interface."""

    url: Annotated[Web, note("Its address, such as http://host:8081, or …/apis/ccompat/v7 of Apicurio.")]
    tls: Annotated[Tls | None, note("How its certificate is trusted.")] = None
    user: Annotated[Given | None, note("User of its REST interface.")] = None
    password: Annotated[Credential | None, note("Its password, as env:NAME or file:/path.")] = None
    every: Annotated[PositiveDuration, note("Time between two looks.")] = timedelta(minutes=5)


def mistakes(clusters: Mapping[str, Cluster], connect: Mapping[str, Connect]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with values that are each right: the key, what, and what to write."""
    for name, cluster in clusters.items():
        key = f"clusters.{name}"
        if cluster.sasl is not None:
            yield from _login(f"{key}.sasl", cluster.sasl)
        if not cluster.bootstrap and (cluster.tls or cluster.sasl):
            yield key, f"{key} says how to log in and not where", "Write bootstrap: [host:9092]."
    for name, worker in connect.items():
        if worker.cluster is not None and clusters and worker.cluster not in clusters:
            what = f"connect.{name}.cluster is {quoted(worker.cluster)}, which is no name under clusters"
            yield f"connect.{name}.cluster", what, nearest(worker.cluster, clusters) or ""
        if worker.cluster is None and len(clusters) > 1:
            what = f"connect.{name} does not say on which cluster it works, and there are {len(clusters)}"
            yield f"connect.{name}", what, f"Write cluster: {next(iter(clusters))}."


def _login(key: str, sasl: Sasl) -> Iterator[tuple[str, str, str]]:
    if sasl.mechanism != "OAUTHBEARER":
        lacks = [name for name in ("user", "password") if getattr(sasl, name) is None]
        if lacks:
            yield key, f"{key} lacks {' and '.join(lacks)}, which {sasl.mechanism} needs", ""
    elif sasl.token is None and (sasl.token_url is None or sasl.client_id is None or sasl.client_secret is None):
        what = f"{key} has neither a token nor all of token_url, client_id and client_secret"
        yield key, what, "Write token: file:/path, or these three."
