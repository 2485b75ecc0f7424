"""What a source takes from the store before it looks: once, and later where the store does not tell it now."""

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from agent.store.engine import StoreError, StoreProblem

log = logging.getLogger(__name__)

_Memory = TypeVar("_Memory")


class Recall(Generic[_Memory]):
    """Takes back what was known before the start. No look waits for it, or fails with it."""

    def __init__(self, source: str, memory: _Memory | None, take: Callable[[_Memory], None]) -> None:
        """`take` is given the memory, and takes all of it or raises."""
        self._source, self._memory, self._take = source, memory, take

    @property
    def done(self) -> bool:
        """Nothing is left to be taken back."""
        return self._memory is None

    def try_now(self) -> None:
        """Take it back, if that is not done; where the store does not tell it, it is asked the next time."""
        if self._memory is None:
            return
        try:
            self._take(self._memory)
        except (StoreError, StoreProblem, OSError) as problem:
            log.debug("not recalled", extra={"fields": {"source": self._source, "why": str(problem)}})
        else:
            self._memory = None
