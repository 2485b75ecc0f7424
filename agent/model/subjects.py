"""Subjects: what rules judge, assembled as of an instant. None means not seen, which is never zero.

Later witnesses add optional fields here; they never change what a field means.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.model.declared import LoadTest
from agent.model.declared import Team as DeclaredTeam
from agent.model.declared import Workflow as DeclaredWorkflow
from agent.model.facts import Exemplar, Run
from agent.model.histogram import EMPTY, Histogram
from agent.model.schemas import SchemaVersion
from agent.model.seam import (
    ESTATE,
    Component,
    SeamKey,
    SubjectRef,
    group_on_topic,
    subject_of,
    table_on,
    team,
    workflow,
)
from agent.model.series import NO_SERIES, Series
from agent.model.things import Connector, Context, DeadLetters, Letters, Retry, Sibling, Topic

__all__ = [
    "SUBJECT_TYPES", "Backlog", "Connector", "Context", "Contract", "DeadLetters", "Deliveries", "Estate", "Job",
    "Letters", "Operation", "Retry", "Route", "Seam", "Sibling", "Source", "Stuck", "Subject", "Table", "TableUser",
    "Team", "Topic", "Workflow", "lowest",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam(Context):
    """One seam and its traffic over the rule's lookback."""

    key: SeamKey
    count: int = 0  #: of a call to a service: all calls to it, also those whose other side was seen at its routes
    errors: int = 0
    retries: int = 0
    duplicates: int = 0
    roots: int = 0  #: spans with neither parent nor link
    linked: int = 0
    paired: int = 0
    detached: int | None = None  #: roots in a service whose instrumentation keeps the context
    peer_instrumented: bool | None = None  #: the other side sends spans
    keeps_context: bool | None = None  #: capability of the instrumentation, None when unknown
    carries_context: bool | None = None  #: the instrument can carry a parent or link here at all
    entry_point: bool | None = None  #: declared, or nothing upstream of it exists
    sampled: float | None = None  #: head sampling share, None when not told
    declared: bool = False  #: a workflow names this very seam
    counted: int | None = None  #: messages that its group committed in 24 h, where it is declared
    traces_sent: bool | None = None  #: spans of anything came in that time
    trace: str | None = None  #: declared: `none` is never traced
    duration: Histogram = EMPTY
    queue: Histogram = EMPTY
    exemplars: tuple[Exemplar, ...] = ()

    @property
    def ref(self) -> SubjectRef:
        """Its identity."""
        return self.key.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A partition that stands still while others of the group and topic go on: the one that does so the longest."""

    partition: int
    offset: int  #: committed: the next to be read
    standing: timedelta
    moving: int  #: partitions that went on within 5 min
    waiting: int | None = None  #: unread messages in it
    attempts: int | None = None  #: that failed at its offset or after it, one offset; None where spans tell no offsets
    failing: timedelta | None = None  #: from the first of these to the last
    trace: str = ""  #: of the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog(Context):
    """A consumer group on a topic: what waits to be read. Counts are messages, summed over partitions."""

    group: Component
    topic: Component
    lag: Series = NO_SERIES
    age: Series = NO_SERIES  #: seconds, of the oldest unread record, the oldest partition
    age_median: Series = NO_SERIES  #: the same of the partition in the middle; of three and more
    skew: Series = NO_SERIES  #: seconds by which stamps make that record younger than its arrival
    committed: Series = NO_SERIES  #: sum of committed offsets
    produced: Series = NO_SERIES  #: sum of end offsets
    lost: Series = NO_SERIES  #: records deleted before they were read; empty where there never were any
    hot_written: Series = NO_SERIES  #: records of the busiest partition in 15 min, where one is far behind
    window_written: Series = NO_SERIES  #: the same of all partitions
    retention_left: Series = NO_SERIES  #: seconds until the first unread record is deleted
    retention_used: Series = NO_SERIES  #: age of the oldest unread record, as a share of what the topic keeps
    held_messages: Series = NO_SERIES  #: of the topic, behind open transactions
    held: Series = NO_SERIES  #: seconds for which a partition's last stable offset stands below its end
    members: Series = NO_SERIES
    epochs: Series = NO_SERIES  #: generation or group epoch
    rebalances: Series = NO_SERIES  #: sparse: how many since the look before, where there were some
    joined: Series = NO_SERIES  #: sparse: members that came since the look before
    unstable: Series = NO_SERIES  #: 1 while partitions are moved about; empty where they never were
    looks: Series = NO_SERIES  #: 1 at each look at the cluster
    commit_gap: timedelta | None = None  #: the longest pause between two commits in 24 h
    still: timedelta | None = None  #: for how long, at least, commits have stood still; None while they advance
    arrived: int | None = None  #: messages produced since, at least
    arrivals: int | None = None  #: looks at which some of them had come
    steady: timedelta | None = None  #: for how long before, in a day, they came without a pause half as long
    partitions: int | None = None
    orphaned: int | None = None  #: partitions with a commit that no member of the stable group has
    protocol: str | None = None  #: classic | consumer | share | streams
    state: str | None = None
    state_for: timedelta | None = None  #: since the state changed last
    static_members: int | None = None
    retention: timedelta | None = None
    settings: Mapping[str, str] = field(default_factory=dict)  #: of the topic
    offsets_kept: timedelta | None = None  #: how long the broker keeps the commits of a group without members
    transaction_timeout: timedelta | None = None  #: the longest that the broker allows
    behind: Mapping[str, int] = field(default_factory=dict)  #: partition -> lag, the last look
    peak_rate: float | None = None  #: records/s written to the topic, 95th percentile of a day's rates of 5 min
    peaks: Series = NO_SERIES  #: the same over 30 days, one a day; read where it may come near what was proven
    proven_rate: float | None = None  #: records/s that the group read over 5 min while behind, the most in 30 days
    load_tests: tuple[LoadTest, ...] = ()  #: declared, of workflows that name this group on this topic
    stuck: Stuck | None = None
    on_error: str | None = None  #: declared: `stop` halts by design
    dead_letters: DeadLetters | None = None  #: looked for where a partition is stuck

    @property
    def ref(self) -> SubjectRef:
        """Its identity."""
        return group_on_topic(self.topic, self.group)


@dataclass(frozen=True, slots=True)
class Operation:
    """A side effect that a handler was seen to have."""

    name: str  #: such as `INSERT table:postgresql/billing.invoices`
    guarded: bool  #: an upsert, a conflict clause, a PUT: repeating it changes nothing
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries(Context):
    """A consumer group on a topic: each delivery, what it wrote, what came twice."""

    group: Component
    topic: Component
    processed: int = 0  #: messages that reached a handler
    errors: int = 0
    identified: int = 0  #: deliveries with an identity
    redelivered: int = 0  #: successful deliveries of an identity already processed
    rewritten: int = 0  #: of those, with the same unguarded write again
    effectful: int = 0  #: deliveries with an unguarded write below them
    guarded: int = 0  #: deliveries whose writes are all guarded
    interrupted: int = 0  #: inferred
    operations: tuple[Operation, ...] = ()
    effects_visible: bool | None = None  #: the instrumentation attaches handler spans
    sampled: float | None = None
    retention: timedelta | None = None
    idempotency: str | None = None  #: declared mechanism
    on_error: str | None = None  #: declared: `stop` halts by design
    dead_letters: DeadLetters | None = None
    searched: tuple[str, ...] = ()  #: where dead letters were looked for
    topics_listed: bool = False  #: the broker's list of topics, or a workflow file, was read
    connector: bool = False  #: the group belongs to a connector
    exemplars: tuple[Exemplar, ...] = ()

    @property
    def ref(self) -> SubjectRef:
        """Its identity."""
        return group_on_topic(self.topic, self.group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Context):
    """One route with its callers."""

    route: Component
    count: int = 0
    errors: int = 0
    retries: int = 0
    callers: tuple[Component, ...] = ()
    duration: Histogram = EMPTY
    timeout: timedelta | None = None
    exemplars: tuple[Exemplar, ...] = ()

    @property
    def ref(self) -> SubjectRef:
        """Its identity."""
        return subject_of(self.route)


@dataclass(frozen=True, slots=True)
class TableUser:
    """One service or job that reads or writes a table."""

    component: Component
    owner: str | None  #: declared; without one each service is its own owner
    count: int
    exemplar: Exemplar | None = None
    relay: bool = False  #: an outbox relay or a migration tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Context):
    """One table with its writers and readers."""

    table: Component
    server: str = ""  #: `host:port`, where the configuration gives it no alias and the spans tell it
    writers: tuple[TableUser, ...] = ()
    readers: tuple[TableUser, ...] = ()

    @property
    def ref(self) -> SubjectRef:
        """Its identity: two servers may have a table of one name."""
        return table_on(self.table, self.server)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Context):
    """One batch job with its runs, oldest first."""

    job: Component
    runs: tuple[Run, ...] = ()
    schedule: str | None = None
    timezone: str | None = None
    grace: timedelta | None = None
    window: timedelta | None = None

    @property
    def ref(self) -> SubjectRef:
        """Its identity."""
        return subject_of(self.job)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract(Context):
    """One schema subject or interface document with its versions."""

    contract: Component
    compatibility: str | None = None
    inherited: bool | None = None
    versions: tuple[str, ...] | None = None
    readers: tuple[Component, ...] = ()
    writers: tuple[Component, ...] = ()
    readers_listed: bool = False  #: a broker told who reads: no reader means none
    owners: Mapping[str, str] = field(default_factory=dict)  #: declared, by reader or writer
    mode: str | None = None
    schemas: tuple[SchemaVersion, ...] = ()  #: ascending
    topics: tuple[Component, ...] = ()  #: whose records are of this subject
    retention: timedelta | None = None  #: the longest of its topics
    endless: bool | None = None  #: one of its topics keeps records for ever
    replayed: bool | None = None  #: a reader went back to old records
    upgraded_first: str | None = None  #: readers | writers, as seen at the newest version

    @property
    def ref(self) -> SubjectRef:
        """Its identity."""
        return subject_of(self.contract)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow(Context):
    """One declared workflow beside what was measured of it."""

    declared: DeclaredWorkflow
    teams: tuple[str, ...] | None = None  #: names of declared teams, None when none are declared
    fired: tuple[str, ...] = ()  #: rule IDs that opened findings on it in 90 days
    seen_seams: tuple[SeamKey, ...] = ()

    @property
    def ref(self) -> SubjectRef:
        """Its identity."""
        return subject_of(workflow(self.declared.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Team(Context):
    """One declared team."""

    declared: DeclaredTeam
    owns: tuple[Component, ...] = ()

    @property
    def ref(self) -> SubjectRef:
        """Its identity."""
        return subject_of(team(self.declared.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Context):
    """One source of facts."""

    source: Component
    last_success: datetime | None = None
    last_fact: datetime | None = None
    facts: int = 0
    watched: bool = False  #: the configuration of the running agent names it
    since: datetime | None = None  #: when the running agent began to watch it
    heard: Series = NO_SERIES  #: when it told something, over the 25 hours before it did so last
    error: str = ""  #: why it told nothing the last time it was asked
    moved: int | None = None  #: of spans: messages that traced groups have read since; None where no broker tells

    @property
    def ref(self) -> SubjectRef:
        """Its identity."""
        return subject_of(self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate(Context):
    """All that is watched."""

    seams: int = 0
    workflows_mapped: int = 0
    components: Mapping[str, int] = field(default_factory=dict)

    @property
    def ref(self) -> SubjectRef:
        """Its identity."""
        return subject_of(ESTATE)


Subject = (
    Seam | Backlog | Deliveries | Route | Table | Job | Connector | Contract | Topic | Workflow | Team | Source | Estate
)
SUBJECT_TYPES: tuple[type, ...] = (
    Seam,
    Backlog,
    Deliveries,
    Route,
    Table,
    Job,
    Connector,
    Contract,
    Topic,
    Workflow,
    Team,
    Source,
    Estate,
)


def lowest(series: Iterable[float]) -> float | None:
    """The smallest value, or None for nothing."""
    return min(series, default=None)
