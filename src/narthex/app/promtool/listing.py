"""`tsdb list`: a table of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from narthex.app.promtool.reporting import fallible
from narthex.model.size import format_size
from narthex.template.gotime import GoDuration
from narthex.tsdb.block import Block
from narthex.tsdb.read_only import ReadOnlyDB

HEADER = ("BLOCK ULID", "MIN TIME", "MAX TIME", "DURATION", "NUM SAMPLES", "NUM CHUNKS", "NUM SERIES", "SIZE")
_NARROWEST, _GAP = 13, 2


@fallible
def list_blocks(path: Path, human_readable: bool) -> None:
    print(block_table(ReadOnlyDB.open(path).blocks(), human_readable), end="")


def block_table(blocks: Sequence[Block], human_readable: bool, header: bool = True) -> str:
    """Lines of columns as wide as their widest cell."""
    rows: list[tuple[str, ...]] = [HEADER] if header else []
    rows += [_row(block, human_readable) for block in blocks]
    widths = [max(_NARROWEST, _GAP + max(map(len, column))) for column in zip(*rows, strict=True)]
    widths[-1] = 0
    return "".join("".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + "\n" for row in rows)


def _row(block: Block, human_readable: bool) -> tuple[str, ...]:
    meta = block.meta
    return (
        meta.ulid,
        _time(meta.min_time, human_readable),
        _time(meta.max_time, human_readable),
        GoDuration(meta.duration * 1_000_000).go_string(),
        str(meta.stats.samples),
        str(meta.stats.chunks),
        str(meta.stats.series),
        format_size(block.size) if human_readable else str(block.size),
    )


def _time(ms: int, human_readable: bool) -> str:
    if not human_readable:
        return str(ms)
    seconds = abs(ms) // 1000 * (1 if ms >= 0 else -1)  # cut towards zero
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    except (OverflowError, ValueError, OSError):
        return str(ms)  # beyond the calendar
