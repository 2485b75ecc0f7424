"""`make bench`: ratios in one run, medians of three. Prints the bars beside what was measured."""

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.app.wiring import catalogue
from agent.engine.round import Rounds
from agent.ingest.aggregator import Aggregator
from agent.model.declared import Declarations
from agent.store.store import Store, open_store
from collectors.otlp.decode import Decoder
from tests.bench import kafka, pages
from tests.bench.naive import Naive
from tests.bench.payload import SPANS, START_NS, request

REQUESTS, CONNECTIONS = 192, 16
VARIANTS = 1_250  #: of four seams each
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mb(pid: int) -> float:
    """Resident memory of a process, MB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def naive(bodies: list[bytes]) -> float:
    """Spans a CPU-second of the naive walk."""
    peer = Naive(START_NS)
    for body in bodies[:8]:
        peer.take(body)
    started = time.process_time()
    spans = sum(peer.take(body) for body in bodies[8:])
    return spans / (time.process_time() - started)


class Agent:
    """The agent as a process on loopback."""

    def __init__(self, folder: Path) -> None:
        self.otlp, self.web, self.refused = 23_418, 23_740, 0
        environ = {
            **os.environ,
            "SEAMWATCH_DATA_DIR": str(folder / "data"),
            "SEAMWATCH_LISTEN__OTLP": f"127.0.0.1:{self.otlp}",
            "SEAMWATCH_LISTEN__WEB": f"127.0.0.1:{self.web}",
            "SEAMWATCH_LOG__LEVEL": "warning",
        }
        self.process = subprocess.Popen([sys.executable, "-m", "agent", "run"], env=environ, stdout=subprocess.DEVNULL)
        for _ in range(200):
            if self.process.poll() is not None:
                message = f"the agent left with {self.process.returncode}"
                raise SystemExit(message)
            try:
                self.get("/readyz")
            except OSError:
                time.sleep(0.1)
            else:
                return
        message = "the agent did not start"
        raise SystemExit(message)

    def get(self, path: str) -> bytes:
        """One page."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}{path}", timeout=30) as answer:
            return bytes(answer.read())

    def send(self, bodies: list[bytes]) -> float:
        """Send bodies over several connections; spans a CPU-second of the agent."""
        before = cpu_seconds(self.process.pid)
        threads = [threading.Thread(target=self._send, args=(bodies[n::CONNECTIONS],)) for n in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.refused:
            message = f"the agent refused {self.refused} requests"
            raise SystemExit(message)
        return len(bodies) * SPANS / max(0.01, cpu_seconds(self.process.pid) - before)

    def _send(self, bodies: list[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.otlp, timeout=60)
        for body in bodies:
            connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            answer = connection.getresponse()
            answer.read()
            self.refused += answer.status != 200
        connection.close()

    def stop(self) -> None:
        """Stop it cleanly."""
        self.process.terminate()
        self.process.wait(timeout=60)


def now_ns() -> int:
    """The clock on the wall."""
    return time.time_ns() - 60_000_000_000


def throughput(folder: Path) -> tuple[float, float]:
    """Spans a CPU-second: ours over HTTP to a durable acknowledgement, and the naive walk's.

    Three times in turn, and the pair with the median ratio: a machine that is slow for a while is slow for both.
    """
    agent = Agent(folder)
    seeds = iter(range(1_000_000))
    try:
        agent.send([request(next(seeds), start_ns=now_ns()) for _ in range(16)])
        pairs = [
            (
                agent.send([request(next(seeds), start_ns=now_ns()) for _ in range(REQUESTS)]),
                naive([request(seed) for seed in range(68)]),
            )
            for _ in range(3)
        ]
    finally:
        agent.stop()
    return sorted(pairs, key=lambda pair: pair[0] / pair[1])[1]


def filled(folder: Path) -> Store:
    """A store with 5,000 live seams over a week of roll-ups."""
    store = open_store(f"sqlite:///{folder / 'bench.db'}")
    store.ensure_writer("bench")
    spans = Decoder()
    aggregator = Aggregator(spans.shapes, per_service=10_000)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for hour in range(6):
        at = now - timedelta(hours=6 - hour)
        for seed in range(12):
            body = request(hour * 100 + seed, start_ns=int(at.timestamp() * 1e9), seams=VARIANTS)
            aggregator.take(aggregator.fold(spans.decode(body), at + timedelta(minutes=2)))
        store.flush(aggregator.drain("bench", hour, hour + 1))
    store.attach(now - timedelta(days=7))
    while store.roll_up(now):
        pass
    return store


def round_seconds(store: Store) -> tuple[int, float]:
    """CPU-seconds of a round, the median of three, and over how many seams."""
    rounds = Rounds(store, catalogue(), Declarations())
    rounds.run(datetime.now(UTC))
    return len(store.seams()), statistics.median(rounds.run(datetime.now(UTC)).seconds for _ in range(3))


def live(folder: Path) -> tuple[int, float, float]:
    """Live seams, RSS in MB and the page p99 in ms of an agent that holds them."""
    agent = Agent(folder)
    try:
        return _live(agent)
    finally:
        agent.stop()


def _live(agent: Agent) -> tuple[int, float, float]:
    """5,000 live seams, some with findings; two rounds pass, then every kind of page is looked at again and again."""
    agent.send([request(seed, start_ns=now_ns(), seams=VARIANTS) for seed in range(64)])
    agent.send(
        [request(seed, start_ns=now_ns(), seams=VARIANTS, redelivered=True) for seed in range(2)]
    )  # redelivered: IDM-01
    time.sleep(150)
    seams = json.loads(agent.get("/api/v1/seams"))
    findings = json.loads(agent.get("/api/v1/findings"))
    assert findings, "the redelivered messages opened no finding"
    paths = ["/", "/findings", "/seams", "/seams?page=3", "/rules", "/rules/IDM-01", "/collectors"]
    paths += [f"/seams/{seams[17]['id']}", f"/findings/{findings[0]['fingerprint']}"]
    times = []
    for number in range(300):
        started = time.perf_counter()
        agent.get(paths[number % len(paths)])
        times.append((time.perf_counter() - started) * 1000)
    return len(seams), rss_mb(agent.process.pid), statistics.quantiles(times, n=100)[98]


def told(what: str, measured: str, bar: str, met: bool) -> None:
    """One line."""
    print(f"{'met   ' if met else 'MISSED'}  {what:<62} {measured:>22}   bar {bar}")


def within(work: Callable[[Path], object]) -> object:
    """Do something in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="seamwatch-bench-") as folder:
        return work(Path(folder))


def main() -> int:
    """Run every bench."""
    with tempfile.TemporaryDirectory(prefix="seamwatch-bench-") as folder:
        ours, theirs = throughput(Path(folder))
    ratio = ours / theirs
    measured = f"{ours:,.0f} / {theirs:,.0f} = {ratio:.2f}"
    told("spans a CPU-second to durable ack, over the naive walk", measured, ">= 2.2", ratio >= 2.2)
    with tempfile.TemporaryDirectory(prefix="seamwatch-bench-") as folder:
        store = filled(Path(folder))
        seams, seconds = round_seconds(store)
        store.close()
    part = seconds * 5_000 / seams
    told(f"CPU-seconds of a round, of {seams:,} seams and a 5,000", f"{seconds:.2f}, {part:.2f}", "<= 1.5", part <= 1.5)
    with tempfile.TemporaryDirectory(prefix="seamwatch-bench-") as folder:
        live_seams, memory, page = live(Path(folder))
    told(f"RSS at {live_seams:,} live seams, MB", f"{memory:.0f}", "<= 180 at 5,000", memory <= 180)
    told(f"page p99 at {live_seams:,} seams, ms", f"{page:.0f}", "<= 50 at 5,000", page <= 50)
    pages.measure(told)
    kafka.measure(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
