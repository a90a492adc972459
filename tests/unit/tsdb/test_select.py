"""Planning agrees with asking every series, one matcher at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narthex.model.matcher import Matcher, MatchType
from narthex.tsdb.select import CachedPlanner, Term, plan

VALUES = ["a", "ab", "abc", "b", "ba", "c"]
REGEXES = [
    "a",
    "a|b",
    "a|",
    ".*",
    ".+",
    "a.*",
    ".*b",
    ".*b.*",
    "(a|c)",
    "a?b",
    "ab?",
    "[ab]+",
    "",
    "x|y",
    "(.+)",
    "a.+",
    "(.*)",
]

series = st.lists(
    st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(VALUES), max_size=2), min_size=1, max_size=8
)
matcher = st.one_of(
    st.builds(
        Matcher,
        st.sampled_from([MatchType.EQUAL, MatchType.NOT_EQUAL]),
        st.sampled_from(["x", "y", "z"]),
        st.sampled_from(["", "a", "ab", "zz"]),
    ),
    st.builds(
        Matcher,
        st.sampled_from([MatchType.REGEX, MatchType.NOT_REGEX]),
        st.sampled_from(["x", "y", "z"]),
        st.sampled_from(REGEXES),
    ),
)


class Table:
    def __init__(self, rows: list[dict[str, str]]) -> None:
        self.rows = rows

    def label_values(self, name: str, prefix: str = "") -> list[str]:
        return sorted({r[name] for r in self.rows if name in r and r[name].startswith(prefix)})


def holds(term: Term, row: dict[str, str]) -> bool:
    value = row.get(term.name, "")
    inside = value != "" if term.values is None else value in term.values
    return inside != term.exclude


@given(series, st.lists(matcher, max_size=3))
def test_a_plan_holds_for_exactly_the_series_that_all_matchers_match(
    rows: list[dict[str, str]], ms: list[Matcher]
) -> None:
    terms = plan(ms, Table(rows))
    for row in rows:
        assert all(holds(t, row) for t in terms) == all(m.matches(row.get(m.name, "")) for m in ms)


@given(series, st.lists(st.lists(matcher, max_size=3), max_size=6), st.integers(1, 5))
def test_a_planner_that_remembers_gives_the_same_plans(
    rows: list[dict[str, str]], queries: list[list[Matcher]], limit: int
) -> None:
    planner = CachedPlanner(Table(rows), limit)
    for ms in queries + queries:
        assert planner.plan(ms) == plan(ms, Table(rows))


def test_a_planner_asks_once_for_what_a_regex_matches() -> None:
    asked = []

    class Counting(Table):
        def label_values(self, name: str, prefix: str = "") -> list[str]:
            asked.append(name)
            return super().label_values(name, prefix)

    planner = CachedPlanner(Counting([{"x": "ab"}]))
    for _ in range(3):
        assert planner.plan([Matcher(MatchType.REGEX, "x", "a.?b")]) == [Term("x", ["ab"], False)]
    assert asked == ["x"]


def test_no_term_names_the_empty_value() -> None:
    table = Table([{"x": "a"}, {"y": "b"}])
    for pattern in REGEXES:
        for kind in (MatchType.REGEX, MatchType.NOT_REGEX):
            for term in plan([Matcher(kind, "x", pattern)], table):
                assert "" not in (term.values or [])


def test_literals_and_catch_alls_need_no_look_at_the_values() -> None:
    class Untouchable:
        def label_values(self, name: str, prefix: str = "") -> list[str]:
            raise AssertionError(name)

    for kind, pattern, want in [
        (MatchType.REGEX, "a|b", [Term("x", ["a", "b"], False)]),
        (MatchType.NOT_REGEX, "a|b", [Term("x", ["a", "b"], True)]),
        (MatchType.REGEX, ".*", []),
        (MatchType.NOT_REGEX, ".*", [Term("x", [], False)]),
        (MatchType.REGEX, ".+", [Term("x", None, False)]),
        (MatchType.NOT_REGEX, ".+", [Term("x", None, True)]),
    ]:
        assert plan([Matcher(kind, "x", pattern)], Untouchable()) == want
