"""Real Kafka, Connect and a registry, each started by the first test that asks and shared by the whole test run."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.kafka.estate import Estate
from tests.kafka.servers import Cluster, Connect, Secure
from tests.kafka.sharing import Script, holding, serving
from tests.kafka.virtual import Virtual, virtually

PACKAGES = {"java": "openjdk-17-jre-headless", "mvn": "maven", "curl": "curl", "openssl": "openssl"}
NODES = (1, 2, 100, 101, 102)  #: ports above the first that a cluster of up to three takes
TLS = (200, 201, 202)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run's servers, the same in each of its processes."""
    lacks = [package for command, package in PACKAGES.items() if not shutil.which(command)]
    if lacks:
        missing(f"Kafka cannot be started. Install the packages {' '.join(lacks)}.")
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', java)
    if not version or int(version[1]) < 17:
        missing("Kafka needs Java 17 or newer. Install the package openjdk-17-jre-headless.")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "servers"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def broker(servers: Path) -> Iterator[str]:
    """The address of a plain cluster of one node."""
    script = Script("kafka.sh", servers, {"KAFKA_NAME": "plain"})
    with serving("plain", script, ["1"], 10_000, NODES) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="session")
def secure(servers: Path) -> Iterator[Secure]:
    """A cluster of one node with SASL_SSL and an authorizer."""
    script = Script("kafka.sh", servers, {"KAFKA_NAME": "secure", "KAFKA_TLS": "1"})
    with serving("secure", script, ["1"], 13_500, (*NODES, *TLS)) as port:
        certificates = Script("certs.sh", servers).must()
        yield Secure(f"127.0.0.1:{port + TLS[0]}", plain=f"127.0.0.1:{port}", ca=f"{certificates}/ca.pem")


@pytest.fixture(scope="session")
def nodes(servers: Path) -> Iterator[Cluster]:
    """The cluster of three, for `cluster`."""
    sooner = "broker.session.timeout.ms=5000\nbroker.heartbeat.interval.ms=500"  # a lost node is missed
    default = "auto.create.topics.enable=true"  # Kafka's own, and what makes a slip of a name a topic
    script = Script("kafka.sh", servers, {"KAFKA_NAME": "three", "KAFKA_EXTRA": f"{sooner}\n{default}"})
    with serving("three", script, ["3"], 17_000, NODES) as port:
        yield Cluster(script, port)


@pytest.fixture
def cluster(nodes: Cluster, servers: Path) -> Iterator[Cluster]:
    """A cluster of three nodes that one test at a time has for itself, to break; afterwards it is whole again."""
    with holding(servers / "three.turn"):
        yield nodes
        nodes.whole()


@pytest.fixture(scope="session")
def connect(broker: str, servers: Path) -> Iterator[Connect]:
    """A Connect worker on `broker`."""
    script = Script("connect.sh", servers, {"CONNECT_NAME": "connect"})
    with serving("connect", script, [broker], 20_500) as port:
        yield Connect(script, f"http://127.0.0.1:{port}")


@pytest.fixture(scope="session")
def registry(servers: Path) -> Iterator[str]:
    """The base URL of a schema registry with the Confluent-compatible API."""
    with serving("registry", Script("registry.sh", servers), [], 22_800) as port:
        yield f"http://127.0.0.1:{port}/apis/ccompat/v7"


@pytest.fixture
def estate(broker: str) -> Iterator[Estate]:
    """Topics, records and groups on `broker`, with names of this test's own; everything opened is closed."""
    with Estate(broker) as opened:
        yield opened


@pytest.fixture
def virtual(broker: str, estate: Estate, tmp_path: Path) -> Iterator[Virtual]:
    """`broker` in virtual time, from three hours ago on."""
    with virtually([broker], estate, tmp_path) as found:
        yield found
