"""Column types that keep their word on both engines."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_MICRO = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A UTC instant, stored as microseconds since 1970: SQLite would drop a zone silently, an integer cannot.

    Naive values are refused; aware ones come back in UTC.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To microseconds; raise ValueError for a naive value."""
        return None if value is None else micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Back to an aware UTC time."""
        return None if value is None else moment(value)


def micros(value: datetime) -> int:
    """Microseconds since 1970 of an aware time; raise ValueError for a naive one."""
    if value.tzinfo is None:
        msg = f"{value!r} has no time zone"
        raise ValueError(msg)
    delta = value.astimezone(UTC) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * _MICRO + delta.microseconds


def moment(value: int) -> datetime:
    """The UTC time of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=value)
