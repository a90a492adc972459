"""All collectors by name, and running them: one that fails is reported and does not stop the others."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from narthex.exporters.node import disk, filesystem, memory, network, stat, system
from narthex.exporters.node.paths import Paths
from narthex.instrument import Family, Sample

log = logging.getLogger(__name__)

Collector = Callable[[Paths], Iterator[Family]]

COLLECTORS: dict[str, Collector] = {
    "cpu": stat.cpu,
    "diskstats": disk.diskstats,
    "filesystem": filesystem.filesystem,
    "loadavg": system.loadavg,
    "meminfo": memory.meminfo,
    "netdev": network.netdev,
    "stat": stat.stat,
    "time": system.time,
    "uname": system.uname,
}


def collect(paths: Paths, names: Iterable[str]) -> Sequence[Family]:
    """Families of these collectors, and for each how long it took and whether it worked."""
    out: list[Family] = []
    duration: list[Sample] = []
    success: list[Sample] = []
    for name in names:
        label, started, worked = (("collector", name),), time.perf_counter(), 1.0
        try:
            out += list(COLLECTORS[name](paths))
        except (OSError, ValueError) as e:
            log.warning("collector %s failed: %s", name, e)
            worked = 0.0
        duration.append(("node_scrape_collector_duration_seconds", label, time.perf_counter() - started))
        success.append(("node_scrape_collector_success", label, worked))
    out.append(Family("node_scrape_collector_duration_seconds", "Duration of a collector scrape.", "gauge", duration))
    out.append(Family("node_scrape_collector_success", "Whether a collector succeeded.", "gauge", success))
    return out
