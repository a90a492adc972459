"""`tsdb dump` and `tsdb dump-openmetrics`: samples as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from narthex.app.promtool.reporting import fallible, write_pieces
from narthex.errors import CorruptionError
from narthex.model.labels import quote
from narthex.native import DecodeError, LabelSets, SeriesBatch, foreign_texts, sample_lines
from narthex.promql.syntax import parse_selector
from narthex.tsdb.read_only import ReadOnlyDB

_PIECE = 4 << 20  # bytes of text at a time


@fallible
def dump_samples(path: Path, mint: int, maxt: int, selectors: Sequence[str]) -> None:
    """`{labels} value milliseconds`, native histograms included; bounds inclusive."""
    write_pieces(_lines(_select(path, mint, maxt, selectors), mint, maxt, openmetrics=False))


@fallible
def dump_openmetrics(path: Path, mint: int, maxt: int, selectors: Sequence[str]) -> None:
    """`name{labels} value seconds`, ended by `# EOF`; native histograms are left out."""
    write_pieces(_lines(_select(path, mint, maxt, selectors), mint, maxt, openmetrics=True))
    print("# EOF")


@fallible
def dump_series(path: Path, mint: int, maxt: int, selectors: Sequence[str]) -> None:
    """A JSON object a series."""
    matchers = [parse_selector(text).matchers for text in selectors]
    with ReadOnlyDB.open(path).querier(mint, maxt) as querier:
        found = [querier.series(m) for m in matchers]
    write_pieces(_objects(found[0] if len(found) == 1 else LabelSets.merge(found)))


def _select(path: Path, mint: int, maxt: int, selectors: Sequence[str]) -> SeriesBatch:
    matchers = [parse_selector(text).matchers for text in selectors]
    with ReadOnlyDB.open(path).querier(mint, maxt) as querier:
        found = [querier.select(m) for m in matchers]
    return found[0] if len(found) == 1 else SeriesBatch.merge(found)


def _lines(batch: SeriesBatch, mint: int, maxt: int, openmetrics: bool) -> Iterator[bytes]:
    quoted = {text: quote(text) for text in foreign_texts(batch.labels)}
    row = 0
    while row < len(batch):
        try:
            row, piece = sample_lines(batch, row, mint, maxt, openmetrics, quoted, _PIECE)
        except DecodeError as e:
            raise CorruptionError(f"a chunk of {batch.labels[row]} cannot be read: {e}") from None
        yield piece


def _objects(series: LabelSets) -> Iterator[bytes]:
    for row in range(len(series)):
        yield _json(series[row]) + b"\n"


def _json(labels: dict[str, str]) -> bytes:
    """As Go's encoder writes it, which escapes what HTML would take for markup."""
    text = json.dumps(labels, ensure_ascii=False, separators=(",", ":"))
    for ch in "<>&\u2028\u2029":
        text = text.replace(ch, f"\\u{ord(ch):04x}")
    return text.encode()
