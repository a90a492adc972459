"""PromQL as text and as a tree: lexer, parser, type check, printer. Knows nothing of storage or evaluation.

In: expression text. Out: the typed, immutable tree of ast.py, or `PromQLError` with byte positions.
First file to open: ast.py, then parser.py.
"""

from narthex.promql.syntax.ast import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Duration,
    DurationExpr,
    DurationLiteral,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    Span,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorMatching,
    VectorSelector,
    children,
    unwrap,
    walk,
)
from narthex.promql.syntax.durations import resolve
from narthex.promql.syntax.ops import AggregateOp, AtBound, BinaryOp, Cardinality, DurationOp
from narthex.promql.syntax.options import ParserOptions
from narthex.promql.syntax.parser import parse_expr, parse_selector
from narthex.promql.syntax.prettier import prettify
from narthex.promql.syntax.tojson import to_json
from narthex.promql.syntax.types import ValueType

__all__ = [
    "AggregateExpr",
    "AggregateOp",
    "AtBound",
    "BinaryExpr",
    "BinaryOp",
    "Call",
    "Cardinality",
    "Duration",
    "DurationExpr",
    "DurationLiteral",
    "DurationOp",
    "Expr",
    "MatrixSelector",
    "NumberLiteral",
    "ParenExpr",
    "ParserOptions",
    "Span",
    "StringLiteral",
    "SubqueryExpr",
    "UnaryExpr",
    "ValueType",
    "VectorMatching",
    "VectorSelector",
    "children",
    "parse_expr",
    "parse_selector",
    "prettify",
    "resolve",
    "to_json",
    "unwrap",
    "walk",
]
