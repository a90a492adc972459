"""Exposition formats, from a scraped body to columns of samples.

In: bytes and a Content-Type. Out: series, samples, metadata.
"""
