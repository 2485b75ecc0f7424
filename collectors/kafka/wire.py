"""How kafka-python is made to connect: with deadlines for all it waits for, and with what it drops handed on.

With `link.py` the one file that knows its inner rooms (`kafka.net`, pinned below 3.1).
"""

import ssl
import time
from typing import Any

from kafka import errors
from kafka.net.inet import create_connection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.sasl.oauth import AbstractTokenProvider
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

from collectors.kafka.access import Access

MOST_BYTES = 64 << 20  #: of one answer; 100,000 committed offsets are 2 MB


class Manager(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python has no types here
    """Hands on what a broker says before it hangs up, and ends a handshake that takes too long.

    kafka-python drops the one, so a wrong password looks like a fault, and waits for the other without end.
    """

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
        receive = transport._sock_recv

        def both() -> tuple[bytes, Exception | None]:
            data, problem = receive()
            return (data, None) if data else (data, problem)

        transport._sock_recv = both
        return transport

    def _transport(self, sock: Any, host: str) -> Any:
        if not self.ssl_enabled:
            return KafkaTCPTransport(self._net, sock, host=host)
        told = {name: value for name, value in self.config.items() if name.startswith("ssl_")}
        return KafkaSSLTransport(self._net, sock, host=host, **told)

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
