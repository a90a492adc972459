"""Where a program listens and under which URL its users reach it."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit, urlunsplit

from narthex.errors import FlagError


def listen_address(text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT, :PORT or [IPV6]:PORT; an empty host is every address."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        raise FlagError(f"--web.listen-address: {text!r} is not HOST:PORT (an IPv6 host goes in brackets: [::1]:9090)")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise FlagError(f"--web.listen-address: {port!r} is not a port (0 to 65535)")
    return host.strip("[]"), int(port)


def external_url(text: str, port: int) -> str:
    """The URL under which users reach this server, path without a slash at its end; by default this host's."""
    if text == "":
        return f"http://{socket.gethostname()}:{port}"
    if text[0] in "\"'" or text[-1] in "\"'":
        raise FlagError(f"--web.external-url: {text} must not begin or end with quotes")
    parts = urlsplit(text if "://" in text or text.startswith("/") else f"http://{text}")
    path = parts.path.rstrip("/")
    if not parts.netloc:
        return f"http://{socket.gethostname()}:{port}{path}"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def path_of(url: str) -> str:
    """The path below which a program at this URL serves everything."""
    return urlsplit(url).path
