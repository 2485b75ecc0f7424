"""Where the search for cyclic garbage is paused: what makes a million objects without a cycle."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_within = [0, False]  #: how many pauses are under way, in all threads; and whether the search was on before the first


@contextmanager
def unsearched() -> Iterator[None]:
    """No search within: each would walk all that is being made, and find nothing.

    Pauses of several threads may overlap: the search goes on after the last of them.
    """
    with _lock:
        if not _within[0]:
            _within[1] = gc.isenabled()
            gc.disable()
        _within[0] += 1
    try:
        yield
    finally:
        with _lock:
            _within[0] -= 1
            if not _within[0] and _within[1]:
                gc.enable()
