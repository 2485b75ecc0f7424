"""Memory: glibc's allocator kept small (elsewhere nothing is done), and the search for garbage kept out of the way.

Measured at 5,000 seams: an arena a thread holds what one round or one page took for ever, 40 to 90 MB. Of a span's CPU
time the search for cycles was 6 %: what is imported was walked again and again, and so were each request's tuples.
"""

import ctypes
import gc
import sys
from functools import lru_cache
from typing import Any

_M_ARENA_MAX = -8  #: of mallopt(3)
_YOUNG = 10_000  #: objects made between two looks for cycles; a request of 800 spans makes a thousand and drops them


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


def settled() -> None:
    """What is there now stays: it is never searched for garbage again, and what comes is searched less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
