"""/proc/meminfo: every line as a gauge, kB as bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from narthex.exporters.node.paths import Paths
from narthex.instrument import Family

_BRACKETS = re.compile(r"\((.*)\)")


def meminfo(paths: Paths) -> Iterator[Family]:
    """`Active(anon): 4 kB` becomes node_memory_Active_anon_bytes 4096."""
    for line in paths.proc("meminfo").splitlines():
        key, _, rest = line.partition(":")
        fields = rest.split()
        if not fields:
            continue
        value, name = float(fields[0]), _BRACKETS.sub(r"_\1", key)
        if fields[1:] == ["kB"]:
            value, name = value * 1024, f"{name}_bytes"
        name = f"node_memory_{name}"
        yield Family(
            name, f"Memory information field {name.removeprefix('node_memory_')}.", "gauge", [(name, (), value)]
        )
