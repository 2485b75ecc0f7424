"""What the aggregator hands to the store: additive deltas, applied once by writer and sequence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.model.facts import Exemplar, Sighting
from agent.model.seam import Component, SeamKey

Key = SeamKey | Component


@dataclass(frozen=True, slots=True)
class WindowDelta:
    """What to add to one window of one minute. Histograms are bucket -> count and may hold negative corrections."""

    key: Key
    minute: datetime
    values: tuple[int, ...]  #: by `Column`, additive
    duration: Mapping[int, int] = field(default_factory=dict)
    queue: Mapping[int, int] = field(default_factory=dict)
    exemplars: tuple[Exemplar, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivered:
    """Offsets that a consumer processed, as closed ranges; `operation` is empty for the delivery itself.

    An operation names one side effect that every delivery of the ranges had.
    """

    key: SeamKey  #: the consumes seam
    partition: int
    operation: str
    day: datetime  #: the UTC day on which it was processed
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Flush:
    """One batch of one writer: all journal records after `previous`, up to and with `sequence`."""

    writer: str
    previous: int
    sequence: int
    windows: tuple[WindowDelta, ...] = ()
    delivered: tuple[Delivered, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    watermark: datetime | None = None  #: no earlier facts are expected from this writer
    drained: datetime | None = None  #: when it was made: nothing in it crossed later


@dataclass(frozen=True, slots=True)
class Counted:
    """What one source took, refused or dropped since its start, by reason; `reason` is empty for what was taken."""

    source: str
    reason: str
    facts: int
    verb: str  #: received | refused | dropped
