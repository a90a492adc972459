"""Narthex: the Prometheus stack as one Python package, for people who run LLM serving.

ARCHITECTURE.md names every package in the order in which a sample meets them.
"""

__version__ = "0.1.0"
