"""/proc/stat: processor time, interrupts, context switches, processes."""

from __future__ import annotations

import os
from collections.abc import Iterator

from narthex.exporters.node.paths import Paths
from narthex.instrument import Family, Sample

# Columns of a cpu line (proc(5)). Guest time is also counted in user and nice time.
_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_GUEST = {"user": 8, "nice": 9}

_SINGLE = {
    "intr": ("node_intr_total", "Total number of interrupts serviced.", "counter"),
    "ctxt": ("node_context_switches_total", "Total number of context switches.", "counter"),
    "processes": ("node_forks_total", "Total number of forks.", "counter"),
    "btime": ("node_boot_time_seconds", "Node boot time, in unixtime.", "gauge"),
    "procs_running": ("node_procs_running", "Number of processes in runnable state.", "gauge"),
    "procs_blocked": ("node_procs_blocked", "Number of processes blocked waiting for I/O to complete.", "gauge"),
}


def cpu(paths: Paths) -> Iterator[Family]:
    """Seconds each processor spent in each mode, from clock ticks."""
    ticks = os.sysconf("SC_CLK_TCK")
    seconds: list[Sample] = []
    guest: list[Sample] = []
    for line in paths.proc("stat").splitlines():
        name, *fields = line.split()
        if not name.startswith("cpu") or name == "cpu":
            continue
        number, values = name[3:], [int(f) / ticks for f in fields]
        for mode, value in zip(_MODES, values, strict=False):
            seconds.append(("node_cpu_seconds_total", (("cpu", number), ("mode", mode)), value))
        for mode, column in _GUEST.items():
            if column < len(values):
                guest.append(("node_cpu_guest_seconds_total", (("cpu", number), ("mode", mode)), values[column]))
    yield Family("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", "counter", seconds)
    yield Family(
        "node_cpu_guest_seconds_total",
        "Seconds the CPUs spent in guests (VMs) for each mode.",
        "counter",
        guest,
    )


def stat(paths: Paths) -> Iterator[Family]:
    for line in paths.proc("stat").splitlines():
        key, *fields = line.split()
        if key in _SINGLE and fields:
            name, help_text, kind = _SINGLE[key]
            yield Family(name, help_text, kind, [(name, (), float(fields[0]))])
