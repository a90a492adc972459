"""What a database is busy with, for people to read."""

from __future__ import annotations

from dataclasses import dataclass

from narthex.model.rfc3339 import format_rfc3339


@dataclass
class Activity:
    """`since` in Unix seconds. `done` of `total` series, as far as is known; 0 for a total that is not.

    One thread counts, others read.
    """

    text: str
    since: float
    total: int = 0
    done: int = 0

    def advance(self, series: int) -> None:
        self.done += series

    def __str__(self) -> str:
        return f"{self.text}: {min(99, 100 * self.done // self.total)} %" if self.total else self.text


def span(mint: int, maxt: int) -> str:
    """A time range in milliseconds, as dates where the calendar reaches."""
    try:
        return f"{format_rfc3339(mint / 1000)} to {format_rfc3339(maxt / 1000)}"
    except (ValueError, OverflowError, OSError):
        return f"{mint} to {maxt}"
