"""How far two correct engines may be apart at an expression: a forward error analysis over its tree.

Additions in another order, another formula for a mean and another library for `exp` give other last bits. Most of the
language is free of that: IEEE operations on equal operands are equal, and sums of numbers on one binary grid are exact
in any order. So the data lies on such a grid, the error is followed through the tree, and where it is zero the answers
must be equal to the last digit. A function that jumps (floor, a comparison, topk) over inexact values could differ by
any amount: such queries are `Unstable` and are not asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from narthex.promql.functions.elementwise import CALENDAR
from narthex.promql.syntax import (
    AggregateExpr,
    AggregateOp,
    BinaryExpr,
    BinaryOp,
    Call,
    Expr,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    ValueType,
    VectorSelector,
    children,
)

ULP = 2.0**-52
ROWS, SAMPLES = 9, 13
"""Binary logarithms: most rows of a vector, most samples of a window."""


class Unstable(Exception):
    """Rounding may change the answer by more than can be told."""


@dataclass(frozen=True)
class Precision:
    """Of all finite values other than 0: 2^lo <= |v| < 2^hi, and on a `grid` all are multiples of 2^lo.

    Two engines may differ by the fraction `rel` or by `err`, whichever is more; both 0 means equal. `finite` values
    have no NaN and no infinity among them.
    """

    hi: float
    lo: float
    grid: bool = False
    rel: float = 0.0
    err: float = 0.0
    finite: bool = True

    @property
    def exact(self) -> bool:
        return self.rel == 0 and self.err == 0

    @property
    def total(self) -> float:
        """The absolute error with the relative one in it."""
        return self.err + self.rel * 2.0 ** min(self.hi, 1000) if self.rel else self.err

    def join(self, other: Precision) -> Precision:
        """Values of both."""
        return _tidy(
            Precision(
                max(self.hi, other.hi),
                min(self.lo, other.lo),
                self.grid and other.grid,
                max(self.rel, other.rel),
                max(self.err, other.err),
                self.finite and other.finite,
            )
        )


Selected = Callable[[VectorSelector], Precision]
"""The precision of the samples that a selector can find."""

INTEGER = Precision(SAMPLES, 0, True)
FLAG = Precision(1, 0, True)
TIME = Precision(31, -3, True)
SAMPLE_TIME = Precision(31, -10)


def precision(expr: Expr, selected: Selected) -> Precision:
    """Raises Unstable."""

    match expr:
        case NumberLiteral(value=value):
            return of_number(value)
        case StringLiteral():
            return FLAG
        case VectorSelector():
            return selected(expr)
        case Call() if expr.func.name == "timestamp" and isinstance(_bare(expr.args[0]), VectorSelector):
            return SAMPLE_TIME
    parts = [precision(inner, selected) for inner in children(expr)]
    match expr:
        case BinaryExpr():
            result = _binary(expr, *parts)
            risky = expr.op in _MAKES_NAN
        case AggregateExpr():
            result = _aggregate(expr, parts[-1], parts[0])
            risky = expr.op is AggregateOp.QUANTILE
        case Call():
            function = _FUNCTIONS.get(expr.func.name)
            result = function(parts) if function is not None else parts[0]
            risky = expr.func.name not in _KEEP_FINITE
        case _:
            return parts[0]
    finite = result.finite and all(p.finite for p in parts) and not risky and result.hi < 1000
    return _tidy(replace(result, finite=finite))


def _bare(expr: Expr) -> Expr:
    while isinstance(expr, ParenExpr):
        expr = expr.expr
    return expr


def of_number(value: float) -> Precision:
    if value == 0 or not math.isfinite(value):
        return Precision(0, 0, True, finite=value == 0)
    mantissa, exponent = math.frexp(value)
    lowest = exponent - 53
    while math.ldexp(mantissa, exponent - lowest) % 2 == 0:
        lowest += 1
    return _tidy(Precision(exponent, lowest, True))


def _tidy(p: Precision) -> Precision:
    """A grid needs its values to fit into a double; errors must leave something to compare."""
    if p.grid and (p.hi - p.lo > 52 or not p.exact):
        p = replace(p, grid=False)
    if not p.exact and (p.hi > 900 or p.total > 2.0 ** min(p.hi - 16, 0)):
        raise Unstable
    return p


def _need_exact(*operands: Precision) -> None:
    if not all(p.exact for p in operands):
        raise Unstable


def _binary(expr: BinaryExpr, a: Precision, b: Precision) -> Precision:
    op = expr.op
    if op in (BinaryOp.AND, BinaryOp.UNLESS):
        return a
    if op is BinaryOp.OR:
        return a.join(b)
    if op.is_comparison:
        _need_exact(a, b)
        if expr.return_bool:
            return FLAG
        return a if expr.left.type is not ValueType.SCALAR else b
    return _ARITHMETIC[op](a, b)


def _add(a: Precision, b: Precision) -> Precision:
    grid = a.grid and b.grid
    # What is left of a cancellation is at least a last place of the smaller operand.
    lo = min(a.lo, b.lo) - (0 if grid else 54)
    return Precision(max(a.hi, b.hi) + 1, lo, grid, 0.0, a.total + b.total)


def _multiply(a: Precision, b: Precision) -> Precision:
    hi, lo = a.hi + b.hi, a.lo + b.lo
    if a.err == 0 and b.err == 0:
        return Precision(hi, lo, a.grid and b.grid, a.rel + b.rel)
    if hi > 900:
        raise Unstable
    return Precision(hi, lo, False, 0.0, a.total * 2.0**b.hi + b.total * 2.0**a.hi)


def _divide(a: Precision, b: Precision) -> Precision:
    if b.err:
        raise Unstable
    hi, lo = a.hi - b.lo + 1, a.lo - b.hi - 1
    if a.err == 0:
        return Precision(hi, lo, False, a.rel + b.rel)
    if hi > 900:
        raise Unstable
    return Precision(hi, lo, False, b.rel, a.err * 2.0**-b.lo)


def _modulo(a: Precision, b: Precision) -> Precision:
    _need_exact(a, b)
    grid = a.grid and b.grid
    return Precision(min(a.hi, b.hi), min(a.lo, b.lo) - (0 if grid else 54), grid)


def _power(a: Precision, b: Precision) -> Precision:
    _need_exact(a, b)
    reach = max(abs(a.hi), abs(a.lo), 1) * 2.0 ** max(min(b.hi, 10), 0)
    return Precision(reach, -reach, False, 16 * ULP * max(reach, 1))


def _atan2(a: Precision, b: Precision) -> Precision:
    _need_exact(a, b)
    return Precision(2, a.lo - b.hi - 2, False, 8 * ULP)


_ARITHMETIC = {
    BinaryOp.ADD: _add,
    BinaryOp.SUB: _add,
    BinaryOp.MUL: _multiply,
    BinaryOp.DIV: _divide,
    BinaryOp.MOD: _modulo,
    BinaryOp.POW: _power,
    BinaryOp.ATAN2: _atan2,
}


def _sum(p: Precision, count: int) -> Precision:
    """Up to 2^count addends."""
    if p.grid and p.hi + count - p.lo <= 52:
        return Precision(p.hi + count, p.lo, True)
    if p.hi + count > 900:
        raise Unstable
    spread = 2.0 ** (p.hi + count)
    return Precision(p.hi + count, p.lo - 54, False, 0.0, p.total * 2.0**count + spread * 2.0**count * ULP)


def _mean(p: Precision, count: int) -> Precision:
    if p.hi > 900:
        raise Unstable
    return Precision(p.hi, p.lo - 60, False, 0.0, p.total + 2.0 ** (p.hi + count) * ULP)


def _variance(p: Precision, count: int) -> Precision:
    """Both of squares around the mean: what is lost is relative to the squares of the values themselves."""
    if p.hi > 400:
        raise Unstable
    spread = 2.0 ** (2 * p.hi)
    error = spread * 2.0**count * ULP + p.total * 2.0 ** (p.hi + 2)
    return Precision(2 * p.hi, -1000, False, 0.0, error)


def _deviation(p: Precision, count: int) -> Precision:
    squares = _variance(p, count)
    return Precision(p.hi, -500, False, 0.0, math.sqrt(squares.err))


def _between(p: Precision) -> Precision:
    """A value between two of them: interpolation is one formula, so exact values stay exact."""
    return Precision(p.hi + 1, p.lo - 60, False, 0.0, p.total) if p.err or p.rel else replace(p, grid=False, lo=-1000)


def _aggregate(expr: AggregateExpr, p: Precision, param: Precision) -> Precision:
    match expr.op:
        case AggregateOp.COUNT | AggregateOp.GROUP:
            return Precision(ROWS, 0, True)
        case AggregateOp.MIN | AggregateOp.MAX:
            return p
        case AggregateOp.SUM:
            return _sum(p, ROWS)
        case AggregateOp.AVG:
            return _mean(p, ROWS)
        case AggregateOp.STDVAR | AggregateOp.STDDEV if not p.finite:
            raise Unstable
        case AggregateOp.STDVAR:
            return _variance(p, ROWS)
        case AggregateOp.STDDEV:
            return _deviation(p, ROWS)
        case AggregateOp.QUANTILE:
            _need_exact(param)
            return _between(p)
        case AggregateOp.COUNT_VALUES:
            _need_exact(p)
            return Precision(ROWS, 0, True)
        case _:
            _need_exact(p, param)
            return p


def _jump(args: list[Precision], result: Precision) -> Precision:
    _need_exact(*args)
    return result


def _whole(args: list[Precision]) -> Precision:
    _need_exact(*args)
    return Precision(args[0].hi + 1, max(args[0].lo, 0) if args[0].grid else 0, True)


def _library(args: list[Precision], hi: float, lo: float = -1074) -> Precision:
    """A function of the mathematical library: the same but for some last places."""
    _need_exact(*args)
    return Precision(hi, lo, False, 16 * ULP)


def _wave(args: list[Precision], hi: float) -> Precision:
    """sin, cos, tan: what reducing the angle loses counts near their zeros and poles."""
    if args[0].hi > 24:
        raise Unstable
    return replace(_library(args, hi), rel=0.0 if hi < 3 else 2.0**-30, err=2.0**-45 if hi < 3 else 0.0)


def _growth(args: list[Precision]) -> Precision:
    """exp, sinh, cosh: a last place of the argument is not in question, its size is."""
    hi = 2.0 ** min(args[0].hi, 12) * 1.5
    return _library(args, hi, -hi if args[0].hi < 10 else -1074)


def _root(args: list[Precision]) -> Precision:
    p = args[0]
    if p.err:
        raise Unstable
    return Precision(p.hi / 2 + 1, p.lo / 2 - 1, False, p.rel)


def _clamp(args: list[Precision]) -> Precision:
    _need_exact(*args[1:])
    out = args[0]
    for limit in args[1:]:
        out = out.join(limit)
    return out


def _extrapolated(args: list[Precision]) -> Precision:
    """rate, increase, delta: on a grid the difference is exact in any order of repairs, the rest is one formula."""
    p = args[0]
    if p.grid and p.hi + SAMPLES - p.lo <= 52:
        return Precision(p.hi + SAMPLES + 2, p.lo - 60)
    _need_exact(p)
    lost = _sum(p, SAMPLES)
    return Precision(lost.hi + 2, -1000, False, 0.0, lost.err * 4)


def _last_two(args: list[Precision]) -> Precision:
    p = args[0]
    _need_exact(p)
    return Precision(p.hi + 10, p.lo - 74)


def _regression(args: list[Precision]) -> Precision:
    """deriv, predict_linear: sums of squares over the window, and a horizon of at most hours."""
    p = args[0]
    if len(args) > 1:
        _need_exact(args[1])
    if p.hi > 60 or (len(args) > 1 and (args[1].hi > 16 or not args[1].finite)):
        raise Unstable
    spread = 2.0 ** (p.hi + SAMPLES + 12)
    return Precision(p.hi + 20, -1000, False, 0.0, spread * ULP * 64 + p.total * 2.0**14)


def _smoothing(args: list[Precision]) -> Precision:
    """Levels of sliding windows are composed of what each part of one adds; a level stays near the values."""
    p = args[0]
    _need_exact(*args)
    if p.hi > 900:
        raise Unstable
    return Precision(p.hi + 4, -1000, False, 0.0, 2.0 ** (p.hi + 10) * ULP)


_MAKES_NAN = frozenset({BinaryOp.DIV, BinaryOp.MOD, BinaryOp.POW})
_KEEP_FINITE = frozenset(
    [
        "abs",
        "ceil",
        "floor",
        "sgn",
        "sin",
        "cos",
        "atan",
        "tanh",
        "asinh",
        "deg",
        "rad",
        "absent",
        "absent_over_time",
        "present_over_time",
        "time",
        "timestamp",
        "vector",
        *CALENDAR,
        "changes",
        "resets",
        "count_over_time",
        "rate",
        "increase",
        "delta",
        "irate",
        "idelta",
        "deriv",
        "sum_over_time",
        "avg_over_time",
        "min_over_time",
        "max_over_time",
        "last_over_time",
        "stdvar_over_time",
        "stddev_over_time",
        "label_replace",
        "label_join",
        "sort",
        "sort_desc",
        "clamp",
        "clamp_min",
        "clamp_max",
        "pi",
    ]
)
"""Functions of finite values with finite results."""

_FUNCTIONS: dict[str, Callable[[list[Precision]], Precision]] = {
    **dict.fromkeys(("ceil", "floor"), _whole),
    "round": lambda args: _whole(args) if len(args) == 1 else _jump(args, Precision(args[0].hi + 1, args[1].lo - 60)),
    "sgn": lambda args: _jump(args, FLAG),
    "sqrt": _root,
    **dict.fromkeys(("exp", "sinh", "cosh"), _growth),
    **dict.fromkeys(("ln", "log2", "log10", "asinh", "acosh", "atanh"), lambda args: _library(args, 12)),
    **dict.fromkeys(("asin", "acos", "atan", "tanh"), lambda args: _library(args, 2)),
    **dict.fromkeys(("sin", "cos"), lambda args: _wave(args, 1)),
    "tan": lambda args: _wave(args, 30),
    "deg": lambda args: replace(args[0], hi=args[0].hi + 7, grid=False, err=args[0].err * 64),
    "rad": lambda args: replace(args[0], lo=args[0].lo - 60, grid=False),
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max"), _clamp),
    **dict.fromkeys(("absent", "absent_over_time", "present_over_time"), lambda args: FLAG),
    "pi": lambda args: of_number(math.pi),
    "time": lambda args: TIME,
    "timestamp": lambda args: TIME,
    **dict.fromkeys(
        ("minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"),
        lambda args: _jump(args, INTEGER),
    ),
    **dict.fromkeys(("changes", "resets"), lambda args: _jump(args, INTEGER)),
    "count_over_time": lambda args: INTEGER,
    **dict.fromkeys(("rate", "increase", "delta"), _extrapolated),
    **dict.fromkeys(("irate", "idelta"), _last_two),
    **dict.fromkeys(("deriv", "predict_linear"), _regression),
    "sum_over_time": lambda args: _sum(args[0], SAMPLES),
    "avg_over_time": lambda args: _mean(args[0], SAMPLES),
    "stdvar_over_time": lambda args: _variance(args[0], SAMPLES),
    "stddev_over_time": lambda args: _deviation(args[0], SAMPLES),
    "quantile_over_time": lambda args: _between(args[1]),
    "double_exponential_smoothing": _smoothing,
    "histogram_quantile": lambda args: _jump(args, Precision(args[1].hi, -1000)),
    "histogram_fraction": lambda args: FLAG,
}
