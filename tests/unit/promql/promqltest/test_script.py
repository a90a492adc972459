from __future__ import annotations

from pathlib import Path

import pytest

from narthex.errors import PromQLError, PromQLScriptError
from narthex.model.labels import Labels
from narthex.promql.promqltest.commands import Clear, Eval, ExpectationKind, Load
from narthex.promql.promqltest.runner import OPTIONS
from narthex.promql.promqltest.script import parse_script
from narthex.promql.promqltest.start_times import parse_start_offsets
from narthex.promql.syntax import parse_expr


def one_eval(text: str) -> Eval:
    (command,) = parse_script(text)
    assert isinstance(command, Eval)
    return command


def test_load_gives_series_with_lines() -> None:
    load, clear = parse_script('# comment\nload 5m\n  foo{a="1"} 1+1x2\n\tbar _ 2\n\nclear\n')
    assert isinstance(load, Load)
    assert (load.line, load.step_ms, load.with_nhcb) == (2, 300_000, False)
    assert [(s.line, s.labels, s.values) for s in load.series] == [
        (3, Labels({"__name__": "foo", "a": "1"}), (1.0, 2.0, 3.0)),
        (4, Labels({"__name__": "bar"}), (None, 2.0)),
    ]
    assert clear == Clear(6)


def test_start_timestamps_belong_to_the_next_line() -> None:
    (load,) = parse_script("load 1m\n foo@st _ -30sx1\n foo 1 2 3\n")
    assert isinstance(load, Load)
    assert load.series[0].start_offsets == (None, -30_000, -30_000)


@pytest.mark.parametrize(
    ("text", "offsets"),
    [
        ("_x2 0s", (None, None, 0)),
        ("-1m-1sx2", (-60_000, -61_000, -62_000)),
        ("-5ms+1msx1", (-5, -4)),
        ("0-1mx1", (0, -60_000)),
    ],
)
def test_start_offsets_expand(text: str, offsets: tuple[int | None, ...]) -> None:
    assert parse_start_offsets(text) == offsets


def test_instant_eval_has_time_and_expected_series() -> None:
    command = one_eval('eval instant at 50m sum by (a) (foo)\n  {a="1"} 5\n  {a="2"} NaN\n')
    assert (command.expr, command.start_ms, command.end_ms) == ("sum by (a) (foo)", 3_000_000, 3_000_000)
    assert [(s.position, s.line, s.labels) for s in command.series] == [
        (1, 2, Labels({"a": "1"})),
        (2, 3, Labels({"a": "2"})),
    ]


def test_time_of_an_instant_eval_is_optional() -> None:
    assert one_eval("eval instant 1 + 1\n  2").end_ms == 0


def test_range_eval_has_start_end_and_step() -> None:
    command = one_eval("eval range from 1m to 10m step 30s rate(foo[5m])\n  {} 1x2")
    assert (command.is_range, command.start_ms, command.end_ms, command.step_ms) == (True, 60_000, 600_000, 30_000)
    assert command.series[0].values == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("line", "value"), [("5", 5.0), ("-1.5e3", -1500.0), ("+Inf", float("inf")), ("0x10", 16.0)])
def test_bare_number_expects_a_scalar(line: str, value: float) -> None:
    assert one_eval(f"eval instant at 0 1\n  {line}").scalar == value


def test_expect_lines_do_not_count_as_positions() -> None:
    command = one_eval(
        "eval instant at 1m sort(foo)\n  expect ordered\n  expect warn msg: hello world\n"
        "  expect info regex: PromQL.*\n  a 1\n  expect no_info\n".replace("  expect no_info\n", "")
    )
    assert command.series[0].position == 1
    assert [e.kind for e in command.expectations] == [
        ExpectationKind.ORDERED,
        ExpectationKind.WARN,
        ExpectationKind.INFO,
    ]
    assert command.expectations[1].matches("hello world")
    assert not command.expectations[1].matches("hello world!")
    assert command.expectations[2].matches("some PromQL info")


def test_deprecated_spellings_become_expectations() -> None:
    command = one_eval("eval_fail instant at 0m foo\n  expected_fail_message no good")
    assert [(e.kind, e.message) for e in command.expectations] == [(ExpectationKind.FAIL, "no good")]
    command = one_eval("eval_fail instant at 0m foo\n  expected_fail_regexp no .*good")
    assert command.expectations[0].matches("well, no very good!")
    assert one_eval("eval_ordered instant at 0m foo").expects(ExpectationKind.ORDERED)
    assert one_eval("eval_warn range from 0 to 1m step 1m foo").expects(ExpectationKind.WARN)


def test_string_and_range_vector_are_expected_by_their_own_lines() -> None:
    assert one_eval("eval instant at 0 \"x\"\n  expect string 'a\\nb'").string == "a\nb"
    command = one_eval("eval instant at 10m foo[5m]\n  expect range vector from 6m to 10m step 1m\n  foo 1 2 3")
    assert (command.range_vector, command.start_ms, command.end_ms, command.step_ms) == (True, 360_000, 600_000, 60_000)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("load\n foo 1", 1, "load"),
        ("load 5x\n foo 1", 1, "unknown unit"),
        ("load 1m\n foo{ 1", 2, "inside braces"),
        ("load 1m\n\n foo 1", 3, "invalid command"),
        ("load 1m\n foo@st -1m\n bar 1", 2, "does not match"),
        ("load 1m\n foo@st -1m -1m\n foo 1", 2, "2 values but sample line has 1"),
        ("load 1m\n foo@st -1m", 2, "no following"),
        ("load 1m\n foo@st -1", 2, "duration"),
        ("eval sum(foo)", 1, "invalid eval"),
        ("eval instant at 5q foo", 1, "timestamp"),
        ("eval range from 5m to 1m step 1m foo", 1, "before"),
        ("eval instant at 0 foo\n  foo 1 2", 2, "range vector"),
        ("eval instant at 0 foo\n  expect maybe", 2, "invalid expect"),
        ("eval instant at 0 foo\n  expect warn regex: (", 2, "regular expression"),
        ("eval instant at 0 foo\n  expect warn\n  expect no_warn", 3, "together"),
        ("eval instant at 0 foo\n  expect fail\n  expect fail", 3, "multiple"),
        ("eval instant at 0 'x'\n  expect string x", 2, "quoted"),
        ("eval instant at 0 foo\n  expected_fail_message x", 2, "eval_fail"),
        ("evaluate", 1, "invalid eval"),
        ("what", 1, "invalid command"),
    ],
)
def test_mistakes_name_their_line(text: str, line: int, words: str) -> None:
    with pytest.raises(PromQLScriptError) as caught:
        parse_script(text, "x.test")
    assert (caught.value.file, caught.value.line) == ("x.test", line)
    assert words in caught.value.message


def test_all_conformance_scripts_and_their_expressions_parse(conformance: Path) -> None:
    evals = 0
    for path in sorted((conformance / "promqltest").glob("*.test")):
        text = path.read_text()
        commands = parse_script(text, path.name)
        here = [c for c in commands if isinstance(c, Eval)]
        assert len(here) == sum(line.strip().startswith("eval") for line in text.splitlines())
        for command in here:
            try:
                expr = parse_expr(command.expr, OPTIONS)
            except PromQLError as e:
                raise AssertionError(f"{path.name}:{command.line}: {e}") from e
            assert str(parse_expr(str(expr), OPTIONS)) == str(expr)
        evals += len(here)
    assert evals > 2000
