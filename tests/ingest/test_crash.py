"""kill -9 at random moments under load: nothing acknowledged is lost, nothing is counted twice."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.ingest.intake import digest_of
from tests.bench.payload import SPANS, request
from tests.ingest.test_journal import AT, Engine, rebuilt

KILLS = 25

_CHILD = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from agent.ingest.intake import Intake
from tests.bench.payload import request
from tests.ingest.test_journal import AT, rebuilt

path, first = Path(sys.argv[1]), int(sys.argv[2])

async def main():
    engine, journal = rebuilt(path)
    intake = Intake(engine.aggregator, journal, lambda: AT, commit_seconds=0.001)
    running = asyncio.create_task(intake.run())
    async def one(seed):
        await intake.submit(engine.columns(seed))
        print(seed, flush=True)
    seed = first
    while True:
        await asyncio.gather(*(one(seed + n) for n in range(4)))
        seed += 4

asyncio.run(main())
"""


def counted(path: Path) -> dict[str, int]:
    engine, journal = rebuilt(path)
    counts = engine.counts()
    journal.close()
    return counts


def expected(seeds: set[int]) -> dict[str, int]:
    engine = Engine()
    for seed in sorted(seeds):
        engine.aggregator.take(engine.aggregator.fold(engine.decoder.decode(request(seed)), AT))
    return engine.counts()


def crossings(counts: dict[str, int], kind: str) -> int:
    return sum(count for key, count in counts.items() if key.startswith(kind))


@pytest.mark.slow
def test_no_acknowledged_span_is_missing_and_none_is_counted_twice(tmp_path: Path) -> None:
    path, dice = tmp_path / "journal.db", random.Random(5)
    acknowledged: set[int] = set()
    first = 0
    for _ in range(KILLS):
        command = [sys.executable, "-c", _CHILD, str(path), str(first)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        assert child.stdout is not None
        told = [int(child.stdout.readline())]
        time.sleep(dice.uniform(0.0, 0.25))
        child.kill()
        told += [int(line) for line in child.stdout.read().split()]
        child.wait()
        child.stdout.close()
        acknowledged |= set(told)
        counts = counted(path)
        # Every request is 160 queries, each a write seam of its own: they need no pair, so they count at once.
        assert crossings(counts, "writes") % (SPANS // 5) == 0, "a request was kept in part"
        kept = crossings(counts, "writes") // (SPANS // 5)
        assert len(acknowledged) <= kept
        first = max(told) + 8
    assert len(acknowledged) > KILLS
    engine, journal = rebuilt(path)
    for seed in sorted(acknowledged):  # what was acknowledged is sent once more: by the digests it is known
        columns = engine.columns(seed)
        assert journal._connection is not None
        found = journal._connection.execute("SELECT 1 FROM digests WHERE digest = ?", (digest_of(columns),)).fetchone()
        assert found is not None, f"request {seed} was acknowledged and is not known"
    journal.close()


def test_the_control_loses_what_is_not_journalled(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    engine, journal = rebuilt(path)
    record = engine.record(1)
    engine.aggregator.take(record)  # folded, counted, never appended
    journal.close()
    assert engine.counts() == expected({1})
    assert counted(path) == {}
