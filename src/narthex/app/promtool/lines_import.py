"""JSON lines as VictoriaMetrics exports and imports them: {"metric":{...},"values":[...],"timestamps":[...]}.

Numbers are read from the text straight into columns; only a line with something other than plain numbers among its
values (null, or a text such as "Infinity") is read value by value.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import orjson

from narthex.app.promtool.text_import import pieces, with_labels
from narthex.errors import ExpositionError
from narthex.native import LabelSets
from narthex.storage.contract import Times, Values
from narthex.tsdb.backfill import Backfill

# In a JSON text a quote that is no delimiter has a backslash before it.
_VALUES = re.compile(rb'(?<!\\)"values"\s*:\s*\[([-+0-9.eE,\s]+)\]')
_TIMES = re.compile(rb'(?<!\\)"timestamps"\s*:\s*\[([-0-9,\s]+)\]')
_TOP = 2**63


def import_lines(
    file: BinaryIO,
    name: str,
    labels: Mapping[str, str],
    into: Backfill,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Every sample of `file` goes to `into` with `labels` added; null and what is no number at all become NaN.

    Raises ExpositionError, which names the file and line, and OSError.
    """
    number = done = 0
    for piece, _ in pieces(file):
        for line in piece.split(b"\n"):
            number += 1
            if not line.strip():
                continue
            try:
                metric, times, values = _read(line)
                sets = LabelSets()
                sets.add(metric)
            except (ValueError, TypeError, KeyError, OverflowError) as e:
                raise ExpositionError(f"{name}:{number}: not a series in JSON: {e}") from None
            row = into.series(with_labels(sets, labels))[0]
            into.append(np.full(len(times), row, dtype=np.uint32), times, values)
        number -= 1  # the text behind a piece's last newline is the next piece's first line
        done += len(piece)
        progress(done)


def _read(line: bytes) -> tuple[Sequence[tuple[str, str]], Times, Values]:
    found_values, found_times = _VALUES.search(line), _TIMES.search(line)
    if found_values and found_times:
        values = _numbers(found_values[1], np.float64)
        times = _numbers(found_times[1], np.int64)
        for found in sorted((found_values, found_times), key=lambda f: -f.start()):
            line = line[: found.start(1)] + line[found.end(1) :]
        document = orjson.loads(line)
    else:
        document = orjson.loads(line)
        values = np.array([_value(v) for v in document["values"]], dtype=np.float64)
        if not all(type(t) is int and -_TOP <= t < _TOP for t in document["timestamps"]):
            raise ValueError("a timestamp is not a whole number of milliseconds")
        times = np.array(document["timestamps"], dtype=np.int64)
    if len(values) != len(times):
        raise ValueError(f"{len(values)} values, but {len(times)} timestamps")
    metric = document["metric"]
    if not isinstance(metric, dict):
        raise ValueError("the metric is not an object")
    if not metric.get("__name__"):
        raise ValueError("the metric has no __name__")
    return list(metric.items()), times, values


def _numbers(text: bytes, kind: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy only warns of text that it does not understand
        try:
            return np.fromstring(text, dtype=kind, sep=",")
        except DeprecationWarning as e:
            raise ValueError(str(e)) from None


def _value(value: object) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, str):
        return float({"Infinity": "inf", "-Infinity": "-inf"}.get(value, value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return float(value)
