"""Exporters: one package each. Today the host exporter, `node`; first file to open: node/collectors.py."""
