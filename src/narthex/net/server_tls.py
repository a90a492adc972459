"""Server-side TLS from a web configuration file, followed while it runs."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable

from narthex.config.web import CIPHERS, CURVES, TLSServerConfig
from narthex.errors import HTTPClientError, WebConfigError
from narthex.net.tls import VERSIONS, as_path, load_chain, signature

log = logging.getLogger(__name__)

_VERIFY = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


class ServerTLS:
    """`context` is what listeners are opened with. Each handshake looks whether files changed and uses the new ones;
    a change that cannot be used is logged and the last good certificate stays.
    """

    def __init__(self, config: Callable[[], TLSServerConfig]) -> None:
        """`config` gives the section as it stands now. Raises WebConfigError when it cannot be used."""
        self._config = config
        self._seen = self._signature(config())
        self._current = server_context(config())
        self.context = server_context(config())
        self.context.sni_callback = self._on_hello

    def _on_hello(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Called by OpenSSL at the start of each handshake."""
        try:
            self._follow()
        except Exception as e:
            log.error("web configuration: the last good certificate stays: %s", e)
        connection.context = self._current

    def _follow(self) -> None:
        config = self._config()
        seen = self._signature(config)
        if seen == self._seen or not config.enabled:
            return
        self._current, self._seen = server_context(config), seen
        # What a handshake checks of its client comes from the listener's context: changes count from the next one on.
        self.context.verify_mode = self._current.verify_mode
        if config.client_ca or config.client_ca_file:
            _load_client_ca(self.context, config)

    @staticmethod
    def _signature(config: TLSServerConfig) -> tuple[object, ...]:
        files = (config.cert_file, config.key_file, config.client_ca_file)
        return (repr(config), config.key, *(signature(f) for f in files if f))


def server_context(config: TLSServerConfig) -> ssl.SSLContext:
    """A context of its own. Raises WebConfigError."""
    if config.client_auth_type not in _VERIFY:
        raise WebConfigError(
            f"client_auth_type {config.client_auth_type} is not available: use RequireAndVerifyClientCert "
            "or VerifyClientCertIfGiven with client_ca_file"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = VERSIONS[config.min_version], VERSIONS[config.max_version]
    ciphers = [CIPHERS[name] for name in config.cipher_suites if CIPHERS[name]]
    if ciphers:
        context.set_ciphers(":".join(ciphers))
    if len(config.curve_preferences) == 1:
        context.set_ecdh_curve(CURVES[config.curve_preferences[0]])
    if config.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        with as_path(config.cert, config.cert_file) as cert, as_path(config.key.reveal(), config.key_file) as key:
            load_chain(context, cert, key, config.cert_file or "the inline cert", config.key_file or "the inline key")
    except HTTPClientError as e:
        raise WebConfigError(str(e)) from None
    context.verify_mode = _VERIFY[config.client_auth_type]
    if config.client_ca or config.client_ca_file:
        _load_client_ca(context, config)
    elif context.verify_mode != ssl.CERT_NONE:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    return context


def _load_client_ca(context: ssl.SSLContext, config: TLSServerConfig) -> None:
    try:
        if config.client_ca_file:
            context.load_verify_locations(cafile=config.client_ca_file)
        else:
            context.load_verify_locations(cadata=config.client_ca)
    except (OSError, ValueError) as e:
        reason = (e.reason if isinstance(e, ssl.SSLError) else getattr(e, "strerror", None)) or e
        raise WebConfigError(f"unable to use client CAs ({config.client_ca_file or 'inline'}): {reason}") from None
