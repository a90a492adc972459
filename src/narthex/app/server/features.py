"""/api/v1/features: what this server can do, category by category, with Prometheus' names.

Names whose mechanism is absent are false, so that clients do not offer what would fail.
"""

from __future__ import annotations

from collections.abc import Mapping

from narthex.app.server.settings import ServerSettings
from narthex.discovery.mechanisms import BUILT_IN, MECHANISMS
from narthex.promql.syntax import AggregateOp, BinaryOp
from narthex.promql.syntax.signatures import FUNCTIONS

_TEMPLATE = (
    "args", "externalURL", "first", "graphLink", "humanize", "humanize1024", "humanizeDuration",
    "humanizePercentage", "humanizeTimestamp", "label", "match", "now", "parseDuration", "pathPrefix", "query",
    "reReplaceAll", "safeHtml", "sortByLabel", "stripDomain", "stripPort", "strvalue", "tableLink", "title",
    "toDuration", "toLower", "toTime", "toUpper", "urlQueryEscape", "value",
)  # fmt: skip
_LANGUAGE = (
    "at_modifier", "bool", "by", "duration_expr", "group_left", "group_right", "ignoring", "negative_offset",
    "offset", "on", "per_query_lookback_delta", "subqueries", "without",
)  # fmt: skip
_MATCHING = ("!~", "=~", "@")


def features(settings: ServerSettings) -> Mapping[str, Mapping[str, bool]]:
    """Categories and features, each sorted by name."""
    on = settings.features
    experimental = "promql-experimental-functions" in on
    extended = "promql-extended-range-selectors" in on
    fill = "promql-binop-fill-modifiers" in on
    out = {
        "api": {
            "admin": settings.web.admin,
            "exclude_alerts": True,
            "label_values_match": True,
            "lifecycle": settings.web.lifecycle,
            "openapi_3.1": False,
            "openapi_3.2": False,
            "otlp_write_receiver": settings.web.otlp,
            "query_stats": True,
            "query_warnings": True,
            "remote_write_receiver": settings.write_receiver,
            "search": False,
            "search_fuzz_alg_jarowinkler": False,
            "search_fuzz_alg_subsequence": False,
            "time_range_labels": True,
            "time_range_series": True,
        },
        "otlp_receiver": {
            "delta_conversion": "otlp-deltatocumulative" in on,
            "native_delta_ingestion": "otlp-native-delta-ingestion" in on,
        },
        "prometheus": {
            "agent_mode": settings.agent,
            "auto_reload_config": settings.auto_reload,
            "server_mode": not settings.agent,
            "stringlabels": True,
        },
        "promql": {
            **dict.fromkeys(_LANGUAGE, True),
            "anchored": extended,
            "delayed_name_removal": "promql-delayed-name-removal" in on,
            "fill": fill,
            "fill_left": fill,
            "fill_right": fill,
            "per_step_stats": "promql-per-step-stats" in on,
            "smoothed": extended,
            "type_and_unit_labels": "type-and-unit-labels" in on,
        },
        "promql_functions": {name: experimental or not f.experimental for name, f in FUNCTIONS.items()},
        "promql_operators": {
            **{op.value: True for op in BinaryOp},
            **dict.fromkeys(_MATCHING, True),
            **{op.value: experimental or not op.experimental for op in AggregateOp},
        },
        "rules": {"concurrent_rule_eval": False, "keep_firing_for": True, "query_offset": True},
        "scrape": {
            "extra_scrape_metrics": True,
            "start_timestamp_zero_ingestion": "created-timestamp-zero-ingestion" in on,
            "type_and_unit_labels": "type-and-unit-labels" in on,
        },
        "service_discovery_providers": dict.fromkeys(sorted((*MECHANISMS, *BUILT_IN)), True),
        "templating_functions": dict.fromkeys(_TEMPLATE, True),
        "tsdb": {
            "delayed_compaction": "delayed-compaction" in on,
            "exemplar_storage": "exemplar-storage" in on,
            "histograms_st_encoding": "histograms-st-encoding" in on,
            "isolation": True,
            "native_histograms": True,
            "st_storage": "st-storage" in on,
            "use_uncached_io": False,
            "xor2_encoding": True,
        },
        "ui": {"ui_v2": False, "ui_v3": True},
    }
    return {category: dict(sorted(entries.items())) for category, entries in sorted(out.items())}
