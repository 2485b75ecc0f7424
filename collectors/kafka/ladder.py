"""Which rights we have at a cluster, one by one: an empty list without rights must never pass for "there is nothing".

Each right is asked about with a request that a broker answers differently with and without it, also where there is
nothing to see: about a name that nobody has, it says "unknown" to whoever may know, and "not authorized" to others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from kafka.protocol.admin import (
    DescribeAclsRequest,
    DescribeConfigsRequest,
    DescribeGroupsRequest,
    DescribeProducersRequest,
    DescribeTransactionsRequest,
)
from kafka.protocol.metadata import MetadataRequest

from collectors.kafka.access import TroubleError
from collectors.kafka.layout import Layout
from collectors.kafka.link import Link
from collectors.kafka.settings import BROKER, GROUP, TOPIC

NOBODYS = "seamwatch-asks-for-a-name-that-nobody-has"
_DENIED = (29, 30, 31, 53)
_SECURITY_DISABLED, _UNKNOWN_TOPIC = 54, 3


class Has(StrEnum):
    """Whether we have a right."""

    YES = "yes"
    NO = "no"
    SOME = "some"  #: for some names, not for all
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Rung:
    """One right: what it lets us see, and how it is given."""

    right: str  #: as Kafka's tools write it: operation and resource
    shows: str
    option: str  #: of kafka-acls.sh

    def grant(self, principal: str, bootstrap: str) -> str:
        """The line that gives it."""
        return (
            f"kafka-acls.sh --bootstrap-server {bootstrap} --add --allow-principal {principal} "
            f"--operation {self.right.partition(' ')[0]} {self.option}"
        )


LADDER = (
    Rung("Describe Topic", "topics, end offsets, lag in seconds", "--topic '*'"),
    Rung("Describe Group", "groups, members, committed offsets", "--group '*'"),
    Rung("DescribeConfigs Topic", "how long topics keep records, and whether they are compacted", "--topic '*'"),
    Rung("DescribeConfigs Group", "settings of groups that the brokers hold", "--group '*'"),
    Rung("Describe TransactionalId", "open transactions", "--transactional-id '*'"),
    Rung("Describe Cluster", "rights (ACLs), sizes", "--cluster"),
    Rung("DescribeConfigs Cluster", "settings of brokers: when offsets expire, defaults of topics", "--cluster"),
    Rung("Read Topic", "producers: who writes without idempotence", "--topic '*'"),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What we may see of a cluster."""

    rungs: tuple[tuple[Rung, Has], ...]
    authorizer: bool | None  #: None: not known
    troubles: tuple[str, ...] = ()


class Climb:
    """Asks about every right, on one connection."""

    def __init__(self, link: Link, layout: Layout) -> None:
        self._link, self._layout = link, layout
        self._node = link.awake(layout.brokers)
        self._troubles: list[str] = []

    def standing(self) -> Standing:
        """Every right, in the order in which they are best given."""
        asked: dict[str, Callable[[], Has]] = {
            "Describe Topic": self.topic,
            "Describe Group": self.group,
            "DescribeConfigs Topic": lambda: self._config(TOPIC, self._a_topic() or NOBODYS),
            "DescribeConfigs Group": lambda: self._config(GROUP, NOBODYS),
            "Describe TransactionalId": self._transactional,
            "Describe Cluster": lambda: Has.UNKNOWN if self._acls is None else _may(self._acls),
            "DescribeConfigs Cluster": lambda: self._config(BROKER, str(self._node)),
            "Read Topic": self._read,
        }
        rungs = tuple((rung, asked[rung.right]()) for rung in LADDER)
        authorizer = None if self._acls is None else self._acls != _SECURITY_DISABLED
        return Standing(rungs, authorizer, tuple(dict.fromkeys(self._troubles)))

    def _ask(self, request: Any) -> Any:
        [answer] = self._link.ask([(self._node, request)])
        if isinstance(answer, TroubleError):
            self._troubles.append(str(answer))
            return None
        return answer

    def _a_topic(self) -> str | None:
        return next((name for name in self._layout.rows.names if not name.startswith("__")), None)

    def topic(self) -> Has:
        """Describe Topic."""
        kind = MetadataRequest.MetadataRequestTopic
        answer = self._ask(MetadataRequest(topics=[kind(name=NOBODYS)], allow_auto_topic_creation=False))
        if answer is None:
            return Has.UNKNOWN
        denied = any(topic.error_code in _DENIED for topic in answer.topics)
        return (Has.SOME if self._layout.rows.names else Has.NO) if denied else Has.YES

    def group(self) -> Has:
        """Describe Group."""
        answer = self._ask(DescribeGroupsRequest(groups=[NOBODYS], include_authorized_operations=False))
        return _of(answer and answer.groups)

    def _config(self, kind: int, name: str) -> Has:
        resource = DescribeConfigsRequest.DescribeConfigsResource(
            resource_type=kind, resource_name=name, configuration_keys=[]
        )
        answer = self._ask(
            DescribeConfigsRequest(resources=[resource], include_synonyms=False, include_documentation=False)
        )
        return _of(answer and answer.results)

    def _transactional(self) -> Has:
        answer = self._ask(DescribeTransactionsRequest(transactional_ids=[NOBODYS]))
        return _of(answer and answer.transaction_states)

    @cached_property
    def _acls(self) -> int | None:
        """The error of a question about rights: it tells whether we may ask, and whether there is an authorizer."""
        request = DescribeAclsRequest(
            resource_type_filter=2,
            resource_name_filter=NOBODYS,
            pattern_type_filter=3,
            principal_filter=None,
            host_filter=None,
            operation=1,
            permission_type=1,
        )
        answer = self._ask(request)
        return None if answer is None else int(answer.error_code)

    def _read(self) -> Has:
        topic = self._a_topic()
        kind = DescribeProducersRequest.TopicRequest
        answer = self._ask(DescribeProducersRequest(topics=[kind(name=topic or NOBODYS, partition_indexes=[0])]))
        parts = [part for one in (answer.topics if answer is not None else ()) for part in one.partitions]
        if topic is not None and parts and parts[0].error_code == _UNKNOWN_TOPIC:
            return Has.NO  # it is there, as the metadata says, and the broker does not say so to whoever may not read
        return _of(parts)


def _may(code: int) -> Has:
    return Has.NO if code in _DENIED else Has.YES


def _of(told: Sequence[Any] | None) -> Has:
    """By the first of what was told; unknown where nothing was."""
    return _may(told[0].error_code) if told else Has.UNKNOWN
