"""How a target's bodies are read: settings of the job, labels of the target and features of the server together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from narthex.config.scrape import ScrapeConfig
from narthex.native import Reading
from narthex.scrape.target_labels import Histograms

MIN_SCHEMA, MAX_SCHEMA = -4, 8
"""Of native histograms that are stored."""


@dataclass(frozen=True, slots=True)
class ScrapeFeatures:
    """What --enable-feature turns on for all scrapes."""

    exemplars: bool = False
    start_zeros: bool = False
    """A zero sample at the start time of a series, before its first sample."""
    store_starts: bool = False
    """Start times are kept with the samples."""
    type_and_unit: bool = False
    """Series get the labels __type__ and __unit__."""
    metadata_records: bool = False
    """What series measure goes into the log with them."""

    @property
    def start_times(self) -> bool:
        return self.start_zeros or self.store_starts


NO_FEATURES = ScrapeFeatures()


def body_reading(config: ScrapeConfig, histograms: Histograms, features: ScrapeFeatures) -> Reading:
    """The options of the core's readers."""
    return Reading(
        honor_timestamps=config.honor_timestamps,
        track_explicit=config.track_timestamps_staleness,
        exemplars=features.exemplars,
        starts=features.start_times,
        type_and_unit=features.type_and_unit,
        native_histograms=histograms.native,
        classic_histograms=histograms.classic,
        convert_histograms=histograms.convert,
        max_schema=finest_schema(config.native_histogram_min_bucket_factor),
        bucket_limit=config.native_histogram_bucket_limit,
    )


def finest_schema(factor: float) -> int:
    """The finest schema whose buckets grow by `factor` at least; 0, as anything up to about 1.00271, is no limit."""
    if factor <= 1:
        return MAX_SCHEMA
    if math.isinf(factor):
        return MIN_SCHEMA
    return min(MAX_SCHEMA, max(MIN_SCHEMA, math.floor(-math.log2(math.log2(factor)))))
