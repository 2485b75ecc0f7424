"""What crosses in the first minutes after attaching is there at the next look: none waits for its minute to close."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import rules
from agent.engine.catalogue import discover
from agent.model.facts import Column
from agent.model.flush import Flush, WindowDelta
from agent.model.seam import consumes, group, topic
from agent.store.store import Store, open_store
from agent.web import site
from agent.web.status import Status

pytestmark = pytest.mark.slow

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SEAM = consumes(topic("orders", "c"), group("billing", "c"))
RULES = discover(rules)


class Screens:
    """The screens over one store, at times that a test tells."""

    def __init__(self, store: Store) -> None:
        self._store, self.now, self._sequence = store, NOON, 0
        store.ensure_writer("w")
        store.attach(NOON)
        self._client = TestClient(
            site(
                store,
                RULES,
                clock=lambda: self.now,
                status=lambda: Status("1", NOON),
                metrics=lambda _accept: (b"", "text/plain"),
            ),
            base_url="http://127.0.0.1:8740",
        )

    def crossed(self, seconds: float, count: int) -> None:
        """So many crossings of 20 ms in the minute of a time after noon, in the store right then."""
        self.now = NOON + timedelta(seconds=seconds)
        values = [0] * len(Column)
        values[Column.COUNT], values[Column.DURATION_US] = count, 20_000 * count
        window = WindowDelta(SEAM, self.now.replace(second=0, microsecond=0), tuple(values), {40: count})
        self._sequence += 1
        self._store.flush(Flush("w", self._sequence - 1, self._sequence, (window,), drained=self.now))

    def at(self, seconds: float, path: str) -> Any:
        """A path at a time after noon: JSON, or a page's text."""
        self.now = NOON + timedelta(seconds=seconds)
        self._client.get(path)  # where only a stale reading is kept, it is read anew for the next look
        self._client.app.state.refresh()  # type: ignore[attr-defined]  # ours
        told = self._client.get(path)
        assert told.status_code == 200
        return told.json() if path.startswith("/api") else told.text


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    store = open_store(f"sqlite:///{tmp_path / 's.db'}")
    yield Screens(store)
    store.close()


@pytest.mark.parametrize("crossed", [1.0, 30.0, 59.9, 60.0, 100.0])
@pytest.mark.parametrize("later", [1.0, 15.0, 70.0])
def test_a_seam_is_as_old_as_its_last_crossing_and_its_crossings_count(
    screens: Screens, crossed: float, later: float
) -> None:
    screens.crossed(crossed, 7)
    [seam] = screens.at(crossed + later, "/api/v1/seams")
    assert seam["day"]["count"] == 7
    assert datetime.fromisoformat(seam["last_seen"]) == NOON + timedelta(seconds=crossed)
    assert datetime.fromisoformat(seam["first_seen"]) <= NOON + timedelta(seconds=crossed)


def test_the_day_is_a_day_with_the_minute_that_is_open(screens: Screens) -> None:
    for seconds in (0.0, 60.0, 86_400.0, 86_459.0, 86_460.0):
        screens.crossed(seconds, 1)
    assert [seam["day"]["count"] for seam in screens.at(86_401.0, "/api/v1/seams")] == [3]
    assert [seam["day"]["count"] for seam in screens.at(86_461.0, "/api/v1/seams")] == [3]


def test_no_page_says_that_nothing_crossed_while_something_does(screens: Screens) -> None:
    screens.crossed(5.0, 30)
    [seam] = screens.at(6.0, "/api/v1/seams")
    row, page = screens.at(6.0, "/seams"), screens.at(6.0, f"/seams/{seam['id']}")
    assert ">30/min<" in row
    assert ">20 ms<" in row
    assert "not seen" not in row
    assert "Nothing was seen to cross" not in page
    assert "There is too little to draw a curve" in page
    assert [w["values"][Column.COUNT] for w in screens.at(6.0, f"/api/v1/seams/{seam['id']}")["windows"]] == [30]


def test_a_curve_does_not_fall_with_the_minute_that_is_open(screens: Screens) -> None:
    for minute in range(5):
        screens.crossed(60.0 * minute, 60)
    screens.crossed(301.0, 1)
    [seam] = screens.at(302.0, "/api/v1/seams")
    assert seam["day"]["count"] == 301
    page = screens.at(302.0, f"/seams/{seam['id']}?range=1h")
    assert ">1/s<" in page  # the last point of the curve, in words
    assert ">1/min<" not in page


@pytest.mark.parametrize(("range_", "apart"), [("1h", 60), ("3h", 60), ("24h", 600)])
def test_a_curve_does_not_fall_with_a_longer_stretch_that_is_open(screens: Screens, range_: str, apart: int) -> None:
    for minute in range(0, 245, 5):
        screens.crossed(60.0 * minute, 300)
    [seam] = screens.at(60.0 * 245, "/api/v1/seams")
    page = screens.at(60.0 * 245, f"/seams/{seam['id']}?range={range_}")
    windows = screens.at(60.0 * 245, f"/api/v1/seams/{seam['id']}?range={range_}")["windows"]
    assert {window["tier"] for window in windows} == {{60: "1m", 600: "10m"}[apart]}
    [last, *_] = re.findall(r'<tspan class="val">([^<]*)<', page)
    assert last == {60: "5/s", 600: "1/s"}[apart], "as fast as in the stretches that are over"
    assert windows[-1]["values"][Column.COUNT] == 300, "the API has the open one"


def test_where_nothing_crossed_the_page_still_says_so(screens: Screens) -> None:
    screens.crossed(5.0, 30)
    [seam] = screens.at(6.0, "/api/v1/seams")
    page = screens.at(2 * 86_400.0, f"/seams/{seam['id']}?range=1h")
    assert "Nothing was seen to cross in this range." in page
