from __future__ import annotations

import pytest

from narthex.errors import QueryError
from narthex.promql.functions.extended import check_extended
from narthex.promql.syntax import Call, ParserOptions, parse_expr


def checked(text: str) -> None:
    call = parse_expr(text, ParserOptions.everything())
    assert isinstance(call, Call)
    check_extended(call, call.args[0])


@pytest.mark.parametrize("text", ["rate(foo[1m] anchored)", "delta((foo[1m] smoothed))", "changes(foo[1m] anchored)"])
def test_rates_and_changes_take_extended_selectors(text: str) -> None:
    checked(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "deriv(foo[3m] smoothed)",
            "smoothed modifier can only be used with: delta, increase, rate - not with deriv",
        ),
        (
            "max_over_time(foo[3m] anchored)",
            "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with max_over_time",
        ),
        (
            "changes(foo[3m] smoothed)",
            "smoothed modifier can only be used with: delta, increase, rate - not with changes",
        ),
    ],
)
def test_other_functions_refuse_them_as_prometheus_does(text: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        checked(text)
    assert str(caught.value) == message
