"""Narthex' own metrics: counters, gauges, histograms and summaries in a registry. First file: registry.py."""

from narthex.instrument.registry import Counter, Gauge, Histogram, Registry, Summary

__all__ = ["Counter", "Gauge", "Histogram", "Registry", "Summary"]
