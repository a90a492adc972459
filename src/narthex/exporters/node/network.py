"""/proc/net/dev: bytes, packets and errors of each network interface."""

from __future__ import annotations

from collections.abc import Iterator

from narthex.exporters.node.paths import Paths
from narthex.instrument import Family, Sample

_RECEIVE = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
_TRANSMIT = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")
_COLUMNS = tuple(
    [f"node_network_receive_{n}_total" for n in _RECEIVE] + [f"node_network_transmit_{n}_total" for n in _TRANSMIT]
)


def netdev(paths: Paths) -> Iterator[Family]:
    samples: list[list[Sample]] = [[] for _ in _COLUMNS]
    for line in paths.proc("net/dev").splitlines()[2:]:
        device, _, rest = line.rpartition(":")
        label = (("device", device.strip()),)
        for name, column, text in zip(_COLUMNS, samples, rest.split(), strict=False):
            column.append((name, label, float(text)))
    for name, column in zip(_COLUMNS, samples, strict=True):
        _, _, direction, what, _ = name.split("_")
        yield Family(name, f"Network device statistic {direction}_{what}.", "counter", column)
