"""Client-side TLS: an SSLContext from a tls_config section, made when first needed and again when its files change."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from narthex.config.http_client import TLSConfig
from narthex.errors import HTTPClientError

VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


class ClientTLS:
    """Gives the context to use now. Cheap to ask for each request: files are looked at (stat), not read."""

    def __init__(self, config: TLSConfig) -> None:
        self._config = config
        self._files = [f for f in (config.ca_file, config.cert_file, config.key_file) if f]
        self._seen: list[tuple[int, int, int]] | None = None
        self._context: ssl.SSLContext | None = None

    @property
    def server_name(self) -> str | None:
        return self._config.server_name or None

    def context(self) -> ssl.SSLContext:
        """Raises HTTPClientError when a certificate, key or CA cannot be loaded."""
        if self._context is None or self._files:
            seen = [signature(f) for f in self._files]
            if self._context is None or seen != self._seen:
                self._context, self._seen = self._make(), seen
        return self._context

    def _make(self) -> ssl.SSLContext:
        if self._config == TLSConfig(server_name=self._config.server_name):
            return _default_context()
        return client_context(self._config)


def client_context(config: TLSConfig) -> ssl.SSLContext:
    """A new context for a tls_config. Raises HTTPClientError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # newer Pythons set it; it refuses certificates that Go takes
    context.hostname_checks_common_name = False
    context.minimum_version = VERSIONS[config.min_version or "TLS12"]
    if config.max_version:
        context.maximum_version = VERSIONS[config.max_version]
    if config.min_version in ("TLS10", "TLS11"):
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # OpenSSL 3 refuses these versions above level 0
    try:
        if config.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if config.ca:
            context.load_verify_locations(cadata=config.ca)
        elif config.ca_file:
            context.load_verify_locations(cafile=config.ca_file)
        elif not config.insecure_skip_verify:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    except (OSError, ValueError) as e:
        where = config.ca_file or "the inline ca"
        raise HTTPClientError(f"unable to use CA certificate {where}: {_reason(e)}") from None
    _load_chain(context, config)
    return context


def _load_chain(context: ssl.SSLContext, config: TLSConfig) -> None:
    if not (config.cert or config.cert_file):
        return
    with as_path(config.cert, config.cert_file) as cert, as_path(config.key.reveal(), config.key_file) as key:
        load_chain(context, cert, key, config.cert_file or "the inline cert", config.key_file or "the inline key")


def load_chain(context: ssl.SSLContext, cert: str, key: str, cert_name: str, key_name: str) -> None:
    """Loads a certificate and its key, for either side. Raises HTTPClientError with the given names."""
    try:
        # The callback keeps OpenSSL from asking on the terminal for the password of an encrypted key.
        context.load_cert_chain(cert, key, password=lambda: "")
    except (OSError, ValueError) as e:
        raise HTTPClientError(f"unable to use cert ({cert_name}) & key ({key_name}): {_reason(e)}") from None


@cache
def _default_context() -> ssl.SSLContext:
    """Shared by all clients without TLS settings: loading the system's CAs takes tens of milliseconds."""
    return client_context(TLSConfig())


@contextmanager
def as_path(text: str, path: str) -> Iterator[str]:
    """A path under which the text can be read; `path` itself when there is no text. OpenSSL takes only paths."""
    if not text:
        yield path
        return
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("pem")
        try:
            os.write(fd, text.encode())
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)
        return
    with tempfile.NamedTemporaryFile(delete=True) as file:  # readable by the owner only
        file.write(text.encode())
        file.flush()
        yield file.name


def signature(path: str) -> tuple[int, int, int]:
    """What changes when a file changes, zeros when it cannot be looked at."""
    try:
        stat = Path(path).stat()
    except OSError:
        return (0, 0, 0)
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
