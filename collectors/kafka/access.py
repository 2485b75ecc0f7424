"""How a cluster is reached, and what may go wrong on the way, in the words of whoever has to mend it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from agent.model.plain import plain
from agent.model.pull import NotSeenError

CLIENT = "seamwatch"
MOST_SAID = 500  #: characters of a trouble
MOST_NAME = 200  #: of a name that somebody else gave


def short(text: str, most: int = MOST_NAME) -> str:
    """What others have named, as one line of at most so many characters, without what is hidden; `…` ends a cut one."""
    found = plain(text[: 4 * most])
    return found if len(found) <= most and len(text) <= 4 * most else found[: most - 1] + "…"


@dataclass(frozen=True, slots=True)
class Access:
    """How one cluster is reached. Secrets are never part of a text that this makes."""

    cluster: str
    bootstrap: tuple[str, ...]  #: host:port
    tls: bool = False
    ca: str | None = None  #: file; without one the system's authorities count
    certificate: str | None = None  #: file, of a client that shows one
    key: str | None = None
    check_name: bool = True
    mechanism: str | None = None  #: PLAIN | SCRAM-SHA-256 | SCRAM-SHA-512 | OAUTHBEARER
    user: str | None = None
    password: str | None = None
    token: Callable[[], str] | None = None  #: a fresh one for OAUTHBEARER
    timeout: float = 15.0  #: s, of one request
    client_id: str = CLIENT

    @property
    def principal(self) -> str:
        """Who we are to the cluster, as its tools write it."""
        return f"User:{self.user or 'ANONYMOUS'}"

    @property
    def protocol(self) -> str:
        """Kafka's word for it."""
        return ("SASL_" if self.mechanism else "") + ("SSL" if self.tls else "PLAINTEXT")


class Why(StrEnum):
    """Why something was not answered; the same words in recordings, on pages and in `/metrics`."""

    UNREACHABLE = "unreachable"
    LOGIN = "login refused"
    NO_RIGHT = "no right"
    UNSUPPORTED = "not supported by this broker"
    TIMEOUT = "no answer in time"
    MOVED = "moved to another broker"
    BROKEN = "answer not understood"
    NO_TOPIC = "no such topic"
    LIMIT = "over a limit"


class TroubleError(NotSeenError):
    """Something that was not answered: why, in a word that can be counted, and in a sentence."""

    def __init__(self, why: Why, says: str) -> None:
        super().__init__(short(says, MOST_SAID))  # names of groups and words of brokers are in it
        self.why = why


class Troubles(dict[Why, TroubleError]):
    """What was not answered, the first of each kind."""

    def add(self, problem: TroubleError) -> None:
        """Keep it, where it is the first of its kind."""
        self.setdefault(problem.why, problem)

    @property
    def says(self) -> str:
        """All of it in words; empty where all was answered."""
        return "; ".join(map(str, self.values()))


_NO_RIGHT = {29: "Topic", 30: "Group", 31: "Cluster", 53: "TransactionalId"}
_MOVED = {3, 5, 6, 14, 15, 16, 72, 74, 75, 76, 100}  #: leader, coordinator or metadata are elsewhere or on their way
_UNSUPPORTED = {35, 42, 54, 87, 115}  #: 54: the cluster has no authorizer, so nothing is forbidden


def trouble(code: int, what: str, operation: str = "Describe") -> TroubleError:
    """An error code of Kafka's protocol as what it means for whoever watches; `operation` is the right it takes."""
    if code in _NO_RIGHT:
        return TroubleError(Why.NO_RIGHT, f"{what}: the right {operation} {_NO_RIGHT[code]} is missing")
    if code in _MOVED:
        return TroubleError(Why.MOVED, f"{what}: its leader or coordinator is on the move (error {code})")
    if code in _UNSUPPORTED:
        return TroubleError(Why.UNSUPPORTED, f"{what}: this broker does not offer it (error {code})")
    return TroubleError(Why.BROKEN, f"{what}: error {code}")
