"""OTLP over HTTP with the TLS that all our clients have."""

from __future__ import annotations

import ssl
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from requests.adapters import HTTPAdapter

from narthex.config.storage import TracingConfig
from narthex.net.tls import client_context


class _OwnTLS(HTTPAdapter):
    """Connections made with a context of ours, which knows alone what is trusted."""

    def __init__(self, context: ssl.SSLContext, server_name: str) -> None:
        self._options: dict[str, Any] = {"ssl_context": context}
        if server_name:
            self._options |= {"server_hostname": server_name, "assert_hostname": server_name}
        super().__init__()

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, self._options

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context does it."""


def http_exporter(config: TracingConfig) -> OTLPSpanExporter:
    """To an endpoint that is host:port, or a whole URL. Raises HTTPClientError for TLS that cannot be used."""
    session = requests.Session()
    session.mount("https://", _OwnTLS(client_context(config.tls_config), config.tls_config.server_name))
    return OTLPSpanExporter(
        endpoint_url(config),
        headers=dict(config.headers),
        timeout=config.timeout / 1000 if config.timeout else None,
        compression=Compression.Gzip if config.compression else Compression.NoCompression,
        session=session,
    )


def endpoint_url(config: TracingConfig) -> str:
    if "://" in config.endpoint:
        return config.endpoint
    scheme = "http" if config.insecure else "https"
    return f"{scheme}://{config.endpoint}" + ("" if "/" in config.endpoint else "/v1/traces")
