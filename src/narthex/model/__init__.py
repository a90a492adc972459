"""Words of the data model: labels, matchers, durations, numbers. No I/O. First file to open: labels.py."""
