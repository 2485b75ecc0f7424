"""One REST interface, asked with care: bounded in time and size, never led to another host, no secret in a sentence."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import requests
from requests.auth import HTTPBasicAuth

from agent.app.timely import LateError, Timely
from agent.model.plain import plain
from agent.model.pull import NotSeenError

MAX_BODY = 32 << 20  #: bytes of one answer, unpacked
DEADLINE = 60.0  #: s, of one answer with its headers; a server may send a byte now and then for ever
MAX_REDIRECTS = 3
_PIECE = 64 << 10
_NOT_READY = (502, 503, 504)
_ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"


@dataclass(frozen=True, slots=True)
class Door:
    """Where an interface is and how to get in. `repr` never shows the password."""

    what: str  #: such as "Connect prod"
    key: str  #: of the configuration, such as "connect.prod"
    urls: tuple[str, ...]
    ca: str | None = None  #: file; without one the authorities that come with `requests` count
    certificate: str | None = None  #: file, of a client that shows one
    certificate_key: str | None = None
    check_name: bool = True
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = 15.0  #: s, of a connection and of each wait for more
    deadline: float = DEADLINE
    max_body: int = MAX_BODY


class Rest:
    """Asks the first address that answers, and remembers which one did."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._urls = list(door.urls)
        self.requests = self.sent = self.received = 0
        self._session = _session(door)

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of an answer (None where an error has none); raise NotSeenError where there is no answer."""
        problems: dict[str, None] = {}
        for url in tuple(self._urls):
            try:
                found = self._followed(url, path)
            except NotSeenError as problem:
                problems[str(problem)] = None
            else:
                self._urls.sort(key=lambda one: one != url)
                return found
        raise NotSeenError(" ".join(list(problems)[:3]))

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def _followed(self, url: str, path: str) -> tuple[int, Any]:
        at = url + path
        for _ in range(MAX_REDIRECTS + 1):
            status, told = self._asked(url, at)
            if not isinstance(told, _Elsewhere):
                return status, told
            at = _joined(at, told.location)
            if _origin(at) != _origin(url):
                raise self._trouble(url, f"sends us to {_origin(at)}. Write that address there if it is right.")
        raise self._trouble(url, f"sends us from place to place, more than {MAX_REDIRECTS} times.")

    def _asked(self, url: str, at: str) -> tuple[int, Any]:
        self.requests += 1
        try:
            with self._session.get(
                at,
                timeout=self._door.timeout,
                allow_redirects=False,
                stream=True,
                proxies=requests.utils.get_environ_proxies(at),
            ) as answer:
                self.sent += _size(answer.request.path_url, answer.request.headers)
                return answer.status_code, self._read(url, answer)
        except requests.RequestException as problem:
            raise self._trouble(url, self._why(problem)) from None
        except OSError as problem:  # a file of the configuration
            raise self._trouble(url, f"cannot be asked ({problem.strerror or problem}).") from None

    def _read(self, url: str, answer: requests.Response) -> Any:
        if answer.is_redirect:
            return _Elsewhere(answer.headers["location"])
        if answer.status_code == requests.codes.unauthorized:
            raise self._trouble(url, f"refused the login (401). Set user and password of {self._door.key}.")
        if answer.status_code in _NOT_READY:
            raise self._trouble(url, f"is not ready ({answer.status_code}).")
        body = self._body(url, answer)
        try:
            return orjson.loads(body)
        except ValueError:
            if answer.ok:
                says = f"answers, and not in JSON. Is that the REST interface, in {self._door.key}?"
                raise self._trouble(url, says) from None
            return None

    def _body(self, url: str, answer: requests.Response) -> bytes:
        body = bytearray()
        try:
            for piece in _pieces(answer):
                body += piece
                if len(body) > self._door.max_body:
                    raise self._trouble(url, f"answers with more than {self._door.max_body >> 20} MiB.")
        finally:
            self.received += answer.raw.tell() + _size("", answer.headers)
        wanted = answer.headers.get("content-length", "")
        if wanted.isdigit() and answer.raw.tell() < int(wanted):
            raise self._trouble(url, "broke off in the middle of an answer.")
        return bytes(body)

    def _why(self, problem: requests.RequestException) -> str:
        chain = list(_chain(problem))
        names = {type(one).__name__ for one in chain}
        if any(isinstance(one, LateError) for one in chain):
            return f"takes more than {self._door.deadline:.0f} s for one answer."
        if isinstance(problem, requests.Timeout) or "ReadTimeoutError" in names:
            return f"gave no answer within {self._door.timeout:.0f} s."
        if isinstance(problem, requests.exceptions.SSLError):
            return self._untrusted(chain)
        if "ConnectionRefusedError" in names:
            return "cannot be reached (connection refused). Start it, or correct its address."
        if "NameResolutionError" in names or "gaierror" in names:
            return "cannot be reached (its name is not known). Correct its address."
        if names & {"IncompleteRead", "ProtocolError", "InvalidChunkLength", "DecodeError", "ChunkedEncodingError"}:
            return "broke off, or speaks no HTTP there."
        return f"cannot be asked ({next(filter(None, map(_told, chain)), type(problem).__name__)})."

    def _untrusted(self, chain: list[BaseException]) -> str:
        said = next((text for one in chain if (text := getattr(one, "verify_message", None))), None)
        if said is not None:
            return f"shows a certificate that is not trusted ({said}). Set tls.ca of {self._door.key}."
        reason = next(
            (text for one in chain if (text := getattr(one, "reason", None)) and isinstance(text, str)), "TLS"
        )
        return f"does not agree on TLS ({reason}). Correct its address, or tls of {self._door.key}."

    def _trouble(self, url: str, says: str) -> NotSeenError:
        return NotSeenError(plain(f"{self._door.what} at {url} {says}"))


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    location: str


class _Session(requests.Session):
    """Leaves redirects to us; else the whole body of one is read, however long, to prepare the request after it."""

    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[requests.Response]:
        return iter(())


def _session(door: Door) -> requests.Session:
    session = _Session()
    session.trust_env = False  # a password of ~/.netrc was not given to us
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"Accept": _ACCEPT, "Accept-Encoding": "gzip", "User-Agent": "seamwatch"})
    session.verify = door.ca or True
    if door.certificate:
        session.cert = (door.certificate, door.certificate_key) if door.certificate_key else door.certificate
    if door.user is not None:
        user, password = door.user.encode(), (door.password or "").encode()  # as text, only Latin-1 would go through
        session.auth = HTTPBasicAuth(user, password)
    session.mount("http://", Timely(door.deadline))
    session.mount("https://", Timely(door.deadline, check_name=door.check_name))
    return session


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    """As much as is there, unpacked a little at a time: a small answer may unpack to a huge one."""
    from urllib3.exceptions import HTTPError

    try:
        while piece := answer.raw.read1(_PIECE, decode_content=True):
            yield piece
    except HTTPError as problem:
        raise requests.RequestException(problem) from problem


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """A problem and what it was made of."""
    waiting, seen = [problem], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        parts = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
        waiting += [part for part in parts if isinstance(part, BaseException)]


def _told(problem: BaseException) -> str | None:
    """What the system says of it; libraries put whole addresses into their own words."""
    return problem.strerror if isinstance(problem, OSError) and problem.errno is not None else None


def _joined(at: str, location: str) -> str:
    try:
        return urljoin(at, location)
    except ValueError:
        return ""


def _origin(url: str) -> str:
    """Scheme, host and port, and no more."""
    try:
        parts = urlsplit(url)
        if not parts.hostname:
            return "no address"
        return f"{parts.scheme}://{parts.hostname}:{parts.port or {'https': 443, 'http': 80}.get(parts.scheme, 0)}"
    except ValueError:
        return "no address"


def _size(line: str | None, headers: Any) -> int:
    """About as many bytes as a head has on the wire."""
    return len(line or "") + 16 + sum(len(name) + len(value) + 4 for name, value in headers.items())
