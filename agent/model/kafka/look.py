"""One look at a Kafka cluster, in columns. None: not seen. In a column UNSEEN (or NaN): not seen of that partition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
UNSEEN = -1


@dataclass(frozen=True, slots=True)
class Segments:
    """Names, each with a run of rows: those of `names[i]` are `first[i]` up to `first[i + 1]`, ascending by number."""

    names: tuple[Any, ...]  #: of topics, or pairs of group and topic
    first: Whole  #: one longer than names
    number: Whole  #: partition of each row

    @staticmethod
    def of(runs: Sequence[tuple[Any, Sequence[int]]]) -> "Segments":
        """Rows of some runs of partition numbers, in their order."""
        sizes = [len(numbers) for _, numbers in runs]
        first = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
        number = np.array([number for _, numbers in runs for number in numbers], dtype=np.int64)
        return Segments(tuple(name for name, _ in runs), first, number)

    def rows(self, index: int) -> slice:
        """The rows of one name."""
        return slice(int(self.first[index]), int(self.first[index + 1]))

    def __len__(self) -> int:
        return len(self.names)

    def total(self, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The sum over the rows of each name."""
        sums = np.concatenate([np.zeros(1, column.dtype), np.cumsum(column)])
        found: npt.NDArray[Any] = sums[self.first[1:]] - sums[self.first[:-1]]
        return found

    def highest(self, column: Real) -> Real:
        """The largest value of the rows of each name; NaN where a row has none, or there is no row."""
        found = np.full(len(self), np.nan)
        full = self.first[1:] > self.first[:-1]
        if full.any():
            found[full] = np.maximum.reduceat(column, self.first[:-1][full])
        return found


@dataclass(frozen=True, slots=True)
class Producer:
    """One idempotent or transactional producer that a partition's leader remembers."""

    number: int
    epoch: int | None = None
    at: datetime | None = None  #: of its last record
    transaction_from: int | None = None  #: first offset of its open transaction


@dataclass(frozen=True, slots=True)
class TopicAbout:
    """What a topic is, beside its offsets."""

    identity: str | None = None
    replication: int | None = None
    in_sync: int | None = None  #: replicas in sync of the partition that has the fewest
    offline: int | None = None  #: partitions without a leader
    settings: Mapping[str, str | None] | None = None
    own: frozenset[str] = frozenset()  #: settings that were set on the topic itself, and are no default
    origins: Mapping[str, str] = field(default_factory=dict)  #: where a setting comes from, as far as it was told
    producers: Mapping[int, tuple[Producer, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Topics:
    """Every topic that was listed, with the offsets of its partitions."""

    rows: Segments
    start: Whole  #: log start
    end: Whole  #: next offset to be written
    stable: Whole  #: last stable offset: what follows belongs to an open transaction
    first: Real  #: Unix seconds, stamp of the first record; NaN
    about: Mapping[str, TopicAbout] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a group. `target` is what the coordinator wants it to have (KIP-848)."""

    name: str
    client: str | None = None
    instance: str | None = None  #: static membership
    assigned: frozenset[tuple[str, int]] | None = None
    target: frozenset[tuple[str, int]] | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """What a group is, beside its offsets."""

    protocol: str | None = None  #: classic | consumer | share | streams
    state: str | None = None
    epoch: int | None = None  #: generation or group epoch
    assignor: str | None = None
    coordinator: int | None = None
    members: tuple[Member, ...] | None = None
    settings: Mapping[str, str | None] | None = None
    origins: Mapping[str, str] = field(default_factory=dict)  #: where a setting comes from


@dataclass(frozen=True, slots=True)
class Committed:
    """Committed offsets; a name is a pair of group and topic."""

    rows: Segments
    offset: Whole
    age: Real  #: s, of the oldest unread record as the broker told it


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction that is open or being ended."""

    name: str
    state: str
    producer: int | None = None
    started: datetime | None = None
    timeout_seconds: float | None = None
    partitions: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Sampled:
    """What records of one topic showed since the look before: counts, hashes, names from headers; no content."""

    records: int = 0
    bytes: int = 0  #: of keys and values
    largest: int = 0  #: bytes of one
    keyless: int = 0
    framed: int = 0  #: with a registry's frame, or the address of a schema
    judged: int = 0  #: of which it is known whether they have an identity
    unidentified: int = 0  #: of these, those that have none
    sealed: int = 0  #: of the others: framed, so that their schema tells
    identified: int = 0  #: new identities, of those that headers or CloudEvents name
    repeated: int = 0  #: records with an identity, and the content, of one before
    reused: int = 0  #: the same, with another content
    reused_ids: int = 0  #: identities that had none of these before
    passed_over: int = 0  #: offsets that were not looked at, for more was written than is read
    unread: int = 0  #: batches that could not be read
    unread_why: str = ""
    nameless: tuple[str, ...] = ()  #: who sends records without an identity, the most frequent first
    example: str = ""  #: an identity that was reused: hashes and times
    full_state: bool | None = None  #: records of one key have the same fields
    origins: tuple[str, ...] = ()  #: topics that headers of dead letters name
    errors: tuple[str, ...] = ()  #: classes of failures that they name


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that one look at one cluster saw."""

    cluster: str
    at: datetime
    cluster_id: str | None = None
    topics: Topics | None = None
    groups: Mapping[str, Group] | None = None
    committed: Committed | None = None
    broker: Mapping[str, str | None] | None = None  #: settings
    origins: Mapping[str, str] = field(default_factory=dict)  #: where a broker's setting comes from
    brokers: int | None = None
    transactions: tuple[Transaction, ...] | None = None
    acls: tuple[str, ...] | None = None  #: a line each, sorted
    client_metrics: Mapping[str, Mapping[str, str | None]] | None = None  #: subscriptions (KIP-714) by name
    sampled: Mapping[str, Sampled] = field(default_factory=dict)  #: by topic; of those that are asked for
    refused: Mapping[str, str] = field(default_factory=dict)  #: what was not answered -> why


def no_times(rows: Segments) -> Real:
    """A column of times of which nothing was seen."""
    return np.full(len(rows.number), np.nan)


def no_offsets(rows: Segments) -> Whole:
    """A column of which nothing was seen."""
    return np.full(len(rows.number), UNSEEN, dtype=np.int64)
