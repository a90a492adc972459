"""Narthex' own metrics: counters, gauges, histograms and summaries in a registry. First file: registry.py."""

from narthex.instrument.registry import Counter, Gauge, Histogram, Registry, Summary
from narthex.instrument.text import CONTENT_TYPE, Family, Sample, write_text

__all__ = [
    "CONTENT_TYPE",
    "Counter",
    "Family",
    "Gauge",
    "Histogram",
    "Registry",
    "Sample",
    "Summary",
    "write_text",
]
