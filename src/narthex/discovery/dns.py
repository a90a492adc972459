"""Discovery from DNS: SRV, A, AAAA, MX and NS records, looked up again and again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import aiodns
import aiodns.error

from narthex.clock import Clock
from narthex.config.sd.plain import DnsSDConfig
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.provider import RefreshProvider
from narthex.model.labels import Labels
from narthex.model.target_group import TargetGroup

log = logging.getLogger(__name__)

RESOLV_CONF = Path("/etc/resolv.conf")
MAX_CONF_BYTES = 64 * 1024


class Resolver(Protocol):
    """What is used of aiodns.DNSResolver: absolute names only, no search list."""

    def query_dns(self, host: str, qtype: str) -> asyncio.Future[Any]: ...

    async def close(self) -> None: ...


class DnsProvider(RefreshProvider):
    """One group a name. A name that no server could answer keeps its targets; one that does not exist loses them."""

    def __init__(
        self,
        config: DnsSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        *,
        make_resolver: Callable[[], Resolver] = aiodns.DNSResolver,
        resolv_conf: Path = RESOLV_CONF,
    ) -> None:
        super().__init__("dns", config_name, config.refresh_seconds, metrics, clock)
        self._config, self._metrics = config, metrics
        self._make_resolver, self._resolv_conf = make_resolver, resolv_conf
        self._type = config.type.upper()
        self._last: dict[str, TargetGroup] = {}

    async def refresh(self) -> Sequence[TargetGroup]:
        search, ndots = search_list(self._resolv_conf)
        resolver = self._make_resolver()  # a new one each time, so that changes of resolv.conf count
        try:
            await asyncio.gather(*(self._one(resolver, name, search, ndots) for name in self._config.names))
        finally:
            await resolver.close()
        return list(self._last.values())

    def failure(self, error: Exception) -> str | None:
        return str(error) if isinstance(error, OSError | aiodns.error.DNSError) else None

    async def _one(self, resolver: Resolver, name: str, search: Sequence[str], ndots: int) -> None:
        self._metrics.dns_lookups.inc()
        try:
            records = await self._records(resolver, candidates(name, search, ndots))
        except aiodns.error.DNSError as e:
            self._metrics.dns_lookup_failures.inc()
            log.error("discovery dns: could not resolve %s: %s", name, e.args[-1] if e.args else e)
            return
        targets = [t for t in (self._target(name, record) for record in records) if t is not None]
        self._last[name] = TargetGroup(name, tuple(targets))

    async def _records(self, resolver: Resolver, names: Sequence[str]) -> Sequence[Any]:
        """The answer for the first name that exists; nothing when all servers say that none does."""
        failed: aiodns.error.DNSError | None = None
        for name in names:
            try:
                records: Sequence[Any] = (await resolver.query_dns(name, self._type)).answer
                return records
            except aiodns.error.DNSError as e:
                if e.args and e.args[0] == aiodns.error.ARES_ENODATA:
                    return ()
                if not e.args or e.args[0] != aiodns.error.ARES_ENOTFOUND:
                    failed = e  # a later name may still exist, but that none does can no longer be said
        if failed is not None:
            raise failed
        return ()

    def _target(self, name: str, record: Any) -> Labels | None:
        data = record.data
        labels = {"__meta_dns_name": name}
        match type(data).__name__:
            case "SRVRecordData":
                target = _absolute(data.target)
                labels |= {
                    "__meta_dns_srv_record_target": target,
                    "__meta_dns_srv_record_port": str(data.port),
                    "__address__": _host_port(target, data.port),
                }
            case "MXRecordData":
                target = _absolute(data.exchange)
                labels |= {
                    "__meta_dns_mx_record_target": target,
                    "__address__": _host_port(target, self._config.port),
                }
            case "NSRecordData":
                target = _absolute(data.nsdname)
                labels |= {
                    "__meta_dns_ns_record_target": target,
                    "__address__": _host_port(target, self._config.port),
                }
            case "ARecordData" | "AAAARecordData":
                labels["__address__"] = _host_port(data.addr, self._config.port)
            case _:
                return None  # a CNAME on the way to an address
        return Labels(labels)


def _absolute(name: str) -> str:
    return name if name.endswith(".") else f"{name}."


def _host_port(host: str, port: int) -> str:
    bare = host.rstrip(".")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def candidates(name: str, search: Sequence[str], ndots: int) -> list[str]:
    """The absolute names to ask for, in order. A name with enough dots is tried as it is first."""
    if name.endswith("."):
        return [name]
    searched = [_absolute(f"{name}.{domain.strip('.')}") for domain in search if domain.strip(".")]
    plain = _absolute(name)
    return [plain, *searched] if name.count(".") >= ndots else [*searched, plain]


def search_list(path: Path) -> tuple[list[str], int]:
    """Search domains and ndots of resolv.conf; none and 1 when it cannot be read."""
    search: list[str] = []
    ndots = 1
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CONF_BYTES).decode(errors="replace")
    except OSError:
        return [], 1
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2:
            continue
        if words[0] in ("search", "domain"):
            search = words[1:]
        elif words[0] == "options":
            for option in words[1:]:
                value = option.removeprefix("ndots:")
                if value != option and value.isascii() and value.isdigit():
                    ndots = min(int(value), 15)
    return search, ndots
