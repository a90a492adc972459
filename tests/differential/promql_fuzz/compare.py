"""Whether two answers agree, within what rounding may do to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from differential.promql_fuzz.data import selected
from differential.promql_fuzz.peers import Answer
from differential.promql_fuzz.precision import Precision, precision
from differential.promql_fuzz.queries import Query
from narthex.promql.syntax import AggregateExpr, AggregateOp, Call, Expr, ParserOptions, parse_expr

Points = dict[float, str]
"""Time in seconds to the value's text."""
Rows = dict[tuple[tuple[str, str], ...], Points]

_SAFETY = 4.0
_SORTING = ("sort", "sort_desc")
_RANKING = (AggregateOp.TOPK, AggregateOp.BOTTOMK)


@dataclass(frozen=True)
class Difference:
    """What is not the same. `kind` is "failure", "error text", "type", "series", "times", "order" or "value"."""

    kind: str
    text: str

    @property
    def of_data(self) -> bool:
        """Both answered, with other data."""
        return self.kind not in ("failure", "error text")


def tree_of(query: Query) -> Expr:
    return parse_expr(query.expr, ParserOptions.everything())


def difference(query: Query, ours: Answer, theirs: Answer) -> Difference | None:
    """None when the answers agree."""
    if ours.error_type or theirs.error_type:
        if not (ours.error_type and theirs.error_type):
            return Difference("failure", f"narthex: {_told(ours)}\nprometheus: {_told(theirs)}")
        if (ours.error_type, ours.error) == (theirs.error_type, theirs.error):
            return None
        return Difference("error text", f"narthex: {_told(ours)}\nprometheus: {_told(theirs)}")
    if ours.data["resultType"] != theirs.data["resultType"]:
        return Difference("type", f"{ours.data['resultType']} and {theirs.data['resultType']}")
    if ours.data["resultType"] == "string":
        return None if ours.data == theirs.data else Difference("value", f"{ours.data} and {theirs.data}")
    tree = tree_of(query)
    mine, reference = rows(ours.data), rows(theirs.data)
    if mine.keys() != reference.keys():
        return Difference("series", _listed(mine, reference))
    if _order(query, tree, mine) != _order(query, tree, reference):
        return Difference("order", f"narthex: {list(mine)}\nprometheus: {list(reference)}")
    allowed = precision(tree, selected)
    for labels, expected in reference.items():
        got = mine[labels]
        if got.keys() != expected.keys():
            extra, missing = sorted(got.keys() - expected.keys()), sorted(expected.keys() - got.keys())
            return Difference(
                "times", f"{dict(labels)}: {len(extra)} too many {extra[:3]}, {len(missing)} missing {missing[:3]}"
            )
        wrong = [t for t in expected if not same(got[t], expected[t], allowed)]
        if wrong:
            shown = ", ".join(f"{got[t]} for {expected[t]} at {t}" for t in wrong[:3])
            return Difference("value", f"{dict(labels)}: {len(wrong)} of {len(expected)} differ: {shown} ({allowed})")
    return None


def _order(query: Query, tree: Expr, found: Rows) -> list[object]:
    """What the order of an answer must be: by labels, or by value where it is sorted; equal values have none."""
    if query.step:
        return list(found)
    ranked = isinstance(tree, AggregateExpr) and tree.op in _RANKING and not tree.grouping and not tree.without
    if ranked or (isinstance(tree, Call) and tree.func.name in _SORTING):
        return [float(v) if v != "NaN" else None for points in found.values() for v in points.values()]
    return []


def same(ours: str, theirs: str, allowed: Precision) -> bool:
    if ours == theirs:
        return True
    a, b = float(ours), float(theirs)
    if allowed.exact:
        return a == b and a != 0  # what is written another way is equal, but 0 and -0 are not
    return math.isclose(a, b, rel_tol=_SAFETY * allowed.rel, abs_tol=_SAFETY * allowed.err)


def rows(data: Any) -> Rows:
    """The result as points of each series, in the order of the answer."""
    if data["resultType"] == "scalar":
        return {(): {data["result"][0]: data["result"][1]}}
    out: Rows = {}
    for row in data["result"]:
        labels = tuple(sorted(row["metric"].items()))
        assert labels not in out, f"{labels} twice in one answer"
        out[labels] = dict(row["values"] if "values" in row else [row["value"]])
    return out


def _told(answer: Answer) -> str:
    if answer.error_type:
        return f"{answer.error_type}: {answer.error}"
    result = answer.data["result"]
    return f"success, {len(result)} of {answer.data['resultType']}"


def _listed(mine: Rows, reference: Rows) -> str:
    extra, missing = mine.keys() - reference.keys(), reference.keys() - mine.keys()
    return f"{len(extra)} too many {list(map(dict, extra))[:3]}, {len(missing)} missing {list(map(dict, missing))[:3]}"
