"""Secrets: given by reference, shown as ***, never written anywhere."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

MAX_BYTES = 64 << 10
HOW = "Write env:NAME or file:/path/to/it."


class SecretError(ValueError):
    """A secret that cannot be had: the text says why, never what it is."""


class Secret:
    """A text that only `reveal()` tells. No dataclass, so that `asdict` and `repr` cannot open it."""

    __slots__ = ("__value", "reference")

    def __init__(self, value: str, reference: str = "") -> None:
        self.__value = value
        self.reference = reference  #: `env:NAME`, `file:/path`, or empty for a text that may be shown

    def reveal(self) -> str:
        """The text itself."""
        return self.__value

    def shown(self) -> str:
        """What may stand on a screen: the text where it is no secret, else *** and where it comes from."""
        return f"*** ({self.reference})" if self.reference else self.__value

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.__value, self.reference) == (other.reveal(), other.reference)

    def __hash__(self) -> int:
        return hash((self.__value, self.reference))

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, _memo: object) -> "Secret":
        return self

    def __reduce__(self) -> NoReturn:
        msg = "a secret is not written down"
        raise TypeError(msg)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where references lead."""

    environ: Mapping[str, str]
    base: Path  #: what a relative file is relative to

    def resolve(self, reference: str) -> Secret | None:
        """What a reference leads to, None for a text that is none; raise SecretError where it leads nowhere."""
        scheme, _, rest = reference.partition(":")
        if scheme == "env" and not rest.startswith("//"):
            return self._variable(rest.strip(), reference)
        if scheme == "file" and not rest.startswith("//"):
            return self._file(rest.strip(), reference)
        return None

    def _variable(self, name: str, reference: str) -> Secret:
        value = self.environ.get(name, "")
        if not value:
            msg = f"is {reference}, and that variable is not set"
            raise SecretError(msg)
        return Secret(value, reference)

    def _file(self, name: str, reference: str) -> Secret:
        try:
            path = self.base / name
            # Non-blocking: a named pipe without a writer would hold the start for ever.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
                data = stream.read(MAX_BYTES + 1) or b""
            text = data.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            msg = f"is {reference}, and that file is not UTF-8 text"
            raise SecretError(msg) from None
        except (OSError, ValueError) as wrong:
            msg = f"is {reference}, and that file cannot be read ({getattr(wrong, 'strerror', None) or 'bad path'})"
            raise SecretError(msg) from None
        if not text or len(data) > MAX_BYTES:
            msg = f"is {reference}, and that file is {f'larger than {MAX_BYTES >> 10:,} KiB' if text else 'empty'}"
            raise SecretError(msg)
        return Secret(text, reference)
