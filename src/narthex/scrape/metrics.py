"""Scraping's own metrics, under Prometheus' names."""

from __future__ import annotations

from narthex.instrument import Registry

_QUANTILES = (0.01, 0.05, 0.5, 0.9, 0.99)


class ScrapeMetrics:
    """One set for all pools. Children with a job label are made and removed by the pool of that job."""

    def __init__(self, registry: Registry) -> None:
        self.interval_length = registry.summary(
            "prometheus_target_interval_length_seconds",
            "Seconds from one scrape to the next.",
            ["interval"],
            _QUANTILES,
        )
        self.reload_length = registry.summary(
            "prometheus_target_reload_length_seconds", "Seconds a pool takes to reload.", ["interval"], _QUANTILES
        )
        self.scrape_duration = registry.histogram(
            "prometheus_target_scrape_duration_seconds", "Seconds a scrape takes, its append included."
        )
        self._pools(registry)
        self._scrapes(registry)

    def _pools(self, registry: Registry) -> None:
        self.pools = registry.counter("prometheus_target_scrape_pools_total", "Attempts to create a scrape pool.")
        self.pools_failed = registry.counter(
            "prometheus_target_scrape_pools_failed_total", "Scrape pools that could not be created."
        )
        self.reloads = registry.counter("prometheus_target_scrape_pool_reloads_total", "Reloads of scrape pools.")
        self.reloads_failed = registry.counter(
            "prometheus_target_scrape_pool_reloads_failed_total", "Reloads of scrape pools that failed."
        )
        job = ["scrape_job"]
        self.sync_length = registry.summary(
            "prometheus_target_sync_length_seconds",
            "Seconds it takes to bring a pool's targets up to date.",
            job,
            _QUANTILES,
        )
        self.syncs = registry.counter("prometheus_target_scrape_pool_sync_total", "Updates of a pool's targets.", job)
        self.sync_failed = registry.counter(
            "prometheus_target_sync_failed_total", "Targets that could not be used.", job
        )
        self.targets = registry.gauge("prometheus_target_scrape_pool_targets", "Active targets of a pool.", job)
        self.target_limit = registry.gauge(
            "prometheus_target_scrape_pool_target_limit", "Most targets a pool may have, 0 for no limit.", job
        )
        self.exceeded_target_limit = registry.counter(
            "prometheus_target_scrape_pool_exceeded_target_limit_total", "Updates with more targets than the limit."
        )
        self.exceeded_label_limits = registry.counter(
            "prometheus_target_scrape_pool_exceeded_label_limits_total", "Scrapes that failed for a label limit."
        )
        self.metadata_entries = registry.gauge(
            "prometheus_target_metadata_cache_entries", "Metric families whose metadata is kept.", job
        )
        self.metadata_bytes = registry.gauge(
            "prometheus_target_metadata_cache_bytes", "Bytes of the metadata that is kept.", job
        )

    def _scrapes(self, registry: Registry) -> None:
        self.exceeded_body_size = registry.counter(
            "prometheus_target_scrapes_exceeded_body_size_limit_total", "Scrapes that failed for body_size_limit."
        )
        self.exceeded_sample_limit = registry.counter(
            "prometheus_target_scrapes_exceeded_sample_limit_total", "Scrapes that failed for sample_limit."
        )
        self.exceeded_bucket_limit = registry.counter(
            "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
            "Scrapes that failed for native_histogram_bucket_limit.",
        )
        self.exemplars_out_of_order = registry.counter(
            "prometheus_target_scrapes_exemplar_out_of_order_total",
            "Exemplars left out because newer ones of their series are stored and none of the scrape is newer.",
        )
        self.duplicates = registry.counter(
            "prometheus_target_scrapes_sample_duplicate_timestamp_total",
            "Samples left out because their series has another value at that time.",
        )
        self.out_of_order = registry.counter(
            "prometheus_target_scrapes_sample_out_of_order_total", "Samples left out because newer ones are stored."
        )
        self.out_of_bounds = registry.counter(
            "prometheus_target_scrapes_sample_out_of_bounds_total", "Samples left out because of their age or future."
        )

    def forget(self, job: str) -> None:
        """The pool of this job is gone."""
        for metric in (
            self.sync_length,
            self.syncs,
            self.sync_failed,
            self.targets,
            self.target_limit,
            self.metadata_entries,
            self.metadata_bytes,
        ):
            metric.remove(job)
