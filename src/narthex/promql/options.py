"""How an engine evaluates; the flags of the server and of a query end up here."""

from __future__ import annotations

from dataclasses import dataclass, field

from narthex.promql.syntax import ParserOptions


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """`lookback_ms` and `default_subquery_step_ms` in milliseconds; `threads` is per query."""

    lookback_ms: int = 300_000
    max_samples: int = 50_000_000
    timeout_s: float = 120.0
    max_concurrency: int = 20
    default_subquery_step_ms: int = 60_000
    delayed_name_removal: bool = False  # promql-delayed-name-removal
    use_start_timestamps: bool = False  # use-start-timestamps
    type_and_unit_labels: bool = False  # type-and-unit-labels
    per_step_stats: bool = False  # promql-per-step-stats
    threads: int = 2
    parser: ParserOptions = field(default_factory=ParserOptions)
