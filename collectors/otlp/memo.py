"""What has been read once, by a digest of what it was read from: no text is kept, and the whole is bounded."""

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Memo(Generic[_T]):
    """Results by the digest of their texts; the one that was not asked for longest goes first. Threads may share it."""

    def __init__(self, most: int) -> None:
        """Keep results of a weight of at most `most` together."""
        self._most, self._weight = most, 0
        self._known: OrderedDict[bytes, tuple[_T, int]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: bytes) -> _T | None:
        """What is known of a text by its digest."""
        with self._lock:
            found = self._known.get(key)
            if found is None:
                return None
            self._known.move_to_end(key)
            return found[0]

    def keep(self, key: bytes, result: _T, weight: int) -> None:
        """Remember a result; what weighs more than all the room is not kept."""
        with self._lock:
            _, before = self._known.pop(key, (result, 0))
            self._known[key] = (result, weight)
            self._weight += weight - before
            while self._weight > self._most:
                _, (_, gone) = self._known.popitem(last=False)
                self._weight -= gone


def digest(*texts: str) -> bytes:
    """16 bytes that stand for some texts."""
    return hashlib.blake2b("\0".join(texts).encode("utf-8", "replace"), digest_size=16).digest()
