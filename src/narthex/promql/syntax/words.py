"""Words with a meaning of their own, and what each may stand for elsewhere."""

from __future__ import annotations

from narthex.promql.syntax.ops import AggregateOp, BinaryOp

AGGREGATORS: dict[str, AggregateOp] = {op.value: op for op in AggregateOp}
WORD_OPERATORS = frozenset({"and", "or", "unless", "atan2"})
BINARY_OPERATORS: dict[str, BinaryOp] = {op.value: op for op in BinaryOp}
MODIFIERS = frozenset(
    {
        "offset",
        "smoothed",
        "anchored",
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "fill",
        "fill_left",
        "fill_right",
        "bool",
    }
)
DURATION_WORDS = frozenset({"step", "range", "max_of", "min_of"})
CALLABLE_WORDS = DURATION_WORDS | {"start", "end"}
"""Keywords that are functions when a parenthesis follows."""

KEYWORDS: dict[str, str] = {word: word for word in (*AGGREGATORS, *WORD_OPERATORS, *MODIFIERS, *CALLABLE_WORDS)} | {
    "inf": "NUMBER",
    "nan": "NUMBER",
}
"""Lower-case word to token kind."""

_NEVER_METRICS = frozenset({"atan2", "bool", "on", "ignoring", "group_left", "group_right"})
METRIC_WORDS = frozenset(KEYWORDS) - _NEVER_METRICS - {"inf", "nan"}
"""Keywords that are metric names where an expression may begin."""

LABEL_WORDS = frozenset(KEYWORDS) - {"without", "inf", "nan"}
"""Keywords that are label names in grouping clauses."""
