"""What a body of text says, said in the messages of the protobuf format."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby

from reference.exposition import Parsed, Sample
from support.protobuf_metrics import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    SUMMARY,
    UNTYPED,
    Exemplar,
    Family,
    Histogram,
    Metric,
    Summary,
)

_TYPES = {"counter": COUNTER, "gauge": GAUGE, "histogram": HISTOGRAM, "summary": SUMMARY}


def families(parsed: Parsed) -> list[Family]:
    """Of a body whose families and metrics are not interleaved, of these four types or none.

    Created lines become the start time of their metric.
    """
    out = []
    for name, group in groupby(parsed.samples, lambda s: s.family):
        samples = list(group)
        kind = _TYPES.get(parsed.types.get(name, ""), UNTYPED)
        # OpenMetrics leaves _total out of a counter's family.
        total = kind == COUNTER and any(s.labels["__name__"] == f"{name}_total" for s in samples)
        metrics = [_metric(name, kind, list(one)) for _, one in groupby(samples, partial(_metric_labels, kind=kind))]
        help, unit = parsed.helps.get(name, ""), parsed.units.get(name, "")
        out.append(Family(f"{name}_total" if total else name, kind, metrics, help, unit))
    return out


def _metric_labels(sample: Sample, kind: int) -> list[tuple[str, str]]:
    own = {HISTOGRAM: "le", SUMMARY: "quantile"}.get(kind)
    return [(n, v) for n, v in sorted(sample.labels.items()) if n not in ("__name__", own)]


def _metric(family: str, kind: int, samples: Sequence[Sample]) -> Metric:
    by_suffix = {s.labels["__name__"].removeprefix(family): s for s in samples}
    created = by_suffix.get("_created")
    start = None if created is None else int(created.value * 1000)
    time = samples[0].timestamp
    labels = dict(_metric_labels(samples[0], kind))
    if kind == HISTOGRAM:
        buckets = [s for s in samples if "le" in s.labels]
        exemplars = {i: _exemplar(s) for i, s in enumerate(buckets) if s.exemplar is not None}
        classic = [(float(s.labels["le"]), s.value) for s in buckets]
        histogram = Histogram(by_suffix["_count"].value, by_suffix["_sum"].value, classic, exemplars, start=start)
        return Metric(labels, histogram, time)
    if kind == SUMMARY:
        quantiles = [(float(s.labels["quantile"]), s.value) for s in samples if "quantile" in s.labels]
        count, total = int(by_suffix["_count"].value), by_suffix["_sum"].value
        return Metric(labels, Summary(count, total, quantiles, start), time)
    (sample,) = (s for s in samples if s is not created)
    return Metric(labels, sample.value, time, _exemplar(sample) if sample.exemplar else None, start)


def _exemplar(sample: Sample) -> Exemplar:
    assert sample.exemplar is not None
    return Exemplar(sample.exemplar.labels, sample.exemplar.value, sample.exemplar.timestamp)
