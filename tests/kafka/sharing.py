"""One set of servers for all processes of a test run: the first that asks starts it, the last that leaves ends it."""

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import TESTBED, free_port, missing

TRIES = 3  #: another run may take the port between our look and the server's start, or the machine be out of breath


@dataclass(frozen=True)
class Script:
    """A script of the testbed, with what it needs in its environment."""

    name: str
    run: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        command = ["bash", str(TESTBED / self.name), *words]
        return subprocess.run(command, env=self.all_environ(), capture_output=True, text=True, check=False)

    def all_environ(self) -> dict[str, str]:
        """Its whole environment: nothing outlives the run, so servers end at once."""
        return {**os.environ, "TESTBED_RUN": str(self.run), "STOP_SIGNAL": "KILL", **self.environ}

    def must(self, *words: str) -> str:
        """Run it, and tell what it printed; fail with what it said where it fails."""
        done = self(*words)
        assert done.returncode == 0, f"{self.name} {' '.join(words)}: {done.stderr.strip()[-2000:]}"
        return done.stdout.strip()


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Alone with a file, among all processes of the run."""
    with path.open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


@contextmanager
def shared(name: str, script: Script, up: Callable[[], str]) -> Iterator[str]:
    """What `up` told when the servers were started, by whichever process; they run until the last one has left."""
    door, told = script.run / f"{name}.door", script.run / f"{name}.told"
    # Each user holds a share of the lock: the kernel counts them, those that crash included.
    with (script.run / f"{name}.users").open("w") as users:
        with holding(door):
            fcntl.flock(users, fcntl.LOCK_SH)
            if not told.exists():
                _end_if_all_crash(Path(users.name), script, told)
                told.write_text(up())
        try:
            yield told.read_text()
        finally:
            with holding(door):
                if _is_last(users.fileno()):
                    told.unlink()
                    script("down")


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(users, fcntl.LOCK_SH)  # at once beside another user; or after the process that ended the servers
        return False
    return True


def _end_if_all_crash(users: Path, script: Script, told: Path) -> None:
    """Leave a process behind that gets the lock once nobody has a share of it, however they ended."""
    end = f'rm -f "{told}"; bash "{TESTBED / script.name}" down'
    command = f"setsid flock '{users}' bash -c '{end}' >/dev/null 2>&1 </dev/null &"
    subprocess.run(["bash", "-c", command], env=script.all_environ(), check=True)


@contextmanager
def serving(name: str, script: Script, words: Sequence[str], start: int, beside: Iterable[int] = ()) -> Iterator[int]:
    """The port of the server that `script up WORDS PORT` starts; skips with the reason where it cannot."""
    with shared(name, script, lambda: str(_started(script, words, start, beside))) as port:
        yield int(port)


def _started(script: Script, words: Sequence[str], start: int, beside: Iterable[int]) -> int:
    said: list[str] = []
    for _ in range(TRIES):
        port = free_port(start, beside)
        done = script("up", *words, str(port))
        if done.returncode == 0:
            return port
        said.append(done.stderr.strip()[:400])
        script("down")
    missing(f"{script.name} could not start its server, tried {TRIES} times: {' | '.join(said)}")
    raise AssertionError("not reached")
