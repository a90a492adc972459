"""The HTTP API and the web UI's files.

In: HTTP requests. Out: JSON in Prometheus' shapes, the own metrics, the UI. What answers come from is handed in as
`sources.py`'s Protocols. First file to open: application.py (the table of routes), then reply.py (the envelope).
"""
