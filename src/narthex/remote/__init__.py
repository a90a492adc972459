"""Remote write, remote read, OTLP, federation."""
