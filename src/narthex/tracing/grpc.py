"""OTLP over gRPC."""

from __future__ import annotations

from pathlib import Path

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from narthex.config.http_client import TLSConfig
from narthex.config.storage import TracingConfig
from narthex.errors import HTTPClientError


def grpc_exporter(config: TracingConfig) -> OTLPSpanExporter:
    """Raises HTTPClientError for TLS that cannot be used."""
    tls = config.tls_config
    name = tls.server_name
    return OTLPSpanExporter(
        config.endpoint,
        insecure=config.insecure,
        credentials=None if config.insecure else _credentials(tls),
        headers=tuple((key.lower(), value) for key, value in config.headers.items()),
        timeout=config.timeout / 1000 if config.timeout else None,
        compression=grpc.Compression.Gzip if config.compression else grpc.Compression.NoCompression,
        channel_options=(("grpc.ssl_target_name_override", name),) if name else None,
    )


def _credentials(tls: TLSConfig) -> grpc.ChannelCredentials:
    for key in ("insecure_skip_verify", "min_version", "max_version"):
        if getattr(tls, key):
            raise HTTPClientError(f"tracing over gRPC cannot obey tls_config's {key}: use client_type http")
    return grpc.ssl_channel_credentials(
        _read(tls.ca, tls.ca_file), _read(tls.key.reveal(), tls.key_file), _read(tls.cert, tls.cert_file)
    )


def _read(text: str, path: str) -> bytes | None:
    if text:
        return text.encode()
    try:
        return Path(path).read_bytes() if path else None
    except OSError as e:
        raise HTTPClientError(f"{path}: {e.strerror}") from None
