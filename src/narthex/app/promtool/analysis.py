"""`tsdb analyze`: what a block's series and chunks are like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narthex.app.promtool.reporting import fallible
from narthex.model.matcher import Matcher
from narthex.promql.syntax import parse_selector
from narthex.template.gotime import GoDuration
from narthex.tsdb.analysis import chunk_analysis, label_analysis
from narthex.tsdb.block import Block
from narthex.tsdb.read_only import ReadOnlyDB

Ranked = Iterable[tuple[str, str, int]]


@fallible
def analyze_block(path: Path, block_id: str, limit: int, extended: bool, match: str) -> None:
    """Of the newest block unless `block_id` names one."""
    matchers = parse_selector(match).matchers if match else ()
    db = ReadOnlyDB.open(path)
    block = db.block(block_id or db.last_block())
    found = label_analysis(block, matchers, max(limit, 0))
    print(f"Block ID: {block.meta.ulid}")
    print(f"Duration: {GoDuration(block.meta.duration * 1_000_000).go_string()}")
    print(f"Total Series: {block.meta.stats.series}")
    if match:
        print(f"Matcher: {match}")
    print(f"Label names: {found['names']}")
    if match:
        print(f"Matched series: {found['series']}")
    print(f"Postings (unique label pairs): {found['pairs']}")
    print(f"Postings entries (total label pairs): {found['entries']}")
    _print_list("Label pairs most involved in churning", found["churning_pairs"], pairs=True)
    _print_list("Label names most involved in churning", found["churning_names"])
    _print_list("Most common label pairs", found["common_pairs"], pairs=True)
    _print_list("Label names with highest cumulative label value length", found["longest_names"])
    _print_list("Highest cardinality labels", found["richest_names"])
    _print_list("Highest cardinality metric names", found["largest_metrics"])
    if extended:
        _print_chunks(block, matchers)


def _print_list(title: str, labels: Ranked, pairs: bool = False) -> None:
    print(f"\n{title}:")
    for name, value, count in labels:
        print(f"{count} {name}={value}" if pairs else f"{count} {name}")


def _print_chunks(block: Block, matchers: Sequence[Matcher]) -> None:
    found = chunk_analysis(block, matchers)
    total = found["chunks"]
    print("\nCompaction analysis:\n")
    _print_histogram("samples per float chunk", found["float_samples"], total)
    _print_histogram("bytes per float chunk", found["float_bytes"], total)
    _print_histogram("samples per histogram chunk", found["histogram_samples"], total)
    _print_histogram("bytes per histogram chunk", found["histogram_bytes"], total)
    _print_histogram("buckets per histogram chunk", found["histogram_buckets"], total)


def _print_histogram(title: str, values: NDArray[np.uint32], total: int) -> None:
    """A bar of one # a per cent for each bucket of at least ten values."""
    if not len(values):
        print(f"{title}: N/A\n")
        return
    low, high = int(values.min()), int(values.max())
    start, end, step = _buckets(low, high)
    counts = np.bincount((values.astype(np.int64) - start) // step, minlength=(end - start) // step + 1)
    print(f"{title} (min/avg/max): {low}/{int(values.sum(dtype=np.int64)) // len(values)}/{high}")
    left, right, width = len(str(end)), len(str(end + step)), len(str(int(counts.max())))
    for i, count in enumerate(counts.tolist()):
        bar = "#" * (100 * count // total)
        print(f"[{i * step + start + 1:{left}d}, {(i + 1) * step + start:{right}d}]: {count:{width}d} {bar}")
    print()


def _buckets(low: int, high: int) -> tuple[int, int, int]:
    """Start, end and width: powers of ten, about ten buckets."""
    step = 10
    while step < (high - low) // 10 and step <= 10_000:
        step *= 10
    return low - low % step, high - high % step + step, step
