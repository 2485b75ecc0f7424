"""Members of groups: a consumer of kafka-python in a thread, and Kafka's own consumers as processes."""

import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from kafka import KafkaConsumer
from kafka.structs import MemberState

from tests.conftest import TESTBED


class Member:
    """A member of a classic group: reads, and commits once a second, in a thread of its own."""

    def __init__(self, topics: Sequence[str], settings: Mapping[str, Any]) -> None:
        defaults = {"auto_offset_reset": "earliest", "auto_commit_interval_ms": 1000}
        self._consumer = KafkaConsumer(*topics, **{**defaults, **settings})
        self._stable, self._over = threading.Event(), threading.Event()
        self.values: list[bytes] = []
        self.assigned: frozenset[tuple[str, int]] = frozenset()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait_until_stable(self, within: float = 90) -> None:
        """Wait until the group has told what this member reads."""
        assert self._stable.wait(within), f"not within {within} s: joined the group"

    def leave(self) -> None:
        """Commit and close; one with an instance of its own is a member until its session ends."""
        self._over.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the member is still there"

    def _read(self) -> None:
        # A consumer belongs to one thread: this one polls it, and closes it.
        try:
            while not self._over.is_set():
                for records in self._consumer.poll(timeout_ms=100).values():
                    self.values += [record.value for record in records]
                self.assigned = frozenset((place.topic, place.partition) for place in self._consumer.assignment())
                if self._consumer.group_metadata().state == MemberState.STABLE:
                    self._stable.set()
        finally:
            self._consumer.close(timeout_ms=5_000)


class Tool:
    """One of Kafka's own consumers, as a process."""

    def __init__(self, *words: str, script: str = "kafka-tool.sh") -> None:
        self._files = ExitStack()
        self.folder = folder = Path(self._files.enter_context(tempfile.TemporaryDirectory(prefix="seamwatch-")))
        self._out = self._files.enter_context((folder / "out").open("w+b"))
        self._said = self._files.enter_context((folder / "said").open("w+b"))
        command = ["bash", str(TESTBED / script), *(word.format(folder=folder) for word in words)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._said)

    def values(self) -> list[bytes]:
        """The records that it has read so far."""
        return _read(self._out).splitlines()

    def must_live(self) -> bool:
        """True; fails with what it said once it has ended."""
        assert self._process.poll() is None, f"the consumer ended: {_read(self._said).decode()[-2000:]}"
        return True

    def leave(self) -> None:
        """Leave the group as a consumer does that is stopped."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End at once: the group learns of it when the session times out."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Leave, and forget what was read."""
        self.leave()
        self._files.close()


def _read(file: IO[bytes]) -> bytes:
    # Not by seeking: the process writes where the file stands.
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
