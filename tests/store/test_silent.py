"""A PostgreSQL that is frozen is left in time, told at once to all but one, and asked again once it goes on."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from agent.store import postgresql
from agent.store.engine import StoreProblem
from agent.store.patience import SilentError, within
from agent.store.store import Store, open_store
from tests.freezing import frozen

pytestmark = pytest.mark.real
DEADLINE = 1.0  #: seconds
LONG = 20.0  #: many deadlines, and less than any wait that has none


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    opened = open_store(postgres_url)
    yield opened
    opened.close()


def asked(store: Store, seconds: float = DEADLINE) -> str:
    """What became of a read with a deadline: an answer, a deadline that was waited for, or what was told at once."""
    try:
        with within(seconds):
            store.sources()
    except SilentError:
        return "told"
    except StoreProblem:
        return "waited"
    return "answered"


def slept(store: Store, query: float) -> float:
    """A query that takes long, in seconds."""
    with store.database.read() as connection:
        return float(connection.exec_driver_sql(f"SELECT 1.0 FROM pg_sleep({query})").scalar_one())


def test_a_read_of_a_frozen_server_ends_with_its_deadline_and_the_next_is_answered(
    store: Store, postgres_url: str
) -> None:
    assert asked(store) == "answered"
    with frozen(postgres_url):
        began = time.monotonic()
        assert asked(store) == "waited", "on the connection that there was"
        assert asked(store) == "waited", "on a new one"
        assert time.monotonic() - began < LONG
    assert asked(store, LONG) == "answered"


def test_a_deadline_counts_for_all_reads_together(store: Store, postgres_url: str) -> None:
    with within(LONG):
        assert [slept(store, 0.1) for _ in range(3)] == [1.0] * 3
    with within(0.5), pytest.raises(StoreProblem):
        sum(slept(store, 0.1) for _ in range(100))


def test_a_server_that_is_only_slow_is_not_refused(store: Store) -> None:
    with within(LONG):
        assert slept(store, 1.5) == 1.0


def test_a_query_beyond_its_deadline_is_ended_by_the_server_and_the_line_stays_good(store: Store) -> None:
    with within(6 * DEADLINE), pytest.raises(OperationalError, match="statement timeout"):
        slept(store, 600)
    assert asked(store) == "answered"


def test_many_that_ask_a_frozen_server_all_end_and_then_only_one_at_a_time_waits(
    store: Store, postgres_url: str
) -> None:
    with frozen(postgres_url), ThreadPoolExecutor(40) as pool:
        began = time.monotonic()
        assert "answered" not in set(pool.map(lambda _: asked(store), range(40)))
        assert time.monotonic() - began < LONG
        found = list(pool.map(lambda _: asked(store), range(40)))
        assert "answered" not in found
        assert found.count("told") > 30
    assert asked(store, LONG) == "answered"


def test_who_gives_no_deadline_waits_and_is_answered_when_the_server_goes_on(store: Store, postgres_url: str) -> None:
    store.sources()
    with ThreadPoolExecutor(1) as pool:
        with frozen(postgres_url):
            late = pool.submit(store.sources)
            assert asked(store) == "waited"
            assert not late.done()
        assert late.result(LONG) == []
    assert asked(store, LONG) == "answered"


def test_nobody_waits_for_ever(store: Store, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "SILENCE", DEADLINE)

    def freeze(_connection: object) -> None:
        kept.enter_context(frozen(postgres_url))

    with ExitStack() as kept:
        event.listen(store.database.engine, "begin", freeze)
        with pytest.raises(OperationalError, match="no answer within 1 s"):
            slept(store, 0)
        event.remove(store.database.engine, "begin", freeze)
    assert slept(store, 0) == 1.0


def test_a_write_with_a_deadline_waits_no_longer_for_a_write_that_gets_no_answer(
    store: Store, postgres_url: str
) -> None:
    inside, go = threading.Event(), threading.Event()

    def hold() -> None:
        with store.database.write():
            inside.set()
            go.wait(LONG)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(hold)
        inside.wait()
        began = time.monotonic()
        with within(DEADLINE), pytest.raises(SilentError, match="another write"):
            store.set_meta("a", "b")
        assert time.monotonic() - began < LONG
        go.set()
        first.result()
    with within(LONG):
        store.set_meta("a", "b")
    assert store.meta("a") == "b"
