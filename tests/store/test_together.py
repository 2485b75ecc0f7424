"""The store beside itself: other threads, other processes, a process that is killed, a reader that takes long."""

import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import migrations
from agent.model import seam
from agent.model.facts import Column, Sample, Sighting
from agent.model.flush import Delivered, Flush, WindowDelta
from agent.store import revisions
from agent.store.engine import Database, StoreError
from agent.store.store import Store, open_store, start_store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = seam.consumes(seam.topic("t", "c"), seam.group("g", "c"))
LAG = seam.group_on_topic(seam.topic("t", "c"), seam.group("g", "c"))
FAR = (NOON - timedelta(days=1), NOON + timedelta(days=1))


def window(at: datetime, count: int = 1) -> WindowDelta:
    return WindowDelta(KEY, at, (count,) + (0,) * (len(Column) - 1), {1: count})


def counted(store: Store) -> int:
    return store.sums(*FAR).get(KEY, (0,))[0]


FLUSHES = 40


def write(store: Store, writer: str) -> None:
    for sequence in range(1, FLUSHES + 1):
        at = NOON + timedelta(minutes=(sequence * 7) % 60)
        new = seam.publishes(seam.service(f"s{sequence}"), seam.topic("t", "c"))
        sighting = Sighting(new, at, {"service": writer})
        store.flush(Flush(writer, sequence - 1, sequence, (window(at),), (), (sighting,)))


def roll(store: Store, over: threading.Event) -> None:
    while not over.is_set():
        store.roll_up(NOON + timedelta(hours=1))


def test_two_stores_flush_while_a_third_rolls_up_and_nothing_is_lost_or_doubled(store: Store, url: str) -> None:
    stores = [open_store(url) for _ in range(2)]
    over = threading.Event()
    with ThreadPoolExecutor() as pool:
        rolling = pool.submit(roll, store, over)
        writing = [pool.submit(write, opened, f"w{number}") for number, opened in enumerate(stores)]
        seen = [counted(store)]
        while not all(one.done() for one in writing):
            seen.append(counted(store))
        over.set()
        for one in (rolling, *writing):
            one.result()
    for opened in stores:
        opened.close()
    assert seen == sorted(seen)
    assert counted(store) == 2 * FLUSHES
    while store.roll_up(NOON + timedelta(days=2)):
        pass
    assert counted(store) == 2 * FLUSHES
    assert len(store.seams()) == FLUSHES + 1


def test_samples_of_two_stores_that_take_turns_are_all_kept(store: Store, url: str) -> None:
    other = open_store(url)
    for number in range(8):
        turn = store if number % 2 else other
        turn.record([Sample(LAG, "lag", NOON + timedelta(seconds=15 * number), float(number))])
    other.close()
    assert store.series(LAG, "lag", *FAR).values == tuple(map(float, range(8)))


def test_a_flush_that_breaks_in_the_middle_leaves_nothing_and_can_be_told_again(store: Store) -> None:
    broken = Delivered(KEY, 0, "", NOON, (("x", 1),))  # type: ignore[arg-type]  # what breaks it
    with pytest.raises(TypeError):
        store.flush(Flush("w", 0, 1, (window(NOON),), (broken, Delivered(KEY, 0, "", NOON, ((1, 2),)))))
    assert (counted(store), store.writer_sequence("w"), store.seams()) == (0, 0, [])
    assert store.flush(Flush("w", 0, 1, (window(NOON),)))
    assert (counted(store), store.writer_sequence("w")) == (1, 1)


KILLED = """
import sys
from tests.store.test_together import Flush, NOON, open_store, window
store = open_store(sys.argv[1])
at = store.ensure_writer("w")
while True:
    store.flush(Flush("w", at, at + 1, tuple(window(NOON) for _ in range(3))))
    at += 1
    print(at, flush=True)
"""


def test_a_process_that_is_killed_has_flushed_whole_batches_only(store: Store, url: str) -> None:
    told = 0
    for life in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, url], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True
        )
        assert process.stdout is not None
        for _ in range(3 + life):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        process.wait()
        sequence = store.writer_sequence("w")
        assert sequence >= told
        assert counted(store) == 3 * sequence


def test_a_reader_that_takes_long_sees_one_instant_and_holds_nobody_up(store: Store) -> None:
    store.flush(Flush("w", 0, 1, (window(NOON),)))
    sql = "SELECT sum(count) FROM windows_1m"
    with store.database.read() as connection:
        before = connection.exec_driver_sql(sql).scalar()
        store.flush(Flush("w", 1, 2, (window(NOON),)))
        assert connection.exec_driver_sql(sql).scalar() == before == 1
    assert counted(store) == 2


@pytest.mark.parametrize("hostile", ["n" * 5000, "\U0001f600" * 512, "a\0b", "\ud800"])
def test_no_name_and_no_number_however_hostile_makes_a_flush_fail(store: Store, hostile: str) -> None:
    name = hostile.encode("utf-8", "replace").decode()
    key = seam.calls(seam.service(name), seam.route(name, name, name))
    huge = WindowDelta(key, NOON, tuple([2**70] * len(Column)), {3: 2**40})
    told = Sighting(key, NOON, {"note": name})
    for sequence in range(1, 4):
        delivered = Delivered(KEY, 0, hostile, NOON, ((1, 2),))
        store.flush(Flush("w", sequence - 1, sequence, (huge, window(NOON)), (delivered,), (told,)))
    while store.roll_up(NOON + timedelta(days=2)):
        pass
    assert store.sums(*FAR)[key][0] > 2**40
    assert counted(store) == 3
    store.touch_source(hostile, NOON, error=hostile)
    assert len(store.sources()) == 1


def test_a_filled_store_goes_down_and_up_again(store: Store, url: str) -> None:
    store.flush(Flush("w", 0, 1, (window(NOON),), (Delivered(KEY, 0, "", NOON, ((1, 2),)),)))
    store.record([Sample(LAG, "lag", NOON, 1.0)])
    store.close()
    database = Database(url)
    for _ in range(2):
        revisions.downgrade(database, "base")
        assert revisions.revision(database) is None
        revisions.upgrade(database)
        assert revisions.revision(database) == revisions.newest()
    with pytest.raises(StoreError, match="Cannot change the schema"):
        revisions.downgrade(database, "0815")
    database.close()
    opened = open_store(url, create=False)
    assert counted(opened) == 0
    opened.close()


def test_the_migrations_make_the_tables_that_the_code_uses(url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from agent.store.schema import metadata

    database = Database(url)
    revisions.upgrade(database)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def _tables(database: Database) -> list[tuple[object, ...]]:
    """What an engine says of every table, column, default and index."""
    if database.sqlite:
        sql = "SELECT type, name, tbl_name, replace(sql, char(34), '') FROM sqlite_master ORDER BY type, name"
    else:
        sql = (
            "SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default, "
            "character_maximum_length FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
        )
    with database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def test_a_new_store_is_the_one_that_the_migrations_make(url: str) -> None:
    made = Database(url)
    revisions.check(made, make=True)
    found = _tables(made)
    revisions.downgrade(made, "base")
    revisions.upgrade(made)
    assert _tables(made) == found
    made.close()


def test_the_code_knows_every_migration() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", next(iter(migrations.__path__)))
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(known) == revisions.REVISIONS


def test_opening_a_store_loads_no_migration_tool(tmp_path: Path) -> None:
    code = f"from agent.store.store import open_store; open_store('sqlite:///{tmp_path}/a.db')"
    code += "; import sys; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_store_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no store at"):
        open_store(f"sqlite:///{tmp_path / 'none.db'}", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_page_is_told_when_the_store_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    opened = open_store(f"sqlite:///{path}")
    opened.record(
        [Sample(seam.group_on_topic(seam.topic(f"t{n}"), seam.group("g")), "lag", NOON, 1.0) for n in range(900)]
    )
    opened.close()
    with path.open("r+b") as file:
        file.seek(-4096 * 8, os.SEEK_END)
        file.write(b"\xff" * 4096 * 8)
    with pytest.raises(StoreError, match=r"Cannot open the store .* The file is damaged") as problem:
        open_store(f"sqlite:///{path}")
    told = str(problem.value)
    assert re.search(r"store\.db \([^*]*[Pp]age \d+: \w[^*]*\)\. The file", told), "the cause, not the database's name"
    assert told.partition(" The file is damaged.")[0].count("; ") == 1, "two lines of many"
    anew, said = start_store(f"sqlite:///{path}", NOON)
    anew.close()
    cause, aside, then = said.splitlines()
    assert cause == told.partition(" The file is damaged.")[0]
    [there] = tmp_path.glob("store.db.damaged-*")
    assert aside == f"It was set aside as {there}; history before {NOON:%-d %b, %H:%M} UTC is there."
    assert then.startswith("A new store is in its place: what the journal holds goes into it")
    whole, said = start_store(f"sqlite:///{path}", NOON)
    whole.close()
    assert said == ""
