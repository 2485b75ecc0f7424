"""The demo's estate: whole when it is replayed, living on afterwards, and gone without a trace."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from agent.store.store import open_store
from collectors.recording.reader import read
from deploy.demo.broker import FIRST, GROUPS, STEP, TOPICS, Broker
from deploy.demo.estate import KILLED_AT_HOURS, Estate
from deploy.demo.run import listing, stop
from deploy.demo.spans import Span

ROOT = Path(__file__).parents[2]
END = 1_795_500_000.0
HOUR = 3_600.0


def ended(spans: Sequence[Span], by: float) -> bool:
    return all(span.start + span.seconds <= by for span in spans)


def test_no_span_is_sent_before_it_has_ended_and_none_is_left_out() -> None:
    estate = Estate(1, END, Broker(1, END))
    parts = [(END + 60 * minute, estate.traffic(END + 60 * (minute - 1), 60)) for minute in range(-90, 91)]
    assert all(ended(spans, by) for by, spans in parts)
    owns = [span.own for _, spans in parts for span in spans]
    assert len(owns) == len(set(owns))
    assert any(span.service == "ledger" for span in parts[-1][1])


def test_the_broker_goes_on_where_its_recording_ended() -> None:
    broker = Broker(1, END - HOUR)
    estate = Estate(1, END, broker)
    estate.traffic(END - HOUR, HOUR)
    before = list(broker.lines(END))
    assert list(broker.lines(END)) == []
    estate.traffic(END, 300)
    after = list(broker.lines(END + 300))
    assert (len(before), len(after)) == (int(HOUR / STEP) + 1, 10)
    times = [reading.at for reading in read([*before, *after])]
    steps = {round((later - earlier).total_seconds()) for earlier, later in pairwise(times)}
    assert steps == {STEP}
    ends = [json.loads(line)["topics"]["orders"]["partitions"]["0"]["end"] for line in (*before, *after)]
    assert ends == sorted(ends)
    assert ends[0] < ends[len(before)] < ends[-1]


def sent(spans: Sequence[Span], topic: str, by: float) -> int:
    """Messages that spans tell of as published by a time."""
    mine = [span for span in spans if span.name == f"{topic} publish"]
    return sum(span.start + span.seconds <= by for span in mine)


def processed(spans: Sequence[Span], group: str, by: float) -> int:
    """Messages that spans tell of as processed by a time; one that is processed again is one."""
    mine = [span.attributes | {"end": span.start + span.seconds} for span in spans]
    return len(
        {
            (span["messaging.destination.partition.id"], span["messaging.kafka.message.offset"])
            for span in mine
            if span.get("messaging.kafka.consumer.group") == group and span["end"] <= by
        }
    )


def test_the_broker_counts_message_by_message_what_the_traces_tell() -> None:
    begin = END - 4 * HOUR
    broker = Broker(1, begin)
    estate = Estate(1, END, broker)
    spans = [span for minute in range(300) for span in estate.traffic(begin + 60 * minute, 60)]
    lines = [json.loads(line) for line in broker.lines(END + HOUR)]
    for step in (0, 1, 7, 100, 400, 480, 599, 600):
        told, at = lines[step], begin + step * STEP
        for topic in {*TOPICS} - {"clicks"}:
            ends = [one["end"] for one in told["topics"][topic]["partitions"].values()]
            assert sum(ends) - 3 * FIRST == sent(spans, topic, at), (topic, step)
        for group, topic in GROUPS.items():
            read = told["groups"][group]["committed"][topic].values()
            assert group == "analytics" or sum(read) - 3 * FIRST == processed(spans, group, at), (group, step)
    assert sent(spans, "shipments.dlq", END + HOUR)


def test_a_group_that_was_killed_had_not_committed_what_it_processes_again() -> None:
    broker = Broker(1, END - 4 * HOUR)
    estate = Estate(1, END, broker)
    for minute in range(300):
        estate.traffic(END - 4 * HOUR + 60 * minute, 60)
    behind = {}
    for line in map(json.loads, broker.lines(END)):
        ends = sum(one["end"] for one in line["topics"]["orders"]["partitions"].values())
        behind[line["at"]] = ends - sum(line["groups"]["billing"]["committed"]["orders"].values())
    killed = datetime.fromtimestamp(END - KILLED_AT_HOURS * HOUR, UTC)
    worst = max(behind, key=lambda at: behind[at])
    assert behind[worst] >= 11
    assert abs(datetime.fromisoformat(worst) - killed) <= timedelta(minutes=2)
    assert max(lag for at, lag in behind.items() if datetime.fromisoformat(at) > killed + timedelta(minutes=2)) <= 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_while_it_makes_captures_ends_cleanly(number: int, tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "deploy.demo.run"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=environ, **pipes) as process:  # type: ignore[call-overload]  # by name
        end = time.monotonic() + 60
        while not list(tmp_path.glob("seamwatch-demo-*/captures/traces/*.gz")):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.005)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err, out.splitlines()[-1]) == (0, b"", b"Stopped.")
    assert list(tmp_path.iterdir()) == []


def test_the_line_that_the_demo_prints_lists_the_findings_of_its_store(tmp_path: Path) -> None:
    data = tmp_path / "a folder"
    open_store(f"sqlite:///{data / 'seamwatch.db'}").close()
    done = subprocess.run(listing(data), shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "No findings.\n", "")


def test_an_agent_that_was_stopped_before_it_served_is_no_error() -> None:
    waiting = "import signal, sys, time\nsignal.signal(2, lambda *_: sys.exit(130))\nprint(flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", waiting], stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        agent.stdout.readline()
        assert stop(agent) == 0
