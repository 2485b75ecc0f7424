"""How kafka-python is made to connect: with deadlines for all it waits for, and with what it drops handed on.

With `link.py` the one file that knows its inner rooms (`kafka.net`, pinned below 3.1).
"""

import ssl
import struct
import time
from collections.abc import Hashable
from contextlib import suppress
from functools import cache
from typing import Any, cast

from kafka import errors
from kafka.net.inet import create_connection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.sasl.oauth import AbstractTokenProvider
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

from collectors.kafka.access import Access

MOST_BYTES = 64 << 20  #: of one answer; 100,000 committed offsets are 2 MB
HELPING = 1 << 20  #: bytes that are read before deadlines are looked at
#: what kafka-python raises for bytes that are no answer, beside its own errors
UNREADABLE = (struct.error, ValueError, LookupError, AssertionError)


class _Careful:
    """Takes what a broker sends in bounded helpings; what is no answer ends the connection, not the reading of it.

    kafka-python reads for as long as more comes, waits where it stumbled, and drops what a broker says before it hangs
    up, so that a wrong password looks like a fault.
    """

    _sock: Any

    def _sock_recv(self) -> tuple[bytes, Exception | None]:
        found, size = list[bytes](), 0
        try:
            while size < HELPING and (part := self._sock.recv(65_536)):  # TLS: whole records, or the rest would wait
                found.append(part)
                size += len(part)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b"".join(found), None
        except OSError as problem:
            return b"".join(found), None if found else errors.KafkaConnectionError(problem)
        return b"".join(found), None if found else errors.KafkaConnectionError("socket disconnected")

    def set_protocol(self, protocol: Any) -> None:
        """The connection that the bytes are for."""
        received = protocol.data_received

        def data_received(data: bytes) -> Any:
            with suppress(errors.KafkaProtocolError, *UNREADABLE):
                return received(data)
            protocol.parser._reset_buffer()
            raise errors.KafkaProtocolError()  # alone: its cause would hold all that came

        protocol.data_received = data_received
        super().set_protocol(protocol)  # type: ignore[misc]  # of the transport that this stands before


class _Plain(_Careful, KafkaTCPTransport):  # type: ignore[misc]  # kafka-python has no types here
    pass


class _Secured(_Careful, KafkaSSLTransport):  # type: ignore[misc]
    pass


class Manager(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python has no types here
    """Ends a handshake that takes too long: kafka-python waits for one without end."""

    def get_connection(self, node_id: int, **told: Any) -> Any:
        """The connection to a broker; that it is lost makes kafka-python ask nobody for the metadata: we do."""
        return super().get_connection(node_id, **{**told, "refresh_metadata_on_err": False})

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        try:
            made = create_connection(self._net, node.host, node.port, self.config["socket_options"], None, timeout_at)
            transport = self._transport(await made, node.host)
        except errors.KafkaConnectionError as problem:
            if timeout_at is not None and time.monotonic() >= timeout_at:
                raise errors.KafkaTimeoutError() from problem
            raise
        if self.ssl_enabled:
            await self._handshake(transport, timeout_at)
        return transport

    def _transport(self, sock: Any, host: str) -> Any:
        if not self.ssl_enabled:
            return _Plain(self._net, sock, host=host)
        told = {name: value for name, value in self.config.items() if name.startswith("ssl_")}
        return _Secured(self._net, sock, host=host, **told)

    async def _handshake(self, transport: Any, timeout_at: float | None) -> None:
        stream = transport._sock
        try:
            while True:
                try:
                    stream.do_handshake()
                except ssl.SSLWantReadError:
                    await self._net.wait_read(stream, timeout_at)
                except ssl.SSLWantWriteError:
                    await self._net.wait_write(stream, timeout_at)
                else:
                    return
        except (OSError, ValueError) as problem:  # ssl's errors are OSErrors; a name that does not fit is a ValueError
            transport.close()
            raise errors.KafkaConnectionError(f"Handshake failed: {problem}") from problem
        except errors.KafkaTimeoutError:
            transport.close()
            raise


def hollow(answer: Any) -> bool:
    """Something that must be there is null in an answer: kafka-python reads that too."""
    for name, nested in _needed(cast("Hashable", type(answer))):
        value = getattr(answer, name)
        if value is None or (nested and any(map(hollow, value))):
            return True
    return False


@cache
def _needed(kind: Hashable) -> tuple[tuple[str, bool], ...]:
    """The fields of a message or a part of one that are texts or lists; which are lists of parts."""
    fields = [one for one in cast("Any", kind)._struct.fields.values() if one._nullable_versions in (None, (-1, -1))]
    return tuple(
        (one.name, one.is_struct_array())
        for one in fields
        if one.is_array() or one.is_struct_array() or one.type_str in ("string", "bytes")
    )


def settings(access: Access) -> dict[str, Any]:
    """How a cluster is reached, in kafka-python's words."""
    told: dict[str, Any] = {
        "bootstrap_servers": list(access.bootstrap),
        "client_id": access.client_id,
        "security_protocol": access.protocol,
        "request_timeout_ms": int(access.timeout * 1000),
        "receive_message_max_bytes": MOST_BYTES,
        "max_in_flight_requests_per_connection": 1_000_000,
        "socket_connection_setup_timeout_ms": int(access.timeout * 1000),
        "socket_connection_setup_timeout_max_ms": int(access.timeout * 1000),  # or each failure would double it
        "metadata_max_age_ms": 24 * 3_600_000,  # we ask ourselves
    }
    if access.tls:
        told |= {
            "ssl_cafile": access.ca,
            "ssl_certfile": access.certificate,
            "ssl_keyfile": access.key,
            "ssl_check_hostname": access.check_name,
        }
    if access.mechanism:
        told |= {
            "sasl_mechanism": access.mechanism,
            "sasl_plain_username": access.user,
            "sasl_plain_password": access.password,
        }
    if access.token is not None:
        told["sasl_oauth_token_provider"] = Token(access.token)
    return told


class Token(AbstractTokenProvider):  # type: ignore[misc]  # untyped
    """A token of ours, as kafka-python asks for one."""

    def __init__(self, fresh: Any) -> None:
        self._fresh = fresh

    def token(self) -> str:
        """A fresh one."""
        return str(self._fresh())

    def extensions(self) -> dict[str, str]:
        """None."""
        return {}
