"""Metrics of the process and of the build, under the names every Prometheus client uses."""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
import time
from pathlib import Path

from narthex import __version__
from narthex.instrument import Registry

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


def register_process(registry: Registry, program: str) -> None:
    """process_*, python_info and PROGRAM_build_info. Read from /proc at each exposition."""
    registry.gauge(
        f"{program}_build_info", "A metric with a constant '1' value labeled by version, revision and branch.",
        ("version", "revision", "branch", "goversion", "goos", "goarch", "tags"),
    ).labels(__version__, "", "", "", sys.platform, os.uname().machine, "narthex").set(1)  # fmt: skip
    registry.gauge("python_info", "Version of the Python interpreter.", ("version", "implementation")).labels(
        sys.version.split()[0], sys.implementation.name
    ).set(1)
    cpu = registry.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")
    resident = registry.gauge("process_resident_memory_bytes", "Resident memory size in bytes.")
    virtual = registry.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")
    open_files = registry.gauge("process_open_fds", "Number of open file descriptors.")
    most_files = registry.gauge("process_max_fds", "Maximum number of open file descriptors.")
    threads = registry.gauge("process_threads", "Number of OS threads.")
    registry.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.").set(
        start_time()
    )
    collections = registry.counter("python_gc_collections_total", "Runs of the garbage collector.", ("generation",))

    def collect() -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu.set(usage.ru_utime + usage.ru_stime)
        pages = Path("/proc/self/statm").read_text().split()
        virtual.set(int(pages[0]) * _PAGE)
        resident.set(int(pages[1]) * _PAGE)
        open_files.set(sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1)  # one is the listing's own
        most_files.set(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        threads.set(threading.active_count())
        for generation, counts in enumerate(gc.get_stats()):
            collections.labels(str(generation)).set(counts["collections"])

    registry.on_collect(collect)


def start_time() -> float:
    """Unix seconds at which this process started, by the kernel's account."""
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + int(fields[19]) / _TICKS
