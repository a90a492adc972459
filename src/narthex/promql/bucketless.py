"""Which selectors are read without the buckets of native histograms: those of which only counts and sums are asked."""

from __future__ import annotations

from narthex.promql.syntax import BinaryExpr, Call, Expr, SubqueryExpr, VectorSelector, children

_COUNTS = frozenset({"histogram_count", "histogram_sum", "histogram_avg"})
_WHOLE = frozenset({"histogram_quantile", "histogram_quantiles", "histogram_fraction"})


def bucketless_selectors(tree: Expr) -> frozenset[int]:
    """Identities of the nodes of those selectors.

    As Prometheus decides: below a function of counts and sums, but not below a subquery (which needs buckets to find
    resets between its steps), a trimming operator or a function of whole histograms.
    """
    found: set[int] = set()
    todo = [(tree, False)]
    while todo:
        expr, counts = todo.pop()
        match expr:
            case VectorSelector() if counts:
                found.add(id(expr))
            case SubqueryExpr():
                continue
            case BinaryExpr() if expr.op.is_trim:
                continue
            case Call() if expr.func.name in _WHOLE:
                continue
            case Call() if expr.func.name in _COUNTS:
                counts = True
        todo += [(child, counts) for child in children(expr)]
    return frozenset(found)
