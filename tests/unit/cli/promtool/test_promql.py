from __future__ import annotations

from click.testing import CliRunner

from narthex.cli.main import main


def test_format_prints_the_pretty_text_and_wants_the_experimental_flag() -> None:
    run = CliRunner().invoke
    done = run(main, ["promtool", "--experimental", "promql", "format", "sum(rate(a[5m]))by(job)"])
    assert (done.exit_code, done.output) == (0, "sum by (job) (rate(a[5m]))\n")
    refused = run(main, ["promtool", "promql", "format", "a"])
    assert refused.exit_code == 1
    assert "requires the --experimental flag" in refused.output


def test_format_tells_where_a_text_is_wrong_and_knows_features() -> None:
    run = CliRunner().invoke
    wrong = run(main, ["promtool", "--experimental", "promql", "format", "a b"])
    assert wrong.exit_code == 1
    assert "1:3: parse error" in wrong.output
    flags = ["--experimental", "--enable-feature", "promql-experimental-functions"]
    assert run(main, ["promtool", *flags, "promql", "format", "max_of(1,2)"]).output == "max_of(1, 2)\n"
    assert run(main, ["promtool", "--experimental", "promql", "format", "max_of(1,2)"]).exit_code == 1


def edited(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["promtool", "--experimental", "promql", "label-matchers", *arguments])
    return done.exit_code, done.output


def test_label_matchers_are_set_in_every_selector() -> None:
    query = "sum(rate(a{job='x'}[5m] offset 1m)) / max_over_time(b[1h:1m])"
    assert edited("set", query, "job", "y") == (
        0,
        'sum(rate(a{job="y"}[5m] offset 1m)) / max_over_time(b{job="y"}[1h:1m])\n',
    )
    assert edited("set", "a{job='x',job!='z'}", "job", "y|z", "-t", "=~") == (0, 'a{job=~"y|z",job=~"y|z"}\n')
    assert edited("set", "--type=!=", "a", "utf8.n", "v") == (0, 'a{"utf8.n"!="v"}\n')
    assert edited("set", 'a{job="x"} + {job="y"}', "__name__", "b") == (0, 'b{job="x"} + b{job="y"}\n')
    assert edited("set", "a{job='x'}", "__name__", "b.*", "-t", "=~") == (0, '{__name__=~"b.*",job="x"}\n')


def test_label_matchers_are_deleted_from_every_selector() -> None:
    assert edited("delete", 'a{job="x",job!="y",z="1"} or rate(b{job=~"c"}[5m])', "job") == (
        0,
        'a{z="1"} or rate(b[5m])\n',
    )
    assert edited("delete", 'a{z="1"} or {__name__=~"b",z="2"}', "__name__") == (0, 'a{z="1"} or {z="2"}\n')


def test_label_matchers_that_cannot_be_set_are_refused() -> None:
    code, output = edited("set", "a", "job", "(", "-t", "=~")
    assert code == 1 and "invalid regular expression" in output
    assert edited("set", "a b", "job", "x")[0] == 1
    assert edited("set", "a", "job", "x", "-t", "~")[0] == 1
    refused = CliRunner().invoke(main, ["promtool", "promql", "label-matchers", "delete", "a", "b"])
    assert refused.exit_code == 1 and "requires the --experimental flag" in refused.output
