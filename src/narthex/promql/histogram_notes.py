"""What kernels tell about native histograms, in Prometheus' words."""

from __future__ import annotations

from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from narthex.model.labels import METRIC_NAME, quote
from narthex.native import LabelSets, label_column
from narthex.promql.annotations import Annotations
from narthex.promql.syntax import BinaryExpr, Expr

RowNotes = NDArray[np.uint32]
"""A bit set of Note for each row of a matrix."""


class Note(IntFlag):
    """The numbers are those of core/query/notes.h."""

    MIXED_SAMPLES = 1 << 0
    MIXED_SCHEMAS = 1 << 1
    NOT_COUNTER = 1 << 2
    NOT_GAUGE = 1 << 3
    IGNORED = 1 << 4
    RECONCILED_ADD = 1 << 5
    RECONCILED_SUB = 1 << 6
    RECONCILED_AGG = 1 << 7
    COLLISION_ADD = 1 << 8
    COLLISION_SUB = 1 << 9
    COLLISION_AGG = 1 << 10
    NAN_QUANTILE = 1 << 11
    SKEWED_QUANTILE = 1 << 12
    NAN_FRACTION = 1 << 13
    FLOAT_FLOAT = 1 << 14
    FLOAT_HISTOGRAM = 1 << 15
    HISTOGRAM_FLOAT = 1 << 16
    HISTOGRAM_HISTOGRAM = 1 << 17
    INCOMPATIBLE = 1 << 18
    MIXED_AGG = 1 << 19
    START_OVERLAP = 1 << 20


_WARNINGS = {
    Note.MIXED_SAMPLES: "encountered a mix of histograms and floats for metric name {metric}",
    Note.MIXED_SCHEMAS: (
        "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {metric}"
    ),
    Note.NOT_COUNTER: "this native histogram metric is not a counter: {metric}",
    Note.NOT_GAUGE: "this native histogram metric is not a gauge: {metric}",
    Note.COLLISION_ADD: "conflicting counter resets during histogram addition",
    Note.COLLISION_SUB: "conflicting counter resets during histogram subtraction",
    Note.COLLISION_AGG: "conflicting counter resets during histogram aggregation",
    Note.MIXED_AGG: "encountered a mix of histograms and floats for aggregation",
    Note.START_OVERLAP: "sample has start time that overlaps with previous sample timestamp for metric {metric}",
    Note.INCOMPATIBLE: "incompatible bucket layout encountered for binary operator {operator}",
}
_INFOS = {
    Note.IGNORED: "ignored histograms in a range containing both floats and histograms for metric name {metric}",
    Note.RECONCILED_ADD: "mismatched custom buckets were reconciled during addition",
    Note.RECONCILED_SUB: "mismatched custom buckets were reconciled during subtraction",
    Note.RECONCILED_AGG: "mismatched custom buckets were reconciled during aggregation",
    Note.NAN_QUANTILE: "input to histogram_quantile has NaN observations, result is NaN{for_metric}",
    Note.SKEWED_QUANTILE: "input to histogram_quantile has NaN observations, result is skewed higher{for_metric}",
    Note.NAN_FRACTION: (
        "input to histogram_fraction has NaN observations, which are excluded from all fractions{for_metric}"
    ),
}
_OPERANDS = {
    Note.FLOAT_FLOAT: ("float", "float"),
    Note.FLOAT_HISTOGRAM: ("float", "histogram"),
    Note.HISTOGRAM_FLOAT: ("histogram", "float"),
    Note.HISTOGRAM_HISTOGRAM: ("histogram", "histogram"),
}


def tell_of_rows(notes: Annotations, found: RowNotes, labels: LabelSets, expr: Expr, *, named: bool = True) -> None:
    """Notes of rows with these labels, once for each metric; without its name where that is gone already."""
    if not found.any():
        return
    rows = np.flatnonzero(found)
    ids, names = label_column(labels, METRIC_NAME)
    for name, bits in dict.fromkeys(zip(ids[rows].tolist(), found[rows].tolist(), strict=True)):
        _tell(notes, Note(bits), names[name] if named else "", expr)


def tell(notes: Annotations, found: int, expr: Expr) -> None:
    """Notes that name no metric."""
    _tell(notes, Note(found), "", expr)


def tell_of_operands(notes: Annotations, found: int, expr: BinaryExpr) -> None:
    for note in Note(found):
        if note in _OPERANDS:
            left, right = _OPERANDS[note]
            notes.incompatible_types(left, expr.op.value, right, expr)
    _tell(notes, Note(found), "", expr, operator=expr.op.value)


def _tell(notes: Annotations, found: Note, metric: str, expr: Expr, operator: str = "") -> None:
    words = {
        "metric": quote(metric),
        "for_metric": f" for metric name {quote(metric)}" if metric else "",
        "operator": operator,
    }
    for note in found:
        if note in _WARNINGS:
            notes.warn(_WARNINGS[note].format_map(words), expr)
        elif note in _INFOS:
            notes.inform(_INFOS[note].format_map(words), expr)
