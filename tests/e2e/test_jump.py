"""The clock of the machine jumps under a running agent and back again: nothing acknowledged is lost or doubled."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.conftest import missing
from tests.e2e.test_agent import Running, wait

pytestmark = pytest.mark.slow
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
DAY = 86_400
NAMES = {"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.operation.type": "process"}
NAMES |= {"messaging.consumer.group.name": "billing"}


def delivered(*offsets: int) -> bytes:
    """One request: deliveries to a group, stamped by a clock that tells the truth."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for offset in offsets:
        now = time.time_ns()
        span = spans.add(name="process orders", kind=5, start_time_unix_nano=now, end_time_unix_nano=now + 1_000_000)
        span.trace_id, span.span_id = os.urandom(16), os.urandom(8)
        told = {**NAMES, "messaging.destination.partition.id": "0", "messaging.kafka.offset": str(offset)}
        span.attributes.extend(KeyValue(key=k, value=AnyValue(string_value=v)) for k, v in told.items())
    return request.SerializeToString()


class Jumping(Running):
    """An agent on a machine whose clock a test sets; what measures time is left alone."""

    def start(self) -> subprocess.Popen[bytes]:
        self.offset = self.folder / "offset"
        self.set(0)
        told = {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self.offset), "FAKETIME_NO_CACHE": "1"}
        told |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
        command = [sys.executable, "-m", "agent", "run"]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env={**os.environ, **told})
        wait(lambda: self.get("/readyz") == "ready\n", process)
        return process

    def set(self, seconds: int) -> None:
        """Let the clock be wrong by so much."""
        fresh = self.offset.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self.offset)

    def rows(self) -> tuple[int, int]:
        """Deliveries and those delivered again, over all windows of the finest length."""
        with sqlite3.connect(f"file:{self.folder}/data/seamwatch.db?mode=ro", uri=True) as store:
            sql = "SELECT coalesce(sum(count), 0), coalesce(sum(duplicates), 0) FROM windows_1m JOIN seams ON id = seam"
            found = store.execute(f"{sql} WHERE kind = 'consumes'").fetchone()
        return int(found[0]), int(found[1])


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Jumping]:
    if LIBRARY is None:
        missing("libfaketime is not there: install the package faketime")
    running = Jumping(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()


@pytest.mark.parametrize("by", [500 * DAY, 7200, -3 * DAY])
def test_a_jump_and_back_loses_nothing_and_doubles_nothing(agent: Jumping, by: int) -> None:
    first, second = delivered(*range(10)), delivered(*range(10, 30))
    assert agent.send(first) == 200
    wait(lambda: agent.rows() == (10, 0), agent.process)
    agent.set(by)
    wait(lambda: "clock jumped, not believed yet" in (agent.folder / "log").read_text(), agent.process)
    assert agent.send(second) == 200
    assert agent.send(first) == 200, "resent, as a sender does whose answer was lost"
    assert agent.json("/api/v1/collectors")["clock"].startswith("The clock of this machine jumped")
    wait(lambda: agent.rows() == (30, 0), agent.process)
    agent.set(0)
    wait(lambda: agent.json("/api/v1/collectors")["clock"] == "", agent.process)
    assert agent.send(delivered(*range(5))) == 200, "delivered again by the broker"
    wait(lambda: agent.rows() == (35, 5), agent.process)
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(30) == 0
