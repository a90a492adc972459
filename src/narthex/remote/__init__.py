"""Samples that come in and go out over HTTP other than by scraping.

In: request bodies. Out: one append to storage, and what to answer. Open first: receive.py (remote write as a receiver)
or otlp.py (OpenTelemetry's metrics).
"""
