"""Servers that tests share. A missing one skips with the reason, and fails where SEAMWATCH_REQUIRE_ALL=1."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from agent.store.store import Store, open_store

settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")  # a busy machine is no failure

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in its background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else each process that a test starts inherits it

TESTBED = Path(__file__).parent / "testbed"
_NAMES = itertools.count()


# A connection of kafka-python that is refused, or whose certificate is, is closed when its exception is forgotten.
REFUSED = (
    r"unclosed <socket.socket fd=\d+, family=2, type=1, proto=6, laddr=\('0.0.0.0'",
    r"unclosed <ssl.SSLSocket fd=\d+, family=2",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what a client does to a server that is down."""
    for refused in REFUSED:
        config.addinivalue_line("filterwarnings", f"ignore:{refused}:ResourceWarning")
        warnings.filterwarnings("ignore", refused, ResourceWarning)  # after the last test too


def missing(reason: str) -> None:
    """Skip, or fail where every server is required."""
    if os.environ.get("SEAMWATCH_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port(start: int = 25_432, beside: Iterable[int] = ()) -> int:
    """A port below 32768 that nothing listens on, nor on those that many ports above it; each of several test
    processes looks in a range of its own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in range(start + 400 * (worker % 8), 32_000):
        if all(_is_free(port + more) for more in (0, *beside)):
            return port
    return pytest.fail("no port is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL, without its database."""
    system = any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not system and not shutil.which("mvn"):
        missing("PostgreSQL is not installed. Install the package postgresql, or Maven to fetch one.")
    run = Path(tempfile.mkdtemp(prefix="seamwatch-testbed-", dir="/var/tmp"))  # not private: it may run as nobody
    run.chmod(0o755)
    port = free_port()
    environ = {**os.environ, "TESTBED_RUN": str(run)}
    environ |= {"PG_VERSION": "system"} if system else {}
    script = ["bash", str(TESTBED / "postgres.sh")]
    up = subprocess.run([*script, "up", str(port)], env=environ, capture_output=True, text=True, check=False)
    if up.returncode:
        missing(f"PostgreSQL did not start: {up.stderr.strip()[-300:]}")
    yield f"postgresql://seamwatch@127.0.0.1:{port}"
    subprocess.run([*script, "down"], env=environ, capture_output=True, check=False)
    shutil.rmtree(run, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The URL of an empty database on a real PostgreSQL."""
    import psycopg

    name = f"seamwatch_{os.getpid()}_{next(_NAMES)}"
    with psycopg.connect(f"{postgres}/seamwatch", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield f"{postgres}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, on both engines."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty store, on both engines."""
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library that is loaded below SQLite, and fails, crashes or notes what is written as it is told."""
    if not shutil.which("gcc"):
        missing("gcc is not installed. Install it to test faults and crashes below SQLite.")
    out = tmp_path_factory.mktemp("shim") / "shim.so"
    source = TESTBED / "faults" / "shim.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", str(out), str(source), "-ldl"], check=True)
    return str(out)
