"""Operators and other words of the tree that are one of a few."""

from __future__ import annotations

from enum import Enum


class AtBound(Enum):
    """`@ start()` and `@ end()`: the first or last step of the whole query."""

    START = "start"
    END = "end"


class BinaryOp(Enum):
    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    MOD = "%"
    POW = "^"
    ATAN2 = "atan2"
    EQL = "=="
    NEQ = "!="
    LTE = "<="
    LSS = "<"
    GTE = ">="
    GTR = ">"
    TRIM_UPPER = "</"
    TRIM_LOWER = ">/"
    AND = "and"
    OR = "or"
    UNLESS = "unless"

    @property
    def is_comparison(self) -> bool:
        return self in _COMPARISONS

    @property
    def is_set(self) -> bool:
        return self in _SETS

    @property
    def is_trim(self) -> bool:
        return self in _TRIMS

    @property
    def changes_meaning(self) -> bool:
        """Whether results are of another kind than the operands, so that they lose the metric name."""
        return not (self.is_comparison or self.is_trim or self.is_set)


_COMPARISONS = frozenset({BinaryOp.EQL, BinaryOp.NEQ, BinaryOp.LTE, BinaryOp.LSS, BinaryOp.GTE, BinaryOp.GTR})
_TRIMS = frozenset({BinaryOp.TRIM_UPPER, BinaryOp.TRIM_LOWER})
_SETS = frozenset({BinaryOp.AND, BinaryOp.OR, BinaryOp.UNLESS})


class AggregateOp(Enum):
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    COUNT = "count"
    GROUP = "group"
    STDDEV = "stddev"
    STDVAR = "stdvar"
    TOPK = "topk"
    BOTTOMK = "bottomk"
    COUNT_VALUES = "count_values"
    QUANTILE = "quantile"
    LIMITK = "limitk"
    LIMIT_RATIO = "limit_ratio"

    @property
    def has_param(self) -> bool:
        """Whether it takes an argument before the vector: a string for count_values, else a scalar."""
        return self in _WITH_PARAM

    @property
    def experimental(self) -> bool:
        return self in _EXPERIMENTAL


_WITH_PARAM = frozenset(
    {
        AggregateOp.TOPK,
        AggregateOp.BOTTOMK,
        AggregateOp.COUNT_VALUES,
        AggregateOp.QUANTILE,
        AggregateOp.LIMITK,
        AggregateOp.LIMIT_RATIO,
    }
)
_EXPERIMENTAL = frozenset({AggregateOp.LIMITK, AggregateOp.LIMIT_RATIO})


class Cardinality(Enum):
    """How rows of the two sides of a vector operation pair up; the values are Prometheus' words."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"


class DurationOp(Enum):
    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    MOD = "%"
    POW = "^"
    STEP = "step"
    RANGE = "range"
    MIN_OF = "min_of"
    MAX_OF = "max_of"
