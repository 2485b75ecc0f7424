"""One thread beside the event loop, for requests that would keep all others waiting."""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

_T = TypeVar("_T")


class Aside:
    """Does one thing after the other in a thread of its own, which no exit waits for: who was not answered asks again.

    The thread begins with the first thing to do.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def do(self, work: Callable[[], _T]) -> _T:
        """What `work` returns or raises. Who is cancelled while he waits for his turn has nothing done."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="aside", daemon=True)
            self._thread.start()
        done: Future[_T] = Future()
        self._jobs.put((done, work))
        try:
            return await asyncio.wrap_future(done)
        finally:
            del done, work  # what was raised holds this frame, which must not hold it: it would stay until a collection

    def _run(self) -> None:
        while True:
            _one(*self._jobs.get())


def _one(done: "Future[Any]", work: Callable[[], Any]) -> None:
    """Nothing of a job outlives it here: it may hold a body of megabytes."""
    if not done.set_running_or_notify_cancel():
        return
    try:
        found = work()
    except Exception as problem:  # noqa: BLE001  # it is raised where the result is waited for
        done.set_exception(problem)
    else:
        done.set_result(found)
    finally:
        del done, work  # for the same reason
