"""A real Kafka broker for the demo: one that is given, or one of our own where Java 17 and Maven are present.

Our own is started by the testbed's script, in the demo's folder. A shell beside it waits for the demo's end, however it
comes, and ends the broker by its process id.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "SEAMWATCH_DEMO_KAFKA"
NONE = "none"  #: its value that leaves the broker simulated
TESTBED = Path(__file__).parents[2] / "tests" / "testbed"
MORE = f"Java 17 and Maven, or {VARIABLE}=host:port, add a real broker"
WAIT = 300.0  #: seconds for a broker to start; the first time its files are fetched
_TRIES = 3  #: somebody may take the port between our look and the broker's start
_FIRST, _CONTROLLER = 19_092, 100  #: the first port that is tried; the controller's is so far above
_PORTS = 2_000


class NoBrokerError(Exception):
    """There is no broker, and why, in a sentence for the terminal."""


@dataclass(frozen=True)
class Kafka:
    """A broker that answers."""

    address: str
    own: bool  #: started by the demo, which ends it


def given(address: str) -> Kafka:
    """A broker that somebody gave, if one answers that needs neither TLS nor a login. Raise NoBrokerError."""
    if importlib.util.find_spec("kafka") is None:
        message = "A broker is given, and kafka-python is not installed."
        raise NoBrokerError(message)
    from collectors.kafka.knock import knock

    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        message = f"{VARIABLE} is {address!r}, which is no host:port."
        raise NoBrokerError(message)
    found = knock(host.strip("[]"), int(port))
    if not found.kafka:
        message = f"No Kafka broker answers at {address} ({found.why})."
        raise NoBrokerError(message)
    if found.tls or found.mechanisms:
        message = f"The broker at {address} wants {'TLS' if found.tls else 'a login'}, and the demo has none."
        raise NoBrokerError(message)
    return Kafka(address, own=False)


def lacking() -> str:
    """Why no broker of our own can be started; empty where one can."""
    if importlib.util.find_spec("kafka") is None:
        return "kafka-python is not installed"
    if not (TESTBED / "kafka.sh").is_file() or shutil.which("bash") is None:
        return "the testbed or bash is missing"
    if shutil.which("mvn") is None:
        return "Maven is not installed"
    look = 'TESTBED_HOME="$2" TESTBED_RUN="$2"; . "$1"; java_for 17'
    with tempfile.TemporaryDirectory(prefix="seamwatch-") as folder:
        command = ["bash", "-c", look, "-", str(TESTBED / "env.sh"), folder]
        java = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # our own script
    return "" if java.returncode == 0 else "Java 17 is not installed"


def _free_ports() -> Iterator[int]:
    """Ports that are free now, as is the one for the controller; one and the same is not told twice."""
    for port in range(_FIRST, _FIRST + _PORTS):
        if all(map(_free, (port, port + _CONTROLLER))):
            yield port


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Own:
    """A broker of our own, from `start` to `stop`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environ = {**os.environ, "TESTBED_RUN": str(folder), "KAFKA_NAME": "demo", "STOP_SIGNAL": "KILL"}
        self._ports = _free_ports()
        self._port = 0
        self._tries = 0
        self._starting: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to start it; `wait` tells when it serves. Raise NoBrokerError."""
        self._folder.mkdir(exist_ok=True)
        self._port = next(self._ports, 0)
        if not self._port:
            message = f"No port from {_FIRST:,} to {_FIRST + _PORTS - 1:,} is free for a broker."
            raise NoBrokerError(message)
        if self._guard is None:
            watch = 'cat >/dev/null; bash "$1" down >/dev/null 2>&1; rm -rf "$2"'
            self._guard = self._run(["bash", "-c", watch, "-", self._script, str(self._folder)], subprocess.PIPE)
        self._tries += 1
        self._starting = self._run(["bash", self._script, "up", "1", str(self._port)], subprocess.DEVNULL)

    @property
    def _script(self) -> str:
        return str(TESTBED / "kafka.sh")

    def _run(self, command: list[str], given: int) -> "subprocess.Popen[bytes]":
        """A command in a session of its own: a Ctrl-C in the terminal does not reach it."""
        with (self._folder / "said").open("ab") as said:
            return subprocess.Popen(  # noqa: S603  # our own script
                command, env=self._environ, stdin=given, stdout=said, stderr=said, start_new_session=True
            )

    def wait(self) -> Kafka:
        """The broker, once it serves. Raise NoBrokerError."""
        while self._starting is not None:
            try:
                code = self._starting.wait(timeout=WAIT)
            except subprocess.TimeoutExpired as problem:
                message = f"The broker did not start within {WAIT:.0f} s."
                raise NoBrokerError(message) from problem
            if code == 0:
                return Kafka(f"127.0.0.1:{self._port}", own=True)
            said = (self._folder / "said").read_text(errors="replace")
            if "in use" not in said or self._tries >= _TRIES:
                raise NoBrokerError(_reason(said))
            (self._folder / "said").write_text("")
            self.start()
        message = "The broker was not started."
        raise NoBrokerError(message)

    @property
    def alive(self) -> bool:
        """The process that was started is there."""
        try:
            pid = int((self._folder / "demo-1.pid").read_text())
            os.kill(pid, 0)
        except (OSError, ValueError):
            return False
        return True

    def stop(self) -> None:
        """End it, and what still starts it; the folder is gone afterwards."""
        if self._starting is not None and self._starting.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._starting.pid, signal.SIGKILL)  # our own session: the script, and Maven if it fetches
            self._starting.wait()
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = None


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if any("ERROR" in line and "artifact" in line.lower() for line in lines):
        return "Maven could not fetch Kafka: see whether it reaches its repository."
    return f"The broker could not be started ({lines[-1][:160] if lines else 'it said nothing'})."
