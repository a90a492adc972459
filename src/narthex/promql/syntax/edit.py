"""Changing the label matchers of all selectors of an expression."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from narthex.model.labels import METRIC_NAME
from narthex.model.matcher import Matcher, MatchType
from narthex.promql.syntax.ast import Expr, VectorSelector, with_children


def set_matcher(expr: Expr, matcher: Matcher) -> Expr:
    """Every matcher on that label becomes this one; selectors without any get it as their last.

    A matcher on the metric name takes the place of a name written before the braces too.
    """

    def changed(selector: VectorSelector) -> VectorSelector:
        kept = [matcher if m.name == matcher.name else m for m in selector.matchers]
        if matcher not in kept:
            kept.append(matcher)
        if matcher.name != METRIC_NAME:
            return replace(selector, matchers=tuple(kept))
        return replace(selector, matchers=tuple(kept), name=matcher.value if matcher.type is MatchType.EQUAL else "")

    return _each_selector(expr, changed)


def delete_matchers(expr: Expr, name: str) -> Expr:
    """No matcher on that label is left; a metric name written before the braces stays.

    A selector may be left with no matcher at all, which is not valid as a query.
    """

    def changed(selector: VectorSelector) -> VectorSelector:
        kept = tuple(m for m in selector.matchers if m.name != name or (name == METRIC_NAME and selector.name))
        return replace(selector, matchers=kept)

    return _each_selector(expr, changed)


def _each_selector(expr: Expr, changed: Callable[[VectorSelector], VectorSelector]) -> Expr:
    def change(node: Expr) -> Expr:
        return changed(node) if isinstance(node, VectorSelector) else with_children(node, change)

    return change(expr)
