"""Subjects of the inventory that brokers and Connect tell of: topics and connectors; and what every subject knows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.model.declared import Workflow as DeclaredWorkflow
from agent.model.seam import Component, SubjectRef, subject_of
from agent.model.series import NO_SERIES, Series

ZERO = timedelta(0)
#: of brokers, registries, Connect, MirrorMaker and Kafka Streams: nobody's interface
_INTERNAL = re.compile(
    r"_.*|.*-(changelog|repartition)|.*\.internal|(.*[-_.])?connect-?(configs?|offsets?|status)|heartbeats",
    re.IGNORECASE,
)


def made_for_itself(topic: str) -> bool:
    """A topic's bare name is one that brokers, registries, Connect and Kafka Streams give to their own."""
    return _INTERNAL.fullmatch(topic) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every subject knows: the instant it is judged at, who owns it, which workflows it serves."""

    as_of: datetime
    observed_for: timedelta = ZERO  #: since its first fact
    owner: str | None = None  #: declared
    workflows: tuple[DeclaredWorkflow, ...] = ()
    loss_tolerant: bool | None = None
    environment: str | None = None

    @property
    def critical(self) -> bool:
        """Belongs to a workflow whose declared failure impact is critical."""
        return any(w.critical for w in self.workflows)

    @property
    def strong(self) -> bool:
        """Belongs to a workflow that is declared strongly consistent, or whose failure impact is critical."""
        return any(w.critical or w.consistency == "strong" for w in self.workflows)


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Where a group's failing messages go, and how that is known."""

    topic: Component
    known_by: str  #: declared | connect | share | headers | span | name | name-only


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """What a dead-letter topic takes, and what became of it."""

    known_by: str  #: declared | connect | share | headers | span | name | name-only
    sources: tuple[Component, ...] = ()  #: topics whose letters it takes
    terminal: bool | None = None  #: declared: they end here by design
    kept: int | None = None  #: records in it; markers and compacted ones count
    waiting: int | None = None  #: of these, those that the group which has read furthest has not read
    oldest: timedelta | None = None  #: age of the first of them
    commits: tuple[timedelta, ...] = ()  #: since each group committed last; longer ago than a day is left out
    retention: timedelta | None = None  #: of the topic itself
    source_retention: timedelta | None = None  #: the longest of its sources
    usual_share: float | None = None  #: letters per record of its sources: the median of 14 days
    errors: tuple[str, ...] = ()  #: classes of failures that headers of sampled letters name


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What a retry topic belongs to."""

    of: Component  #: the topic whose records are tried again
    family: tuple[Component, ...] = ()  #: its retry topics, in order
    dead_letters: DeadLetters | None = None  #: where they end


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """A topic that is named nearly alike, and busier."""

    topic: Component
    written: int = 0  #: records that it ever got
    groups: int = 0  #: that read it
    edits: int = 1  #: letters by which the names differ; 0 where only separators, case or a plural do


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector(Context):
    """One connector with its effective settings."""

    connector: Component
    type: str | None = None
    state: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    topics: tuple[Component, ...] | None = None
    failed_tasks: int | None = None
    letters_listed: bool | None = None  #: its dead-letter topic is on the broker; None where no list was read

    @property
    def ref(self) -> SubjectRef:
        """Its identity."""
        return subject_of(self.connector)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic(Context):
    """One topic with who writes and reads it."""

    topic: Component
    partitions: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    producers: tuple[Component, ...] = ()
    groups: tuple[Component, ...] = ()
    produced: Series = NO_SERIES
    listed: bool = False  #: the broker's topics and groups were read
    owners: Mapping[str, str] = field(default_factory=dict)  #: declared, by group
    subjects: tuple[Component, ...] | None = None  #: schema subjects of it; None: no registry was read
    unplaced: tuple[Component, ...] = ()  #: subjects named after a record, of which topic is not known
    contract: str | None = None  #: declared
    sampled: int | None = None  #: payloads looked at
    framed_share: float | None = None  #: of those, with a registry's frame or the address of a schema
    judged: int | None = None  #: of those, of which it is known whether they have an identity
    unidentified: int | None = None  #: of these, without any
    nameless: tuple[str, ...] = ()  #: who sends such records, the most frequent first
    identified: int | None = None  #: identities that were compared, of those that headers or CloudEvents name
    repeated: int | None = None  #: records with an identity, and the content, of one before
    reused: int | None = None  #: pairs of records with one identity and another content
    reused_ids: int | None = None  #: identities that these pairs are of
    reused_example: str | None = None  #: one identity as a hash, with the hashes of both contents and their times
    full_state: bool | None = None  #: records are whole states of what their key names
    replication: int | None = None  #: replicas of a partition
    in_sync: int | None = None  #: replicas in sync, of the partition with the fewest
    offline: int | None = None  #: partitions without a leader
    brokers: int | None = None  #: of its cluster
    broker: Mapping[str, str] = field(default_factory=dict)  #: settings of the brokers
    refused: Mapping[str, str] = field(default_factory=dict)  #: what was asked of the cluster and not answered -> why
    written_partitions: Series = NO_SERIES  #: partitions that got records between two looks at producers
    plain_partitions: Series = NO_SERIES  #: of these, those that no idempotent producer wrote to
    overrides: Mapping[str, str] = field(default_factory=dict)  #: settings of producers in connectors that write to it
    letters: Letters | None = None  #: it is a dead-letter topic
    source_written: Series = NO_SERIES  #: of such a topic: records of its sources
    source_read: Series = NO_SERIES  #: the same, as the group that reads most of each committed them
    retry: Retry | None = None  #: it is a retry topic
    sibling: Sibling | None = None  #: looked for where brokers create topics by themselves
    read_lately: bool | None = None  #: by a group, in 30 days; None where nothing tells
    written_lately: bool | None = None  #: in 30 days
    legal_hold: bool | None = None  #: declared

    @property
    def ref(self) -> SubjectRef:
        """Its identity."""
        return subject_of(self.topic)

    @property
    def bare(self) -> str:
        """Its name without its cluster."""
        return self.topic.name.partition("/")[2]

    @property
    def compacted(self) -> bool:
        """It keeps the last record of each key."""
        return "compact" in self.settings.get("cleanup.policy", "")

    @property
    def internal(self) -> bool:
        """Named as what brokers, registries, Connect and Kafka Streams make for themselves."""
        return made_for_itself(self.bare)
