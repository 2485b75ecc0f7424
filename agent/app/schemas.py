"""JSON Schemas of the published formats; every output is tested against them."""

from typing import Any

from agent.app.recorded import RECORDING

_TIME = {"type": "string", "format": "date-time"}
_MAYBE_TIME = {"anyOf": [_TIME, {"type": "null"}]}
_COUNT = {"type": "integer"}
_TEXT = {"type": "string"}
_SUBJECT = {
    "type": "object",
    "required": ["kind", "name"],
    "properties": {"kind": _TEXT, "name": _TEXT},
    "additionalProperties": _TEXT,
}
_SCALAR = {"type": ["string", "number", "boolean", "null"]}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional},
        "additionalProperties": False,
    }


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _enum(*words: str) -> dict[str, Any]:
    return {"enum": list(words)}


_OUTCOMES = _object(dict.fromkeys(("fails", "meets", "blind", "not_applicable"), _COUNT))
_CLAIM = _object(
    {"claim": _TEXT, "saw": _SCALAR, "fails": _TEXT, "truth": {"type": ["boolean", "null"]}},
)
_FINDING = _object(
    {
        "rule": _TEXT,
        "subject": _SUBJECT,
        "severity": _enum("critical", "high", "medium", "low"),
        "evidence": _enum("observed", "exposure", "inferred", "declared"),
        "state": _enum("pending", "open", "recovering", "resolved", "stale"),
        "opened": _MAYBE_TIME,
        "resolved": _MAYBE_TIME,
        "says": _TEXT,
        "claims": _list(_CLAIM),
        "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{20}$"},
    }
)
_SCAN = _object(
    {
        "scan": {"const": 1},
        "from": _MAYBE_TIME,
        "to": _MAYBE_TIME,
        "inputs": _list(
            _object(
                {
                    "path": _TEXT,
                    "format": _TEXT,
                    "facts": _COUNT,
                    "rejected": _COUNT,
                    "reasons": {"type": "object", "additionalProperties": _COUNT},
                }
            )
        ),
        "seams": _list(
            _object(
                {
                    "kind": _enum("publishes", "consumes", "calls", "reads", "writes", "triggers"),
                    "source": _TEXT,
                    "target": _TEXT,
                    "count": _COUNT,
                    "errors": _COUNT,
                    "duplicates": _COUNT,
                    "retries": _COUNT,
                }
            )
        ),
        "findings": _list(_FINDING),
        "verdicts": {"type": "object", "additionalProperties": _OUTCOMES},
        "blind": _list(
            _object(
                {
                    "rule": _TEXT,
                    "subject": _SUBJECT,
                    "reason": _enum("learning", "no_right", "not_sent", "instrument_cannot", "error"),
                    "missing": _list(_TEXT),
                    "learn": _list(_TEXT),
                }
            )
        ),
    }
)


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of `config`, `workflow`, `recording` or `scan`."""
    if name in ("config", "workflow"):
        from agent.config.workflow import schema as declared

        return declared(name)
    found = {"scan": _SCAN, "recording": RECORDING}[name]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"seamwatch {name}, version 1", **found}
