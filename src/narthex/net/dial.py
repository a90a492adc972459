"""Opens a KeptConnection, and says in words why a connection failed."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from aiohappyeyeballs import start_connection

from narthex.errors import HTTPClientError
from narthex.net.kept_connection import KeptConnection

OTHER_FAMILY_SECONDS = 0.25
"""How long one address family is waited for before the other is tried too (RFC 8305)."""


KEEPALIVE = {
    name: value
    for name, value in (
        ("TCP_KEEPIDLE", 15),  # seconds of silence before the first probe
        ("TCP_KEEPALIVE", 15),  # the same on macOS
        ("TCP_KEEPINTVL", 15),  # seconds between probes
        ("TCP_KEEPCNT", 9),  # probes without an answer until the connection is dead
    )
    if hasattr(socket, name)
}
"""As Go's dialer sets them: whoever waits for a peer that is gone without a word learns of it after 150 s."""

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""An entry of getaddrinfo."""


def open_socket(where: AddressInfo) -> socket.socket:
    """A socket for outgoing connections, which notices a peer that has vanished."""
    sock = socket.socket(where[0], where[1], where[2])
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    except OSError:
        sock.close()
        raise
    return sock


@dataclass(frozen=True, slots=True)
class Dialled:
    """`unix_socket` is dialled instead of host and port where there is one."""

    host: str
    port: int
    unix_socket: str | None = None


async def dial(where: Dialled, context: ssl.SSLContext | None, server_name: str | None) -> KeptConnection:
    """Connects, with TLS where there is a context. Raises HTTPClientError with the reason."""
    loop = asyncio.get_running_loop()
    connection = KeptConnection(context)
    name = (server_name or where.host) if context is not None else None
    at = where.unix_socket or f"{where.host}:{where.port}"
    try:
        if where.unix_socket is not None:
            await loop.create_unix_connection(lambda: connection, where.unix_socket, ssl=context, server_hostname=name)
            return connection
        found = await loop.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)
        sock = await start_connection(
            found, happy_eyeballs_delay=OTHER_FAMILY_SECONDS, interleave=1, loop=loop, socket_factory=open_socket
        )
        await loop.create_connection(lambda: connection, sock=sock, ssl=context, server_hostname=name)
    except ssl.SSLCertVerificationError as e:
        raise HTTPClientError(f"tls: failed to verify certificate: {certificate_reason(e)}") from e
    except ssl.SSLError as e:
        raise HTTPClientError(f"tls: {ssl_reason(e)}") from e
    except socket.gaierror as e:
        raise HTTPClientError(f"lookup {where.host}: no such host") from e
    except TimeoutError:
        raise
    except OSError as e:
        raise HTTPClientError(f"dial {at}: {os_reason(e)}") from e
    return connection


def os_reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, ssl.SSLError):
        return ssl_reason(error)
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError):
        return "connection reset by peer"
    return (os.strerror(error.errno).lower() if error.errno else "") or str(error) or type(error).__name__


def ssl_reason(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return reason.lower().replace("_", " ") if isinstance(reason, str) else str(error)


def certificate_reason(error: BaseException) -> str:
    return getattr(error, "verify_message", "") or str(error)
