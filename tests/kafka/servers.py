"""What tests ask of the servers that `conftest.py` starts."""

import base64
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.kafka.estate import eventually
from tests.kafka.sharing import Script

PASSWORDS = {"admin": "admin-secret", "agent": "agent-secret"}


@dataclass(frozen=True)
class Secure:
    """A cluster with an authorizer: `admin` may do everything, `agent` what it is granted."""

    bootstrap: str  #: SASL_SSL
    plain: str  #: plaintext, a super user without a name
    ca: str

    def login(self, user: str, mechanism: str = "SCRAM-SHA-512") -> dict[str, Any]:
        """Settings of kafka-python for a user; the mechanism may be PLAIN too."""
        return {
            "security_protocol": "SASL_SSL",
            "ssl_cafile": self.ca,
            "sasl_mechanism": mechanism,
            "sasl_plain_username": user,
            "sasl_plain_password": PASSWORDS[user],
        }


def token(user: str, seconds: int = 3600) -> str:
    """An unsigned token for OAUTHBEARER, which the secure cluster believes."""
    now = int(time.time())
    parts = {"alg": "none"}, {"sub": user, "iat": now, "exp": now + seconds}
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


class Cluster:
    """Three nodes, 1 to 3, each broker and controller."""

    def __init__(self, script: Script, port: int) -> None:
        self._script, self._port = script, port
        self._silent: set[int] = set()

    @property
    def bootstrap(self) -> list[str]:
        """All three, so that any may be gone."""
        return [self.address(node) for node in (1, 2, 3)]

    def address(self, node: int) -> str:
        """That of one node."""
        return f"127.0.0.1:{self._port + node - 1}"

    def kill(self, node: int) -> None:
        """End a node at once, as a crash would."""
        self._silent.add(node)
        self._script.must("kill", str(node))

    def pause(self, node: int) -> None:
        """Freeze a node: its connections stay, nothing is answered."""
        self._silent.add(node)
        self._script.must("pause", str(node))

    def resume(self, node: int) -> None:
        """Let a frozen node go on."""
        self._script.must("resume", str(node))
        self._silent.discard(node)

    def up(self) -> None:
        """Start the nodes that were killed, on their old data, and wait until all three are of the cluster."""
        self._script.must("up", "3", str(self._port))
        self._silent.clear()
        eventually(lambda: self.nodes() == {1, 2, 3}, "three nodes in the cluster", within=60)

    def whole(self) -> None:
        """All three as at the start: resumed, started, in the cluster."""
        for node in (1, 2, 3):
            self._script("resume", str(node))
        self.up()

    def nodes(self) -> set[int]:
        """The nodes that the cluster counts as alive, as one of those says that are."""
        asked = [self.address(node) for node in (1, 2, 3) if node not in self._silent]
        try:
            with KafkaAdminClient(bootstrap_servers=asked, bootstrap_timeout_ms=5_000) as admin:
                told = admin.describe_cluster()["brokers"]
        except KafkaError:
            return set()
        return {each["broker_id"] for each in told if not each["is_fenced"]}


@dataclass(frozen=True)
class Connect:
    """A Connect worker with file sinks that expect JSON."""

    script: Script
    url: str

    def sink(self, name: str, topic: str, file: Path, mode: str = "none") -> None:
        """Start a sink. What is no JSON: `none` fails the task, `dlq` sends it to NAME-dlq, `tolerate` drops it."""
        self.script.must("sink", name, topic, str(file), mode)

    def status(self, name: str) -> dict[str, Any]:
        """What Connect says of a connector."""
        said: dict[str, Any] = json.loads(self.script.must("status", name))
        return said

    def delete(self, name: str) -> None:
        """End a connector."""
        self.script.must("delete", name)
