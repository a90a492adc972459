"""storage, otlp and tracing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from narthex.config.http_client import TLSConfig, check_headers
from narthex.config.later import Later
from narthex.config.scalars import Bool, Bytes, Float, Int, Milliseconds, Text
from narthex.config.sd.base import one_of
from narthex.config.strict import Section, wrong

UTF8_STRATEGIES = ("NoUTF8EscapingWithSuffixes", "NoTranslation")
STRATEGIES = ("UnderscoreEscapingWithSuffixes", "UnderscoreEscapingWithoutSuffixes", *UTF8_STRATEGIES)


class RetentionConfig(Section):
    """Milliseconds, bytes, percent of the file system; 0 is not set."""

    time: Milliseconds = 0
    size: Bytes = 0
    percentage: Float = 0.0

    @model_validator(mode="after")
    def _check(self) -> RetentionConfig:
        if not 0 <= self.percentage <= 100:
            raise wrong("must be from 0 to 100", "percentage")
        return self


class ChunkEncodingConfig(Section):
    floats: Annotated[str, one_of("encoding", "", "xor", "xor2")] = ""


class TSDBConfig(Section):
    out_of_order_time_window: Milliseconds = 0
    stale_series_compaction_threshold: Float = 0.0
    chunk_encoding: ChunkEncodingConfig = ChunkEncodingConfig()
    retention: RetentionConfig | None = None


class ExemplarsConfig(Section):
    max_exemplars: Int = 0


class StorageConfig(Section):
    """`exemplars` None stands for the default of 100000."""

    tsdb: Annotated[TSDBConfig, Later()] | None = None
    exemplars: Annotated[ExemplarsConfig, Later()] | None = None


def _attributes(section: Section, key: str) -> None:
    """Takes white space off and refuses empty and repeated names."""
    names = [name.strip() for name in getattr(section, key)]
    for i, name in enumerate(names):
        if not name:
            raise wrong("an attribute name must not be empty", key, i)
        if name in names[:i]:
            raise wrong(f'"{name}" stands twice in the list', key, i)
    section.__dict__[key] = names


class OTLPConfig(Section):
    promote_all_resource_attributes: Bool = False
    promote_resource_attributes: list[Text] = Field(default_factory=list)
    ignore_resource_attributes: list[Text] = Field(default_factory=list)
    translation_strategy: Annotated[str, one_of("translation strategy", *STRATEGIES)] = STRATEGIES[0]
    keep_identifying_resource_attributes: Bool = False
    convert_histograms_to_nhcb: Bool = False
    promote_scope_metadata: Bool = False
    label_name_underscore_sanitization: Bool = True
    label_name_preserve_multiple_underscores: Bool = True

    @model_validator(mode="after")
    def _check(self) -> OTLPConfig:
        if self.promote_all_resource_attributes and self.promote_resource_attributes:
            raise wrong("cannot be set together with promote_all_resource_attributes", "promote_resource_attributes")
        if self.ignore_resource_attributes and not self.promote_all_resource_attributes:
            raise wrong("needs promote_all_resource_attributes: true beside it", "ignore_resource_attributes")
        for key in ("promote_resource_attributes", "ignore_resource_attributes"):
            _attributes(self, key)
        return self


class TracingConfig(Section):
    """`timeout` is milliseconds, 0 for the exporter's own."""

    client_type: Annotated[str, one_of("client type", "grpc", "http")] = "grpc"
    endpoint: Text = ""
    sampling_fraction: Float = 0.0
    insecure: Bool = False
    tls_config: TLSConfig = TLSConfig()
    headers: dict[str, Text] = Field(default_factory=dict)
    compression: Annotated[str, one_of("compression", "", "gzip")] = ""
    timeout: Milliseconds = 0

    @model_validator(mode="after")
    def _check(self) -> TracingConfig:
        if not self.endpoint:
            raise wrong("the endpoint of tracing must be set", "endpoint")
        check_headers(self.headers)
        return self
