"""The folder of an agent: what is wrong with it is said in a sentence, and a bad name in it never stops a start."""

import asyncio
import logging
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.app.journalling import FolderInUseError, lock, remember, writer_of
from agent.config.settings import Settings
from agent.store.engine import StoreError
from agent.store.store import open_store
from collectors.otlp.decode import Decoder
from tests.bench.payload import request
from tests.ingest.troubles import Holder

AT = datetime.fromtimestamp(1_790_000_060, tz=UTC)


def test_a_writer_keeps_its_name(tmp_path: Path) -> None:
    name, new = writer_of(tmp_path)
    assert new
    assert writer_of(tmp_path) == (name, False)
    assert [file.name for file in tmp_path.iterdir()] == ["writer"]


@pytest.mark.parametrize("junk", [b"", b"\xff\xfe\x00garbage", b"two words", b"x" * 65])
def test_a_writer_file_that_holds_no_name_is_set_aside_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, junk: bytes
) -> None:
    (tmp_path / "writer").write_bytes(junk)
    with caplog.at_level(logging.ERROR):
        name, _ = writer_of(tmp_path)
    assert "writer damaged" in caplog.text
    [aside] = tmp_path.glob("writer.damaged-*")
    assert aside.read_bytes() == junk
    assert writer_of(tmp_path) == (name, False), "the new name was kept"


def test_a_data_dir_that_is_a_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(StoreError, match=r"Cannot work in .*data \(it is no folder\). Set data_dir"):
        lock(tmp_path / "data")


def test_a_data_dir_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    if not os.geteuid():
        mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(tmp_path)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a read-only disk")
    else:
        tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match=r"Cannot work in .*Set data_dir to a folder in which this user may write"):
            lock(tmp_path)
        with pytest.raises(StoreError, match="Cannot work in"):
            writer_of(tmp_path)
    finally:
        if not os.geteuid():
            subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_folder_in_use_is_told_as_such(tmp_path: Path) -> None:
    handle = lock(tmp_path)
    with pytest.raises(FolderInUseError, match="Another seamwatch works in"):
        lock(tmp_path)
    os.close(handle)


def test_a_journal_that_cannot_be_opened_is_an_error_of_the_store(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        remember(Settings(data_dir=tmp_path), store, Decoder().shapes, lambda: AT)
    store.close()


def test_what_a_busy_journal_could_not_drop_is_dropped_at_the_next_flush(tmp_path: Path) -> None:
    store, decoder = open_store(f"sqlite:///{tmp_path / 'store.db'}"), Decoder()
    memory = remember(Settings(data_dir=tmp_path), store, decoder.shapes, lambda: AT)
    memory.journal._busy_seconds = 0.05

    async def flushed() -> list[int]:
        running = asyncio.create_task(memory.intake.run())
        await memory.intake.submit(decoder.decode(request(1)))
        one = Holder(tmp_path / "journal.db")
        await memory.flush()
        held = [memory.journal.records_held]
        one.let_go()
        await memory.flush()
        held.append(memory.journal.records_held)
        await memory.intake.stop()
        await running
        return held

    assert asyncio.run(flushed()) == [1, 0]
    memory.journal.close()
    store.close()
