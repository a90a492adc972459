"""What the query log says of a query, in Prometheus' words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from narthex.model.rfc3339 import format_rfc3339
from narthex.promql.result import QueryStats
from narthex.promql.values import QueryTimes
from narthex.tasks.origin import Origin

QueryLog = Callable[[Mapping[str, object]], None]
"""Takes what `log_entry` gives, from the thread that ran the query. Must not raise."""


def log_entry(
    text: str, times: QueryTimes, stats: QueryStats, origin: Origin, error: Exception | None
) -> Mapping[str, object]:
    """The fields of one query; its step is in whole seconds."""
    start, end = (format_rfc3339(at / 1000, milliseconds=True) for at in (times.start, times.end))
    entry: dict[str, object] = {"params": {"query": text, "start": start, "end": end, "step": times.step // 1000}}
    if error is not None:
        entry["error"] = str(error)
    return entry | {"stats": stats.fields(), "spanID": "0" * 16, "traceID": "0" * 32, **origin}
