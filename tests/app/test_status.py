"""What the pages are told of the agent itself, while its tasks go on."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from agent.app.status import _waited


class Busy(dict[str, float]):
    """Tasks of which another begins while somebody looks at them."""

    def items(self) -> Iterator[tuple[str, float]]:  # type: ignore[override]  # as the event loop does it beside a page
        for name in self:
            self[f"{name}, again"] = 1.0
            yield name, self[name]


def test_tasks_that_begin_while_a_page_is_made_break_no_page() -> None:
    parts: Any = SimpleNamespace(busy=Busy(flush=0.0, status=5.0))
    assert _waited(parts) > 0
