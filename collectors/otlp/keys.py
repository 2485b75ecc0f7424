"""What decides a shape -> its number, by sender: bounded in number and in bytes; what was read in haste is read again.

A key holds attributes as they were sent. A long one stands there as a digest.
"""

from collections.abc import Callable, MutableMapping
from typing import Any

from collectors.otlp.memo import digest

_MAX_KEYS = 16_384  #: a sender
_MAX_BYTES = 64 << 20  #: of all keys of all senders
_ENTRY = 150  #: bytes of a key beside what it holds
_LONG = 4_096  #: bytes of values; longer keys are digests
_AGAIN = 1.0  #: by the budget's clock

Numbers = dict[Any, int]


class Keys:
    """Bounds what a decoder knows of its senders' shapes. Threads may share it."""

    def __init__(self, senders: MutableMapping[Any, Numbers]) -> None:
        self._senders = senders
        self._bytes = 0
        self._hasty: list[tuple[Numbers, Any]] = []
        self._since = 0.0

    def keep(self, shapes: Numbers, key: Any, number: int, *, lasting: bool) -> None:
        """Remember a sender's shape; where that is not for long, until `look_again`."""
        if len(shapes) >= _MAX_KEYS:
            self._bytes -= sum(map(_room, list(shapes)))
            shapes.clear()
        self._bytes += _room(key)
        if self._bytes > _MAX_BYTES:
            self._bytes = 0
            for known in list(self._senders.values()):
                known.clear()
            self._senders.clear()
        shapes[key] = number
        if not lasting:
            self._hasty.append((shapes, key))

    def look_again(self, clock: Callable[[], float]) -> None:
        """Forget what was read in haste, a step of the clock later: a second, or a mebibyte of input."""
        now = clock()
        if self._hasty and now - self._since < _AGAIN:
            return
        hasty, self._hasty, self._since = self._hasty, [], now
        for shapes, key in hasty:
            if shapes.pop(key, None) is not None:
                self._bytes -= _room(key)


def shortened(key: Any) -> Any:
    """The key, or the digest of a long one."""
    if _size(key) <= _LONG:
        return key
    return digest(repr(key))


def _room(key: Any) -> int:
    """Bytes that a key takes in memory, about."""
    return _size(key) + _ENTRY


def _size(key: Any) -> int:
    """Bytes of the values in a key: `(plan, values, ...)`, values being one, several or none."""
    if isinstance(key, bytes):
        return len(key)
    return sum(map(_size, key)) if isinstance(key, tuple) else 0
