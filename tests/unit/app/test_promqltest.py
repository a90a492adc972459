"""Scripts against the real engine over a real head, through the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from narthex.app.promqltest import run_files
from narthex.cli.main import main

GOOD = """# counters
load 1m
  requests_total{job="a"} 0+60x10
  requests_total{job="b"} 0+120x10

eval instant at 10m sum by (job) (rate(requests_total[5m]))
  {job="a"} 1
  {job="b"} 2

eval range from 0 to 2m step 1m requests_total{job="a"}
  requests_total{job="a"} 0 60 120

eval instant at 5m requests_total[2m]
  expect range vector from 4m to 5m step 1m
  requests_total{job="a"} 240 300
  requests_total{job="b"} 480 600

eval instant at 5m 1 + 2
  3

eval instant at 0 "text"
  expect string "text"

clear
eval instant at 5m requests_total
"""

BAD = """load 1m
  up 1

eval instant at 0 up
  up 2

eval instant at 0 up
  up 1

load 1m
  histogram {{sum:1 count:1}}

eval instant at 0 histogram_count(histogram)
  {} 2
"""


def test_a_good_script_passes(tmp_path: Path) -> None:
    path = tmp_path / "good.test"
    path.write_text(GOOD)
    (report,) = run_files([path])
    assert [v.reason for v in report.verdicts] == [""] * 6
    assert (report.passed, report.failed, report.error) == (6, 0, "")


def test_the_command_prints_failures_and_totals(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.test", tmp_path / "bad.test"
    good.write_text(GOOD)
    bad.write_text(BAD)
    result = CliRunner().invoke(main, ["promqltest", "--file-summary", str(good), str(bad)])
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert lines[0] == f"{good}: 6 passed, 0 failed"
    assert lines[1].startswith(f"{bad}:4: expected 2 for up, got 1")
    assert lines[2].startswith(f"{bad}:13: ")
    assert lines[3:] == [f"{bad}: 1 passed, 2 failed", "7 passed, 2 failed"]


def test_quiet_prints_totals_only(tmp_path: Path) -> None:
    path = tmp_path / "good.test"
    path.write_text(GOOD)
    result = CliRunner().invoke(main, ["promqltest", "-q", str(path)])
    assert (result.exit_code, result.output) == (0, "6 passed, 0 failed\n")


def test_a_script_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "broken.test"
    path.write_text("load 1m\n  up 1\n\nwhat is this\n")
    result = CliRunner().invoke(main, ["promqltest", str(path)])
    assert result.exit_code == 1
    assert result.output.startswith(f"{path}:4: invalid command")
    assert result.output.endswith("0 passed, 1 failed\n")


SCRIPTS = (
    "aggregators collision duration_expression extended_vectors fill-modifier functions histograms info"
    " name_label_dropping native_histograms operators selectors start_timestamps trig_functions type_and_unit"
)


@pytest.mark.parametrize("name", SCRIPTS.split())
def test_scripts_pass_whole(conformance: Path, name: str) -> None:
    (report,) = run_files([conformance / "promqltest" / f"{name}.test"])
    assert report.error == ""
    assert [f"{v.line}: {v.reason}" for v in report.verdicts if not v.passed] == []
    assert report.passed > 0
