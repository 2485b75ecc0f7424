"""Connections to the brokers of one cluster: TLS, SASL, versions, many requests at once. One thread uses a link.

With `wire.py` the one file that knows kafka-python's inner rooms: its admin client cannot batch.
"""

import logging
import os
import re
import struct
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NoReturn

from kafka import errors
from kafka.net.selector import NetworkSelector
from kafka.protocol.metadata import MetadataRequest

from collectors.kafka.access import Access, TroubleError, Why
from collectors.kafka.wire import Manager, hollow, settings

PATIENCE = 4  #: time-outs that a broker may take in all, though each of its answers comes in time
MOST_TRIES = 3  #: brokers that are asked for the metadata, where the first stand still
RAISED = (errors.KafkaError, OSError, ValueError, RuntimeError)  #: what kafka-python raises, by its source
logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what it says of troubles is ours to say, once
_HEAD = struct.Struct(">ihhi")
_TEXT = struct.Struct(">h")


class Raw:
    """One request whose body we write, and whose answer we read, ourselves; its `decode` gives the answer's bytes."""

    expect_response = staticmethod(lambda: True)

    def __init__(self, key: int, version: int, body: bytes, *, flexible: bool) -> None:
        self.API_KEY, self.API_VERSION = key, version
        self._body, self._flexible = body, flexible
        self.correlation_id = 0
        self._client = b""

    # What kafka-python asks of a request, of its header, and of the class of its answer.

    @property
    def header(self) -> "Raw":
        """Itself."""
        return self

    def with_header(self, correlation_id: int, client_id: str) -> None:
        """The number that the answer will have."""
        self.correlation_id, self._client = correlation_id, client_id.encode()

    def encode(self, **_: bool) -> bytes:
        """The whole frame."""
        tags = b"\0" if self._flexible else b""
        size = _HEAD.size - 4 + 2 + len(self._client) + len(tags) + len(self._body)
        head = _HEAD.pack(size, self.API_KEY, self.API_VERSION, self.correlation_id)
        return b"".join((head, _TEXT.pack(len(self._client)), self._client, tags, self._body))

    def get_response_class(self) -> "Raw":
        """Itself."""
        return self

    def parse_header(self, buffer: BytesIO) -> "_AnswerHead":
        """The number of the answer; its tags, which no broker sends, are passed over with the body."""
        (number,) = struct.unpack(">i", buffer.read(4))
        if self._flexible:
            buffer.read(1)
        return _AnswerHead(number)

    def decode(self, buffer: BytesIO) -> bytes:
        """The body of the answer."""
        return buffer.read()


@dataclass(frozen=True, slots=True)
class _AnswerHead:
    correlation_id: int


class Link:
    """The connections to one cluster."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.requests: Counter[str] = Counter()  #: sent, by kind
        self.sent = self.received = 0  #: bytes of requests and answers that we make and read ourselves
        self._still: set[int] = set()  #: brokers that let a request time out, until they are knocked at again
        self._took: defaultdict[int, float] = defaultdict(float)  #: s that brokers have taken since then
        self._heard: dict[int, float] = {}  #: when brokers answered last, while their answers are waited for
        self._missed = False  #: one could not be asked since then: others may lead what it led
        self._turn = 0
        self._net: Any = None
        self._manager: Any = None

    @property
    def open(self) -> bool:
        """There is a cluster behind it."""
        return self._manager is not None

    def dial(self) -> Any:
        """Connect by the first address that answers; what it tells of the whole cluster. Raise TroubleError."""
        self.close()
        self._net = NetworkSelector(client_id=self.access.client_id, slow_task_threshold_secs=0)
        self._manager = Manager(self._net, **settings(self.access))
        try:
            return self._net.run(self._dial)
        except TroubleError:
            self.close()
            raise

    async def _dial(self) -> Any:
        last: TroubleError | None = None
        for seed in self._manager.cluster.bootstrap_brokers():
            try:
                connection = self._manager.get_connection(seed.node_id, pop_on_close=False)
                await connection
                found = await self._metadata(connection)
            except RAISED as problem:
                last = _told(problem, f"{seed.host}:{seed.port}")
                continue
            return found
        raise last or TroubleError(Why.UNREACHABLE, f"no address of {', '.join(self.access.bootstrap)} can be resolved")

    async def _metadata(self, connection: Any) -> Any:
        self.requests["Metadata"] += 1
        found = await connection.send_request(MetadataRequest(topics=None, allow_auto_topic_creation=False))
        if hollow(found):
            raise errors.KafkaProtocolError()
        if not found.brokers:  # one that is about to begin
            raise errors.KafkaConnectionError("it names no brokers")
        self._manager.cluster.update_metadata(found)
        return found

    def look_again(self) -> Any:
        """Brokers, topics and leaders as they are now, from one that is awake. Raise TroubleError."""
        return self._net.run(self._look_again)

    async def _look_again(self) -> Any:
        last = TroubleError(Why.UNREACHABLE, "no broker of those that were known can be asked")
        for node in self._by_turns()[:MOST_TRIES]:
            try:
                return await self._metadata(await self._manager.get_connection(node))
            except RAISED as problem:
                last = self._lost(node, problem, "Metadata")
                if last.why is Why.LOGIN:  # a password that is tried often may be locked
                    break
        raise last

    def _by_turns(self) -> list[int]:
        """The brokers that are awake, each first in its turn, but those with a connection before others."""
        self._turn += 1
        awake = [node for node in self.nodes() if node not in self._still]
        turned = awake[self._turn % max(1, len(awake)) :] + awake[: self._turn % max(1, len(awake))]
        return sorted(turned, key=lambda node: node not in self._manager._conns)

    def knock_again(self) -> bool:
        """Ask brokers again that stood still, which are passed over up to here; whether any could not be asked."""
        for node in self._still:
            if self._manager is not None:
                self._manager.reset_backoff(node)
        self._still.clear()
        self._took.clear()
        missed, self._missed = self._missed, False
        return missed

    def awake(self, nodes: Sequence[int]) -> int:
        """The first of some brokers that does not stand still, as far as is known; the first where all do."""
        return next((node for node in nodes if node not in self._still), nodes[0])

    def _lost(self, node: int, problem: Exception, kind: str) -> TroubleError:
        """What a broker did instead of an answer; one that let the time pass is not waited for again."""
        told = _told(problem, f"broker {node}, {kind}")
        if told.why is Why.TIMEOUT:
            self._still.add(node)
        self._missed = self._missed or told.why in (Why.TIMEOUT, Why.UNREACHABLE)
        return told

    @property
    def product(self) -> str:
        """The version that its brokers speak, as far as their APIs tell it."""
        version = self._manager.broker_version if self._manager is not None else None
        return ".".join(map(str, version)) if version else "of an unknown version"

    def nodes(self) -> list[int]:
        """The numbers of the brokers."""
        return sorted(broker.node_id for broker in self._manager.cluster.brokers())

    def version(self, node: int, key: int, low: int, high: int) -> int | None:
        """The highest version up to `high` of an API that a broker has; None where it has none from `low` up."""
        connection = self._manager._conns.get(node)
        known = (connection and connection.broker_version_data) or self._manager.broker_version_data
        theirs = known.api_versions.get(key) if known else None
        if theirs is None:
            return None
        best = min(high, theirs[1])
        return int(best) if best >= max(low, theirs[0]) else None

    def ask(self, asks: Sequence[tuple[int, Any]]) -> list[Any]:
        """The answers to many requests, each to a broker, all sent before the first answer is read.

        An answer that did not come is a TroubleError in its place; none is raised. A broker that stands still costs one
        time-out: what it is asked after that, up to `knock_again`, is answered as timed out at once.
        """
        return self._net.run(self._ask, asks) if asks else []

    async def _ask(self, asks: Sequence[tuple[int, Any]]) -> list[Any]:
        began = time.monotonic()
        await self._ready(dict.fromkeys(node for node, _ in asks))
        waiting = [(node, request, self._send(node, request)) for node, request in asks]
        answers: list[Any] = []
        for node, request, future in waiting:
            try:
                answer = await future if not isinstance(future, Exception) else _raise(future)
                if not isinstance(answer, bytes) and hollow(answer):
                    raise errors.KafkaProtocolError()
            except RAISED as problem:
                answers.append(self._lost(node, problem, _kind(request)))
                continue
            self.received += len(answer) if isinstance(answer, bytes) else 0
            answers.append(answer)
        for node, at in self._heard.items():
            self._took[node] += at - began
            if self._took[node] > PATIENCE * self.access.timeout:
                self._still.add(node)
        self._heard.clear()
        return answers

    async def _ready(self, nodes: Iterable[int]) -> None:
        """All connected at once, so that versions are known; where one cannot be, its requests say so one by one."""
        begun = []
        for node in nodes:
            with suppress(*RAISED):  # the same comes again with each request, and is told there
                if node not in self._still:
                    begun.append((node, self._manager.get_connection(node)))
        for node, connection in begun:
            try:
                await connection
            except RAISED as problem:
                self._lost(node, problem, "ApiVersions")

    def _send(self, node: int, request: Any) -> Any:
        if node in self._still:
            return errors.RequestTimedOutError()
        self.requests[_kind(request)] += 1
        if isinstance(request, Raw):
            self.sent += len(request._body)
        try:
            future = self._manager.send(request, node_id=node)
        except RAISED as problem:  # a broker that the cluster no longer names
            return problem
        return future.add_both(lambda _: self._heard.update({node: time.monotonic()}))

    def wait(self, seconds: float) -> None:
        """Let timers and lost connections be seen to."""
        self._net.poll(timeout_ms=seconds * 1000)

    def close(self) -> None:
        """Hang up."""
        manager, net, self._manager, self._net = self._manager, self._net, None, None
        if manager is not None:
            manager.close()
        if net is not None:
            net.poll(timeout_ms=0)
            net.close()


def _raise(problem: Exception) -> NoReturn:
    raise problem


def _kind(request: Any) -> str:
    return _RAW.get(request.API_KEY, str(request.API_KEY)) if isinstance(request, Raw) else _name(request)


def _name(request: Any) -> str:
    return str(type(request).__name__).removesuffix("Request").partition("_v")[0]


_ERRNO = re.compile(r"(\d+) E[A-Z]+")  #: as kafka-python tells what connecting failed with
_RAW = {2: "ListOffsets", 9: "OffsetFetch"}


def _plainly(problem: Exception) -> str:
    """What a library says, without its own names: `connection refused` for `KafkaConnectionError: 111 ECONNREFUSED`."""
    name = type(problem).__name__
    text = next(iter(str(problem).splitlines()), "").removeprefix(f"{name}: ") or name
    number = _ERRNO.match(text)
    if number:
        return os.strerror(int(number[1])).lower()
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror.lower()
    return "its name cannot be resolved" if text == "DNS Resolution failure" else text


def _told(problem: Exception, where: str) -> TroubleError:
    if isinstance(problem, TroubleError):
        return problem
    text = _plainly(problem)
    if isinstance(problem, errors.SaslAuthenticationFailedError | errors.UnsupportedSaslMechanismError):
        return TroubleError(Why.LOGIN, f"{where}: {text}")
    if isinstance(problem, errors.RequestTimedOutError | errors.KafkaTimeoutError):
        return TroubleError(Why.TIMEOUT, f"{where}: timed out")  # after how many ms would be another reason each time
    if isinstance(problem, errors.IncompatibleBrokerVersion | errors.UnsupportedVersionError):
        return TroubleError(Why.UNSUPPORTED, f"{where}: not offered by this broker")
    if isinstance(problem, errors.UnknownBrokerIdError):
        return TroubleError(Why.UNREACHABLE, f"{where}: the cluster does not list it at the moment")
    if isinstance(problem, errors.NodeNotReadyError):
        return TroubleError(Why.UNREACHABLE, f"{where}: no connection")
    if isinstance(problem, errors.KafkaProtocolError):
        return TroubleError(Why.BROKEN, f"{where}: what it sent is no answer of Kafka's")  # how so, differs each time
    return TroubleError(Why.UNREACHABLE, f"{where}: {text}")
