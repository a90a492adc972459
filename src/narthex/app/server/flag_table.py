"""Every flag of `narthex server`, spelled as Prometheus 3.14 spells it, with its default.

`inert` marks a flag whose mechanism is not here; it is accepted, so that existing start scripts keep working, and
named in a warning when it is used.
"""

from __future__ import annotations

from narthex.app.flags import Flag

_NOT_YET = "has no effect yet"
_NO_GO = "has no effect: there is no Go runtime to tune"
_FROM_LOG = "has no effect: checkpoints are always made from the log"


def _flag(
    name: str, kind: str, default: str, help: str, group: str, *, mode: str = "", hidden: bool = False,
    repeatable: bool = False, choices: tuple[str, ...] = (), inert: str = "",
) -> Flag:  # fmt: skip
    return Flag(name, kind, default, help, group, mode, hidden, repeatable, choices, inert)


_CONFIGURATION = (
    _flag("config.file", "text", "prometheus.yml", "Configuration file.", "Configuration"),
    _flag("config.auto-reload", "bool", "false", "Reload when the configuration file, a rule file or a scrape_config_files entry changes.", "Configuration"),
    _flag("config.auto-reload-interval", "duration", "30s", "How often --config.auto-reload looks for changes (at least 1s).", "Configuration"),
)  # fmt: skip

_WEB = (
    _flag("web.listen-address", "text", "0.0.0.0:9090", "Address of the UI, the API and the own metrics. May be repeated.", "Web", repeatable=True),
    _flag("web.config.file", "text", "", "File that turns on TLS or basic authentication.", "Web"),
    _flag("web.read-timeout", "duration", "5m", "Longest time to read a request; also closes idle connections.", "Web"),
    _flag("web.max-connections", "int", "512", "Most connections at a time over all listeners.", "Web"),
    _flag("web.max-notifications-subscribers", "int", "16", "Most subscribers of live notifications.", "Web", inert=_NOT_YET),
    _flag("web.external-url", "text", "", "URL under which users reach this server; its path prefixes all endpoints.", "Web"),
    _flag("web.route-prefix", "text", "", "Prefix of the served paths. Default: path of --web.external-url.", "Web"),
    _flag("web.user-assets", "text", "", "Directory served under /user.", "Web"),
    _flag("web.enable-lifecycle", "bool", "false", "Allow POST /-/reload and /-/quit.", "Web"),
    _flag("web.enable-admin-api", "bool", "false", "Allow /api/v1/admin/tsdb/*.", "Web"),
    _flag("web.enable-remote-write-receiver", "bool", "false", "Take remote write on /api/v1/write.", "Web"),
    _flag("web.remote-write-receiver.accepted-protobuf-messages", "text", "prometheus.WriteRequest,io.prometheus.write.v2.Request", "Message versions the receiver takes.", "Web", repeatable=True),
    _flag("web.enable-otlp-receiver", "bool", "false", "Take OTLP metrics on /api/v1/otlp/v1/metrics.", "Web"),
    _flag("web.console.templates", "text", "consoles", "Directory of console templates, served under /consoles.", "Web", inert=_NOT_YET),
    _flag("web.console.libraries", "text", "console_libraries", "Directory of console template libraries.", "Web", inert=_NOT_YET),
    _flag("web.page-title", "text", "Prometheus Time Series Collection and Processing Server", "Title of the UI's pages.", "Web"),
    _flag("web.cors.origin", "text", ".*", "Regular expression, fully anchored, of origins that browsers may call from.", "Web"),
    _flag("web.search.max-limit", "int", "10000", "Largest limit of the search API; 0 for none.", "Web", mode="server", inert=_NOT_YET),
)  # fmt: skip

_STORAGE = (
    _flag("storage.tsdb.path", "text", "data/", "Data directory.", "Storage", mode="server"),
    _flag("storage.tsdb.retention.time", "duration", "0s", "How long to keep samples (15d when no limit is set). The configuration file wins.", "Storage", mode="server"),
    _flag("storage.tsdb.retention.size", "size", "0B", "Most bytes of blocks to keep; 0 for no limit. The configuration file wins.", "Storage", mode="server"),
    _flag("storage.tsdb.no-lockfile", "bool", "false", "Do not lock the data directory.", "Storage", mode="server"),
    _flag("storage.tsdb.head-chunks-write-queue-size", "int", "0", "Queue of the chunk writer.", "Storage", mode="server", inert=_NOT_YET),
    _flag("storage.tsdb.delay-compact-file.path", "text", "", "JSON list of uploaded blocks; other level-1 blocks are not compacted.", "Storage", mode="server"),
    _flag("storage.tsdb.min-block-duration", "duration", "2h", "Time range of a block cut from the head.", "Storage", mode="server", hidden=True),
    _flag("storage.tsdb.max-block-duration", "duration", "0s", "Longest time range of a compacted block.", "Storage", mode="server", hidden=True),
    _flag("storage.tsdb.max-block-chunk-segment-size", "size", "0B", "Largest chunk file of a block, at least 1MB; 0 for 512MB.", "Storage", mode="server", hidden=True),
    _flag("storage.tsdb.wal-segment-size", "size", "0B", "Size of a log segment, 10MB to 256MB; 0 for 128MB.", "Storage", mode="server", hidden=True),
    _flag("storage.tsdb.wal-compression", "bool", "true", "Compress the log.", "Storage", mode="server", hidden=True),
    _flag("storage.tsdb.wal-compression-type", "choice", "snappy", "How to compress the log.", "Storage", mode="server", hidden=True, choices=("snappy", "zstd")),
    _flag("storage.tsdb.allow-overlapping-compaction", "bool", "true", "Compact overlapping blocks.", "Storage", mode="server", hidden=True),
    _flag("storage.tsdb.samples-per-chunk", "int", "120", "Samples after which a chunk is closed.", "Storage", mode="server", hidden=True, inert=_NOT_YET),
    _flag("storage.tsdb.delayed-compaction.max-percent", "int", "10", "Longest delay of head compaction, in per cent of the block range.", "Storage", mode="server", hidden=True),
    _flag("storage.tsdb.block-reload-interval", "duration", "1m", "How often to look for new blocks (at least 1s).", "Storage", mode="server", hidden=True),
)  # fmt: skip

_AGENT_STORAGE = (
    _flag("storage.agent.path", "text", "data-agent/", "Data directory.", "Agent storage", mode="agent"),
    _flag("storage.agent.wal-compression", "bool", "true", "Compress the log.", "Agent storage", mode="agent"),
    _flag("storage.agent.retention.min-time", "duration", "5m", "Least age at which sent samples are dropped.", "Agent storage", mode="agent"),
    _flag("storage.agent.retention.max-time", "duration", "4h", "Age at which samples are dropped, sent or not.", "Agent storage", mode="agent"),
    _flag("storage.agent.checkpoint-from-in-memory-series", "bool", "false", "Write checkpoints from memory.", "Agent storage", mode="agent", inert=_FROM_LOG),
    _flag("storage.agent.checkpoint-batch-size", "int", "1000", "Series in one checkpoint record.", "Agent storage", mode="agent", inert=_FROM_LOG),
    _flag("storage.agent.no-lockfile", "bool", "false", "Do not lock the data directory.", "Agent storage", mode="agent"),
    _flag("storage.agent.wal-segment-size", "size", "0B", "Size of a log segment.", "Agent storage", mode="agent", hidden=True),
    _flag("storage.agent.wal-compression-type", "choice", "snappy", "How to compress the log.", "Agent storage", mode="agent", hidden=True, choices=("snappy", "zstd")),
    _flag("storage.agent.wal-truncate-frequency", "duration", "2h", "How often the log is truncated.", "Agent storage", mode="agent", hidden=True),
)  # fmt: skip

_REMOTE = (
    _flag("storage.remote.flush-deadline", "duration", "1m", "How long to flush remote write at the end.", "Remote storage"),
    _flag("storage.remote.read-sample-limit", "int", "5e7", "Most samples of one remote read answer; 0 for no limit.", "Remote storage", mode="server"),
    _flag("storage.remote.read-concurrent-limit", "int", "10", "Most remote reads at a time; 0 for no limit.", "Remote storage", mode="server"),
    _flag("storage.remote.read-max-bytes-in-frame", "int", "1048576", "Most bytes in a frame of a streamed remote read.", "Remote storage", mode="server"),
)  # fmt: skip

_ALERTING = (
    _flag("rules.alert.for-outage-tolerance", "duration", "1h", "Longest outage after which `for` states are restored.", "Rules and alerting", mode="server"),
    _flag("rules.alert.for-grace-period", "duration", "10m", "Least `for` whose state is restored after a restart.", "Rules and alerting", mode="server"),
    _flag("rules.alert.resend-delay", "duration", "1m", "Least time before an alert is sent again.", "Rules and alerting", mode="server"),
    _flag("rules.max-concurrent-evals", "int", "4", "Most rules evaluated at a time beside the group's own (needs the feature concurrent-rule-eval).", "Rules and alerting", mode="server", inert=_NOT_YET),
    _flag("alertmanager.notification-queue-capacity", "int", "10000", "Most alerts waiting for an Alertmanager.", "Rules and alerting", mode="server"),
    _flag("alertmanager.notification-batch-size", "int", "256", "Most alerts in one request.", "Rules and alerting", mode="server"),
    _flag("alertmanager.drain-notification-queue-on-shutdown", "bool", "true", "Send what waits before the end.", "Rules and alerting", mode="server"),
)  # fmt: skip

_QUERY = (
    _flag("query.lookback-delta", "duration", "5m", "How far back a selector looks for the newest sample.", "Queries", mode="server"),
    _flag("query.timeout", "duration", "2m", "Longest time a query may take.", "Queries", mode="server"),
    _flag("query.max-concurrency", "int", "20", "Most queries at a time.", "Queries", mode="server"),
    _flag("query.max-samples", "int", "50000000", "Most samples a query may hold in memory.", "Queries", mode="server"),
)  # fmt: skip

_SCRAPE = (
    _flag("scrape.adjust-timestamps", "bool", "true", "Align timestamps to the interval within the tolerance.", "Scraping", hidden=True),
    _flag("scrape.timestamp-tolerance", "duration", "2ms", "Largest alignment of a timestamp.", "Scraping", hidden=True),
    _flag("scrape.discovery-reload-interval", "duration", "5s", "Least time between two updates of the targets.", "Scraping", hidden=True),
)  # fmt: skip

_PROCESS = (
    _flag("enable-feature", "text", "", "Features to turn on, separated by commas. Unknown names are warned about.", "Process", repeatable=True),
    _flag("agent", "bool", "false", "Run as an agent: scrape into a log for forwarding, without queries and rules.", "Process"),
    _flag("log.level", "choice", "info", "Least severity to log: debug, info, warn or error.", "Process", choices=("debug", "info", "warn", "error")),
    _flag("log.format", "choice", "logfmt", "How to write log lines: logfmt or json.", "Process", choices=("logfmt", "json")),
    _flag("auto-gomaxprocs", "bool", "true", "Follow the container's CPU quota.", "Process", inert=_NO_GO),
    _flag("auto-gomemlimit", "bool", "true", "Follow the container's memory limit.", "Process", inert=_NO_GO),
    _flag("auto-gomemlimit.ratio", "float", "0.9", "Share of the memory limit to use.", "Process", inert=_NO_GO),
    _flag("auto-gomemlimit.refresh-interval", "duration", "0s", "How often the memory limit is read again.", "Process", inert=_NO_GO),
)  # fmt: skip

SERVER_FLAGS: tuple[Flag, ...] = (
    *_CONFIGURATION, *_WEB, *_STORAGE, *_AGENT_STORAGE, *_REMOTE, *_ALERTING, *_QUERY, *_SCRAPE, *_PROCESS,
)  # fmt: skip

# Names --enable-feature knows. True: the mechanism is here (or always on); False: accepted, no effect yet.
FEATURES: dict[str, bool] = {
    "auto-reload-config": True,
    "concurrent-rule-eval": False,
    "created-timestamp-zero-ingestion": True,
    "delayed-compaction": True,
    "exemplar-storage": True,
    "extra-scrape-metrics": True,
    "fast-startup": False,
    "histograms-st-encoding": True,
    "memory-snapshot-on-shutdown": True,
    "metadata-wal-records": True,
    "native-histograms": True,
    "old-ui": False,
    "ooo-native-histograms": False,
    "otlp-deltatocumulative": True,
    "otlp-native-delta-ingestion": True,
    "promql-at-modifier": True,
    "promql-binop-fill-modifiers": True,
    "promql-delayed-name-removal": True,
    "promql-duration-expr": True,
    "promql-experimental-functions": True,
    "promql-extended-range-selectors": True,
    "promql-negative-offset": True,
    "promql-per-step-stats": True,
    "search-api": False,
    "st-storage": True,
    "st-synthesis": False,
    "type-and-unit-labels": True,
    "use-start-timestamps": True,
    "use-uncached-io": False,
    "xor2-encoding": True,
}
