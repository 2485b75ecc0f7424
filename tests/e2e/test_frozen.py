"""The agent beside a PostgreSQL that is frozen: no page hangs, spans are taken, and all is well once it goes on."""

import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path

import psycopg
import pytest

from tests.bench.payload import request
from tests.e2e.commands import seamwatch
from tests.e2e.test_agent import Running, wait
from tests.freezing import frozen

pytestmark = [pytest.mark.slow, pytest.mark.real]
LONG = 60.0  #: seconds; many deadlines of a page
READ = ("/rules", "/api/v1/rules", "/api/v1/findings", "/findings/none", "/api/v1/findings/none")
KEPT = ("/", "/seams", "/collectors", "/api/v1/now", "/api/v1/collectors")
SILENT = re.compile(r"^not ready: .*store (has not answered for \d+ s|did not answer during \w+)")
FULL = {"max_bytes": 300_000, "reserve_bytes": 65_536}


@pytest.fixture
def agent(tmp_path: Path, postgres_url: str) -> Iterator[Running]:
    running = Running(tmp_path, store={"url": postgres_url}, journal=FULL)
    running.replay("py-healthy")
    wait(lambda: running.total() > 0, running.process)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()


def answer(url: str, body: bytes | None = None, seconds: float = LONG) -> tuple[int, Message, str]:
    """The code, the head and the text of an answer; fails where none comes."""
    headers = {"Content-Type": "application/x-protobuf"} if body else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=seconds) as got:
            return got.status, got.headers, got.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as got:
        return got.code, got.headers, got.read().decode()


def page(agent: Running, path: str, seconds: float = LONG) -> tuple[int, Message, str]:
    return answer(f"http://127.0.0.1:{agent.web}{path}", None, seconds)


def send(agent: Running, seed: int) -> int:
    return answer(f"http://127.0.0.1:{agent.otlp}/v1/traces", request(seed))[0]


def well(agent: Running) -> bool:
    good = {path: 404 if "none" in path else 200 for path in (*READ, *KEPT, "/readyz")}
    return {path: page(agent, path)[0] for path in good} == good


def test_no_page_hangs_probes_answer_beside_them_and_all_is_well_again_when_the_server_goes_on(
    agent: Running, postgres_url: str
) -> None:
    assert well(agent)
    seam = f"/seams/{agent.json('/api/v1/seams')[0]['id']}"
    assert page(agent, seam)[0] == 200
    with frozen(postgres_url), ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(page, agent, path) for path in (*READ, *KEPT, seam) * 10]
        while not all(one.done() for one in asked):
            assert page(agent, "/healthz", 5)[0] == 200
            assert page(agent, "/readyz", 5)[0] in (200, 503)
            assert "seamwatch_received_total" in page(agent, "/metrics", 5)[2]
        assert {one.result()[0] for one in asked} <= {200, 503}
        code, head, text = page(agent, "/api/v1/rules")
        assert (code, head["retry-after"], head["content-type"]) == (503, "5", "application/json")
        assert '{"error":"store unreachable","what":"The store at postgresql' in text
        assert "Check that its server runs and can be reached; pages are back once it answers." in text
        code, head, text = page(agent, seam)
        assert (code, head["retry-after"], "This is the last page known." in text) == (503, "5", True)
        assert send(agent, 1) == 200, "the journal takes it"
        wait(lambda: SILENT.search(page(agent, "/readyz")[2]) is not None, agent.process, LONG)
        log = (agent.folder / "log").read_text()
        assert "store did not answer" in log or "store has not answered yet" in log
    wait(lambda: well(agent), agent.process, LONG)
    before = agent.total()
    assert send(agent, 2) == 200
    wait(lambda: agent.total() > before, agent.process, LONG)


def test_a_journal_that_is_full_meanwhile_refuses_spans_until_the_server_goes_on(
    agent: Running, postgres_url: str
) -> None:
    with frozen(postgres_url):
        seed = 1
        while (code := send(agent, seed)) == 200:
            seed += 1
        assert code == 503
        assert "spans are refused: the store is too far behind" in page(agent, "/readyz")[2]
    wait(lambda: send(agent, seed) == 200, agent.process, LONG)
    wait(lambda: well(agent), agent.process, LONG)


def test_a_stop_does_not_wait_for_it_and_nothing_is_lost(agent: Running, postgres_url: str) -> None:
    before = agent.total()
    with frozen(postgres_url):
        assert send(agent, 1) == 200
        time.sleep(1)  # a flush waits by now
        agent.process.send_signal(signal.SIGINT)
        assert agent.process.wait(timeout=30) == 0
        assert "store did not take the last flush; the journal keeps it" in (agent.folder / "log").read_text()
    agent.process = agent.start()
    wait(lambda: agent.total() > before, agent.process, LONG)


def test_a_start_beside_it_ends_and_says_what_to_check(agent: Running, postgres_url: str) -> None:
    agent.process.send_signal(signal.SIGINT)
    agent.process.wait(timeout=30)
    with frozen(postgres_url):
        done = seamwatch("run", cwd=agent.folder, timeout=LONG)
    assert done.returncode == 3
    assert "Cannot open the store at postgresql" in done.stderr
    assert "Check that the server runs, and the address and user in store.url." in done.stderr


def test_a_server_that_is_only_slow_is_waited_for(agent: Running, postgres_url: str) -> None:
    tables = ("verdicts", "findings", "windows_1m")
    for table in tables:
        with psycopg.connect(postgres_url) as holder, ThreadPoolExecutor(8) as pool:
            holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
            asked = [pool.submit(page, agent, path) for path in READ]
            time.sleep(1)
            holder.rollback()
            assert {one.result()[0] for one in asked} <= {200, 404}
    assert page(agent, "/readyz")[0] == 200
