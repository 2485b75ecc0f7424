"""Protobuf schemas as `protoc` understands them, with all that they import.

The compiler runs as a process of its own, in a folder of its own, with little memory and time: a schema may be written
so that it falls over its own depth. Nothing of it is kept but the descriptors.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from agent.measure.schemas.comparison import LACKING, NotNowError, UncomparableError

Imports = tuple[tuple[str, str], ...]  #: names as they stand in imports, and texts

MOST_CPU = 3  #: seconds of one run; a text of 256 KiB takes 0.01 to 0.4 s
MOST_MEMORY = 768 << 20  #: bytes of address space
_MOST_FILE = 64 << 20  #: bytes that a run may write into one file
_MOST_WAIT = 30.0  #: seconds of the clock, on a busy machine
_MOST_SAID = 2_000  #: bytes of what it says that are read
_SLOW, _MOST_SLOW, _SPAN = 0.5, 60.0, 600.0  #: seconds of a slow run, and of all slow ones within a span
_NAME = re.compile(r"(?!/)(?:(?!\.{1,2}/)[\w.+\- ]{1,100}/){0,20}[\w.+\- ]{1,100}", re.ASCII)
_PLACE = re.compile(r":(\d{1,9}):(\d{1,9}): ")
#: Imports that Confluent's registry knows by itself: marks on fields, and a decimal
_KNOWN = {
    "confluent/meta.proto": 'syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto"; '
    "message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; } "
    + " ".join(
        f"extend google.protobuf.{what}Options {{ Meta {name}_meta = 1088; }}"
        for what, name in (
            *(("File", "file"), ("Message", "message"), ("Field", "field"), ("Enum", "enum")),
            ("EnumValue", "enum_value"),
        )
    ),
    "confluent/type/decimal.proto": 'syntax = "proto3"; package confluent.type; '
    "message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }",
}


class _Patience:
    """How long slow runs took of late; one run is bounded by itself, many are bounded here."""

    def __init__(self) -> None:
        self._slow: deque[tuple[float, float]] = deque()

    def ask(self) -> None:
        """Raise NotNowError where slow runs took too long already."""
        while self._slow and self._slow[0][0] < time.monotonic() - _SPAN:
            self._slow.popleft()
        if sum(seconds for _, seconds in self._slow) > _MOST_SLOW:
            msg = "other schemas keep the compiler busy for too long"
            raise NotNowError(msg)

    def took(self, seconds: float) -> None:
        """A run has ended."""
        if seconds > _SLOW:
            self._slow.append((time.monotonic(), seconds))


_patience = _Patience()


def compiler() -> str | None:
    """Where `protoc` is: beside this Python, else on the path."""
    places = [sysconfig.get_path("scripts"), *os.environ.get("PATH", os.defpath).split(os.pathsep)]
    return shutil.which("protoc", path=os.pathsep.join(place for place in places if place))


@lru_cache(maxsize=16)
def compiled(text: str, imports: Imports) -> FileDescriptor:
    """The descriptor of a schema, in a pool of its own with what it imports; raise UncomparableError."""
    command = compiler()
    if command is None:
        raise NotNowError(LACKING)
    files = _named(imports)
    mentioned = _bytes(text, *files.values())
    files |= {name: known for name, known in _KNOWN.items() if name not in files and name.encode() in mentioned}
    root = next(name for number in range(len(files) + 1) if (name := f"schema{number}.proto") not in files)
    _patience.ask()
    return _linked(_run(command, {**files, root: text}, root), root)


def _named(imports: Imports) -> dict[str, str]:
    files: dict[str, str] = {}
    for name, text in imports:
        if not _NAME.fullmatch(name):
            msg = "an import has a name that no file may have"
            raise UncomparableError(msg)
        if files.setdefault(name, text) != text:
            msg = "two versions of one schema are imported"
            raise UncomparableError(msg)
    return files


def _bytes(*texts: str) -> bytes:
    return b"\n".join(text.encode("utf-8", "surrogatepass") for text in texts)


def _run(command: str, files: dict[str, str], root: str) -> bytes:
    """A FileDescriptorSet in bytes, imports first."""
    try:
        with tempfile.TemporaryDirectory(prefix="seamwatch-protoc-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            _write(folder / "in", files)
            made, said = folder / "made", folder / "said"
            options = [f"--proto_path={folder / 'in'}", "--include_imports", f"--descriptor_set_out={made}"]
            code = _ended([command, *options, root], folder, said)
            if code == 0:
                return made.read_bytes()
            with said.open("rb") as file:
                raise UncomparableError(_why(code, file.read(_MOST_SAID).decode("utf-8", "replace"), root))
    except OSError as problem:
        msg = f"`protoc` could not be run ({problem.strerror or type(problem).__name__})"
        raise NotNowError(msg) from problem


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir()
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_bytes(text))
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as problem:
            msg = "an import is named like the folder of another"
            raise UncomparableError(msg) from problem


def _ended(command: Sequence[str], folder: Path, said: Path) -> int:
    """How it ended."""
    begun = time.monotonic()
    with said.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  # the compiler itself, with names of our own
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={}, start_new_session=True
        )
        try:
            _limit(process.pid)
            return process.wait(timeout=_MOST_WAIT)
        except subprocess.TimeoutExpired as problem:
            msg = "`protoc` did not end in time"
            raise NotNowError(msg) from problem
        finally:
            process.kill()
            process.wait()
            _patience.took(time.monotonic() - begun)


def _limit(pid: int) -> None:
    """Bound what a process may use, where the system can; the clock bounds it everywhere."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import resource

        resource.prlimit(pid, resource.RLIMIT_CPU, (MOST_CPU, MOST_CPU))
        resource.prlimit(pid, resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (_MOST_FILE, _MOST_FILE))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _why(code: int, said: str, root: str) -> str:
    """Why a schema could not be compiled, without quoting it."""
    if code < 0:
        return "it takes `protoc` more than it may use"
    if "File not found" in said:
        return "something that it imports is not among its references"
    if "recursively imports itself" in said:
        return "it imports itself"
    place = _PLACE.search(said)
    if place is None:
        return "`protoc` does not take it"
    where = "it" if said[: place.start()].endswith(root) else "what it imports"
    return f"`protoc` finds a mistake in {where}, line {place[1]}, column {place[2]}"


def _linked(made: bytes, root: str) -> FileDescriptor:
    pool = DescriptorPool()
    try:
        for file in FileDescriptorSet.FromString(made).file:
            pool.Add(file)
        return pool.FindFileByName(root)
    except (DecodeError, TypeError, KeyError, ValueError) as problem:
        msg = "the runtime of Protobuf does not take it: a newer edition, or too many fields"
        raise UncomparableError(msg) from problem
