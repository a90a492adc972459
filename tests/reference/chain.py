"""Overlapping runs of samples as one, the way a chain of iterators goes through them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

S = TypeVar("S", bound=tuple)  # its first member is the time


def chain(runs: Iterable[Sequence[S]]) -> list[S]:
    """The runs (each ascending) by the time they start. Of equal times the run is heard that did not speak last."""
    out: list[S] = []
    for run in sorted(runs, key=lambda r: r[0][0]):
        out = _two(out, list(run))
    return out


def _two(speaking: list[S], waiting: list[S]) -> list[S]:
    out: list[S] = []
    while speaking or waiting:
        if speaking and out and speaking[0][0] == out[-1][0]:
            speaking = speaking[1:]
        elif not speaking or (waiting and waiting[0][0] <= speaking[0][0]):
            speaking, waiting = waiting, speaking
            if out and speaking[0][0] == out[-1][0]:
                speaking = speaking[1:]
            else:
                out.append(speaking[0])
                speaking = speaking[1:]
        else:
            out.append(speaking[0])
            speaking = speaking[1:]
    return out
