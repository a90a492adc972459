"""Which range functions go with `anchored` and `smoothed` selectors."""

from __future__ import annotations

from narthex.errors import QueryError
from narthex.promql.syntax import Call, Expr, MatrixSelector, unwrap

_ANCHORED = ("changes", "delta", "increase", "rate", "resets")
_SMOOTHED = ("delta", "increase", "rate")


def check_extended(call: Call, argument: Expr) -> None:
    """Raises QueryError when a function must not see samples from outside of its window."""
    argument = unwrap(argument)
    if not isinstance(argument, MatrixSelector):
        return
    for modifier, wanted, allowed in (
        ("anchored", argument.selector.anchored, _ANCHORED),
        ("smoothed", argument.selector.smoothed, _SMOOTHED),
    ):
        if wanted and call.func.name not in allowed:
            raise QueryError(
                f"{modifier} modifier can only be used with: {', '.join(allowed)} - not with {call.func.name}"
            )
