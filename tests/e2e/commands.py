"""Runs the command line: as a process, or in this one where only words and exit codes count."""

import io
import os
import signal
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from agent.cli import main

Done = subprocess.CompletedProcess[str]


def seamwatch(
    *args: str, cwd: Path, environ: dict[str, str] | None = None, timeout: float = 120, given: str | None = None
) -> Done:
    """One command as a process, to its end; `given` comes through a pipe."""
    command = [sys.executable, "-m", "agent", *args]
    more = {**os.environ, **(environ or {})}
    return subprocess.run(
        command, cwd=cwd, env=more, capture_output=True, text=True, timeout=timeout, check=False, input=given
    )


@dataclass(frozen=True)
class Told:
    """What a command said, and its exit code."""

    code: object
    out: str
    err: str


class _Stream(io.TextIOWrapper):
    """A standard stream that is none of a terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)

    def text(self) -> str:
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


def told(*words: str, cwd: Path) -> Told:
    """One command in this process."""
    before, code = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}, None
    out, err = _Stream(), _Stream()
    try:
        with chdir(cwd), redirect_stdout(out), redirect_stderr(err):
            main(words)
    except SystemExit as left:
        code = left.code
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return Told(code, out.text(), err.text())
