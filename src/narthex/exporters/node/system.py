"""Load, clock and kernel identity."""

from __future__ import annotations

import os
import time as clock
from collections.abc import Iterator

from narthex.exporters.node.paths import Paths
from narthex.instrument import Family


def loadavg(paths: Paths) -> Iterator[Family]:
    loads = paths.proc("loadavg").split()
    for minutes, text in zip((1, 5, 15), loads, strict=False):
        name = f"node_load{minutes}"
        yield Family(name, f"{minutes}m load average.", "gauge", [(name, (), float(text))])


def time(paths: Paths) -> Iterator[Family]:
    name = "node_time_seconds"
    yield Family(name, "System time in seconds since epoch (1970).", "gauge", [(name, (), clock.time())])


def uname(paths: Paths) -> Iterator[Family]:
    info = os.uname()
    try:
        domain = paths.proc("sys/kernel/domainname").strip()
    except OSError:
        domain = "(none)"
    labels = (
        ("domainname", domain),
        ("machine", info.machine),
        ("nodename", info.nodename),
        ("release", info.release),
        ("sysname", info.sysname),
        ("version", info.version),
    )
    yield Family(
        "node_uname_info",
        "Labeled system information as provided by the uname system call.",
        "gauge",
        [("node_uname_info", labels, 1.0)],
    )
