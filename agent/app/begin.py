"""Finds out what speaks at an address and writes the configuration for it."""

import re
from dataclasses import dataclass
from pathlib import Path

from agent.app.barred import authority, by_options, refused, unlike, unreached
from agent.app.doctor_kafka import kafka_seen
from agent.config.words import TODO, Address
from agent.model.pull import NotSeenError
from agent.model.steps import quoted
from collectors.kafka.access import Access
from collectors.kafka.knock import Knock, knock
from collectors.kafka.watch import Watch

PASSWORD = "env:KAFKA_PASSWORD"  # noqa: S105  # a reference, not a password
_BEST = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER")


@dataclass(frozen=True, slots=True)
class Login:
    """How the user wants to log in, as far as told."""

    name: str
    user: str | None = None
    password: str | None = None  #: itself, never written
    reference: str = PASSWORD
    mechanism: str | None = None
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """What was found, in words, and the configuration; empty where nothing could be written."""

    says: tuple[str, ...]
    config: str = ""
    seen: bool = False  #: the cluster was really looked at with it


def kafka(at: Address, login: Login) -> Begun:
    """Knock at a Kafka broker, and write what it takes to watch its cluster."""
    cure = by_options(login.reference)
    if told := authority(login.ca, cure):
        return Begun((told,))
    found = knock(at.host, at.port, login.ca)
    if not found.kafka:
        return Begun((unreached(at, found),))
    mechanism = _mechanism(found, login)
    way = Access(
        login.name,
        (str(at),),
        tls=found.tls,
        ca=login.ca,
        mechanism=mechanism if login.user else None,
        user=login.user if mechanism else None,
        password=login.password if mechanism else None,
    )
    says = [f"{at} speaks Kafka, {_speaks(found)}."]
    config = _config(at, login, found, mechanism)
    if lacks := unlike(at, found, way, cure) or _unfinished(login, mechanism):
        return Begun((*says, lacks, *_to_do(config)), config)
    try:
        seen = kafka_seen(Watch(way), str(at))
    except NotSeenError as problem:
        return Begun((*says, refused(at, way, problem, cure)), config)
    return Begun((*says, *seen.lines), config, seen=True)


def _unfinished(login: Login, mechanism: str | None) -> str:
    """Why no login can be tried yet; empty where it can, or none is wanted."""
    if mechanism == "OAUTHBEARER":
        return "Where it gets its tokens is for you to write."
    if mechanism and login.password is None:
        return f"The password is not there: nothing can be read from {login.reference}."
    return ""


def _to_do(config: str) -> tuple[str, ...]:
    return ("What is missing is marked TODO in the configuration.",) if TODO in config else ()


def _speaks(found: Knock) -> str:
    how = "over TLS" if found.tls else "in plain text"
    return f"{how}, with a login by {' or '.join(found.mechanisms)}" if found.mechanisms else f"{how}, without a login"


def _mechanism(found: Knock, login: Login) -> str | None:
    if not found.mechanisms:
        return None
    return login.mechanism or next((name for name in _BEST if name in found.mechanisms), found.mechanisms[0])


def _config(at: Address, login: Login, found: Knock, mechanism: str | None) -> str:
    lines = ["clusters:", f"  {login.name}:", f"    bootstrap: [{quoted(str(at))}]"]
    if found.tls:
        untrusted = f"{TODO}.pem" if not found.trusted else None
        ca = login.ca or untrusted
        lines.append(f"    tls: {{ca: {quoted(ca)}}}" if ca else "    tls: {}")
    if mechanism == "OAUTHBEARER":
        lines += [
            "    sasl:",
            "      mechanism: OAUTHBEARER",
            f'      token_url: "https://{TODO}"',
            f'      client_id: "{TODO}"',
            '      client_secret: "env:KAFKA_CLIENT_SECRET"',
        ]
    elif mechanism:
        user = quoted(login.user or TODO)
        lines += [
            "    sasl:",
            f"      mechanism: {mechanism}",
            f"      user: {user}",
            f"      password: {quoted(login.reference)}",
        ]
    return "\n".join(lines) + "\n"


def written(path: Path, config: str) -> str:
    """Write a configuration where there is none; why not, where there is one. Raise OSError."""
    try:
        with path.open("x") as file:
            file.write("# Written by `seamwatch init`. `seamwatch config show` lists every key.\n" + config)
    except FileExistsError:
        text = path.read_text()
        has = "it has clusters already" if re.search(r"^clusters:", text, re.MULTILINE) else "it is there already"
        return f"{path} is left as it is, for {has}. Add this to it:"
    return ""
