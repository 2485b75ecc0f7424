"""Where nothing comes any more, what waits for spans is decided all the same: by age, and in the journal."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.app.inputs import Sent, find
from agent.ingest.aggregator import Aggregator
from agent.ingest.intake import Intake
from agent.ingest.journal import Journal
from agent.model.facts import Column
from collectors.otlp.decode import Decoder

CAPTURES = Path(__file__).parents[1] / "captures" / "otlp"


async def watched(capture: str, folder: Path) -> tuple[list[int], int]:
    """Cut-off deliveries told minute by minute after the last span of a capture, and how many a restart finds."""
    spans = Decoder()
    now = [datetime.fromtimestamp(0, tz=UTC)]
    journal = Journal(folder / "journal.db", reserve_bytes=1 << 16)
    journal.open(0)
    intake = Intake(Aggregator(spans.shapes), journal, lambda: now[0])
    running = asyncio.create_task(intake.run())
    for one in find([CAPTURES / capture]).happened():
        if isinstance(one.what, Sent) and (columns := one.what.columns(spans)) is not None:
            now[0] = one.at
            await intake.submit(columns)
    told = []
    for _ in range(4):
        now[0] += timedelta(minutes=1)
        intake.age()
        await asyncio.sleep(0.05)
        await intake.quiet()
        flush = intake.drain("w", 0)
        told.append(sum(window.values[Column.INTERRUPTED] for window in flush.windows))
    await intake.stop()
    await running
    journal.close()
    again, restarted = Journal(folder / "journal.db", reserve_bytes=1 << 16), Aggregator(spans.shapes)
    for _, record in again.open(0).records:
        restarted.restore(record)
    again.close()
    flush = restarted.drain("w", 0, 1)
    return told, sum(window.values[Column.INTERRUPTED] for window in flush.windows)


@pytest.mark.parametrize(("capture", "cut"), [("py-duplicate", 1), ("py-healthy", 0), ("py-retry-storm", 0)])
def test_a_delivery_that_died_is_told_though_nothing_comes_after(capture: str, cut: int, tmp_path: Path) -> None:
    told, restarted = asyncio.run(watched(capture, tmp_path))
    assert sum(told) == restarted == cut
    assert not any(told[2:]), "told within two minutes"
