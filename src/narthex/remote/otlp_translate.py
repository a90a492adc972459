"""From an OTLP request to what storage takes: names are decided here, label sets and columns are made by the core.

A name is made once for each distinct metric and attribute key and remembered; nothing here is done once a point.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from narthex.config.storage import OTLPConfig
from narthex.native import OtlpColumns, OtlpRequest
from narthex.remote.otlp_names import GAUGE, MONOTONIC_SUM, OTHER, Naming, unit_name
from narthex.storage.contract import SeriesMetadata

log = logging.getLogger(__name__)

IDENTIFYING = ("service.namespace", "service.name", "service.instance.id")
_MOST_REMEMBERED = 20_000
"""Names of a kind; a sender of endless new names must not fill the memory."""

Pairs = list[tuple[str, str]]


class Kind(IntEnum):
    """As core/otlp/request.h has them."""

    NONE = 0
    GAUGE = 1
    SUM = 2
    HISTOGRAM = 3
    EXPONENTIAL = 4
    SUMMARY = 5


class Temporality(IntEnum):
    UNSPECIFIED = 0
    DELTA = 1
    CUMULATIVE = 2


@dataclass(frozen=True)
class OtlpFeatures:
    """From flags and features. `lookback` is milliseconds."""

    native_delta: bool = False
    delta_to_cumulative: bool = False
    """Deltas become totals."""
    type_and_unit_labels: bool = False
    lookback: int = 300_000


@dataclass
class Translated:
    """`columns.floats.metrics` and its like index `metadata`."""

    columns: OtlpColumns
    metadata: Sequence[SeriesMetadata]
    deltas: NDArray[np.bool_]
    """A row a float: whether it is a delta to be added up; `histogram_deltas` a row a native histogram."""
    histogram_deltas: NDArray[np.bool_]
    rejected: int = 0
    """Points that are not in the columns."""
    reasons: list[str] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """A category and a text each."""


class Translator:
    """For one configuration; safe for several threads."""

    def __init__(self, config: OTLPConfig, features: OtlpFeatures) -> None:
        self._config, self._features = config, features
        strategy = config.translation_strategy
        self._naming = Naming(
            escape=strategy.startswith("UnderscoreEscaping"),
            suffixes=strategy.endswith("WithSuffixes"),
            sanitize_underscore=config.label_name_underscore_sanitization,
            keep_underscores=config.label_name_preserve_multiple_underscores,
        )
        self._promoted = frozenset(config.promote_resource_attributes)
        self._not_promoted = frozenset(config.ignore_resource_attributes)
        self._metric_names: dict[tuple[str, str, str], str | None] = {}
        self._labels: dict[str, str | None] = {}
        self._unit_names: dict[str, str] = {}

    def translate(self, request: OtlpRequest) -> Translated:
        """Raises LimitError for a request whose label sets would not fit."""
        scopes = request.scopes()
        plans: list[tuple[str, Pairs, bool] | None] = []
        to_add_up: list[bool] = []
        metadata: list[SeriesMetadata] = []
        rejected, reasons, warnings = 0, [], []
        for name, unit, description, kind, temporality, monotonic, _, points in request.metrics():
            to_add_up.append(temporality == Temporality.DELTA and self._features.delta_to_cumulative)
            if to_add_up[-1]:
                temporality = Temporality.CUMULATIVE
            about = SeriesMetadata(_type(kind, temporality, monotonic), self._unit(unit), description)
            metadata.append(about)
            plan = None
            if kind != Kind.NONE and not points:
                warnings.append(("empty_data_points", f"empty data points. {name} is dropped"))
            elif reason := self._why_not(name, kind, temporality):
                rejected += points
                reasons.append(reason)
            elif (made := self._metric_name(name, unit, _named_as(kind, monotonic))) is None:
                rejected += points
                reasons.append(f'normalization for metric "{name}" resulted in an invalid name')
            else:
                plan = (made, self._own_labels(about), temporality == Temporality.DELTA)
            plans.append(plan)
        columns = request.columns(
            keys=[self._label(key) for key in request.key_names()],
            ignored=["__name__"],
            metrics=plans,
            scopes=[self._scope(*scope[1:]) for scope in scopes],
            resources=[(_identity(attributes), self._promote(attributes)) for attributes in request.resources()],
            join_collisions=self._naming.escape,
            custom_buckets=self._config.convert_histograms_to_nhcb,
            identifying=list(IDENTIFYING),
            keep_identifying=self._config.keep_identifying_resource_attributes,
            target_info_every=self._features.lookback * 1_000_000 // 2,
        )
        # target_info has the number after the last one of a metric.
        added_up = np.array([*to_add_up, False])
        deltas = added_up[np.minimum(columns.floats.metrics, len(metadata))]
        histogram_deltas = added_up[columns.histograms.metrics]
        out = Translated(columns, metadata, deltas, histogram_deltas, rejected, reasons, warnings)
        _add_findings(out, request)
        return out

    def _why_not(self, name: str, kind: int, temporality: int) -> str:
        """Why a metric cannot be taken; empty when it can."""
        if kind == Kind.NONE:
            return f'unsupported type of metric "{name}"'
        if kind in (Kind.GAUGE, Kind.SUMMARY) or temporality == Temporality.CUMULATIVE:
            return ""
        if temporality == Temporality.DELTA and self._features.native_delta:
            return ""
        return f'invalid temporality and type combination for metric "{name}"'

    def _metric_name(self, name: str, unit: str, named_as: str) -> str | None:
        key = (name, unit, named_as)
        if key not in self._metric_names:
            _make_room(self._metric_names)
            self._metric_names[key] = self._naming.metric(*key)
        return self._metric_names[key]

    def _label(self, key: str) -> str | None:
        if key not in self._labels:
            _make_room(self._labels)
            self._labels[key] = self._naming.label(key)
        return self._labels[key]

    def _unit(self, unit: str) -> str:
        if unit not in self._unit_names:
            _make_room(self._unit_names)
            self._unit_names[unit] = unit_name(unit)
        return self._unit_names[unit]

    def _own_labels(self, about: SeriesMetadata) -> Pairs:
        if not self._features.type_and_unit_labels:
            return []
        known = about.type != "unknown"
        return ([("__type__", about.type)] if known else []) + ([("__unit__", about.unit)] if about.unit else [])

    def _scope(self, name: str, version: str, schema_url: str, attributes: Pairs) -> Pairs:
        if not self._config.promote_scope_metadata or not name:
            return []
        labels = self._named((f"otel_scope_{key}", value) for key, value in attributes)
        labels |= {"otel_scope_name": name, "otel_scope_version": version, "otel_scope_schema_url": schema_url}
        return list(labels.items())

    def _promote(self, attributes: Pairs) -> Pairs:
        if self._config.promote_all_resource_attributes:
            return list(self._named(pair for pair in attributes if pair[0] not in self._not_promoted).items())
        return list(self._named(pair for pair in attributes if pair[0] in self._promoted).items())

    def _named(self, attributes: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Labels of attributes; of those that become the same one, the last counts."""
        made = ((self._label(key), value) for key, value in attributes)
        return {label: value for label, value in made if label is not None}


def _make_room(names: dict) -> None:  # type: ignore[type-arg]  # of whatever kind
    if len(names) >= _MOST_REMEMBERED:
        names.clear()


def _identity(attributes: Pairs) -> Pairs:
    """job and instance, from the attributes that identify a service."""
    known = dict(attributes)
    out: Pairs = []
    if "service.name" in known:
        namespace = known.get("service.namespace")
        job = known["service.name"] if namespace is None else f"{namespace}/{known['service.name']}"
        out.append(("job", job))
    if "service.instance.id" in known:
        out.append(("instance", known["service.instance.id"]))
    return [pair for pair in out if pair[1]]


def _named_as(kind: int, monotonic: bool) -> str:
    return GAUGE if kind == Kind.GAUGE else MONOTONIC_SUM if kind == Kind.SUM and monotonic else OTHER


def _type(kind: int, temporality: int, monotonic: bool) -> str:
    """Prometheus' type; it has none for deltas."""
    if kind == Kind.GAUGE:
        return "gauge"
    if kind == Kind.SUMMARY:
        return "summary"
    if kind == Kind.NONE or temporality == Temporality.DELTA:
        return "unknown"
    return "histogram" if kind != Kind.SUM else "counter" if monotonic else "gauge"


def _add_findings(out: Translated, request: OtlpRequest) -> None:
    """What the core found while it made the columns."""
    columns = out.columns
    for label, keys in columns.collisions(request):
        names = ", ".join(f'"{key}"' for key in keys)
        text = f'OTLP attributes {names} collide as label "{label}" after name sanitization, values are concatenated'
        out.warnings.append(("label_name_collision", text))
    if columns.empty_with_sum:
        text = f"{columns.empty_with_sum} histogram data points have zero count, but non-zero sum"
        out.warnings.append(("histogram_zero_count_non_zero_sum", text))
    if columns.coarse:
        out.rejected += columns.coarse
        out.reasons.append("cannot convert exponential to native histogram: the scale must be -4 at least")
    if columns.invalid_labels:
        out.rejected += columns.invalid_labels
        out.reasons.append("an attribute's name cannot be a label name")
