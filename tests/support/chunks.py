"""Chunks in and out of the core: batches from bytes, and what a block writer makes of them."""

from __future__ import annotations

import numpy as np

from narthex.native import BlockWriter, SeriesBatch
from reference.block import read_chunk, read_index
from reference.chunk_histogram import Histogram, Layout, Sample, indices

FOREVER = (-(2**63), 2**63 - 1)
Chunk = tuple[int, int, int, bytes]
"""(first time, last time, encoding, data)"""


def batch_of(*chunks: Chunk) -> SeriesBatch:
    """One series."""
    batch = SeriesBatch()
    batch.add_chunks([("__name__", "up")], sorted(chunks, key=lambda c: c[0]))
    return batch


def floats_in(batch: SeriesBatch, mint: int = FOREVER[0], maxt: int = FOREVER[1]) -> list[tuple[int, int]]:
    """(time, bits of the value)"""
    times, values = batch.samples(0, mint, maxt)
    return list(zip(times.tolist(), values.view(np.uint64).tolist(), strict=True))


def histograms_in(batch: SeriesBatch, mint: int = FOREVER[0], maxt: int = FOREVER[1]) -> list[Sample]:
    """The first row's, as the twin's samples."""
    return histograms_of_row(batch, 0, mint, maxt)


def histograms_of_row(batch: SeriesBatch, row: int, mint: int = FOREVER[0], maxt: int = FOREVER[1]) -> list[Sample]:
    out: list[Sample] = []
    for run in batch.histograms(row, mint, maxt):
        positive, negative = tuple(run["positive_spans"]), tuple(run["negative_spans"])
        layout = Layout(run["schema"], run["zero_threshold"], positive, negative, tuple(run["bounds"]))
        for k, t in enumerate(run["times"].tolist()):
            buckets = run["buckets"][k].tolist()
            wanted = indices(positive)
            h = Histogram(
                layout,
                run["counts"][k].item(),
                run["zero_counts"][k].item(),
                run["sums"][k].item(),
                dict(zip(wanted, buckets[: len(wanted)], strict=True)),
                dict(zip(indices(negative), buckets[len(wanted) :], strict=True)),
                int(run["hints"][k]),
            )
            out.append((t, int(run["start_times"][k]), h))
    return out


def written(batch: SeriesBatch, mint: int, maxt: int) -> tuple[list[Chunk], dict[str, int]]:
    """The chunks that a block of [mint, maxt) gets of the batch's only series, and the writer's counts."""
    writer = BlockWriter(mint, maxt, 1 << 29)
    writer.add_symbols(batch)
    writer.begin()
    assert writer.add_rows(batch, 0, 1 << 40) == 1
    while not writer.finish(1 << 20):
        pass
    segments = [data for _, data in writer.take_chunks()]
    index = read_index(writer.take_index())
    out = []
    for _, metas in index.series.values():
        for first, last, ref in metas:
            out.append((first, last, *read_chunk(segments, ref)))
    return out, writer.counts()
