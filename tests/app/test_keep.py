"""What the sources that are asked show, kept in a file: one that hangs or fails keeps no other from it."""

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from agent.app.keep import keep
from agent.model.pull import Cost, NotSeenError, Seen


class Source:
    """Answers as it is told: with a line, not at all, or with a failure."""

    kind, every = "kafka", timedelta(seconds=0.05)

    def __init__(self, name: str, does: str = "answers") -> None:
        self.name, self.does, self.cost = name, does, Cost()
        self.free, self.closed = threading.Event(), threading.Event()

    def look(self) -> Seen:
        if self.does == "hangs":
            self.free.wait(60)
        if self.does == "refuses":
            raise NotSeenError("refused")
        if self.does == "breaks":
            raise ValueError("broken")
        return None  # type: ignore[return-value]  # of a look its line is used

    def line(self) -> dict[str, Any] | None:
        return {"name": self.name}

    def retell(self) -> None: ...

    def close(self) -> None:
        self.closed.set()


def names(path: Path) -> list[str]:
    return [orjson.loads(line)["name"] for line in path.read_bytes().splitlines()]


def test_a_source_that_hangs_keeps_no_other_waiting_and_outruns_no_end(tmp_path: Path) -> None:
    said: list[str] = []
    quick, slow, away = Source("quick"), Source("slow", "hangs"), Source("away", "refuses")
    path, began = tmp_path / "looks.ndjson", time.monotonic()
    kept = keep([slow, quick, away], path, seconds=1.0, stop=threading.Event(), every=None, told=said.append)
    assert time.monotonic() - began < 30, "it hangs for a minute"
    assert kept.lines == len(names(path)) > 5
    assert set(names(path)) == {"quick"}
    assert kept.failed == {"kafka/slow": "did not answer before the end", "kafka/away": "refused"}
    assert said == ["kafka/away: refused"], "once"
    assert quick.closed.is_set()
    slow.does = "answers"
    slow.free.set()
    assert slow.closed.wait(10)
    assert len(names(path)) == kept.lines, "who is late writes nothing"


def test_what_breaks_ends_it_and_is_raised(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"):
        keep([Source("quick"), Source("bad", "breaks")], tmp_path / "x", seconds=30, stop=threading.Event(), every=None,
             told=lambda _: None)  # fmt: skip


def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    kept = keep([Source("quick")], tmp_path / "x", seconds=600, stop=stop, every=None, told=lambda _: None)
    assert kept.lines > 1
