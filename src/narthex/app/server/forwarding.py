"""Remote write, which a server and an agent do alike: from their log to the endpoints of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from narthex.app.flags import Flags
from narthex.app.server.load import Loaded
from narthex.clock import Clock
from narthex.instrument import Registry
from narthex.remote.write_storage import WriteStorage
from narthex.scrape.manager import Manager
from narthex.storage.contract import SeriesMetadata


class Forwarding:
    """`storage` wants to be told of commits."""

    def __init__(
        self,
        data: Path,
        flags: Flags,
        registry: Registry,
        clock: Clock,
        appended: Callable[[], Sequence[float]],
        targets: Manager,
    ) -> None:
        """`data` has the log; `appended`: samples, histograms and exemplars that storage took since the start."""
        self.storage = WriteStorage(
            data,
            clock,
            registry,
            flags.seconds("storage.remote.flush-deadline"),
            appended,
            lambda: families(targets),
        )

    async def apply(self, loaded: Loaded) -> None:
        await self.storage.apply(loaded.config.remote_write, loaded.config.global_.external_labels)

    async def stop(self) -> None:
        await self.storage.stop()


def families(targets: Manager) -> list[tuple[str, SeriesMetadata]]:
    """What the targets say about metric families, each family once."""
    found: dict[str, SeriesMetadata] = {}
    for target in targets.active():
        for metric, type_, help_, unit in target.metadata():
            found.setdefault(metric, SeriesMetadata(type_, unit, help_))
    return list(found.items())
