"""Selections over local storage and remote read endpoints together."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from narthex.clock import Clock
from narthex.config.remote import RemoteReadConfig
from narthex.errors import MustWait, QueryCanceled, RemoteReadError
from narthex.instrument import Registry
from narthex.model.matcher import Matcher
from narthex.native import LabelSets, SeriesBatch, TextList
from narthex.remote.endpoint_name import by_name
from narthex.remote.read_client import ReadEndpoint, ReadMetrics
from narthex.storage.contract import Querier, Queryable
from narthex.tasks.loop_thread import LoopThread, in_event_loop
from narthex.tasks.waiting import await_all

log = logging.getLogger(__name__)

NOT_IMPLEMENTED = "not implemented"
"""Prometheus' words for names and values of labels, which the protocol has no question for."""
_STOP_SECONDS = 5.0


class ReadFanout:
    """storage.contract.Queryable. Without endpoints that are worth asking it is its local storage.

    Selections wait in threads of theirs, so requests run in an event loop of their own. What an endpoint does not give
    is a warning of the querier; local series and those of the other endpoints are given all the same.
    """

    def __init__(self, local: Queryable, registry: Registry, clock: Clock, local_start: Callable[[], int]) -> None:
        """`local_start` (milliseconds): from then on local storage has everything."""
        self._local, self._clock, self._local_start = local, clock, local_start
        self._metrics = ReadMetrics(registry)
        self._endpoints: dict[str, ReadEndpoint] = {}
        self._lock = threading.Lock()
        """Held while requests begin and while endpoints change, so that none begins at one that is closed."""
        self._loop: LoopThread | None = None

    def querier(self, mint: int, maxt: int) -> Querier:
        local = self._local.querier(mint, maxt)
        if not self._endpoints:
            return local
        start = self._local_start()
        spans = {name: endpoint.span(mint, maxt, start) for name, endpoint in self._endpoints.items()}
        wanted = {name: span for name, span in spans.items() if span is not None}
        return _FanoutQuerier(self, local, wanted) if wanted else local

    def apply(self, configs: Sequence[RemoteReadConfig], external_labels: Mapping[str, str]) -> None:
        """Takes a new configuration; what it leaves as it was goes on. Selections that run end with the endpoints that
        they began with. Raises HTTPClientError and ConfigError, then nothing has changed.
        """
        before, external = self._endpoints, dict(external_labels)
        endpoints: dict[str, ReadEndpoint] = {}
        for name, config in by_name("remote_read", configs).items():
            old = before.get(name)
            keep = old is not None and old.config == config and old.external_labels == external
            endpoints[name] = (
                old if old is not None and keep else ReadEndpoint(name, config, external, self._metrics, self._clock)
            )
        if endpoints and self._loop is None:
            self._loop = LoopThread("remote read")
        self._replace(endpoints)

    def stop(self) -> None:
        """Ends the requests' loop; selections are local from then on. Blocks."""
        closing = self._replace({})
        if self._loop is None:
            return
        try:
            closing.result(_STOP_SECONDS)
        except TimeoutError:
            log.warning("Remote reads are left unfinished")
        self._loop.stop()
        self._loop = None

    def ask(
        self, matchers: Sequence[Matcher], spans: Mapping[str, tuple[int, int]], *, labels_only: bool
    ) -> list[Future[SeriesBatch]]:
        """Requests under way, to the endpoints that are meant for the selection. Raises MustWait."""
        with self._lock:
            loop = self._loop
            asked = [
                (endpoint, wanted)
                for name, span in spans.items()
                if (endpoint := self._endpoints.get(name)) is not None and (wanted := endpoint.asked(matchers, *span))
            ]
            if not asked or loop is None:
                return []
            if in_event_loop():
                raise MustWait("the selection is to be read from other servers too")
            return [loop.submit(endpoint.read(wanted, labels_only=labels_only)) for endpoint, wanted in asked]

    def _replace(self, endpoints: dict[str, ReadEndpoint]) -> Future[None]:
        """Gives what is done when those that are not used any more have closed."""
        with self._lock:
            gone = [old for name, old in self._endpoints.items() if endpoints.get(name) is not old]
            self._endpoints = endpoints
            if self._loop is None:
                done: Future[None] = Future()
                done.set_result(None)
                return done
            return self._loop.submit(_close(gone))


async def _close(endpoints: Sequence[ReadEndpoint]) -> None:
    await asyncio.gather(*(endpoint.close() for endpoint in endpoints))


class _FanoutQuerier:
    """storage.contract.Querier. `spans` has what each endpoint is to be asked for."""

    def __init__(self, fanout: ReadFanout, local: Querier, spans: Mapping[str, tuple[int, int]]) -> None:
        self._fanout, self._local, self._spans = fanout, local, spans
        self._warnings: dict[str, None] = {}

    @property
    def warnings(self) -> Sequence[str]:
        return [*self._local.warnings, *self._warnings]

    def select(self, matchers: Sequence[Matcher]) -> SeriesBatch:
        asked = self._fanout.ask(matchers, self._spans, labels_only=False)
        local = self._local.select(matchers)
        found = [batch for batch in self._answers(asked) if len(batch)]
        return SeriesBatch.merge([local, *found]) if found else local

    def series(self, matchers: Sequence[Matcher], limit: int = 0) -> LabelSets:
        asked = self._fanout.ask(matchers, self._spans, labels_only=True)
        local = self._local.series(matchers, limit)
        found = [batch.labels for batch in self._answers(asked) if len(batch)]
        return LabelSets.merge([local, *found]) if found else local

    def label_names(self, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        self._warnings[NOT_IMPLEMENTED] = None
        return self._local.label_names(matchers, limit)

    def label_values(self, name: str, matchers: Sequence[Matcher] = (), limit: int = 0) -> TextList:
        self._warnings[NOT_IMPLEMENTED] = None
        return self._local.label_values(name, matchers, limit)

    def close(self) -> None:
        self._local.close()

    def _answers(self, asked: Sequence[Future[SeriesBatch]]) -> list[SeriesBatch]:
        """Of the endpoints that answered. Raises QueryCanceled when nobody waits any longer."""
        if not await_all(asked):
            raise QueryCanceled("query was canceled in remote read")
        found = []
        for future in asked:
            try:
                found.append(future.result())
            except RemoteReadError as e:
                log.warning("Remote read failed", extra={"err": str(e)})
                self._warnings[f"remote_read: {e}"] = None
        return found
