"""When a seam was seen last: by spans up to the drain that brought them, by recordings up to the last look."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.model import seam
from agent.model.facts import Column, Sighting
from agent.model.flush import Flush, WindowDelta
from agent.store.store import Store

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = seam.consumes(seam.topic("t", "c"), seam.group("g", "c"))
WINDOW = (1,) + (0,) * (len(Column) - 1)


def seen(store: Store) -> tuple[float, float]:
    """Seconds after noon at which the one seam was seen first and last."""
    [row] = store.seams()
    return (row.first_seen - NOON).total_seconds(), (row.last_seen - NOON).total_seconds()


@pytest.mark.parametrize(
    ("minute", "drained", "last"),
    [
        (0, 1.0, 1.0),  # a second ago
        (0, 59.5, 59.5),
        (0, 65.0, 60.0),  # the minute was over by then
        (0, 3_600.0, 60.0),  # one that came late, or the first drain of a replay
        (2, 60.0, 120.0),  # its clock is ahead
        (0, None, 0.0),  # who drained does not say when
    ],
)
def test_a_window_reaches_to_its_end_or_to_the_drain(
    minute: int, drained: float | None, last: float, store: Store
) -> None:
    store.ensure_writer("w")
    window = WindowDelta(KEY, NOON + timedelta(minutes=minute), WINDOW)
    until = None if drained is None else NOON + timedelta(seconds=drained)
    store.flush(Flush("w", 0, 1, (window,), drained=until))
    assert seen(store) == (60.0 * minute, last)


def test_a_late_window_never_makes_a_seam_look_older(store: Store) -> None:
    store.ensure_writer("w")
    for number, minute in enumerate((10, 3)):
        drained = NOON + timedelta(minutes=10, seconds=30 + number)
        store.flush(
            Flush(
                "w", number, number + 1, (WindowDelta(KEY, NOON + timedelta(minutes=minute), WINDOW),), drained=drained
            )
        )
    assert seen(store) == (180.0, 630.0)


def test_a_seam_that_each_look_tells_of_alike_is_as_old_as_the_last_look(store: Store) -> None:
    for seconds in (0, 30, 60, 90):
        at = NOON + timedelta(seconds=seconds)
        store.record(sightings=[Sighting(KEY, at, {"clients": "a"}), Sighting(KEY, at - timedelta(seconds=1))])
        assert seen(store) == (-1.0, float(seconds))
    store.record(sightings=[Sighting(KEY, NOON - timedelta(hours=1), {"clients": "a"})])
    assert seen(store) == (-3_600.0, 90.0)
