"""The translation of OTLP requests, point by point over protobuf's own objects: twin of core/otlp."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
Labels = dict[str, str]
Row = tuple[Labels, int, int, float]
"""(labels, time, start, value), times in milliseconds."""
IDENTIFYING = ("service.namespace", "service.name", "service.instance.id")


@dataclass
class Rules:
    """`metric` and `label` give names; `every` is nanoseconds between samples of target_info."""

    metric: Callable[[Any], str]
    label: Callable[[str], str]
    promoted: frozenset[str] = frozenset()
    every: int = 150_000_000_000
    join: bool = True
    keep_identifying: bool = False


@dataclass
class Twin:
    rules: Rules
    rows: list[Row] = field(default_factory=list)
    exemplars: list[tuple[Labels, int, float, Labels]] = field(default_factory=list)
    """(labels of the series, time, value, own labels)"""

    def request(self, request: ExportMetricsServiceRequest) -> None:
        infos: list[Row] = []
        for resource in request.resource_metrics:
            attributes = resource.resource.attributes
            times = []
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    kind = metric.WhichOneof("data")
                    points = getattr(metric, kind).data_points if kind else []
                    times += [p.time_unix_nano for p in points]
                    for p in points:
                        getattr(self, f"_{kind}")(self.rules.metric(metric), p, attributes)
            if times:
                infos += self._target_info(attributes, min(times), max(times))
        seen: set[tuple[Any, ...]] = set()
        for info in infos:
            key = (tuple(sorted(info[0].items())), info[1])
            if key not in seen:
                seen.add(key)
                self.rows.append(info)

    def _labels(self, own: Iterable[KeyValue], resource: Iterable[KeyValue], promote: bool = True) -> Labels:
        out: Labels = {}
        for key, value in sorted((a.key, text(a.value)) for a in own if a.key != "__name__"):
            name = self.rules.label(key)
            if out.get(name) and self.rules.join:
                out[name] += ";" + value
            elif self.rules.join or name not in out:
                out[name] = value
        known = {a.key: text(a.value) for a in resource}
        if promote:
            for key, value in known.items():
                if key in self.rules.promoted and not out.get(self.rules.label(key)):
                    out[self.rules.label(key)] = value
        if "service.name" in known:
            space = known.get("service.namespace")
            job = known["service.name"] if space is None else f"{space}/{known['service.name']}"
            out["job"] = job or out.get("job", "")
        if known.get("service.instance.id"):
            out["instance"] = known["service.instance.id"]
        return out

    def _add(self, labels: Labels, p: Any, value: float, **more: str) -> Labels:
        labels = {name: text for name, text in (labels | more).items() if text}
        times = (p.time_unix_nano // 10**6, p.start_time_unix_nano // 10**6)
        self.rows.append((labels, *times, STALE if p.flags & 1 else value))
        return labels

    def _gauge(self, name: str, p: Any, resource: Iterable[KeyValue]) -> Labels:
        value = p.as_double if p.WhichOneof("value") == "as_double" else float(p.as_int)
        return self._add(self._labels(p.attributes, resource), p, value, __name__=name)

    def _sum(self, name: str, p: Any, resource: Iterable[KeyValue]) -> None:
        labels = self._gauge(name, p, resource)
        for e in p.exemplars:
            self._exemplar(labels, p, e)

    def _histogram(self, name: str, p: Any, resource: Iterable[KeyValue]) -> None:
        labels = self._labels(p.attributes, resource)
        if p.HasField("sum"):
            self._add(labels, p, p.sum, __name__=f"{name}_sum")
        self._add(labels, p, float(p.count), __name__=f"{name}_count")
        below, buckets = 0, []
        for bound, count in zip(p.explicit_bounds, p.bucket_counts, strict=False):
            below = (below + count) % 2**64
            buckets.append((bound, self._add(labels, p, float(below), __name__=f"{name}_bucket", le=number(bound))))
        last = self._add(labels, p, float(p.count), __name__=f"{name}_bucket", le="+Inf")
        for e in p.exemplars:
            value = e.as_double if e.WhichOneof("value") == "as_double" else float(e.as_int)
            self._exemplar(next((series for bound, series in buckets if value <= bound), last), p, e)

    def _summary(self, name: str, p: Any, resource: Iterable[KeyValue]) -> None:
        labels = self._labels(p.attributes, resource)
        self._add(labels, p, p.sum, __name__=f"{name}_sum")
        self._add(labels, p, float(p.count), __name__=f"{name}_count")
        for q in p.quantile_values:
            self._add(labels, p, q.value, __name__=name, quantile=number(q.quantile))

    def _exemplar(self, series: Labels, p: Any, e: Any) -> None:
        ids = {"trace_id": e.trace_id.hex(), "span_id": e.span_id.hex()}
        own = {name: value for name, value in ids.items() if value.strip("0")}
        attributes = {a.key: text(a.value) for a in e.filtered_attributes}
        if sum(len(name) + len(value) for name, value in [*own.items(), *attributes.items()]) <= 128:
            own |= attributes
        value = e.as_double if e.WhichOneof("value") == "as_double" else float(e.as_int)
        time = e.time_unix_nano // 10**6 or p.time_unix_nano // 10**6
        self.exemplars.append((series, time, value, {name: text for name, text in own.items() if text}))

    def _target_info(self, attributes: Any, first: int, last: int) -> list[Row]:
        if all(a.key in IDENTIFYING for a in attributes):
            return []
        kept = [a for a in attributes if self.rules.keep_identifying or a.key not in IDENTIFYING]
        labels = self._labels(kept, attributes, promote=False) | {"__name__": "target_info"}
        labels = {name: text for name, text in labels.items() if text}
        if not labels.keys() & {"job", "instance"}:
            return []
        times = [*range(first, last, self.rules.every), last]
        return [(labels, t // 10**6, 0, 1.0) for t in times]


def text(value: AnyValue) -> str:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return str(value.bool_value).lower()
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return decimal(value.double_value)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "array_value" | "kvlist_value":
            made = as_json(value)
            return "" if "NaN" in made or "Infinity" in made else made
        case _:
            return ""


def as_json(value: AnyValue) -> str:
    """As Go writes JSON: keys sorted, markup escaped."""
    match value.WhichOneof("value"):
        case "array_value":
            return "[" + ",".join(map(as_json, value.array_value.values)) + "]"
        case "kvlist_value":
            members = {kv.key: as_json(kv.value) for kv in value.kvlist_value.values}
            return "{" + ",".join(f"{quoted(k)}:{members[k]}" for k in sorted(members, key=str.encode)) + "}"
        case "string_value":
            return quoted(value.string_value)
        case "bytes_value":
            return quoted(text(value))
        case "double_value" if not math.isfinite(value.double_value):
            return "NaN"
        case None:
            return "null"
        case _:
            return text(value)


def quoted(s: str) -> str:
    out = json.dumps(s, ensure_ascii=False)
    for c in "<>&\u2028\u2029":
        out = out.replace(c, f"\\u{ord(c):04x}")
    return out


def decimal(v: float) -> str:
    """Shortest, with an exponent below 1e-6 and from 1e21 on."""
    if math.isnan(v):
        return "json: unsupported value: NaN"
    if math.isinf(v):
        return f"json: unsupported value: {'+' if v > 0 else '-'}Inf"
    if v == 0 or 1e-6 <= abs(v) < 1e21:
        return number(v)
    mantissa, exponent = repr(v).split("e")
    return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"


def number(v: float) -> str:
    """Shortest digits without an exponent."""
    if math.isnan(v):
        return "NaN"
    if math.isinf(v):
        return "+Inf" if v > 0 else "-Inf"
    made = format(Decimal(repr(v)), "f")
    return made.rstrip("0").rstrip(".") if "." in made else made
