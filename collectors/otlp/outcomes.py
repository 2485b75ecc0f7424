"""Whether a span failed, also where its status does not say so: HTTP and RPC status, error types, task states.

A callee's fault is an error on both sides, a caller's fault on the caller's side only: the semantic conventions' rule.
"""

from collections.abc import Callable, Mapping

from collectors.otlp import conventions as c

#: gRPC codes that are a server's fault, by number and by name
_SERVER_FAULTS = {
    "2": "UNKNOWN",
    "4": "DEADLINE_EXCEEDED",
    "12": "UNIMPLEMENTED",
    "13": "INTERNAL",
    "14": "UNAVAILABLE",
    "15": "DATA_LOSS",
}
_FAULTY = {*_SERVER_FAULTS, *_SERVER_FAULTS.values()}
_OK = {"", "0", "OK"}


def failed(seen: c.Seen) -> bool:
    """True where an attribute says that the span's work failed."""
    if c.first(seen.get, c.ERROR_TYPE) is not None:
        return True
    judge = _JUDGES.get(seen.family)
    return judge is not None and judge(seen.get, seen.kind == c.SPAN_SERVER)


def _http(get: c.Get, served: bool) -> bool:
    status = c.whole(c.first(get, c.HTTP_STATUS))
    return status is not None and status >= (500 if served else 400)


def _rpc(get: c.Get, served: bool) -> bool:
    code = c.text(get, c.RPC_STATUS).upper()
    if code not in _OK:
        return code in _FAULTY or not served
    number = c.whole(c.first(get, c.RPC_JSON_ERROR))
    if not number:
        return False
    return not served or number == -32603 or -32099 <= number <= -32000  # internal, or the server's own


def _task(get: c.Get, _: bool) -> bool:
    return c.text(get, c.CELERY_STATE).upper() in ("RETRY", "FAILURE")


_JUDGES: Mapping[str, Callable[[c.Get, bool], bool]] = {"http": _http, "rpc": _rpc, "messaging": _task}
