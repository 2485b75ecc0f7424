"""From what a span says to its shape: requests and calls here, messages and tables in rooms of their own."""

from dataclasses import replace
from urllib.parse import urlsplit

from agent.model import seam
from agent.model.columns import Role, Shape
from collectors.otlp import conventions as c
from collectors.otlp.messages import message_shape
from collectors.otlp.tables import table_shape

_SAFE_METHODS = {"PUT", "DELETE"}
_QUIET_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
_KNOWN_METHODS = {*_SAFE_METHODS, *_QUIET_METHODS, "POST", "PATCH", "CONNECT", "QUERY"}


def shape_of(seen: c.Seen, names: c.Names) -> Shape:
    """The shape of a span of any family."""
    if seen.family == "messaging":
        return message_shape(seen, names)
    if seen.family == "db":
        with seen.look.paid():
            return table_shape(seen, names)
    if seen.family in ("http", "rpc", "peer"):
        return _serve(seen) if seen.kind == c.SPAN_SERVER else _call(seen)
    if seen.kind == c.SPAN_CONSUMER:  # an attribute-less poll: it tells that the service consumes, and no more
        return c.plain(seen.sender, Role.RECEIVE)
    return c.plain(seen.sender, Role.SERVE if seen.kind == c.SPAN_SERVER else Role.INTERNAL)


def _method(get: c.Get) -> str:
    method = c.text(get, c.HTTP_METHOD).upper()
    return method if method in _KNOWN_METHODS else "_OTHER"


def _serve(seen: c.Seen) -> Shape:
    service, get = seen.sender.service, seen.get
    if seen.family == "rpc":
        route = seam.route(service, c.text(get, c.RPC_SYSTEM) or "rpc", _rpc_path(get))
    else:
        path = c.text(get, c.HTTP_PATH, c.ADDRESS) or urlsplit(_url(get)).path
        template = c.text(get, c.HTTP_ROUTE) or c.path_template(path)
        route = seam.route(service, _method(get), template)
    return replace(c.plain(seen.sender, Role.SERVE), component=route)


def _rpc_path(get: c.Get) -> str:
    """`package.Service/Method`, which newer senders put into the method alone."""
    service, method = c.text(get, c.RPC_SERVICE), c.text(get, c.RPC_METHOD).lstrip("/")
    return method if "/" in method else "/".join(part for part in (service, method) if part) or "/"


def _url(get: c.Get) -> str:
    url = c.text(get, c.HTTP_URL, c.ADDRESS)
    try:
        urlsplit(url)
    except ValueError:
        return ""
    return url


def _address(get: c.Get) -> seam.Component:
    peer = c.text(get, c.PEER)
    if peer:
        return seam.service(peer)
    host, port = c.text(get, c.HOST), c.text(get, c.PORT)
    if not host:
        try:
            parts = urlsplit(_url(get))
            default = {"http": 80, "https": 443}.get(parts.scheme, "")
            host, port = parts.hostname or "", str(parts.port or default)
        except ValueError:
            host = ""
    if host and not port and host.rpartition(":")[2].isdigit() and host.count(":") == 1:
        return seam.service(host)
    return seam.address(host, port) if host else seam.service(seam.UNKNOWN)


def _call(seen: c.Seen) -> Shape:
    get, address = seen.get, _address(seen.get)
    operation, guarded = "", False  # nobody says what a call to a mere peer does
    if seen.family == "rpc":
        operation = f"{c.text(get, c.RPC_SYSTEM)} {address.name} {_rpc_path(get)}"
    elif seen.family == "http":
        method = _method(get)
        path = urlsplit(_url(get)).path or c.text(get, c.HTTP_PATH, c.ADDRESS)
        path = c.text(get, c.URL_TEMPLATE) or c.path_template(path)
        operation = "" if method in _QUIET_METHODS else f"{method} {address.name}{path}"
        guarded = method in _SAFE_METHODS
    calls = seam.calls(seam.service(seen.sender.service), address)
    shape = c.plain(seen.sender, Role.CALL)
    return replace(shape, seams=(calls,), address=address, operation=c.clipped(operation), guarded=guarded)
