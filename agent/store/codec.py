"""Findings and verdicts as JSON, and back. Only known fields; an unknown one is a bug, not data."""

import dataclasses
import hashlib
from datetime import datetime
from typing import Any

import orjson

from agent.model.finding import Disposition, Finding, Said, Signal
from agent.model.seam import Component, SeamKey, SubjectRef
from agent.model.verdict import Claim, Evidence, Need, OnlyIf, Outcome, Reason, Severity, Unless, Verdict

Key = SeamKey | Component


def key_text(key: Key) -> str:
    """A seam or component as one line."""
    return f"{key.kind} {key.source} -> {key.target}" if isinstance(key, SeamKey) else str(key)


def _plain(value: object) -> Any:
    if isinstance(value, SubjectRef):
        return value.as_dict()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: _plain(getattr(value, field.name)) for field in fields}
    return value


def dumps(value: object) -> str:
    """Any of ours as JSON."""
    if isinstance(value, Verdict):  # thousands a round: no subject inside, so the library knows every part
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS).decode()


def subject_text(ref: SubjectRef) -> str:
    """A subject as one sorted line of JSON: its key in the store."""
    return orjson.dumps(ref.as_dict(), option=orjson.OPT_SORT_KEYS).decode()


def subject_of(text: str) -> SubjectRef:
    """Read it back."""
    return SubjectRef.from_dict(orjson.loads(text))


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _claims(rows: list[dict[str, Any]]) -> tuple[Claim, ...]:
    return tuple(Claim(**{**row, "reason": Reason(row["reason"])}) for row in rows)


def finding_of(text: str) -> Finding:
    """A finding from its JSON."""
    row = orjson.loads(text)
    said = row.pop("said")
    times = {
        name: _time(row.pop(name)) for name in ("since", "opened", "clear_since", "resolved", "judged", "stale_since")
    }
    stale_from = row.pop("stale_from")
    return Finding(
        **{
            **row,
            **times,
            "subject": SubjectRef.from_dict(row["subject"]),
            "severity": Severity(row["severity"]),
            "evidence": Evidence(row["evidence"]),
            "signal": Signal(row["signal"]),
            "claims": _claims(row["claims"]),
            "do": tuple(row.get("do", ())),
            "openings": tuple(datetime.fromisoformat(at) for at in row["openings"]),
            "stale_from": Signal(stale_from) if stale_from else None,
            "said": Said(
                Disposition(said["disposition"]), said["owner"], said["reason"], _time(said["at"]), _time(said["until"])
            ),
        }
    )


def verdict_of(text: str) -> Verdict:
    """A verdict from its JSON."""
    row = orjson.loads(text)
    return Verdict(
        outcome=Outcome(row["outcome"]),
        says=row["says"],
        claims=_claims(row["claims"]),
        needs=tuple(Need(**{**need, "reason": Reason(need["reason"])}) for need in row["needs"]),
        guards=tuple(Unless(**guard) for guard in row["guards"]),
        only_if=tuple(OnlyIf(**{**part, "reason": Reason(part["reason"])}) for part in row["only_if"]),
        reason=Reason(row["reason"]) if row["reason"] else None,
        missing=tuple(row["missing"]),
        learn=tuple(row["learn"]),
        severity=Severity(row["severity"]) if row["severity"] else None,
        weighed=row.get("weighed", ""),
        evidence=Evidence(row["evidence"]) if row["evidence"] else None,
        show=row["show"],
        do=tuple(row.get("do", ())),
    )


def digest(text: str) -> str:
    """32 hex digits that stand for a text of any length in a key."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def plain(text: str) -> str:
    """A text that both engines take: PostgreSQL refuses NUL, and a lone surrogate is no UTF-8."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
