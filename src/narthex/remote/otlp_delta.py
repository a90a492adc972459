"""Deltas become totals: what each series has counted since its first delta (feature otlp-deltatocumulative).

The rules are those of OpenTelemetry's deltatocumulative processor: a point that is not newer than the one before it, or
that begins before the series does, is dropped; a series that was silent for five minutes begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from narthex.storage.contract import Refs, Times, Values

SILENCE_MS = 300_000
_NEVER = -(2**62)


@dataclass(frozen=True)
class Totals:
    """Where `keep`, what takes the place of a delta; then the state after it, a row for each series that came."""

    keep: NDArray[np.bool_]
    values: Values
    starts: Times
    refs: Refs
    counted: Values
    begun: Times
    newest: Times


class DeltaTotals:
    """Columns with an entry a series, sorted by reference. For one thread at a time."""

    def __init__(self) -> None:
        self._refs = np.empty(0, np.uint64)
        self._counted, self._begun, self._newest = np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._refs)

    def convert(self, refs: Refs, times: Times, starts: Times, deltas: Values) -> Totals:
        """Takes samples in any order and changes nothing; `take` remembers the result once it is stored."""
        order = np.lexsort((times, refs))
        sorted_refs = refs[order]
        first = np.ones(len(refs), np.bool_)
        first[1:] = sorted_refs[1:] != sorted_refs[:-1]
        group = np.cumsum(first) - 1
        series, begins = sorted_refs[first], np.flatnonzero(first)
        at, known = self._find(series)
        known[known] &= times[order[begins[known]]] - self._newest[at[known]] <= SILENCE_MS
        counted, begun, newest = np.zeros(len(series)), starts[order[begins]], np.full(len(series), _NEVER)
        counted[known], begun[known] = self._counted[at[known]], self._begun[at[known]]
        newest[known] = self._newest[at[known]]
        keep, values, begins_at = np.zeros(len(refs), np.bool_), deltas.copy(), starts.copy()
        # All series advance together, by their first samples, then by their second ones.
        nth = np.arange(len(refs)) - begins[group]
        for rows in np.split(np.argsort(nth, kind="stable"), np.cumsum(np.bincount(nth))[:-1]):
            places, of = order[rows], group[rows]
            fine = (times[places] > newest[of]) & (starts[places] >= begun[of])
            places, of = places[fine], of[fine]
            counted[of] += deltas[places]
            newest[of] = times[places]
            values[places], begins_at[places], keep[places] = counted[of], begun[of], True
        return Totals(keep, values, begins_at, series, counted, begun, newest)

    def take(self, totals: Totals) -> None:
        """The state after `totals`, which convert gave last. Silent series are forgotten when others come."""
        at, known = self._find(totals.refs)
        for column, new in self._columns(totals):
            column[at[known]] = new[known]
        if known.all():
            return
        fresh = self._newest >= totals.newest.max() - SILENCE_MS
        refs = np.concatenate((self._refs[fresh], totals.refs[~known]))
        order = np.argsort(refs, kind="stable")
        self._refs = refs[order]
        self._counted, self._begun, self._newest = (
            np.concatenate((column[fresh], new[~known]))[order] for column, new in self._columns(totals)
        )

    def _columns(self, totals: Totals) -> tuple[tuple[NDArray[np.generic], NDArray[np.generic]], ...]:
        return (
            (self._counted, totals.counted), (self._begun, totals.begun), (self._newest, totals.newest),
        )  # fmt: skip

    def _find(self, refs: Refs) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where references are, and which are there at all."""
        at = np.searchsorted(self._refs, refs)
        known = at < len(self._refs)
        known[known] = self._refs[at[known]] == refs[known]
        return at, known
