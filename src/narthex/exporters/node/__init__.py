"""The host exporter: what the kernel says in /proc, under node_exporter's names.

One file a collector; each is a function from Paths to families. `collectors.py` lists them and runs them.
"""
