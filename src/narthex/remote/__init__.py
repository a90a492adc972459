"""Samples that come in and go out over HTTP other than by scraping.

In: request bodies. Out: one append to storage, or what is stored, and what to answer. Open first: receive.py (remote
write as a receiver), read_server.py (remote read as a server) or otlp.py (OpenTelemetry's metrics).
"""
