"""Where the host's file systems are mounted, and reading them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """Defaults are those of the host itself; a container sees the host's mounted elsewhere."""

    procfs: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    rootfs: Path = Path("/")

    def proc(self, name: str) -> str:
        """The text of a file below procfs. Raises OSError."""
        return (self.procfs / name).read_text(errors="replace")
