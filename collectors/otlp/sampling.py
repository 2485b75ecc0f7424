"""How many traces head sampling keeps, as W3C tracestate tells it: OpenTelemetry's probability sampling, `ot=th:`."""

import re
from functools import lru_cache

_DIGITS = 14  #: of a threshold: 56 bits
_ALL = 1 << (4 * _DIGITS)
_OURS = re.compile(rb"(?:^|,)\s*ot=([^,]*)")
_THRESHOLD = re.compile(rb"(?:^|;)th:([0-9a-f]{1,14})\s*(?:;|$)")


@lru_cache(maxsize=4096)
def kept_by(state: bytes) -> float:
    """The share of traces kept, to four digits; 1 where the state says none, or nothing that can be read."""
    ours = _OURS.search(state)
    threshold = _THRESHOLD.search(ours[1]) if ours else None
    if threshold is None:
        return 1.0
    left_out = int(threshold[1].ljust(_DIGITS, b"0"), 16)
    return float(f"{(_ALL - left_out) / _ALL:.4g}")
