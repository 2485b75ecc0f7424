"""Why a Kafka cluster could not be seen, in the words of whoever has to mend it, with what to do. Reads only."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from agent.config.problem import either
from agent.config.words import Address, address_of
from agent.model.pull import NotSeenError
from collectors.kafka.access import Access, TroubleError, Why
from collectors.kafka.knock import TIMEOUT, Knock, knock

_LISTENER = "Give the port of a Kafka listener, often 9092 or 9093."
_HTTP_SECONDS = 2.0
_FROZEN = "it is frozen or overloaded. See that the broker runs, and what its log says."
_OTHER_HOST = "mismatch"  #: OpenSSL's word where a certificate is good, and of another name or address


@dataclass(frozen=True, slots=True)
class Cure:
    """What to do, as a command line or a configuration has it."""

    ca: str
    name: str
    login: str
    mechanism: str
    password: str
    tls: str = ""  #: speak it
    plain: str = ""  #: do not
    no_login: str = ""


def by_options(reference: str) -> Cure:
    """As `init` takes it; `reference` is where the password stands."""
    return Cure(
        ca="Give the file of its authority: --ca FILE.",
        name="Give the host by the name that its certificate has.",
        login=f"Give --user NAME, and the password in {reference} (or --password).",
        mechanism="Give --mechanism with one of them.",
        password=f"Check --user, and the password in {reference}.",
    )


def by_keys(cluster: str, reference: str) -> Cure:
    """As the configuration of a cluster has it."""
    key = f"clusters.{cluster}"
    return Cure(
        ca=f"Write the file of its authority into {key}: tls: {{ca: FILE}}.",
        name=f"Write the name that its certificate has into {key}.bootstrap, or tls: {{check_name: false}}.",
        login=f"Write into {key}: sasl: {{mechanism: NAME, user: NAME, password: env:NAME}}.",
        mechanism=f"Write one of them into {key}.sasl.mechanism.",
        password=f"Check {key}.sasl: user, and the password in {reference}.",
        tls=f"Write into {key}: tls: {{}}, or tls: {{ca: FILE}} with the file of its authority.",
        plain=f"Take tls out of {key}, or give the port of its TLS listener.",
        no_login=f"Take sasl out of {key}, or give the port of the listener that takes it.",
    )


def why(access: Access, problem: Exception, cure: Cure) -> tuple[str, ...]:
    """A sentence for each address by which a cluster was tried."""
    return tuple(dict.fromkeys(_at(at, access, problem, cure) for at in _addresses(access)))


def _addresses(access: Access) -> Iterator[Address]:
    for text in access.bootstrap:
        at = address_of(text)
        if at is not None:
            yield at


def _at(at: Address, access: Access, problem: Exception, cure: Cure) -> str:
    found = knock(at.host, at.port, access.ca)
    if not found.kafka:
        return unreached(at, found)
    return unlike(at, found, access, cure) or refused(at, access, problem, cure)


def authority(file: str | None, cure: Cure) -> str:
    """What is wrong with the file of an authority; empty where nothing is."""
    try:
        ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        return f"{file} holds no certificate in PEM. {cure.ca}"
    except OSError as problem:
        return f"{file} cannot be read ({_words(problem)}). {cure.ca}"
    return ""


def unreached(at: Address, found: Knock) -> str:
    """Why nothing at an address speaks Kafka."""
    try:
        socket.getaddrinfo(at.host, at.port)
    except (socket.gaierror, UnicodeError):
        return f"The name {at.host} is not known here. Check its spelling, and this machine's DNS."
    try:
        with socket.create_connection((at.host, at.port), timeout=TIMEOUT) as stream:
            return _answered(at, found, stream)
    except TimeoutError:
        return f"{at} cannot be reached within {TIMEOUT:.0f} s. Check the address, and firewalls on the way."
    except ConnectionRefusedError:
        return f"Nothing listens at {at} (connection refused). Check the address, and that the broker runs."
    except OSError as problem:
        return f"{at} cannot be reached ({_words(problem)}). Check the address, and that this machine reaches it."


def _answered(at: Address, found: Knock, stream: socket.socket) -> str:
    if _http(stream):  # such a server may wait for the end of what it takes for a line
        return f"{at} speaks HTTP, not Kafka. {_LISTENER}"
    if "timed out" in found.why:
        return f"{at} takes connections and answers nothing: {_FROZEN}"
    return f"{at} does not speak Kafka ({found.why}). {_LISTENER}"


def _http(stream: socket.socket) -> bool:
    try:
        stream.settimeout(_HTTP_SECONDS)
        stream.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
        return stream.recv(5) == b"HTTP/"
    except OSError:
        return False


def unlike(at: Address, found: Knock, access: Access, cure: Cure) -> str:
    """What a broker wants and does not get, or gets and does not want; empty where the two go together."""
    if found.tls != access.tls:
        if found.tls:
            return f"{at} speaks TLS, and is spoken to in plain text. {cure.tls}"
        return f"{at} speaks plain text, and is spoken to in TLS. {cure.plain}"
    return _untrusted(at, found, access, cure) or _login(at, found, access, cure)


def _untrusted(at: Address, found: Knock, access: Access, cure: Cure) -> str:
    other_host = _OTHER_HOST in found.why
    if found.trusted is not False or (other_host and not access.check_name):
        return ""
    if other_host:
        return f"The certificate of {at} is of another host ({found.why.rstrip('.')}). {cure.name}"
    by = f" by {access.ca}" if access.ca else ""
    return f"The certificate of {at} is not trusted{by} ({found.why}). {cure.ca}"


def _login(at: Address, found: Knock, access: Access, cure: Cure) -> str:
    if found.mechanisms and access.mechanism is None:
        return f"{at} wants a login by {either(found.mechanisms)}. {cure.login}"
    if access.mechanism and not found.mechanisms:
        return f"{at} takes no login, and is given one. {cure.no_login}"
    if access.mechanism and access.mechanism not in found.mechanisms:
        return f"{at} takes a login by {either(found.mechanisms)}, not by {access.mechanism}. {cure.mechanism}"
    return ""


def refused(at: Address, access: Access, problem: Exception, cure: Cure) -> str:
    """Why a broker that speaks as it is spoken to shows nothing."""
    kind = problem.why if isinstance(problem, TroubleError) else None
    if kind is Why.LOGIN:
        who = f"user {access.user}" if access.user else "the client"
        what = "it is not known, or the secret is wrong"
        return f"{at} refused the login of {who} by {access.mechanism}: {what}. {cure.password}"
    if kind is Why.TIMEOUT:
        return f"{at} did not answer within {access.timeout:g} s: {_FROZEN}"
    return f"{at} speaks Kafka, and its cluster could not be seen: {_words(problem)}."


def _words(problem: Exception) -> str:
    text = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    return (text if isinstance(problem, NotSeenError) else text.lower()).rstrip(".")
