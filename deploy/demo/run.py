"""`make demo`: makes the estate, replays it into a fresh store, and lets it go on living until Ctrl-C.

Live, its services send their traces over the network, and its broker's looks are appended to the recording that the
agent follows. Where there is a real broker as well, groups read and fall behind on it, and the agent watches it.
"""

import gzip
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from deploy.demo.broker import Broker
from deploy.demo.estate import Estate
from deploy.demo.kafka import MORE, NONE, VARIABLE, Kafka, NoBrokerError, Own, given, lacking
from deploy.demo.spans import request

HOURS = 25
BATCH = 60.0
BEAT = 5.0  #: seconds between two things that the living estate does
SEED = 20261124
EVERY = "10m"  #: virtual time between two judgements of the replay
STOPPED = 130  #: how a command ends that Ctrl-C stopped before it served


class Demo:
    """The estate with its files."""

    def __init__(self, folder: Path, end: float) -> None:
        self._folder, self._end = folder, end
        self._start = end - HOURS * 3600
        self._broker = Broker(SEED, self._start)
        self._estate = Estate(SEED, end, self._broker)
        self._at = end

    def make(self) -> None:
        """Write 25 hours of captures that end now."""
        traces = self._folder / "traces"
        traces.mkdir()
        index = []
        at, number = self._start, 0
        while at < self._end:
            length = min(BATCH, self._end - at)
            spans = self._estate.traffic(at, length)
            if spans:
                name = f"{number:05}-traces.pb.gz"
                (traces / name).write_bytes(gzip.compress(request(spans, self._estate.instance), 1))
                arrived = int((at + length) * 1e9)
                index.append(json.dumps({"file": name, "recv_unix_nano": arrived, "path": "/v1/traces"}))
            at += length
            number += 1
        (traces / "index.jsonl").write_text("\n".join(index) + "\n")
        self.look(self._end)
        shutil.copy(Path(__file__).parent / "workflows.yaml", self._folder / "workflows.yaml")

    def look(self, now: float) -> None:
        """Append what the broker says, every 30 seconds up to now."""
        with (self._folder / "broker.ndjson").open("a") as recording:
            recording.writelines(f"{line}\n" for line in self._broker.lines(now))

    def send(self, now: float, port: int) -> None:
        """Send the traffic since the last time to the agent's own receiver, and append what the broker says of it.

        Raise OSError where the traffic is not taken.
        """
        spans = self._estate.traffic(self._at, now - self._at)
        self._at = now
        self.look(now)
        if spans:
            headers = {"Content-Type": "application/x-protobuf", "User-Agent": "seamwatch-demo"}
            body = request(spans, self._estate.instance)
            url = f"http://127.0.0.1:{port}/v1/traces"
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=5):  # loopback
                pass


def free(port: int) -> int:
    """A port that is free now, the wanted one or one of the next fifty."""
    for number in range(port, port + 50):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                continue
            return number
    message = f"No port from {port} to {port + 49} is free. Stop something that listens there."
    raise SystemExit(message)


def _ready(port: int) -> bool:
    """True once the agent has replayed and serves."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):  # loopback
            return True
    except OSError:
        return False


def listing(data: Path) -> str:
    """The command that lists the findings of the demo's own store."""
    command = Path(sys.executable).with_name("seamwatch")
    return f"SEAMWATCH_DATA_DIR={shlex.quote(str(data))} {shlex.quote(str(command))} finding list"


def live(demo: Demo, data: Path, otlp: int, web: int, agent: "subprocess.Popen[bytes]", begun: float) -> None:
    """Let the estate live until the agent ends."""
    while agent.poll() is None and not _ready(web):
        time.sleep(0.2)
    if agent.poll() is None:
        seconds = time.monotonic() - begun
        print(f"Ready after {seconds:.0f} s: http://127.0.0.1:{web}. The estate goes on living; Ctrl-C stops it.")
        print(f"Its findings in a second terminal: {listing(data)}", flush=True)
    while agent.poll() is None:
        time.sleep(BEAT)
        try:
            demo.send(time.time(), otlp)
        except (urllib.error.URLError, OSError) as problem:
            if agent.poll() is None:
                print(f"The agent did not take the traffic ({problem}); going on.", file=sys.stderr)


def start(folder: Path, otlp: int, web: int, kafka: Kafka | None = None) -> "subprocess.Popen[bytes]":
    """Start the agent on the captures; a group of its own, so that a Ctrl-C reaches it once, from us."""
    environ = {
        **os.environ,
        "SEAMWATCH_DATA_DIR": str(folder / "data"),
        "SEAMWATCH_LISTEN__OTLP": f"127.0.0.1:{otlp}",
        "SEAMWATCH_LISTEN__WEB": f"127.0.0.1:{web}",
    }
    command = [sys.executable, "-m", "agent", "run", "--replay", str(folder / "captures"), "--follow"]
    command += ["--every", EVERY, "--next-free-port"]
    if kafka is not None:
        config = folder / "seamwatch.yaml"
        config.write_text(json.dumps({"clusters": {"live": {"bootstrap": [kafka.address], "every": "15s"}}}))
        command += ["--config", str(config)]
    return subprocess.Popen(command, env=environ, process_group=0)  # noqa: S603  # our own command


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def stop(agent: "subprocess.Popen[bytes] | None") -> int:
    """Stop the agent as Ctrl-C does."""
    if agent is None:
        print("Stopped.")
        return 0
    agent.send_signal(signal.SIGINT)
    try:
        code = agent.wait(timeout=30)
    except subprocess.TimeoutExpired:
        agent.kill()
        code = agent.wait()
    return 0 if code == STOPPED else code


class Real:
    """The part of the demo that is on a real broker, if there is one; without one it says what would make it real."""

    def __init__(self, folder: Path) -> None:
        self._given = os.environ.get(VARIABLE, "").strip()
        self._open = ExitStack()
        self._folder = folder / "kafka"
        self._own: Own | None = None
        self._why = ""

    def begin(self) -> None:
        """Let a broker of our own start beside what else is made, where none is given."""
        self._why = "" if self._given else lacking()
        if self._given or self._why:
            return
        self._own = Own(self._folder)
        self._open.callback(self._own.stop)
        try:
            self._own.start()
        except NoBrokerError as problem:
            self._own, self._why = None, str(problem)

    def kafka(self) -> Kafka | None:
        """The broker, once it answers; what happens on it begins."""
        if self._given == NONE:
            return None
        try:
            found = self._found()
        except NoBrokerError as problem:
            print(f"{problem} The demo goes on with its simulated broker alone.", flush=True)
            return None
        if found is None:
            print(f"Its broker is simulated ({self._why}). {MORE}.", flush=True)
            return None
        from deploy.demo.traffic import Traffic

        traffic = Traffic(found, lambda text: print(text, flush=True), self._alive)
        self._open.callback(traffic.stop)
        traffic.start()
        whose = "the demo's own, which ends with it" if found.own else f"as {VARIABLE} says; topics {traffic.prefix}*"
        print(f"A real broker stands at {found.address} ({whose}). The agent watches it as cluster live.", flush=True)
        return found

    def _found(self) -> Kafka | None:
        if self._given:
            return given(self._given)
        if self._own is None:
            return None
        print("Waiting for a Kafka broker: some seconds, and a minute when its files are fetched first …", flush=True)
        return self._own.wait()

    def _alive(self) -> bool:
        return self._own is None or self._own.alive

    def stop(self) -> None:
        """End what happens on it, delete what was made, and end a broker of our own."""
        self._open.close()


def main() -> int:
    """Run the demo until Ctrl-C."""
    begun = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="seamwatch-demo-"))
    agent = real = None
    try:
        real = Real(folder)
        real.begin()
        captures = folder / "captures"
        captures.mkdir()
        print(f"Making {HOURS} hours of a small estate, which takes about 3 s …", flush=True)
        demo = Demo(captures, time.time())
        demo.make()
        kafka = real.kafka()
        print("Replaying them through the real rules, which takes about 20 s on two quiet cores …", flush=True)
        otlp, web = free(4318), free(8740)
        agent = start(folder, otlp, web, kafka)
        live(demo, folder / "data", otlp, web, agent, begun)
        return agent.wait()
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # once is enough: what is left is to clean up
        return stop(agent)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if real is not None:
            real.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
