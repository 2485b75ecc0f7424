"""Keeps glibc's allocator small: one arena for all threads, and bursts given back. Elsewhere it does nothing.

Measured at 5,000 seams: an arena a thread holds what one round or one page took for ever, 40 to 90 MB.
"""

import ctypes
import sys
from functools import lru_cache
from typing import Any

_M_ARENA_MAX = -8  #: of mallopt(3)


@lru_cache(maxsize=1)
def _glibc() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def one_arena() -> None:
    """All threads share one arena. Call it before the first thread starts."""
    if (library := _glibc()) is not None:
        library.mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Hand free memory back to the system; takes milliseconds."""
    if (library := _glibc()) is not None:
        library.malloc_trim(0)
