"""A deadline for a whole answer of a REST interface: its status line and headers as well as its body.

A socket's timeout is for each wait alone, and the libraries above it know no other: a server that sends a byte now and
then is read for ever.
"""

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter


class LateError(TimeoutError):
    """An answer took longer than its deadline."""


class _Bytes(io.RawIOBase):
    """What comes on a socket, up to an instant."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        """`until` is in seconds of the monotonic clock; each wait has the socket's own timeout as well."""
        self._sock, self._until, self._each = sock, until, sock.gettimeout()
        self._from = sock.makefile("rb", buffering=0)  # while it is open, so is the socket

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise LateError
        self._sock.settimeout(left if self._each is None else min(left, self._each))
        try:
            return self._from.readinto(buffer)
        except TimeoutError as problem:
            if time.monotonic() >= self._until:
                raise LateError from problem
            raise
        finally:
            self._sock.settimeout(self._each)

    def close(self) -> None:
        self._from.close()
        super().close()


class _Reading:
    """Stands for a socket where an answer is read from it."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until = sock, until

    def makefile(self, _mode: str) -> io.BufferedReader:
        """As the library for HTTP asks a socket: only to read bytes."""
        return io.BufferedReader(_Bytes(self._sock, self._until))


class _Answers:
    """Makes answers whose time runs from the moment that they are waited for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self, sock: socket.socket, *args: Any, **more: Any) -> HTTPResponse:
        return HTTPResponse(_Reading(sock, time.monotonic() + self._seconds), *args, **more)  # type: ignore[arg-type]  # reads, and no more


class Timely(HTTPAdapter):
    """Raises LateError, wrapped as timeouts are, where an answer takes more than so many seconds; proxies' as well."""

    def __init__(self, seconds: float, *, check_name: bool = True) -> None:
        """Without `check_name` a certificate of another host name is trusted; who signed it still counts."""
        self._answers = _Answers(seconds)
        self._check_name = check_name
        super().__init__()

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """Make what opens connections."""
        tls = {} if self._check_name else {"assert_hostname": False}
        super().init_poolmanager(*args, **{**more, **tls})
        self._time(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **more: Any) -> Any:
        """Make what opens connections by way of a proxy, or give the one that was made before."""
        known = set(self.proxy_manager)
        manager = super().proxy_manager_for(*args, **more)
        if set(self.proxy_manager) != known:
            self._time(manager)
        return manager

    def _time(self, manager: Any) -> None:
        """Have a manager's connections make timely answers, whatever else they do."""
        manager.pool_classes_by_scheme = {
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": self._timed(pool.ConnectionCls)})
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }

    def _timed(self, connection: type) -> type:
        return type(connection.__name__, (connection,), {"response_class": self._answers})
