"""What the flags mean: addresses, URLs and limits, checked before anything is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import narthex.web
from narthex.app.addresses import external_url, listen_address, path_of
from narthex.app.flags import Flags
from narthex.app.server.flag_table import FEATURES
from narthex.errors import FlagError, MatcherError
from narthex.model.duration import format_duration
from narthex.model.number import format_float
from narthex.model.regex import compile_regex
from narthex.model.size import format_size
from narthex.remote.receive import WriteVersion
from narthex.tsdb.block_write import SEGMENT_SIZE
from narthex.tsdb.retention import Retention
from narthex.web.context import WebSettings

_DEFAULT_RETENTION = 15 * 86_400_000  # milliseconds
_SMALLEST_BLOCK_SEGMENT = 2**20  # bytes
_SEGMENT = 128 * 2**20  # bytes
_SEGMENT_RANGE = (10 * 2**20, 256 * 2**20)  # bytes of a log segment


@dataclass(frozen=True)
class ServerSettings:
    """Everything that needs a check or a computation; plain values are read from the flags where they are used."""

    addresses: tuple[tuple[str, int], ...]
    external_url: str
    web: WebSettings
    retention: int  # milliseconds; 0 when only a size limit is set
    retention_size: int  # bytes; 0 for none
    segment_size: int  # bytes
    block_segment_size: int  # bytes
    agent: bool
    agent_segment_size: int  # bytes of a log segment in agent mode
    auto_reload: bool
    write_receiver: bool  # remote write is taken
    features: frozenset[str]
    unknown_features: tuple[str, ...]


def server_settings(flags: Flags) -> ServerSettings:
    """Raises FlagError naming the flag that cannot be used."""
    addresses = tuple(listen_address(text) for text in flags.texts("web.listen-address"))
    external = external_url(flags.text("web.external-url"), addresses[0][1])
    prefix = flags.text("web.route-prefix") or path_of(external)
    try:
        cors = compile_regex(flags.text("web.cors.origin"))
    except MatcherError as e:
        raise FlagError(f"--web.cors.origin: {e}") from None
    assets = flags.text("web.user-assets")
    web = WebSettings(
        external_url=external,
        route_prefix=("/" + prefix.strip("/")).rstrip("/"),
        listen_port=addresses[0][1],
        page_title=flags.text("web.page-title"),
        cors_origin=cors,
        lifecycle=flags.on("web.enable-lifecycle"),
        admin=flags.on("web.enable-admin-api"),
        otlp=flags.on("web.enable-otlp-receiver"),
        agent=flags.on("agent"),
        user_assets=Path(assets) if assets else None,
        static=Path(narthex.web.__file__).parent / "static",
        lookback=flags.milliseconds("query.lookback-delta"),
        query_timeout=flags.seconds("query.timeout"),
        write_messages=_write_messages(flags),
    )
    retention = flags.milliseconds("storage.tsdb.retention.time")
    size = flags.size("storage.tsdb.retention.size")
    segment = flags.size("storage.tsdb.wal-segment-size")
    agent_segment = flags.size("storage.agent.wal-segment-size")
    for name, value in (("tsdb", segment), ("agent", agent_segment)):
        if value and not _SEGMENT_RANGE[0] <= value <= _SEGMENT_RANGE[1]:
            raise FlagError(f"--storage.{name}.wal-segment-size must be set between 10MB and 256MB")
    if flags.on("agent") and flags.number("storage.agent.checkpoint-batch-size") <= 0:
        raise FlagError("--storage.agent.checkpoint-batch-size must be greater than 0.")
    block_segment = flags.size("storage.tsdb.max-block-chunk-segment-size")
    if block_segment and block_segment < _SMALLEST_BLOCK_SEGMENT:
        raise FlagError("--storage.tsdb.max-block-chunk-segment-size must be set over 1MB")
    if not 0 <= flags.number("storage.tsdb.delayed-compaction.max-percent") <= 100:
        raise FlagError("--storage.tsdb.delayed-compaction.max-percent must be from 0 to 100")
    if flags.milliseconds("config.auto-reload-interval") < 1000:
        raise FlagError("--config.auto-reload-interval must be at least 1s")
    if flags.milliseconds("query.lookback-delta") <= 0:
        raise FlagError("--query.lookback-delta must be greater than 0")
    names = flags.items("enable-feature")
    if {"otlp-deltatocumulative", "otlp-native-delta-ingestion"} <= set(names):
        raise FlagError(
            "--enable-feature: otlp-deltatocumulative and otlp-native-delta-ingestion cannot be enabled together"
        )
    return ServerSettings(
        addresses=addresses,
        external_url=external,
        web=web,
        retention=retention or (0 if size else _DEFAULT_RETENTION),
        retention_size=size,
        segment_size=segment or _SEGMENT,
        agent=flags.on("agent"),
        agent_segment_size=agent_segment or _SEGMENT,
        block_segment_size=block_segment or SEGMENT_SIZE,
        write_receiver=flags.on("web.enable-remote-write-receiver"),
        auto_reload=flags.on("config.auto-reload") or "auto-reload-config" in names,
        features=frozenset(name for name in names if name in FEATURES),
        unknown_features=tuple(name for name in names if name not in FEATURES),
    )


def _write_messages(flags: Flags) -> frozenset[WriteVersion]:
    name = "web.remote-write-receiver.accepted-protobuf-messages"
    try:
        return frozenset(WriteVersion(text) for text in flags.items(name))
    except ValueError as e:
        known = ", ".join(version.value for version in WriteVersion)
        raise FlagError(f"--{name}: {e}; supported: {known}") from None


def retention_text(retention: Retention) -> str:
    """As /api/v1/status/runtimeinfo shows it: 15d, 10GiB or "15d or 10GiB or 80%"."""
    parts = [format_duration(retention.duration)] if retention.duration else []
    parts += [format_size(retention.size)] if retention.size else []
    parts += [f"{format_float(retention.percentage)}%"] if retention.percentage else []
    return " or ".join(parts)
