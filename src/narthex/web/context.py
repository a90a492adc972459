"""What every handler is given: the sources, the workers and the settings of this server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from narthex.clock import Clock
from narthex.errors import RequestError
from narthex.instrument import Registry
from narthex.model.regex import Regex
from narthex.remote.otlp import OtlpReceiver
from narthex.remote.read_server import ReadServer
from narthex.remote.receive import WriteReceiver, WriteVersion
from narthex.storage.contract import ExemplarQuerier, Queryable
from narthex.web.sources import (
    Alertmanagers,
    Language,
    QueryEngine,
    Rules,
    ServerState,
    StorageAdmin,
    StorageStatus,
    Targets,
)
from narthex.web.workers import Workers

T = TypeVar("T")


@dataclass(frozen=True)
class WebSettings:
    """From the flags. `route_prefix` starts with a slash and does not end with one ("" for the root)."""

    external_url: str
    route_prefix: str = ""
    listen_port: int = 9090
    page_title: str = "Narthex"
    cors_origin: Regex | None = None
    lifecycle: bool = False
    agent: bool = False
    admin: bool = False
    otlp: bool = False
    user_assets: Path | None = None
    static: Path | None = None
    lookback: int = 300_000  # milliseconds
    query_timeout: float = 120.0  # seconds
    write_messages: frozenset[WriteVersion] = frozenset(WriteVersion)


@dataclass
class Context:
    """`app` sets the sources as parts come up; handlers that need one run only when the server is ready."""

    settings: WebSettings
    state: ServerState
    workers: Workers
    registry: Registry
    clock: Clock
    log_error: Callable[[str], None]
    engine: QueryEngine | None = None
    language: Language | None = None
    storage: Queryable | None = None
    local_storage: Queryable | None = None
    """What /federate shows: `storage` may ask other servers too."""
    exemplars: ExemplarQuerier | None = None
    targets: Targets | None = None
    rules: Rules | None = None
    alertmanagers: Alertmanagers | None = None
    storage_status: StorageStatus | None = None
    storage_admin: StorageAdmin | None = None
    otlp: OtlpReceiver | None = None
    write_receiver: WriteReceiver | None = None
    read_server: ReadServer | None = None
    pool_yaml: Mapping[str, str] = field(default_factory=dict)

    @property
    def serves(self) -> bool:
        """Whether requests that need the parts can be answered."""
        return self.state.ready and not self.state.stopping


def need(source: T | None, what: str) -> T:
    """The source, or the API error for a part that this server does not have."""
    if source is None:
        raise RequestError("unavailable", f"{what} is not available")
    return source
