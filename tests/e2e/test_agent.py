"""The agent as a process: spans in over the network, a finding on a page, kill -9 and Ctrl-C without loss."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.conftest import free_port
from tests.ingest.troubles import Holder

CAPTURES = Path(__file__).parent.parent / "captures" / "otlp"
pytestmark = pytest.mark.slow


def shifted(body: bytes, nanoseconds: int) -> bytes:
    """A captured request as if it had been sent now: its times moved, all else as it was."""
    request = ExportTraceServiceRequest.FromString(body)
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                span.start_time_unix_nano += nanoseconds
                span.end_time_unix_nano += nanoseconds
    return request.SerializeToString()


class Running:
    """One agent process on ports of its own."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.folder = folder
        self.otlp, self.web = free_port(21_000), free_port(21_200)
        config = {"data_dir": "data", "flush_seconds": 0.5, "rounds": {"every": "1s", "settle": "0s"}, **more}
        config["listen"] = {"otlp": f"127.0.0.1:{self.otlp}", "web": f"127.0.0.1:{self.web}"}
        (folder / "seamwatch.yaml").write_text(json.dumps(config))
        self.born = time.time_ns() - 60_000_000_000
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "agent", "run"]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        wait(lambda: self.get("/readyz") == "ready\n", process)
        return process

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}{path}", timeout=5) as answer:
            return str(answer.read().decode())

    def json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def send(self, body: bytes) -> int:
        headers = {"Content-Type": "application/x-protobuf"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.otlp}/v1/traces", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)

    def replay(self, name: str) -> int:
        sent = 0
        for line in (CAPTURES / name / "index.jsonl").read_text().splitlines():
            entry = json.loads(line)
            if entry["path"] == "/v1/traces":
                body = (CAPTURES / name / entry["file"]).read_bytes()
                assert self.send(shifted(body, self.born - entry["recv_unix_nano"])) == 200
                sent += 1
        return sent

    def total(self) -> int:
        return sum(seam["day"]["count"] for seam in self.json("/api/v1/seams"))


def wait(true: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, "the agent has stopped"
        try:
            if true():
                return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    pytest.fail("it did not happen in time")


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()


def test_a_capture_sent_over_the_network_is_a_finding_on_a_page(agent: Running) -> None:
    agent.replay("py-duplicate-batch-commit")
    wait(lambda: any(f["rule"] == "IDM-01" for f in agent.json("/api/v1/findings")), agent.process)
    [finding] = [found for found in agent.json("/api/v1/findings") if found["rule"] == "IDM-01"]
    assert finding["state"] == "open"
    assert "repeated the side effect of 3 of 8 deliveries" in agent.get("/")
    page = agent.get(f"/findings/{finding['fingerprint']}")
    assert "repeated the side effect of 3 of 8 deliveries" in page
    told = 'seamwatch_findings{rule="IDM-01",severity="critical",state="open"} 1.0'
    wait(lambda: told in agent.get("/metrics"), agent.process)  # a scrape is read beside the pages, a moment later


def test_what_was_acknowledged_survives_kill_9_and_a_resend_counts_once(agent: Running) -> None:
    agent.replay("py-healthy")
    agent.process.send_signal(signal.SIGKILL)
    agent.process.wait()
    agent.process = agent.start()
    agent.replay("py-healthy")  # the acknowledgements were lost, a sender would think
    wait(lambda: agent.total() > 0, agent.process)
    time.sleep(1.5)
    consumed = [s for s in agent.json("/api/v1/seams") if s["kind"] == "consumes"]
    assert [seam["day"]["count"] for seam in consumed] == [8, 8]
    assert [seam["day"]["duplicates"] for seam in consumed] == [0, 0]


def test_a_store_that_is_gone_after_kill_9_is_said_in_the_log_on_the_page_and_in_metrics(agent: Running) -> None:
    agent.replay("py-healthy")
    wait(lambda: agent.total() > 0, agent.process)
    agent.process.kill()
    agent.process.wait()
    agent.process = agent.start()  # the twin: the store is there
    assert agent.json("/api/v1/collectors")["losses"] == []
    assert "store lost" not in agent.get("/metrics") + agent.get("/collectors") + (agent.folder / "log").read_text()
    agent.process.kill()
    agent.process.wait()
    for part in (agent.folder / "data").glob("seamwatch.db*"):
        part.unlink()
    agent.process = agent.start()
    [loss] = agent.json("/api/v1/collectors")["losses"]
    assert loss["records"] > 0
    [line] = [line for line in (agent.folder / "log").read_text().splitlines() if "store lost" in line]
    assert f"warning store lost records={loss['records']} first=1 last={loss['records']} flushed=" in line
    assert f'seamwatch_dropped_total{{reason="store lost",source="journal"}} {loss["records"]}.0' in agent.get(
        "/metrics"
    )
    assert "<strong>Store lost, " in agent.get("/collectors")


def test_it_is_not_ready_at_once_where_another_process_holds_the_journal(agent: Running) -> None:
    assert agent.get("/readyz") == "ready\n"
    holder = Holder(agent.folder / "data" / "journal.db")
    with pytest.raises(urllib.error.HTTPError) as refused:
        agent.get("/readyz")
    assert refused.value.code == 503
    assert refused.value.read() == b"not ready: spans wait: another process holds the journal\n"
    holder.let_go()
    assert agent.get("/readyz") == "ready\n"
    agent.replay("py-healthy")
    assert agent.get("/readyz") == "ready\n"


def test_ctrl_c_stops_it_cleanly_and_the_store_has_everything(agent: Running) -> None:
    agent.replay("py-dlq")
    agent.process.send_signal(signal.SIGINT)
    assert agent.process.wait(timeout=15) == 0
    agent.process = agent.start()
    wait(lambda: agent.total() > 0, agent.process)
    assert agent.json("/api/v1/collectors")["collectors"][0]["state"] == "waiting"


def test_a_store_that_does_not_answer_keeps_no_stop_waiting_and_loses_nothing(agent: Running) -> None:
    holder = Holder(agent.folder / "data" / "seamwatch.db")
    agent.replay("py-healthy")
    time.sleep(1)  # a flush waits by now
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(timeout=15) == 0, "two waits of 3 s, not as long as the lock is held"
    holder.let_go()
    log = (agent.folder / "log").read_text()
    assert "store did not take the last flush; the journal keeps it" in log
    agent.process = agent.start()
    wait(lambda: agent.total() > 0, agent.process)
    consumed = [seam for seam in agent.json("/api/v1/seams") if seam["kind"] == "consumes"]
    assert [seam["day"]["count"] for seam in consumed] == [8, 8]


def test_a_store_that_is_deleted_under_it_ends_it_and_what_comes_after_is_kept(agent: Running) -> None:
    agent.replay("py-dlq")
    wait(lambda: agent.total() > 0, agent.process)
    time.sleep(1.5)  # flushed, and dropped by the journal
    for file in (agent.folder / "data").glob("seamwatch.db*"):
        file.unlink()
    agent.replay("py-healthy")
    assert agent.process.wait(timeout=20) == 75
    log = (agent.folder / "log").read_text()
    assert "was deleted, or another file is in its place, while it was open" in log
    agent.process = agent.start()
    wait(lambda: agent.total() > 0, agent.process)
    consumed = [seam for seam in agent.json("/api/v1/seams") if seam["kind"] == "consumes"]
    assert [seam["day"]["count"] for seam in consumed] == [8, 8], "what came after it was deleted is all there"
    assert [loss["reason"] for loss in agent.json("/api/v1/collectors")["losses"]] == ["store lost"]


def flood(first: int) -> bytes:
    """A request of 14 MB: 900 spans, and in each a statement of 15 KB that no other has."""
    joins = " ".join(f"JOIN b{number} ON b{number}.x = t.y" for number in range(590))
    spans = [
        {
            "traceId": f"{first + number:032x}",
            "spanId": f"{first + number:016x}",
            "kind": 3,
            "startTimeUnixNano": str(time.time_ns() - 30_000_000_000),
            "endTimeUnixNano": str(time.time_ns() - 30_000_000_000),
            "attributes": [
                {"key": "db.system.name", "value": {"stringValue": "postgresql"}},
                {"key": "db.query.text", "value": {"stringValue": f"SELECT a FROM t{first + number} t {joins}"}},
            ],
        }
        for number in range(900)
    ]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def test_a_large_request_of_hostile_statements_keeps_nobody_waiting_and_no_stop(agent: Running) -> None:
    url = f"http://127.0.0.1:{agent.otlp}/v1/traces"

    def push(body: bytes) -> int:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code

    with ThreadPoolExecutor(1) as pool:
        large, looks = pool.submit(push, flood(1_000)), 0
        while not large.done():
            assert agent.get("/healthz")
            looks += 1
        assert large.result() == 200
        assert looks > 10, "a page that waits for the request is seen once or twice"
        assert 'seamwatch_dropped_total{reason="statement limit",source="otlp"} 900.0' in agent.get("/metrics")
        agent.replay("py-healthy")
        large = pool.submit(push, flood(2_000))
        time.sleep(0.3)
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(timeout=15) == 0
        assert large.result() in (200, 503)
    agent.process = agent.start()
    wait(lambda: agent.total() > 0, agent.process)
    consumed = [s for s in agent.json("/api/v1/seams") if s["kind"] == "consumes"]
    assert [seam["day"]["count"] for seam in consumed] == [8, 8]


def test_what_speaks_no_http_to_the_door_is_counted(agent: Running) -> None:
    with socket.create_connection(("127.0.0.1", agent.otlp), timeout=5) as knock:
        knock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32))
        knock.recv(100)
    told = 'seamwatch_refused_total{reason="TLS on a plain port",source="otlp"} 1.0'
    wait(lambda: told in agent.get("/metrics"), agent.process)
    agent.replay("py-healthy")


def test_a_second_agent_in_the_same_folder_is_refused(agent: Running) -> None:
    command = [sys.executable, "-m", "agent", "run"]
    done = subprocess.run(command, cwd=agent.folder, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "Another seamwatch works in" in done.stderr


def test_a_taken_port_is_said_with_what_to_do(agent: Running, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("second")
    (folder / "seamwatch.yaml").write_text((agent.folder / "seamwatch.yaml").read_text())
    command = [sys.executable, "-m", "agent", "run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 75
    assert f"Cannot listen on 127.0.0.1:{agent.otlp} (Address already in use). " in done.stderr
    assert done.stderr.endswith("Stop what uses it, set listen.otlp, or add --next-free-port.\n")
