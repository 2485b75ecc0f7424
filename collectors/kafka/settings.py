"""What changes seldom: settings of topics, brokers and groups, rights, producers, transactions, first records."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from kafka.protocol.admin import (
    DescribeAclsRequest,
    DescribeConfigsRequest,
    DescribeProducersRequest,
    DescribeTransactionsRequest,
    ListConfigResourcesRequest,
    ListTransactionsRequest,
)

from agent.model.kafka.look import Producer, Transaction
from collectors.kafka.access import TroubleError, Troubles, Why, short, trouble
from collectors.kafka.layout import NOBODY, Layout
from collectors.kafka.link import Link

TOPIC, BROKER, CLIENT_METRICS, GROUP = 2, 4, 16, 32  #: kinds of resources that have settings
_OF = {TOPIC: "topics", BROKER: "brokers", CLIENT_METRICS: "client metrics", GROUP: "groups"}
_DEFAULT = 5  #: where a setting comes from: Kafka's own default
_TOPIC_OWN = 1
#: Where a setting comes from, as Kafka numbers it (ConfigSource).
ORIGINS = {
    1: "set on the topic",
    2: "dynamic, set on a broker",
    3: "dynamic, set on all brokers",
    4: "static, in a broker's file",
    5: "default",
    8: "set on the group",
}
MOST_TOPICS = 2_000  #: in one request
MOST_ACLS = 5_000
MOST_ACL, MOST_VALUE = 500, 4_000  #: characters of a line, and of a setting's value
NO_AUTHORIZER = 54  #: error of a cluster in which everything is allowed

#: Settings of a broker that say what happens to data; others are told only where somebody set them.
BROKER_KEYS = frozenset(
    (
        "auto.create.topics.enable",
        "default.replication.factor",
        "group.coordinator.rebalance.protocols",
        "log.message.timestamp.type",
        "log.retention.bytes",
        "log.retention.hours",
        "log.retention.ms",
        "message.max.bytes",
        "min.insync.replicas",
        "num.partitions",
        "offsets.retention.minutes",
        "offsets.topic.replication.factor",
        "producer.id.expiration.ms",
        "transaction.max.timeout.ms",
        "transaction.state.log.min.isr",
        "transaction.state.log.replication.factor",
        "transactional.id.expiration.ms",
        "unclean.leader.election.enable",
    )
)
#: The same of a topic.
TOPIC_KEYS = frozenset(
    (
        "cleanup.policy",
        "compression.type",
        "delete.retention.ms",
        "max.message.bytes",
        "message.timestamp.after.max.ms",
        "message.timestamp.type",
        "min.compaction.lag.ms",
        "min.insync.replicas",
        "remote.storage.enable",
        "retention.bytes",
        "retention.ms",
        "segment.bytes",
        "segment.ms",
        "unclean.leader.election.enable",
    )
)
Told = dict[str, str | None]


@dataclass(slots=True)
class Found:
    """What came of one errand, and what was not answered."""

    value: Any = None
    own: dict[str, frozenset[str]] = field(default_factory=dict)
    origins: dict[str, dict[str, str]] = field(default_factory=dict)  #: by topic or group; of brokers under no name
    troubles: Troubles = field(default_factory=Troubles)


class Settings:
    """Asks one cluster for what changes seldom."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def _one(self, node: int, request: Any, found: Found) -> Any:
        [answer] = self._link.ask([(node, request)])
        if isinstance(answer, TroubleError):
            found.troubles.add(answer)
            return None
        return answer

    # -- settings

    def topics(self, node: int, names: Iterable[str]) -> Found:
        """Settings of topics: `value` by topic, `own` the names of those that somebody set on the topic."""
        found, told = Found(), dict[str, Told]()
        wanted = list(names)
        for at in range(0, len(wanted), MOST_TOPICS):
            for name, configs in self._configs(node, TOPIC, wanted[at : at + MOST_TOPICS], found):
                told[name] = {
                    c.name: _value(c) for c in configs if c.name in TOPIC_KEYS or c.config_source == _TOPIC_OWN
                }
                found.own[name] = frozenset(c.name for c in configs if c.config_source == _TOPIC_OWN)
                found.origins[name] = _origins(configs)
        found.value = told or None
        return found

    def brokers(self, nodes: Iterable[int]) -> Found:
        """Settings of the brokers; where they differ, each value once, between bars."""
        found, values = Found(), defaultdict[str, list[str | None]](list)
        for node in nodes:
            for _, configs in self._configs(node, BROKER, [str(node)], found):
                found.origins.setdefault("", {}).update(_origins(configs))
                for config in configs:
                    if config.name in BROKER_KEYS or config.config_source != _DEFAULT:
                        values[config.name].append(None if config.is_sensitive else _value(config))
        found.value = {name: _joined(told) for name, told in values.items()} or None
        return found

    def groups(self, by_broker: Mapping[int, Iterable[str]]) -> Found:
        """Settings of groups that the brokers hold (KIP-848 and later protocols), by group."""
        found, told = Found(), dict[str, Told]()
        for node, names in by_broker.items():
            for name, configs in self._configs(node, GROUP, list(names), found):
                told[name] = {config.name: _value(config) for config in configs}
                found.origins[name] = _origins(configs)
        found.value = told
        return found

    def client_metrics(self, node: int) -> Found:
        """The subscriptions of client metrics (KIP-714) by name."""
        found = Found()
        answer = self._one(node, ListConfigResourcesRequest(resource_types=[CLIENT_METRICS]), found)
        if answer is None or _refused(answer.error_code, "client metrics", found, "DescribeConfigs"):
            return found
        names = [one.resource_name for one in answer.config_resources][:MOST_TOPICS]
        told = self._configs(node, CLIENT_METRICS, names, found) if names else []
        found.value = {short(name): {config.name: _value(config) for config in configs} for name, configs in told}
        return found

    def _configs(self, node: int, kind: int, names: list[str], found: Found) -> list[tuple[str, list[Any]]]:
        if not names:
            return []
        resource = DescribeConfigsRequest.DescribeConfigsResource
        request = DescribeConfigsRequest(
            resources=[resource(resource_type=kind, resource_name=name, configuration_keys=None) for name in names],
            include_synonyms=False,
            include_documentation=False,
        )
        answer = self._one(node, request, found)
        return [
            (result.resource_name, list(result.configs))
            for result in (answer.results if answer is not None else ())
            if not _refused(result.error_code, f"settings ({_OF[kind]})", found, "DescribeConfigs")
        ]

    # -- rights

    def acls(self, node: int) -> Found:
        """Every rule of the authorizer, a line each."""
        found = Found()
        request = DescribeAclsRequest(
            resource_type_filter=1, resource_name_filter=None, pattern_type_filter=1,
            principal_filter=None, host_filter=None, operation=1, permission_type=1,
        )  # fmt: skip  # 1 is "any"
        answer = self._one(node, request, found)
        if answer is not None and answer.error_code == NO_AUTHORIZER:
            found.value = ()
            return found
        if answer is None or _refused(answer.error_code, "rights (ACLs)", found):
            return found
        lines = [_acl(resource, rule) for resource in answer.resources for rule in resource.acls]
        found.value = tuple(sorted(lines)[:MOST_ACLS])
        return found

    # -- producers

    def producers(self, layout: Layout) -> Found:
        """Idempotent and transactional producers of every partition: topic -> partition -> producers."""
        found, told = Found(), defaultdict[str, dict[int, tuple[Producer, ...]]](dict)
        asks = [(node, _producers_of(layout, node)) for node in sorted(set(layout.leader.tolist()) - {NOBODY})]
        refused: Counter[int] = Counter()
        for answer in self._link.ask(asks):
            if isinstance(answer, TroubleError):
                found.troubles.add(answer)
                continue
            for topic in answer.topics:
                for part in topic.partitions:
                    if part.error_code:
                        refused[part.error_code] += 1
                    else:
                        told[topic.name][part.partition_index] = tuple(map(_producer, part.active_producers))
        for code, count in refused.items():
            found.troubles.add(_not_read(code, count))
        found.value = dict(told) or None
        return found

    # -- transactions

    def transactions(self, nodes: Iterable[int]) -> Found:
        """Transactions that are open, or being ended."""
        found, open_at = Found(), list[tuple[int, list[str]]]()
        states = ["Ongoing", "PrepareCommit", "PrepareAbort"]
        asks = [(node, ListTransactionsRequest(state_filters=states, producer_id_filters=[])) for node in nodes]
        answered = False
        for (node, _), answer in zip(asks, self._link.ask(asks), strict=True):
            if isinstance(answer, TroubleError):
                found.troubles.add(answer)
            elif not _refused(answer.error_code, "transactions", found):
                answered = True
                open_at.append((node, [one.transactional_id for one in answer.transaction_states]))
        described = [(node, DescribeTransactionsRequest(transactional_ids=ids)) for node, ids in open_at if ids]
        told: list[Transaction] = []
        for answer in self._link.ask(described):
            if isinstance(answer, TroubleError):
                found.troubles.add(answer)
                continue
            told += [_transaction(one) for one in answer.transaction_states if not one.error_code]
        found.value = tuple(told) if answered else None
        return found


def _refused(code: int, what: str, found: Found, operation: str = "Describe") -> bool:
    if code:
        found.troubles.add(trouble(code, what, operation))
    return bool(code)


def _origins(configs: Iterable[Any]) -> dict[str, str]:
    return {c.name: ORIGINS[c.config_source] for c in configs if c.config_source in ORIGINS}


def _value(config: Any) -> str | None:
    return None if config.value is None else short(config.value, MOST_VALUE)


def _joined(values: list[str | None]) -> str | None:
    several = sorted({value for value in values if value is not None})
    return " | ".join(several) if several else None


_KINDS = {1: "Any", 2: "Topic", 3: "Group", 4: "Cluster", 5: "TransactionalId", 6: "DelegationToken", 7: "User"}
_OPERATIONS = {
    1: "Any", 2: "All", 3: "Read", 4: "Write", 5: "Create", 6: "Delete", 7: "Alter", 8: "Describe", 9: "ClusterAction",
    10: "DescribeConfigs", 11: "AlterConfigs", 12: "IdempotentWrite", 13: "CreateTokens", 14: "DescribeTokens",
}  # fmt: skip


def _acl(resource: Any, rule: Any) -> str:
    may = {2: "Deny", 3: "Allow"}.get(int(rule.permission_type), "?")
    operation = _OPERATIONS.get(int(rule.operation), str(rule.operation))
    kind = _KINDS.get(int(resource.resource_type), str(resource.resource_type))
    prefix = "prefix " if int(resource.pattern_type) == 4 else ""  # Kafka's number of prefixed
    told = f"{may} {rule.principal} {operation} {kind}:{prefix}{resource.resource_name} from {rule.host}"
    return short(told, MOST_ACL)


def _producers_of(layout: Layout, node: int) -> Any:
    kind = DescribeProducersRequest.TopicRequest
    topics = []
    for index, name in enumerate(layout.rows.names):
        rows = layout.rows.rows(index)
        mine = layout.rows.number[rows][layout.leader[rows] == node]
        if len(mine):
            topics.append(kind(name=name, partition_indexes=mine.astype(np.int64).tolist()))
    return DescribeProducersRequest(topics=topics)


def _producer(one: Any) -> Producer:
    return Producer(
        number=one.producer_id,
        epoch=one.producer_epoch,
        at=_instant(one.last_timestamp),
        transaction_from=one.current_txn_start_offset if one.current_txn_start_offset >= 0 else None,
    )


_NO_READ = (3, 29)  #: without READ a broker says that it knows no such topic, or that it may not be read


def _not_read(code: int, count: int) -> TroubleError:
    if code in _NO_READ:
        return TroubleError(Why.NO_RIGHT, f"producers of {count} partitions: the right Read Topic is missing")
    return trouble(code, f"producers of {count} partitions")


def _transaction(one: Any) -> Transaction:
    return Transaction(
        name=one.transactional_id,
        state=one.transaction_state,
        producer=one.producer_id,
        started=_instant(one.transaction_start_time_ms),
        timeout_seconds=one.transaction_timeout_ms / 1000,
        partitions=tuple(sorted((topic.topic, number) for topic in one.topics for number in topic.partitions)),
    )


def _instant(millis: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(millis / 1000, UTC) if millis > 0 else None
    except (OverflowError, OSError, ValueError):
        return None
