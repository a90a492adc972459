"""Native histograms of the twins on their way into storage."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from narthex.native import HistogramBatch
from reference.chunk_histogram import Histogram
from reference.histogram_values import columns


def batch_of_histograms(histograms: Iterable[Histogram]) -> HistogramBatch:
    batch = HistogramBatch()
    for h in histograms:
        run = columns(h)
        number = np.float64 if run["floats"] else np.int64
        arrays = {name: np.array(run[name], number) for name in ("counts", "zero_counts", "buckets")}
        arrays["buckets"] = arrays["buckets"].reshape(1, -1)
        batch.add(
            **run | arrays | {"sums": np.array(run["sums"], np.float64), "hints": np.array(run["hints"], np.uint8)}
        )
    return batch
