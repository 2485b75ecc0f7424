"""Crash points and power loss below our own journal, with the control that must fail."""

import os
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.ingest.journal import Journal

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.real]

_CHILD = """
import os, sys
from pathlib import Path
import numpy as np
from agent.ingest.aggregator import Record
from agent.ingest.journal import Journal
from agent.ingest.offsets import nothing_added
from agent.model.seam import publishes, service, topic

class Chosen(Journal):
    synchronous = sys.argv[2]

journal = Chosen(Path(sys.argv[1]) / "journal.db", reserve_bytes=65536)
journal.open(0)
for number in range(int(sys.argv[3])):
    keys = np.arange(300, dtype=np.uint64) + np.uint64(number << 16)
    names = [(number, publishes(service(f"s{number}"), topic("t", "c")))]
    record = Record(keys, np.full(300, 1000 + number), names, [f"op{number}"], nothing_added(), 1, 0)
    journal.append([record], [(number.to_bytes(16, "big"), number)])
    os.write(1, b"%d\\n" % (number + 1))
    if number % 4 == 3:
        journal.forget(number - 1, 0)
"""


def child(folder: Path, groups: int, synchronous: str = "FULL", **more: str) -> subprocess.CompletedProcess[bytes]:
    environ = {**os.environ, "SW_DIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **more}
    command = [sys.executable, "-c", _CHILD, str(folder), synchronous, str(groups)]
    return subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, check=False)


def held(folder: Path, flushed: int = 0) -> tuple[list[int], tuple[str, ...]]:
    """What a start finds: sequences beyond `flushed`, and what it says is lost."""
    journal = Journal(folder / "journal.db", reserve_bytes=65_536)
    found = journal.open(flushed)
    journal.close()
    return [sequence for sequence, _ in found.records], found.lost


def flushed_before(acknowledged: int) -> int:
    """What the child had told the journal to forget by then, at the least."""
    return max(0, (acknowledged - 1) // 4 * 4 - 2)


def kept(folder: Path, acknowledged: int) -> bool:
    """Every acknowledged record that the store does not have is there, in order, and nothing is said to be lost."""
    sequences, lost = held(folder, flushed_before(acknowledged))
    wanted = set(range(flushed_before(acknowledged) + 1, acknowledged + 1))
    forgotten = set(range(1, acknowledged // 4 * 4 - 1))  # a forget that was under way may have landed
    return not lost and wanted - forgotten <= set(sequences) and sequences == sorted(sequences)


def test_every_write_and_fsync_is_a_point_at_which_a_crash_loses_nothing(shim: str, tmp_path: Path) -> None:
    points = bad = 0
    while True:
        folder = tmp_path / "crash"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        done = child(folder, 5, LD_PRELOAD=shim, SW_CRASH_AT=str(points + 1))
        if done.returncode == 0:
            break
        assert done.returncode == 137, done.stderr[-500:]
        points += 1
        bad += not kept(folder, len(done.stdout.split()))
    assert points > 40
    assert bad == 0


@dataclass
class Disk:
    """What a power cut leaves: what was synced, and a random, torn part of the rest."""

    files: dict[str, bytearray] = field(default_factory=dict)
    pending: dict[str, list[tuple[str, int, bytes]]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: int = 0

    def do(self, op: str, offset: int, data: bytes, path: str) -> None:
        if op == "A":
            self.acknowledged = max([self.acknowledged, *map(int, data.split())])
        elif path.endswith("-shm"):
            return
        elif op in "wt":
            self.pending[path].append((op, offset, data))
        elif op == "s":
            buffer = self.files.setdefault(path, bytearray())
            for write in self.pending.pop(path, []):
                land(buffer, *write)
        elif op == "u":
            self.files.pop(path, None)
            self.pending.pop(path, None)

    def cut(self, dice: random.Random) -> dict[str, bytearray]:
        left = {path: bytearray(buffer) for path, buffer in self.files.items()}
        for path, writes in self.pending.items():
            buffer = left.setdefault(path, bytearray())
            for op, offset, data in writes:
                luck = dice.random()
                if luck < 0.4:
                    continue
                if op == "t" or luck >= 0.7:
                    land(buffer, op, offset, data)
                    continue
                for at in range(0, len(data), 512):
                    if dice.random() < 0.5:
                        land(buffer, "w", offset + at, data[at : at + 512])
        return left


def land(buffer: bytearray, op: str, offset: int, data: bytes) -> None:
    end = offset if op == "t" else offset + len(data)
    if op == "t":
        del buffer[offset:]
    if len(buffer) < end:
        buffer.extend(b"\0" * (end - len(buffer)))
    if op == "w":
        buffer[offset:end] = data


def operations(log: Path) -> list[tuple[str, int, bytes, str]]:
    found = []
    with log.open("rb") as lines:
        while head := lines.readline():
            op, offset, size, path = head.rstrip(b"\n").split(b" ", 3)
            data = lines.read(int(size)) if op in (b"w", b"A") else b""
            found.append((op.decode(), int(offset), data, path.decode()))
    return found


def lost_states(shim: str, tmp_path: Path, synchronous: str, tries: int) -> tuple[int, int]:
    """How many power-loss states there were, and in how many of them something acknowledged was missing."""
    folder, log, after = tmp_path / "power", tmp_path / "oplog", tmp_path / "after"
    folder.mkdir()
    done = child(folder, 14, synchronous, LD_PRELOAD=shim, SW_OPLOG=str(log))
    assert done.returncode == 0, done.stderr[-500:]
    dice, disk = random.Random(7), Disk()
    states = lost = 0
    for op in operations(log):
        disk.do(*op)
        for _ in range(tries):
            shutil.rmtree(after, ignore_errors=True)
            after.mkdir()
            for path, buffer in disk.cut(dice).items():
                (after / Path(path).name).write_bytes(buffer)
            states += 1
            lost += not kept(after, disk.acknowledged)
    return states, lost


def test_a_power_cut_at_any_moment_loses_nothing_acknowledged(shim: str, tmp_path: Path) -> None:
    states, lost = lost_states(shim, tmp_path, "FULL", 8)
    assert states > 400
    assert lost == 0


def test_the_control_without_syncing_does_lose(shim: str, tmp_path: Path) -> None:
    states, lost = lost_states(shim, tmp_path, "OFF", 3)
    assert lost > states / 20
