"""Scrapes one target on time, for as long as it is a target."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol

from narthex.clock import Clock, milliseconds
from narthex.config.scrape import ScrapeConfig
from narthex.errors import ExpositionError, NarthexError, ScrapeError, StorageError
from narthex.model.duration import format_duration
from narthex.scrape.body_reading import NO_FEATURES, ScrapeFeatures, body_reading
from narthex.scrape.failure_log import FailureLog
from narthex.scrape.fetch import Body, BodySizeExceeded
from narthex.scrape.metrics import ScrapeMetrics
from narthex.scrape.sample_labels import SampleLabels
from narthex.scrape.series_metadata import MetadataRecords
from narthex.scrape.target import Target
from narthex.scrape.transaction import Outcome, SampleLimitExceeded, Transaction
from narthex.storage.contract import Appendable
from narthex.tracing import OFF, Tracing

log = logging.getLogger(__name__)

ALIGN_SECONDS = 0.002
"""A scrape that starts this close to its ideal time, and within a hundredth of its interval, is stamped with the ideal
unless another tolerance is set: even distances compress better."""
JUMP_SECONDS = 1.0
"""The wall clock was set when it is this far from where the monotonic clock says it should be."""
THREAD_BYTES = 512 * 1024
"""Larger bodies are read in a worker thread, so that they do not hold up other targets."""


class Fetch(Protocol):
    async def fetch(self) -> Body:
        """Raises ScrapeError."""
        ...

    def close(self) -> None:
        """Lets go of the connection; `fetch` may still be called and makes another."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the loops of a server share. Scrapes that are late by up to `align_seconds` are stamped as if on time."""

    appendable: Appendable
    clock: Clock
    metrics: ScrapeMetrics
    offset_seed: int = 0
    align_seconds: float = ALIGN_SECONDS
    features: ScrapeFeatures = NO_FEATURES
    tracing: Tracing = OFF


class ScrapeLoop:
    """`run` never returns; cancel it. A scrape that is under way is then rolled back."""

    def __init__(
        self,
        target: Target,
        config: ScrapeConfig,
        fetcher: Fetch,
        around: Surroundings,
        failures: FailureLog | None = None,
    ) -> None:
        self.target = target
        self.forced_error = ""
        """When set, scrapes fail with this text without asking the target (target_limit)."""
        self._config, self._fetcher, self._around, self._failures = config, fetcher, around, failures
        self._clock = around.clock
        self._interval = target.interval / 1000
        labels = SampleLabels(config, target.labels)
        reading = body_reading(config, target.spec.histograms, around.features)
        metadata = MetadataRecords(target.cache) if around.features.metadata_records else None
        self._transaction = Transaction(
            target.cache, labels, config, around.appendable, around.metrics, reading, metadata
        )
        metrics = around.metrics
        self._observe_interval = metrics.interval_length.labels(format_duration(target.interval)).observe
        self._observe_duration = metrics.scrape_duration.observe
        self._last: float | None = None  # monotonic start of the newest scrape
        self._unstored = 0  # scrapes since the last one that was stored

    async def run(self) -> None:
        try:
            clock, interval = self._clock, self._interval
            await clock.sleep((self.target.offset(self._around.offset_seed) - clock.now()) % interval)
            tick = clock.monotonic()
            wall = clock.now() - tick  # ideal wall time of a tick is wall + tick
            while True:
                now = clock.now()
                ideal = wall + tick
                if abs(now - ideal) > min(JUMP_SECONDS, interval / 2):
                    wall = now - clock.monotonic()
                aligned = abs(now - ideal) <= min(self._around.align_seconds, interval / 100)
                await self.scrape(ideal if aligned else now)
                behind = clock.monotonic() - tick
                tick += interval * max(1, int(behind // interval) + 1)  # ticks that were missed are not made up for
                await clock.sleep(tick - clock.monotonic())
        finally:
            self._fetcher.close()

    async def scrape(self, at: float) -> None:
        """One scrape, stamped with `at` (Unix seconds). Failures end up in the target's state, never raised."""
        began = self._clock.monotonic()
        if self._last is not None:
            self._observe_interval(began - self._last)
        self._last = began
        stamp = milliseconds(at)
        size, error = 0, ""
        try:
            if self.forced_error:
                raise ScrapeError(self.forced_error)
            body = await self._fetcher.fetch()
            size = len(body.data)
            try:
                if size < THREAD_BYTES:
                    outcome = self._transaction.scraped(body.data, body.format, stamp)
                else:
                    outcome = await self._append_in_thread(body, stamp)
            finally:
                body.release()
        except asyncio.CancelledError:
            self._transaction.abandon()
            raise
        except Exception as e:
            outcome, size, error = self._failed(e, size)
        duration = self._clock.monotonic() - began
        error = self._finish(stamp, outcome, size, duration, error)
        self._observe_duration(duration)
        self.target.report(error, at, duration)
        if error and self._failures is not None:
            self._failures.write(self._config.job_name, self.target.url, error)

    async def end(self) -> None:
        """The target is gone: waits until it would have been scraped twice more, in case it comes back, then marks
        its series stale as of the first of these times."""
        if self._last is None:
            return
        clock = self._clock
        await clock.sleep(self._last + self._interval - clock.monotonic())
        at = milliseconds(clock.now())
        await clock.sleep(self._interval * 1.1)
        try:
            self._transaction.end(at)
        except StorageError as e:
            log.warning("%s: stale markers of a target that is gone were not stored: %s", self.target.url, e)

    def _failed(self, error: Exception, size: int) -> tuple[Outcome, int, str]:
        """(what was appended, bytes of the body or -1 over the limit, error text)."""
        if isinstance(error, BodySizeExceeded):
            self._around.metrics.exceeded_body_size.inc()
            return Outcome(), -1, str(error)
        if isinstance(error, SampleLimitExceeded):
            return error.outcome, size, str(error)
        if isinstance(error, ScrapeError | ExpositionError | StorageError):
            return Outcome(), size, str(error)
        # A bug of ours must not end the loop: the target shows it and the log has the traceback.
        log.error("%s: scrape failed in a way it should not", self.target.url, exc_info=error)
        return Outcome(), size, f"internal error: {type(error).__name__}: {error}"

    async def _append_in_thread(self, body: Body, stamp: int) -> Outcome:
        work = asyncio.ensure_future(
            asyncio.to_thread(self._transaction.scraped, body.data, body.format, stamp),
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The thread cannot be stopped, and the transaction is its own until it ends.
            await asyncio.wait([work])
            raise

    def _finish(self, stamp: int, outcome: Outcome, size: int, duration: float, error: str) -> str:
        """Appends the report and commits; gives the error text of the whole scrape."""
        try:
            if error:
                self._transaction.failed(stamp)
            report = [0.0 if error else 1.0, duration, outcome.scraped, outcome.post_relabel, outcome.added]
            if self._config.extra_scrape_metrics:
                report += [self.target.timeout / 1000, self._config.sample_limit, size]
            self._transaction.finish(stamp, report)
        except NarthexError as e:
            self._transaction.abandon()
            if self._unstored == 0:  # a full disk refuses every scrape: one line for all of them
                log.warning("%s: scrapes are not stored: %s", self.target.url, e)
            self._unstored += 1
            return error or str(e)
        except Exception as e:
            self._transaction.abandon()
            log.exception("%s: scrape could not be stored, in a way it should not", self.target.url)
            return error or f"internal error: {type(e).__name__}: {e}"
        if self._unstored:
            log.warning("%s: scrapes are stored again, %d were not", self.target.url, self._unstored)
            self._unstored = 0
        return error
