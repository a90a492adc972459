"""Discovery from JSON and YAML files: read when their directory changes and at a slow interval anyway."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from narthex.clock import Clock
from narthex.config import strict
from narthex.config.globs import matching_files
from narthex.config.sd.plain import FileSDConfig
from narthex.config.target_file import parse_json_groups, parse_yaml_groups
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.provider import Publish
from narthex.discovery.static import target_group
from narthex.discovery.watch import DirectoryWatch
from narthex.errors import ConfigError
from narthex.model.target_group import TargetGroup

log = logging.getLogger(__name__)


class FileProvider:
    """A file that cannot be read or parsed is logged and counted, and its last good groups stay."""

    def __init__(self, config: FileSDConfig, watch: DirectoryWatch, metrics: DiscoveryMetrics, clock: Clock) -> None:
        self._config, self._watch, self._metrics, self._clock = config, watch, metrics, clock
        self._groups: dict[str, int] = {}  # how many groups each file gave last
        self._changed = asyncio.Event()

    async def run(self, publish: Publish) -> None:
        try:
            while True:
                self._changed.clear()
                await self._watch.add(self, self._directories(), self._changed.set)
                publish(await self._read_all())
                await self._changed_or(self._config.refresh_seconds)
        finally:
            self._watch.remove(self)
            for path in self._groups:
                self._metrics.file_mtime.remove(path)

    def _directories(self) -> frozenset[Path]:
        return frozenset(Path(pattern).parent for pattern in self._config.files)

    async def _changed_or(self, seconds: float) -> None:
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        change = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((timer, change), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            change.cancel()

    async def _read_all(self) -> list[TargetGroup]:
        start = self._clock.monotonic()
        found: list[TargetGroup] = []
        counts: dict[str, int] = {}
        for path in await asyncio.to_thread(self._paths):
            try:
                groups, modified = await asyncio.to_thread(read_groups, path)
            except (ConfigError, OSError) as e:
                self._metrics.file_read_errors.inc()
                log.error("discovery file: the last good targets of %s stay: %s", path, e)
                counts[path] = self._groups.get(path, 0)
                continue
            self._metrics.file_mtime.labels(path).set(modified)
            found += groups
            counts[path] = len(groups)
        for path, before in self._groups.items():
            found += [TargetGroup(_source(path, i)) for i in range(counts.get(path, 0), before)]
            if path not in counts:
                self._metrics.file_mtime.remove(path)
        self._groups = counts
        self._metrics.file_scan_seconds.observe(self._clock.monotonic() - start)
        return found

    def _paths(self) -> list[str]:
        paths: list[str] = []
        for pattern in self._config.files:
            try:
                paths += matching_files(pattern)
            except ConfigError as e:
                log.error("discovery file: %s", e)
                paths += [path for path in self._groups if path not in paths]
        return list(dict.fromkeys(paths))


def read_groups(path: str) -> tuple[list[TargetGroup], float]:
    """The groups of one file and its modification time (whole seconds). Raises ConfigError or OSError."""
    parse = parse_json_groups if path.lower().endswith(".json") else parse_yaml_groups
    modified = Path(path).stat().st_mtime
    configs = parse(strict.read(Path(path)), path)
    groups = [target_group(c, _source(path, i), {"__meta_filepath": path}) for i, c in enumerate(configs)]
    return groups, float(int(modified))


def _source(path: str, index: int) -> str:
    return f"{path}:{index}"
