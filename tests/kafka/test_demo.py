"""The demo on a real broker: what happens on it, what the agent finds, and that nothing stays behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.demo.kafka import VARIABLE, Kafka
from deploy.demo.run import listing
from deploy.demo.traffic import GROUPS, PREFIX, TOPICS, Traffic
from tests.kafka.estate import Estate, eventually

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.real, pytest.mark.slow]


def left(estate: Estate, prefix: str = PREFIX) -> list[str]:
    """Topics and groups of the demo; other tests have theirs on the same broker."""
    return [name for name in (*estate.admin.list_topics(), *estate.groups()) if name.startswith(prefix)]


def test_a_broker_that_is_given_has_troubles_beside_what_is_well_and_gets_back_what_it_was(
    broker: str, estate: Estate
) -> None:
    mine = estate.topic("orders")
    theirs = estate.name("billing")
    estate.commit(theirs, {(mine, 0): 0})
    said: list[str] = []
    traffic = Traffic(Kafka(broker, own=False), said.append)
    assert re.fullmatch(rf"{PREFIX}[0-9a-f]{{4}}\.", traffic.prefix)
    traffic.start()
    try:
        assert traffic.ready.wait(300), said
        made = {traffic.prefix + name for name in (*TOPICS, *GROUPS)}
        assert set(left(estate, traffic.prefix)) == made

        def lag(group: str) -> dict[int, int]:
            ends = estate.ends(traffic.prefix + GROUPS[group][0])
            told = estate.committed(traffic.prefix + group)
            return {partition: ends[partition] - offset for (_, partition), offset in told.items()}

        eventually(
            lambda: min(lag("invoicing").values(), default=0) > 20, "invoicing falls behind on each partition", 120
        )
        hot, *others = sorted(lag("fraud").values(), reverse=True)
        assert hot > 20 > max(others) + 10, "fraud is behind on one partition"
        eventually(lambda: max(lag("search").values()) < 60, "search keeps up")
        late = 510 * 5
        assert abs(lag("sessions")[0] - late) < 100, "as far behind as at the start"
        eventually(lambda: lag("trends")[0] < 60, "trends keeps up")
        [audit] = estate.starts(f"{traffic.prefix}audit").values()
        assert (audit, lag("auditors")) == (180, {0: 0})
        assert lag("archive")[0] > 240 - audit, "what it had not read was deleted"
    finally:
        traffic.stop()
    eventually(lambda: not left(estate, traffic.prefix), "its topics and groups are gone")
    assert (said, mine in estate.admin.list_topics(), theirs in estate.groups()) == ([], True, True)


def test_a_broker_that_answers_and_is_too_slow_is_not_called_lost(
    broker: str, estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.demo.traffic._JOIN", 0.0)
    said: list[str] = []
    traffic = Traffic(Kafka(broker, own=False), said.append)
    traffic.start()
    eventually(lambda: said, "it ends")
    traffic.stop()
    [why] = said
    assert why.startswith(f"The broker at {broker} answers, and gave ")
    assert "invoicing" in why
    assert "no partitions within 0 s. Its part of the demo ends" in why
    eventually(lambda: not left(estate, traffic.prefix), "its topics and groups are gone")


class Running:
    """The whole demo, as `make demo` runs it."""

    def __init__(self, process: "subprocess.Popen[str]", out: Path, folder: Path) -> None:
        self.process, self._out, self._folder = process, out, folder

    def said(self) -> str:
        return self._out.read_text()

    def until(self, text: str, within: float) -> str:
        """What it said, once a text is in it."""
        end = time.monotonic() + within
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, f"not within {within} s: {text}\n{self.said()}"
            time.sleep(0.2)
        return self.said()

    @property
    def folder(self) -> Path:
        [found] = self._folder.glob("seamwatch-demo-*")
        return found

    def findings(self, state: str) -> set[tuple[str, str]]:
        """Rule and subject of what is found on the real cluster."""
        done = subprocess.run(
            f"{listing(self.folder / 'data')} --format json", shell=True, capture_output=True, text=True, check=True
        )
        found = [one for one in json.loads(done.stdout) if one["state"] == state]
        return {(one["rule"], one["subject"]["name"]) for one in found if one["subject"]["name"].startswith("live/")}


@contextmanager
def demo(tmp_path: Path, **environ: str) -> Iterator[Running]:
    """It judges every few seconds here, and without waiting for what comes late."""
    home = tmp_path / "tmp"
    home.mkdir()
    quick = {"SEAMWATCH_ROUNDS__EVERY": "3s", "SEAMWATCH_ROUNDS__SETTLE": "1s", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "deploy.demo.run"]
    whole = {**os.environ, **quick, "TMPDIR": str(home), **environ}
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=whole, stdout=out, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
    try:
        yield Running(process, tmp_path / "out", home)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, (tmp_path / "out").read_text()
        assert list(home.iterdir()) == []
        assert "Traceback" not in (tmp_path / "out").read_text()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_demo_has_a_broker_of_its_own_whose_troubles_are_found_and_lives_on_without_it(
    servers: Path, tmp_path: Path
) -> None:
    with demo(tmp_path) as running:
        running.until("A real broker stands at 127.0.0.1:", 300)
        running.until("Ready after", 600)
        harm = {("LAG-04", "live/demo.sessions"), ("LAG-07", "live/demo.archive")}
        exposures = {("DLQ-06", "live/demo.mail-retry"), ("DLQ-01", "live/demo.fraud")}
        eventually(lambda: running.findings("open") >= harm, "losses are found", 120)
        eventually(lambda: running.findings("pending") >= exposures, "exposures are found", 60)
        healthy = {f"live/demo.{name}" for name in ("search", "trends", "auditors", "reports", "parcels-retry")}
        assert not healthy & {name for state in ("open", "pending") for _, name in running.findings(state)}
        pid = int((running.folder / "kafka" / "demo-1.pid").read_text())
        assert alive(pid)
        os.kill(pid, signal.SIGKILL)
        said = running.until("does not answer any more", 60)
        assert "Its part of the demo ends; the simulated shop goes on." in said
        time.sleep(6)
        assert "Traceback" not in running.said()
        assert running.process.poll() is None
    assert not alive(pid)


def test_the_demo_uses_a_broker_that_is_given_and_leaves_nothing_on_it(
    broker: str, estate: Estate, tmp_path: Path
) -> None:
    mine = estate.topic()
    with demo(tmp_path, **{VARIABLE: broker}) as running:
        said = running.until("Ready after", 600)
        assert f"A real broker stands at {broker} (as {VARIABLE} says; topics {PREFIX}" in said
        eventually(lambda: any(rule == "LAG-07" for rule, _ in running.findings("open")), "found", 120)
        assert not (running.folder / "kafka").exists()
        prefix = re.search(rf"{PREFIX}[0-9a-f]+\.", said)
        assert prefix is not None
        assert left(estate, prefix[0])
    eventually(lambda: not left(estate, prefix[0]), "its topics and groups are gone")
    assert mine in estate.admin.list_topics()
