"""prometheus_sd_* metrics: one object for all managers of a process, which differ by the label `name`."""

from __future__ import annotations

from narthex.discovery.kubernetes.metrics import KubernetesMetrics
from narthex.instrument.registry import Registry


class DiscoveryMetrics:
    def __init__(self, registry: Registry) -> None:
        by_name, by_mechanism = ("name",), ("mechanism", "config")
        counter, gauge = registry.counter, registry.gauge
        self.failed_configs = gauge(
            "prometheus_sd_failed_configs",
            "Current number of service discovery configurations that failed to load.",
            by_name,
        )
        self.discovered_targets = gauge(
            "prometheus_sd_discovered_targets", "Current number of discovered targets.", ("name", "config")
        )
        self.received = counter(
            "prometheus_sd_received_updates_total", "Updates received from the discovery mechanisms.", by_name
        )
        self.delayed = counter(
            "prometheus_sd_updates_delayed_total", "Updates that could not be passed on at once.", by_name
        )
        self.sent = counter("prometheus_sd_updates_total", "Updates passed on to those who use the targets.", by_name)
        self.last_update = gauge(
            "prometheus_sd_last_update_timestamp_seconds", "Time of the last update passed on.", ("name", "config")
        )
        self.refresh_failures = counter(
            "prometheus_sd_refresh_failures_total", "Refreshes of a mechanism that failed.", by_mechanism
        )
        self.refresh_seconds = registry.summary(
            "prometheus_sd_refresh_duration_seconds", "How long a refresh of a mechanism took.", by_mechanism
        )
        self.refresh_histogram = registry.histogram(
            "prometheus_sd_refresh_duration_histogram_seconds",
            "How long a refresh of a mechanism took.",
            ("mechanism",),
            buckets=(0.01, 0.1, 1.0, 10.0),
        )
        self.file_read_errors = counter(
            "prometheus_sd_file_read_errors_total", "Discovery files that could not be read."
        )
        self.file_scan_seconds = registry.summary(
            "prometheus_sd_file_scan_duration_seconds", "How long reading the files of a file discovery took."
        )
        self.file_watch_errors = counter(
            "prometheus_sd_file_watcher_errors_total", "Failures to watch the directories of discovery files."
        )
        self.file_mtime = gauge(
            "prometheus_sd_file_mtime_seconds", "Modification time of a discovery file when it was read.", ("filename",)
        )
        self.dns_lookups = counter("prometheus_sd_dns_lookups_total", "Look-ups of DNS discovery.")
        self.dns_lookup_failures = counter(
            "prometheus_sd_dns_lookup_failures_total", "Look-ups of DNS discovery that failed."
        )
        self.kubernetes = KubernetesMetrics(registry)
        self.http_failures = counter("prometheus_sd_http_failures_total", "Refreshes of HTTP discovery that failed.")
        self.linode_failures = counter(
            "prometheus_sd_linode_failures_total", "Refreshes of Linode discovery that failed."
        )
        self.nomad_failures = counter("prometheus_sd_nomad_failures_total", "Refreshes of Nomad discovery that failed.")
        self.consul_rpc_failures = counter("prometheus_sd_consul_rpc_failures_total", "Calls of Consul that failed.")
        self.consul_rpc_seconds = registry.summary(
            "prometheus_sd_consul_rpc_duration_seconds", "How long a call of Consul took.", ("endpoint", "call")
        )
        self.kuma_fetch_failures = counter("prometheus_sd_kuma_fetch_failures_total", "Fetches from Kuma that failed.")
        self.kuma_fetch_skipped = counter(
            "prometheus_sd_kuma_fetch_skipped_updates_total", "Fetches from Kuma that brought nothing new."
        )
        self.kuma_fetch_seconds = registry.summary(
            "prometheus_sd_kuma_fetch_duration_seconds", "How long a fetch from Kuma took."
        )
        self.azure_failures = counter("prometheus_sd_azure_failures_total", "Refreshes of Azure discovery that failed.")
        self.azure_cache_hits = counter(
            "prometheus_sd_azure_cache_hit_total", "Network interfaces of Azure discovery that were remembered."
        )
        self.zookeeper_failures = counter(
            "prometheus_treecache_zookeeper_failures_total",
            "Failures of connections to ZooKeeper and of reading from it.",
        )
        self.zookeeper_watched = gauge(
            "prometheus_treecache_watcher_goroutines", "Nodes of ZooKeeper that are watched (the name is the peers')."
        )
