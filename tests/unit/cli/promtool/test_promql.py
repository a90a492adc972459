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
