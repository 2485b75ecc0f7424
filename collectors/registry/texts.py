"""Texts of versions, which never change: each is read once, and told again from here as long as there is room."""

from collections.abc import Collection
from typing import Any

MAX_CHARACTERS = 64 << 20
MAX_VERSIONS = 200_000


class Texts:
    """What is known of each version of each subject; what finds no room is known to have been told, and is not kept."""

    def __init__(self, most: int = MAX_CHARACTERS) -> None:
        self._most, self._size, self._count = most, 0, 0
        self._found: dict[str, dict[int, dict[str, Any]]] = {}

    def lacking(self, subject: str, numbers: Collection[int]) -> list[int]:
        """The versions that were not read yet, newest first. Where one is gone, numbers may stand for other texts."""
        if not self._found.get(subject, {}).keys() <= set(numbers):
            self._forget(subject)
        known = self._found.get(subject, {})
        return sorted((number for number in numbers if number not in known), reverse=True)

    def keep(self, subject: str, number: int, version: dict[str, Any]) -> None:
        """Remember a version that was read."""
        size = len(version.get("schema") or "")
        if self._count >= MAX_VERSIONS:
            return
        kept = version if self._size + size <= self._most else {}
        self._found.setdefault(subject, {})[number] = kept
        self._size += len(kept.get("schema") or "")
        self._count += 1

    def of(self, subject: str, number: int) -> dict[str, Any]:
        """What is kept of a version."""
        return self._found.get(subject, {}).get(number, {})

    def only(self, subjects: Collection[str]) -> None:
        """Forget those of other subjects."""
        for subject in self._found.keys() - set(subjects):
            self._forget(subject)

    def _forget(self, subject: str) -> None:
        versions = self._found.pop(subject, {})
        self._count -= len(versions)
        self._size -= sum(len(version.get("schema") or "") for version in versions.values())
