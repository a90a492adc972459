"""How a head keeps and logs its samples."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HeadSettings:
    wal_compression: str = "snappy"
    """Or "zstd", or "none"."""
    xor2: bool = False
    """Floats in XOR2 chunks, else in XOR ones."""
    histogram_starts: bool = False
    """Histograms in chunks with start times."""
    store_starts: bool = False
    """Keep start times, in chunks that can and in the log, whose records older servers then cannot read. Wants xor2."""
    start_zeros: bool = False
    """A sample brings one of zero at its start time, when that lies between the newest of its series and its own."""
    out_of_order_cap: int = 32
    """Samples of an out-of-order chunk."""
    snapshot_on_shutdown: bool = False
    """Write a snapshot at a clean stop, and begin with one where there is one."""
    max_exemplars: int = 0
    """The newest ones are kept; 0: none."""


DEFAULT_SETTINGS = HeadSettings()
