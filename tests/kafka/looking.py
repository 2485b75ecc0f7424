"""Looks of ours at a real cluster, read as a test asks for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from agent.model.kafka.look import Look
from collectors.kafka.access import Access
from collectors.kafka.watch import Watch
from tests.kafka.servers import PASSWORDS, Secure


@contextmanager
def watching(*bootstrap: str, timeout: float = 10.0, **access: Any) -> Iterator[Watch]:
    """A watch that hangs up at the end."""
    watch = Watch(Access("test", bootstrap, timeout=timeout, **access))
    try:
        yield watch
    finally:
        watch.close()


def login(secure: Secure, user: str, mechanism: str = "SCRAM-SHA-512", password: str | None = None) -> dict[str, Any]:
    """How a user gets in, in our words."""
    return {
        "tls": True,
        "ca": str(Path(secure.ca)),
        "mechanism": mechanism,
        "user": user,
        "password": password or PASSWORDS[user],
    }


def lag(look: Look, group: str, topic: str) -> dict[int, int]:
    """Unread messages by partition."""
    assert look.topics is not None
    assert look.committed is not None
    first = look.topics.rows.rows(look.topics.rows.names.index(topic))
    rows = look.committed.rows.rows(look.committed.rows.names.index((group, topic)))
    numbers, offsets = look.committed.rows.number[rows].tolist(), look.committed.offset[rows].tolist()
    ends = look.topics.end[first]
    return {number: int(ends[number]) - offset for number, offset in zip(numbers, offsets, strict=True) if offset >= 0}


def ages(look: Look, group: str, topic: str) -> dict[int, float]:
    """Seconds that the oldest unread record is old, by partition; those that are not known are left out."""
    assert look.committed is not None
    rows = look.committed.rows.rows(look.committed.rows.names.index((group, topic)))
    numbers, found = look.committed.rows.number[rows].tolist(), look.committed.age[rows].tolist()
    return {number: age for number, age in zip(numbers, found, strict=True) if not np.isnan(age)}


def column(look: Look, name: str, topic: str) -> list[int]:
    """A column of a topic: start, end, stable."""
    assert look.topics is not None
    rows = look.topics.rows.rows(look.topics.rows.names.index(topic))
    found: list[int] = getattr(look.topics, name)[rows].tolist()
    return found
