"""Logs: events with fields, one line each, control characters escaped."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

_MOST = 256


def _clean(value: object) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value][:20]
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))
    return text if len(text) <= _MOST else text[:_MOST] + "…"


class _Lines(logging.Formatter):
    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """One event as one line."""
        at = datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds")
        fields = {name: _clean(value) for name, value in getattr(record, "fields", {}).items()}
        if record.exc_info:
            fields["error"] = _clean(self.formatException(record.exc_info).splitlines()[-1])
        event = _clean(record.getMessage())
        if self._as_json:
            return json.dumps(
                {"at": at, "level": record.levelname.lower(), "event": event, **fields}, ensure_ascii=False
            )
        tail = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())
        return f"{at} {record.levelname.lower():7} {event} {tail}".rstrip()


def configure(level: str, style: str) -> None:
    """Send our events to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(as_json=style == "json"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn", "uvicorn.error", "asyncio", "alembic", "sqlglot"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
