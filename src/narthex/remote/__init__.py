"""Samples that come in and go out over HTTP other than by scraping.

In: request bodies. Out: one append to storage, or what is stored, and what to answer. Open first: receive.py (remote
write as a receiver), read_server.py (remote read as a server) or otlp.py (OpenTelemetry's metrics).

Sending by remote write: write_storage.py has the endpoints of a configuration, queue.py is one of them. A queue's
write_log.py follows the log into the core's Outbox, queue_shards.py sends from there, queue_resharding.py says with how
many shards, write_position.py remembers how far the endpoint has everything.

Reading elsewhere: read_fanout.py is local storage together with the endpoints of read_client.py.
"""
