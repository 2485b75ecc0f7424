"""What speaks at an address: plain text or TLS, with a login or without, and which mechanisms it takes."""

import socket
import ssl
import struct
import time
from dataclasses import dataclass
from typing import Any

TIMEOUT = 5.0
_HANDSHAKE, _API_VERSIONS = 17, 18
_ILLEGAL_STATE = 34
MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Knock:
    """What an address answered. Without `kafka` it is not known to speak Kafka's protocol, and `why` says so."""

    kafka: bool
    tls: bool = False
    trusted: bool | None = None  #: its certificate, by the given or the system's authorities
    mechanisms: tuple[str, ...] = ()  #: of its login; empty where it takes none
    why: str = ""


def knock(host: str, port: int, ca: str | None = None, timeout: float = TIMEOUT) -> Knock:
    """Ask an address what it speaks, three times `timeout` (s) at the longest; what it does raises nothing."""
    plain = _asked(host, port, None, timeout)
    if plain.kafka or not plain.why:
        return plain
    trusting = ssl.create_default_context(cafile=ca)
    found = _asked(host, port, trusting, timeout)
    if found.kafka:
        return Knock(True, True, True, found.mechanisms)
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE  # only to tell what is there; nothing is sent by it
    any_one = _asked(host, port, blind, timeout)
    if any_one.kafka:
        return Knock(True, True, False, any_one.mechanisms, found.why)
    return plain


def _asked(host: str, port: int, context: ssl.SSLContext | None, timeout: float) -> Knock:
    end = time.monotonic() + timeout
    try:
        with socket.create_connection((host, port), timeout=timeout) as raw:
            if context is None:
                return _spoken(raw, end)
            with context.wrap_socket(raw, server_hostname=host) as secured:
                return _spoken(secured, end)
    except (OSError, ssl.SSLError, struct.error, UnicodeDecodeError, IndexError) as problem:
        return Knock(False, why=_words(problem))


def _words(problem: Exception) -> str:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return problem.verify_message or "its certificate is not trusted"
    text = str(problem) or type(problem).__name__
    return text.partition("] ")[2] or text


def _spoken(stream: Any, end: float) -> Knock:
    """A Kafka listener answers the handshake of SASL: with its mechanisms, or that it takes none."""
    name = b"NONE"
    body = struct.pack(">hhih", _HANDSHAKE, 1, 1, 4) + b"knck" + struct.pack(">h", len(name)) + name
    stream.sendall(struct.pack(">i", len(body)) + body)
    (size,) = struct.unpack(">i", _exactly(stream, 4, end))
    if not 10 <= size <= MOST_BYTES:  # what speaks another protocol
        return Knock(False, why="what answers there is no Kafka")
    answer = _exactly(stream, size, end)
    correlation, code, count = struct.unpack_from(">ihi", answer)
    if correlation != 1:
        return Knock(False, why="what answers there is no Kafka")
    if code == _ILLEGAL_STATE or count <= 0:
        return Knock(True)
    at, mechanisms = 10, []
    for _ in range(count):
        (length,) = struct.unpack_from(">h", answer, at)
        mechanisms.append(answer[at + 2 : at + 2 + length].decode())
        at += 2 + length
    return Knock(True, mechanisms=tuple(sorted(mechanisms)))


def _exactly(stream: Any, size: int, end: float) -> bytes:
    found = b""
    while len(found) < size:
        left = end - time.monotonic()
        if left <= 0:  # a byte now and then is no answer
            raise TimeoutError("timed out")
        stream.settimeout(left)
        part = stream.recv(min(65_536, size - len(found)))
        if not part:
            raise ConnectionError("it hung up")
        found += part
    return found
