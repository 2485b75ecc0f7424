"""Facts and what they fold into: windows, measures, settings, runs, exemplars. Times are UTC-aware."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from agent.model.histogram import EMPTY, Histogram
from agent.model.seam import Component, SeamKey, SubjectRef


class Column(IntEnum):
    """The fixed numeric columns of a window; every other number that a rule reads is a measure."""

    COUNT = 0  #: crossings (a batch span counts its messages)
    ERRORS = 1  #: crossings that failed
    RETRIES = 2  #: crossings that repeat another
    DUPLICATES = 3  #: deliveries of an identity that was delivered before
    BYTES = 4
    DURATION_US = 5  #: sum of durations, microseconds
    ROOTS = 6  #: spans with neither parent nor link
    LINKED = 7  #: spans with a parent in another process or a link
    PAIRED = 8  #: spans whose other side was seen
    IDENTIFIED = 9  #: deliveries with an identity (offset or id)
    EFFECTFUL = 10  #: deliveries with at least one unguarded write below them
    GUARDED = 11  #: deliveries whose writes all are guarded (upsert, conflict clause)
    REWRITTEN = 12  #: duplicates that repeated an unguarded write
    INTERRUPTED = 13  #: deliveries cut off after a write and processed again (inferred)
    DETACHED = 14  #: outgoing spans that are roots in a service whose instrumentation keeps the context
    SAMPLED = 15  #: spans kept by head sampling with a share under 1


class Tier(StrEnum):
    """Window lengths; a finer tier is rolled up into the next."""

    MINUTE = "1m"
    TEN = "10m"
    HOUR = "1h"
    DAY = "1d"

    @property
    def seconds(self) -> int:
        """Its length in seconds."""
        return {"1m": 60, "10m": 600, "1h": 3600, "1d": 86400}[self.value]

    @property
    def kept(self) -> timedelta:
        """How long its rows are kept."""
        return timedelta(days={"1m": 2, "10m": 14, "1h": 100, "1d": 400}[self.value])


class ExemplarKind(StrEnum):
    """Why a span was kept as evidence."""

    SLOWEST = "slowest"
    ERROR = "error"
    DUPLICATE = "duplicate"
    ORPHAN = "orphan"
    WRITE = "write"
    FAILING = "failing"  #: one message that fails again and again


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One span kept as evidence. `note` never holds message contents or SQL literals."""

    kind: ExemplarKind
    trace: str  #: 32 hex digits
    span: str  #: 16 hex digits
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """One seam's (or route's) facts over one interval.

    `values` is indexed by `Column`; `duration` and `queue` are histograms of milliseconds.
    """

    key: "SeamKey | Component"
    start: datetime
    tier: Tier
    values: tuple[int, ...]
    duration: Histogram = EMPTY
    queue: Histogram = EMPTY
    exemplars: tuple[Exemplar, ...] = ()

    def __getitem__(self, column: Column) -> int:
        return self.values[column]


class Merge(StrEnum):
    """How several values of one measure within a minute merge."""

    LAST = "last"
    MIN = "min"
    MAX = "max"
    SUM = "sum"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one measure of one subject: lag, age, members, rows."""

    subject: SubjectRef
    name: str
    at: datetime
    value: float
    merge: Merge = Merge.LAST


LATEST = "now."  #: how a setting's name begins of which only the last value is kept, and no history


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of one component as a source read it; kept as a change row, unless its name begins with `LATEST`."""

    component: Component
    name: str
    value: str | None  #: None: seen to be unset
    at: datetime
    source: str  #: the collector that read it, and where the value comes from: `kafka, set on the topic`


class RunState(StrEnum):
    """The states of a run of a job."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one job; later facts of the same run replace what they know better."""

    job: Component
    run: str
    state: RunState
    started: datetime | None = None
    ended: datetime | None = None
    attempt: int = 1
    parent: str | None = None
    exit_code: int | None = None
    rows_in: int | None = None
    rows_out: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A component or seam that exists, with attributes worth showing (members, scopes, who runs a group)."""

    key: "SeamKey | Component"
    at: datetime
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alias:
    """Two keys found to be one: `old` is read as `new` from now on. Undoable."""

    old: Component
    new: Component
    at: datetime
    reason: str


Fact = Sample | Setting | Run | Sighting | Alias
