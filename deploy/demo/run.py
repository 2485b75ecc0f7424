"""`make demo`: makes the estate, replays it into a fresh store, then sends its traffic to the agent until Ctrl-C."""

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from deploy.demo.broker import Broker
from deploy.demo.estate import Estate
from deploy.demo.spans import request

HOURS = 25
BATCH = 60.0
SEED = 20261124


def make(folder: Path, end: float) -> Estate:
    """Write 25 hours of captures that end now; return the estate, ready to go on."""
    start = end - HOURS * 3600
    traces = folder / "traces"
    traces.mkdir()
    estate = Estate(SEED, end)
    index = []
    at, number = start, 0
    while at < end:
        spans = [span for span in estate.traffic(at, BATCH) if span.start + span.seconds <= end]
        if spans:
            name = f"{number:05}-traces.pb.gz"
            (traces / name).write_bytes(gzip.compress(request(spans, estate.instance), 1))
            arrived = max([at + BATCH, *(span.start + span.seconds for span in spans)])
            index.append(json.dumps({"file": name, "recv_unix_nano": int(arrived * 1e9), "path": "/v1/traces"}))
        at += BATCH
        number += 1
    (traces / "index.jsonl").write_text("\n".join(index) + "\n")
    with gzip.open(folder / "broker.ndjson.gz", "wt", compresslevel=1) as lines:
        for line in Broker(SEED, start, end).lines():
            lines.write(line + "\n")
    shutil.copy(Path(__file__).parent / "workflows.yaml", folder / "workflows.yaml")
    return estate


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


def live(estate: Estate, port: int, web: int, agent: "subprocess.Popen[bytes]") -> None:
    """Send the estate's traffic to the agent's own receiver, until it ends."""
    url = f"http://127.0.0.1:{port}/v1/traces"
    while agent.poll() is None and not _ready(web):
        time.sleep(0.2)
    while agent.poll() is None:
        begun = time.time()
        time.sleep(5)
        spans = estate.traffic(begun, time.time() - begun)
        if not spans:
            continue
        headers = {"Content-Type": "application/x-protobuf", "User-Agent": "seamwatch-demo"}
        body = request(spans, estate.instance)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=5):  # loopback
                pass
        except (urllib.error.URLError, OSError) as problem:
            if agent.poll() is None:
                print(f"The agent did not take the traffic ({problem}); trying again.", file=sys.stderr)


def main() -> int:
    """Run the demo until Ctrl-C."""
    folder = Path(tempfile.mkdtemp(prefix="seamwatch-demo-"))
    print("Making 25 hours of a small estate …", flush=True)
    captures = folder / "captures"
    captures.mkdir()
    estate = make(captures, time.time())
    otlp, web = free(4318), free(8740)
    environ = {
        **os.environ,
        "SEAMWATCH_DATA_DIR": str(folder / "data"),
        "SEAMWATCH_LISTEN__OTLP": f"127.0.0.1:{otlp}",
        "SEAMWATCH_LISTEN__WEB": f"127.0.0.1:{web}",
    }
    command = [sys.executable, "-m", "agent", "run", "--replay", str(captures), "--every", "5m", "--next-free-port"]
    agent = subprocess.Popen(command, env=environ)  # noqa: S603  # our own command
    signal.signal(signal.SIGTERM, lambda *_: agent.terminate())
    try:
        live(estate, otlp, web, agent)
    except KeyboardInterrupt:
        agent.send_signal(signal.SIGINT)
    code = agent.wait()
    shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
