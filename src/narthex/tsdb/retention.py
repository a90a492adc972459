"""Which blocks are too old, or too many, to keep. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from narthex.tsdb.meta import BlockMeta


@dataclass(frozen=True)
class Retention:
    """`duration` in milliseconds, `size` in bytes, `percentage` of the file system; 0 stands for no limit."""

    duration: int = 0
    size: int = 0
    percentage: float = 0.0

    def bytes(self, disk: int) -> int:
        """The limit on a file system of `disk` bytes (0: unknown). A percentage beats a size."""
        return int(disk * self.percentage / 100) if self.percentage > 0 and disk > 0 else self.size


def beyond_time(blocks: Sequence[BlockMeta], limit: int) -> set[str]:
    """Names of blocks that end `limit` milliseconds or more before the newest block's end."""
    if limit <= 0 or not blocks:
        return set()
    newest = max(m.max_time for m in blocks)
    return {m.ulid for m in blocks if newest - m.max_time >= limit}


def beyond_size(blocks: Sequence[BlockMeta], sizes: Mapping[str, int], other_bytes: int, limit: int) -> set[str]:
    """Names of the oldest blocks that do not fit into `limit` bytes together with all newer ones.

    `sizes` are the blocks' bytes, `other_bytes` those of log and head, which count first.
    """
    if limit <= 0:
        return set()
    total, beyond = other_bytes, set()
    for meta in sorted(blocks, key=lambda m: (m.max_time, m.min_time), reverse=True):
        total += sizes[meta.ulid]
        if total > limit:
            beyond.add(meta.ulid)
    return beyond
