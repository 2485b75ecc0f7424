"""Mergeable log-bucket histograms: 2 % relative error from 1 ms to 24 h, exact under addition.

The buckets are those of an OpenTelemetry exponential histogram of scale 4 (base 2 ** (1/16) = 1.0443), so one
can be exported as the other without loss.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SCALE = 4
LOWEST_NS = 1_000_000  #: durations under 1 ms share bucket 0
BUCKETS = 424  #: bucket 0, then 16 an octave up to 24 h (26.4 octaves above 1 ms)

_PER_OCTAVE = 2**SCALE


def bucket_of(duration_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Bucket numbers (0 to BUCKETS - 1) of durations in nanoseconds; negative ones count as 0."""
    ratio = np.maximum(duration_ns, LOWEST_NS) / LOWEST_NS
    index: npt.NDArray[np.int64] = np.ceil(np.log2(ratio) * _PER_OCTAVE - 1e-9).astype(np.int64)
    return np.minimum(index, BUCKETS - 1)


def upper_ms(bucket: int) -> float:
    """The upper bound of a bucket in milliseconds."""
    return float(2 ** (bucket / _PER_OCTAVE))


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by bucket, sparse and sorted. Adding two loses nothing."""

    counts: tuple[tuple[int, int], ...] = ()

    @staticmethod
    def of(counts: Mapping[int, int]) -> "Histogram":
        """From bucket -> count; buckets whose count is 0 are left out."""
        return Histogram(tuple(sorted((bucket, count) for bucket, count in counts.items() if count)))

    def __add__(self, other: "Histogram") -> "Histogram":
        total = dict(self.counts)
        for bucket, count in other.counts:
            total[bucket] = total.get(bucket, 0) + count
        return Histogram.of(total)

    @staticmethod
    def total(parts: Iterable["Histogram"]) -> "Histogram":
        """The sum of many."""
        counts: dict[int, int] = {}
        for part in parts:
            for bucket, count in part.counts:
                counts[bucket] = counts.get(bucket, 0) + count
        return Histogram.of(counts)

    @property
    def count(self) -> int:
        """How many values it holds."""
        return sum(count for _, count in self.counts)

    def quantile_ms(self, share: float) -> float | None:
        """The value in milliseconds under which `share` (0 to 1) of the counts lie, 2 % exact; None when empty."""
        wanted, seen = share * self.count, 0
        for bucket, count in self.counts:
            seen += count
            if seen >= wanted and seen > 0:
                return upper_ms(bucket) / math.sqrt(2 ** (1 / _PER_OCTAVE)) if bucket else 1.0
        return None

    def pack(self) -> bytes:
        """Two little-endian int32 columns; 8 bytes a bucket in use. Corrections may be negative."""
        return np.array(self.counts, dtype="<i4").tobytes()

    @staticmethod
    def unpack(blob: bytes | None) -> "Histogram":
        """Read what `pack` wrote; nothing for None."""
        if not blob:
            return Histogram()
        pairs = np.frombuffer(blob, dtype="<i4").reshape(-1, 2)
        return Histogram(tuple((int(bucket), int(count)) for bucket, count in pairs))


EMPTY = Histogram()
