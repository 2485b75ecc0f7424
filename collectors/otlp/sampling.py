"""How many traces head sampling keeps, as W3C tracestate tells it: OpenTelemetry's probability sampling, `ot=th:`."""

import re
from functools import lru_cache

_DIGITS = 14  #: of a threshold: 56 bits
_ALL = 1 << (4 * _DIGITS)
_OURS = re.compile(rb"(?:^|,)\s*ot=([^,]*)")
_THRESHOLD = re.compile(rb"(?:^|;)th:([0-9a-f]{1,14})\s*(?:;|$)")


_LONG = 512  #: bytes: what W3C lets everybody pass on; a longer state is read each time


def kept_by(state: bytes) -> float:
    """The share of traces kept, to four digits; 1 where the state says none, or nothing that can be read."""
    return _known(state) if len(state) <= _LONG else _read(state)


def _read(state: bytes) -> float:
    ours = _OURS.search(state)
    threshold = _THRESHOLD.search(ours[1]) if ours else None
    if threshold is None:
        return 1.0
    left_out = int(threshold[1].ljust(_DIGITS, b"0"), 16)
    return float(f"{(_ALL - left_out) / _ALL:.4g}")


_known = lru_cache(maxsize=4096)(_read)
