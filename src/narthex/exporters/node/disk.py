"""/proc/diskstats: operations, bytes and time of each block device."""

from __future__ import annotations

import re
from collections.abc import Iterator

from narthex.exporters.node.paths import Paths
from narthex.instrument import Family, Sample

_SECTOR = 512  # bytes; diskstats counts in this unit whatever the device's own sector size is
_MILLI = 1 / 1000

# Columns after the device name (the kernel's admin-guide/iostats): metric, type, factor, help.
_COLUMNS = (
    ("reads_completed_total", "counter", 1, "The total number of reads completed successfully."),
    ("reads_merged_total", "counter", 1, "The total number of reads merged."),
    ("read_bytes_total", "counter", _SECTOR, "The total number of bytes read successfully."),
    ("read_time_seconds_total", "counter", _MILLI, "The total number of seconds spent by all reads."),
    ("writes_completed_total", "counter", 1, "The total number of writes completed successfully."),
    ("writes_merged_total", "counter", 1, "The number of writes merged."),
    ("written_bytes_total", "counter", _SECTOR, "The total number of bytes written successfully."),
    ("write_time_seconds_total", "counter", _MILLI, "The total number of seconds spent by all writes."),
    ("io_now", "gauge", 1, "The number of I/Os currently in progress."),
    ("io_time_seconds_total", "counter", _MILLI, "Total seconds spent doing I/Os."),
    ("io_time_weighted_seconds_total", "counter", _MILLI, "The weighted number of seconds spent doing I/Os."),
    ("discards_completed_total", "counter", 1, "The total number of discards completed successfully."),
    ("discards_merged_total", "counter", 1, "The total number of discards merged."),
    ("discarded_sectors_total", "counter", 1, "The total number of sectors discarded successfully."),
    ("discard_time_seconds_total", "counter", _MILLI, "The total number of seconds spent by all discards."),
    ("flush_requests_total", "counter", 1, "The total number of flush requests completed successfully."),
    (
        "flush_requests_time_seconds_total",
        "counter",
        _MILLI,
        "The total number of seconds spent by all flush requests.",
    ),
)
_IGNORED = re.compile(r"(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+")


def diskstats(paths: Paths) -> Iterator[Family]:
    """Partitions, RAM disks and loop devices are left out, as node_exporter does by default."""
    samples: list[list[Sample]] = [[] for _ in _COLUMNS]
    for line in paths.proc("diskstats").splitlines():
        fields = line.split()
        if len(fields) < 4 or _IGNORED.fullmatch(fields[2]):
            continue
        label = (("device", fields[2]),)
        for (name, _, factor, _), column, text in zip(_COLUMNS, samples, fields[3:], strict=False):
            column.append((f"node_disk_{name}", label, int(text) * factor))
    for (name, kind, _, help_text), column in zip(_COLUMNS, samples, strict=True):
        yield Family(f"node_disk_{name}", help_text, kind, column)
