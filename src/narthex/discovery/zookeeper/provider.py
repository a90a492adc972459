"""Every node below the paths of a section is a member, unless its data is empty, as that of inner nodes is."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from narthex.clock import Clock
from narthex.config.sd.cluster import NerveSDConfig, ServersetSDConfig
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.provider import Publish
from narthex.discovery.zookeeper.members import ParseMember
from narthex.discovery.zookeeper.session import News, Session
from narthex.discovery.zookeeper.tree import Node, Nodes, changes, read_tree
from narthex.errors import HTTPClientError
from narthex.model.target_group import TargetGroup

log = logging.getLogger(__name__)

RETRY_SECONDS = 10.0


class ZooKeeperProvider:
    """A group for each node. Each connection reads all, then what watches name; a failure keeps what is known."""

    def __init__(
        self,
        config: ServersetSDConfig | NerveSDConfig,
        config_name: str,
        metrics: DiscoveryMetrics,
        clock: Clock,
        parse: ParseMember,
    ) -> None:
        self._config, self._metrics, self._clock, self._parse = config, metrics, clock, parse
        self._name = f"discovery {config.mechanism} of {config_name}"
        self._roots = frozenset(path.rstrip("/") or "/" for path in config.paths)
        self._missing: set[str] = set()  # roots that do not exist
        self._nodes: Nodes = {}
        self._session = self._new_session()

    def _new_session(self) -> Session:
        return Session([str(server) for server in self._config.servers], self._config.timeout / 1000, self._name)

    async def run(self, publish: Publish) -> None:
        try:
            while True:
                self._session.start()
                try:
                    await self._follow(publish)
                finally:
                    await self._session.close()
                await self._clock.sleep(RETRY_SECONDS)
                self._session = self._new_session()
        finally:
            self._metrics.zookeeper_watched.inc(-len(self._nodes))

    async def _follow(self, publish: Publish) -> None:
        """Returns when the session does not recover by itself."""
        all_of_it, touched = False, set[str]()
        while True:
            for news in await self._session.news():
                if news is News.ENDED:
                    return self._failed("the client gave up, the next attempt is with a new session")
                if news is News.LOST:
                    self._failed("the connection is lost, and what is known stays")
                elif news is News.CONNECTED:
                    all_of_it = True
                else:
                    touched.add(news)
            while self._session.connected and (all_of_it or touched):
                try:
                    await self._update(None if all_of_it else touched, publish)
                    all_of_it, touched = False, set()
                except HTTPClientError as e:
                    self._failed(f"unable to read, and what is known stays: {e}")
                    all_of_it = True
                    await self._clock.sleep(RETRY_SECONDS)

    async def _update(self, touched: Iterable[str] | None, publish: Publish) -> None:
        """Reads these nodes, or all for None, and publishes what is new."""
        if touched is None:
            nodes = await read_tree(self._read, self._roots, {})
        else:
            nodes = await read_tree(
                self._read, {p for p in touched if p in self._nodes or p in self._roots}, self._nodes
            )
        new, gone = changes(self._nodes, nodes)
        self._metrics.zookeeper_watched.inc(len(nodes) - len(self._nodes))
        self._nodes = nodes
        if new or gone or touched is None:
            publish([*(self._group(path, nodes[path].data) for path in new), *map(TargetGroup, gone)])

    async def _read(self, path: str) -> Node | None:
        """A path of the section that does not exist is watched for its creation; other nodes show in their parents."""
        node = await self._session.read(path)
        while node is None and path in self._roots and await self._session.exists(path):
            node = await self._session.read(path)
        if node is not None:
            self._missing.discard(path)
        elif path in self._roots and path not in self._missing:
            self._missing.add(path)
            self._failed(f"there is no {path}")
        return node

    def _group(self, path: str, data: bytes) -> TargetGroup:
        if not data:
            return TargetGroup(path)
        try:
            return TargetGroup(path, (self._parse(data, path),))
        except HTTPClientError as e:
            log.error("%s: %s is left out: %s", self._name, path, e)
            return TargetGroup(path)

    def _failed(self, what: str) -> None:
        self._metrics.zookeeper_failures.inc()
        log.error("%s: %s", self._name, what)
