"""global and scrape_configs. A loaded ScrapeConfig is complete: everything inherited from `global` is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from narthex.config.discovery import DiscoveryConfigs
from narthex.config.environment import expand
from narthex.config.http_client import HTTPClientConfig
from narthex.config.relabel import RelabelConfig
from narthex.config.scalars import Bool, Bytes, FilePath, Float, Milliseconds, Text, Unsigned
from narthex.config.strict import Section, wrong
from narthex.model.labels import is_label_name, is_utf8_name

PROTOCOLS: Mapping[str, str] = {
    "PrometheusProto": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    "PrometheusText0.0.4": "text/plain;version=0.0.4",
    "PrometheusText1.0.0": "text/plain;version=1.0.0",
    "OpenMetricsText0.0.1": "application/openmetrics-text;version=0.0.1",
    "OpenMetricsText1.0.0": "application/openmetrics-text;version=1.0.0",
}
"""scrape_protocols names and their media types."""
DEFAULT_PROTOCOLS = ("OpenMetricsText1.0.0", "OpenMetricsText0.0.1", "PrometheusText1.0.0", "PrometheusText0.0.4")
PROTOBUF_FIRST = ("PrometheusProto", *DEFAULT_PROTOCOLS)
"""The default of a job that scrapes native histograms, and of `global` where start times are wanted."""


def _protocol(value: Any) -> Any:
    if isinstance(value, str) and value in PROTOCOLS:
        return str(value)
    raise ValueError(f'unknown scrape protocol "{value}": use one of {", ".join(sorted(PROTOCOLS))}')


def _choice(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


Protocol = Annotated[str, BeforeValidator(_protocol)]
NameValidation = Annotated[Literal["", "utf8", "legacy"], BeforeValidator(_choice)]
NameEscaping = Annotated[Literal["", "allow-utf-8", "underscores", "dots", "values"], BeforeValidator(_choice)]


def _check_protocols(section: Section, protocols: list[str]) -> None:
    if "scrape_protocols" in section.model_fields_set and not protocols:
        raise wrong("cannot be empty: leave it out for the default", "scrape_protocols")
    for i, name in enumerate(protocols):
        if name in protocols[:i]:
            raise wrong(f"{name} stands twice in the list", "scrape_protocols", i)


class GlobalConfig(Section):
    """Defaults for all jobs. Intervals are milliseconds. A timeout that is not set is at most the interval."""

    ALWAYS: ClassVar[frozenset[str]] = frozenset(("scrape_native_histograms", "extra_scrape_metrics"))

    scrape_interval: Milliseconds = 60_000
    scrape_timeout: Milliseconds = 0
    scrape_protocols: list[Protocol] = Field(default_factory=list)
    evaluation_interval: Milliseconds = 60_000
    rule_query_offset: Milliseconds = 0
    query_log_file: FilePath = ""
    scrape_failure_log_file: FilePath = ""
    external_labels: dict[str, Text] = Field(default_factory=dict)
    body_size_limit: Bytes = 0
    sample_limit: Unsigned = 0
    target_limit: Unsigned = 0
    label_limit: Unsigned = 0
    label_name_length_limit: Unsigned = 0
    label_value_length_limit: Unsigned = 0
    keep_dropped_targets: Unsigned = 0
    metric_name_validation_scheme: NameValidation = "utf8"
    metric_name_escaping_scheme: NameEscaping = ""
    scrape_native_histograms: Bool = False
    convert_classic_histograms_to_nhcb: Bool = False
    always_scrape_classic_histograms: Bool = False
    extra_scrape_metrics: Bool = False

    @field_validator("external_labels")
    @classmethod
    def _expand(cls, labels: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        environment = (info.context or {}).get("environment")
        if environment is None:
            return labels
        return {name: expand(value, environment) for name, value in labels.items()}

    @model_validator(mode="after")
    def _settle(self) -> GlobalConfig:
        # A zero means "not set" for intervals, so the fields are settled here although the model is frozen.
        fill = self.__dict__
        fill["scrape_interval"] = self.scrape_interval or 60_000
        fill["evaluation_interval"] = self.evaluation_interval or 60_000
        fill["metric_name_validation_scheme"] = self.metric_name_validation_scheme or "utf8"
        if self.scrape_timeout > self.scrape_interval:
            raise wrong("the scrape timeout is greater than the scrape interval", "scrape_timeout")
        fill["scrape_timeout"] = self.scrape_timeout or min(10_000, self.scrape_interval)
        _check_protocols(self, self.scrape_protocols)
        valid = is_label_name if self.metric_name_validation_scheme == "legacy" else is_utf8_name
        for name in self.external_labels:
            if not valid(name):
                raise wrong(f'"{name}" is not a valid label name', "external_labels", name)
        return self

    @property
    def legacy_names(self) -> bool:
        return self.metric_name_validation_scheme == "legacy"


class ScrapeConfig(Section):
    """One job. Intervals are milliseconds, sizes bytes; a limit of 0 is no limit."""

    ALWAYS: ClassVar[frozenset[str]] = frozenset(
        ("job_name", "honor_timestamps", "track_timestamps_staleness", "enable_compression")
    )

    job_name: Text = ""
    honor_labels: Bool = False
    honor_timestamps: Bool = True
    track_timestamps_staleness: Bool = False
    params: dict[str, list[Text]] = Field(default_factory=dict)
    scrape_interval: Milliseconds = 0
    scrape_timeout: Milliseconds = 0
    scrape_protocols: list[Protocol] = Field(default_factory=list)
    fallback_scrape_protocol: Annotated[str, BeforeValidator(lambda v: v and _protocol(v))] = ""
    scrape_native_histograms: Bool | None = None
    always_scrape_classic_histograms: Bool | None = None
    convert_classic_histograms_to_nhcb: Bool | None = None
    scrape_failure_log_file: FilePath = ""
    metrics_path: Text = "/metrics"
    scheme: Text = "http"
    enable_compression: Bool = True
    body_size_limit: Bytes = 0
    sample_limit: Unsigned = 0
    target_limit: Unsigned = 0
    label_limit: Unsigned = 0
    label_name_length_limit: Unsigned = 0
    label_value_length_limit: Unsigned = 0
    native_histogram_bucket_limit: Unsigned = 0
    native_histogram_min_bucket_factor: Float = 0.0
    keep_dropped_targets: Unsigned = 0
    metric_name_validation_scheme: NameValidation = ""
    metric_name_escaping_scheme: NameEscaping = ""
    extra_scrape_metrics: Bool | None = None
    http_client: HTTPClientConfig = HTTPClientConfig()
    relabel_configs: list[RelabelConfig] = Field(default_factory=list)
    metric_relabel_configs: list[RelabelConfig] = Field(default_factory=list)
    discovery: DiscoveryConfigs = DiscoveryConfigs()

    @model_validator(mode="after")
    def _check(self) -> ScrapeConfig:
        if not self.job_name:
            raise wrong("a job needs a name", "job_name")
        if not self.relabel_configs:
            self.discovery.check_targets()
        _check_protocols(self, self.scrape_protocols)
        return self

    @property
    def legacy_names(self) -> bool:
        return self.metric_name_validation_scheme == "legacy"


_INHERITED = (
    "body_size_limit",
    "sample_limit",
    "target_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "keep_dropped_targets",
    "scrape_failure_log_file",
)
_SWITCHES = (
    "scrape_native_histograms",
    "convert_classic_histograms_to_nhcb",
    "always_scrape_classic_histograms",
    "extra_scrape_metrics",
)


def complete(job: ScrapeConfig, defaults: GlobalConfig) -> ScrapeConfig:
    """The job with everything that it inherits from `global`. Raises the mistake that only shows then."""
    fill: dict[str, Any] = {name: getattr(job, name) or getattr(defaults, name) for name in _INHERITED}
    for name in _SWITCHES:
        own = getattr(job, name)
        fill[name] = getattr(defaults, name) if own is None else own
    interval = fill["scrape_interval"] = job.scrape_interval or defaults.scrape_interval
    if job.scrape_timeout > interval:
        raise wrong(f'the scrape timeout is greater than the scrape interval in job "{job.job_name}"', "scrape_timeout")
    fill["scrape_timeout"] = job.scrape_timeout or min(defaults.scrape_timeout, interval)
    default_protocols = PROTOBUF_FIRST if fill["scrape_native_histograms"] else DEFAULT_PROTOCOLS
    fill["scrape_protocols"] = job.scrape_protocols or defaults.scrape_protocols or list(default_protocols)
    validation = job.metric_name_validation_scheme or defaults.metric_name_validation_scheme
    escaping = job.metric_name_escaping_scheme
    if not escaping and not job.metric_name_validation_scheme:
        escaping = defaults.metric_name_escaping_scheme
    escaping = escaping or ("underscores" if validation == "legacy" else "allow-utf-8")
    if escaping == "allow-utf-8" and validation == "legacy":
        raise wrong(
            "escaping scheme allow-utf-8 cannot be used with the legacy name validation scheme",
            "metric_name_escaping_scheme",
        )
    fill["metric_name_validation_scheme"], fill["metric_name_escaping_scheme"] = validation, escaping
    for key in ("relabel_configs", "metric_relabel_configs"):
        check_label_names(getattr(job, key), validation == "legacy", key)
    return job.model_copy(update=fill)


def check_label_names(configs: list[RelabelConfig], legacy: bool, *keys: str | int) -> None:
    """Refuses rules that would write label names which the name validation scheme does not allow."""
    for i, config in enumerate(configs):
        problem = config.name_problem(legacy)
        if problem is not None:
            raise wrong(problem[1], *keys, i, problem[0])
