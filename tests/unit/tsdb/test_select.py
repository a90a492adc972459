"""Planning agrees with asking every series, one matcher at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narthex.model.matcher import Matcher, MatchType
from narthex.native import ValueTexts
from narthex.tsdb.select import Planner, Term

VALUES = ["a", "ab", "abc", "b", "ba", "c", "a\nb"]
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
    "a.b",
    "[^x]{2}",
    "(?i)A.*",
    "\\w+$",
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
matchers = st.lists(matcher, max_size=3)


class Table:
    """Rows whose values are numbered by first appearance, as in a head; it may grow."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        self.rows = rows
        self.asked: list[tuple[str, int]] = []

    def values(self, name: str) -> list[str]:
        return list(dict.fromkeys(r[name] for r in self.rows if name in r))

    def value_texts(self, name: str, prefix: str = "", since: int = 0) -> ValueTexts:
        self.asked.append((name, since))
        texts = ValueTexts()
        values = self.values(name)
        for number, value in enumerate(values[since:], since):
            if value.startswith(prefix):
                texts.add(value, number)
        texts.seen = len(values)
        return texts

    def holds(self, term: Term, row: dict[str, str]) -> bool:
        value = row.get(term.name, "")
        if term.values is None:
            inside = value != ""
        elif isinstance(term.values, list):
            inside = value in term.values
        else:
            inside = value != "" and self.values(term.name).index(value) in term.values.tolist()
        return inside != term.exclude


def agree(table: Table, terms: list[Term], ms: list[Matcher]) -> None:
    for row in table.rows:
        assert all(table.holds(t, row) for t in terms) == all(m.matches(row.get(m.name, "")) for m in ms)


@given(series, matchers)
def test_a_plan_holds_for_exactly_the_series_that_all_matchers_match(
    rows: list[dict[str, str]], ms: list[Matcher]
) -> None:
    table = Table(rows)
    agree(table, Planner(table).plan(ms), ms)


@given(st.lists(series, min_size=1, max_size=3), st.lists(matchers, max_size=6), st.integers(1, 12))
def test_a_planner_remembers_while_values_are_added(
    parts: list[list[dict[str, str]]], queries: list[list[Matcher]], limit: int
) -> None:
    table = Table([])
    planner = Planner(table, limit)
    for rows in parts:
        table.rows += rows
        for ms in queries + queries:
            agree(table, planner.plan(ms), ms)


def test_a_planner_asks_for_what_is_new_only_and_for_all_in_a_new_generation() -> None:
    table = Table([{"x": "ab"}])
    planner = Planner(table)
    regex = [Matcher(MatchType.REGEX, "x", "a[bc]+")]

    def numbers(generation: int) -> list[int]:
        (term,) = planner.plan(regex, generation)
        assert term.values is not None and not term.exclude
        return [int(v) for v in term.values]

    assert numbers(1) == [0]
    table.rows += [{"x": "b"}, {"x": "ac"}]
    assert numbers(1) == [0, 2]
    assert numbers(1) == [0, 2]
    table.rows = [{"x": "ac"}]
    assert numbers(2) == [0]
    assert table.asked == [("x", 0), ("x", 1), ("x", 3), ("x", 0)]


def test_literals_and_catch_alls_need_no_look_at_the_values() -> None:
    class Untouchable:
        def value_texts(self, name: str, prefix: str = "", since: int = 0) -> ValueTexts:
            raise AssertionError(name)

    for kind, pattern, want in [
        (MatchType.REGEX, "a|b", [Term("x", ["a", "b"], False)]),
        (MatchType.NOT_REGEX, "a|b", [Term("x", ["a", "b"], True)]),
        (MatchType.REGEX, "10\\.0\\.0\\.[12]", [Term("x", ["10.0.0.1", "10.0.0.2"], False)]),
        (MatchType.REGEX, ".*", []),
        (MatchType.NOT_REGEX, ".*", [Term("x", [], False)]),
        (MatchType.REGEX, ".+", [Term("x", None, False)]),
        (MatchType.NOT_REGEX, ".+", [Term("x", None, True)]),
    ]:
        assert Planner(Untouchable()).plan([Matcher(kind, "x", pattern)]) == want
