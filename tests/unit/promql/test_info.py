"""info() over a real head."""

from __future__ import annotations

from pathlib import Path

import pytest

from narthex.app.promqltest import run_files
from narthex.promql.functions.info import reading_time
from narthex.promql.syntax import Call, ParserOptions, parse_expr

LOAD = """load 1m
  up{instance="a", job="x"} 0+1x9
  up{instance="b", job="x", zone="own"} 5x9
  up{instance="c", job="x"} 7x9
  target_info{instance="a", job="x", version="1"} 1x4 stale
  target_info{instance="a", job="x", version="2"} _x5 1x4
  target_info{instance="b", job="x", zone="other", version="1"} 1x9
  build_info{instance="b", job="x", commit="abc"} 1x9

"""


@pytest.mark.parametrize(
    "script",
    [
        'eval instant at 2m info(up{instance="a"})\n  up{instance="a", job="x", version="1"} 2',
        'eval instant at 9m info(up{instance="b"})\n  up{instance="b", job="x", zone="own", version="1"} 5',
        'eval instant at 9m info(up, {commit=~".+", __name__="build_info"})\n'
        '  up{instance="b", job="x", zone="own", commit="abc"} 5',
        'eval instant at 9m info(up{instance="c"}, {version=~".*"})\n  up{instance="c", job="x"} 7',
        'eval instant at 9m info(up{instance="a"} @ 120)\n  up{instance="a", job="x", version="1"} 2',
        'eval range from 3m to 6m step 1m info(up{instance="a"})\n'
        '  up{instance="a", job="x", version="1"} 3 4 _ _\n  up{instance="a", job="x", version="2"} _ _ 5 6',
        'eval instant at 9m info(build_info, {__name__=~".+_info"})\n'
        '  build_info{instance="b", job="x", commit="abc"} 1',
    ],
)
def test_labels_of_the_newest_info_series_are_added(tmp_path: Path, script: str) -> None:
    assert verdicts(tmp_path, LOAD + script) == [""]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            '  a_info{instance="a", job="x", k="1"} 1\n  b_info{instance="a", job="x", k="2"} 1\n',
            "conflicting label: k",
        ),
        (
            '  a_info{instance="a", job="x", k="1"} 1\n  a_info{instance="a", job="x", k="2"} 1\n',
            'found duplicate series for info metric: existing a_info{instance="a", job="x", k="1"} @ 0, '
            'new a_info{instance="a", job="x", k="2"} @ 0',
        ),
    ],
)
def test_info_series_that_contradict_each_other_are_an_error(tmp_path: Path, lines: str, reason: str) -> None:
    text = f'load 1m\n  up{{instance="a", job="x"}} 1\n{lines}\n'
    text += f'eval instant at 0 info(up, {{__name__=~".+_info"}})\n  expect fail msg: {reason}'
    assert verdicts(tmp_path, text) == [""]


def test_info_series_are_read_when_the_first_selector_reads() -> None:
    def of(text: str) -> tuple[object, int]:
        call = parse_expr(text, ParserOptions.everything())
        assert isinstance(call, Call)
        return reading_time(call.args[0])

    assert of("info(vector(1))") == (None, 0)
    assert of("info(a offset 1m + b @ 5)") == (None, 60_000)
    assert of("info(sum_over_time((a offset 1m)[5m:1m] @ 9 offset 2m))") == (9_000, 180_000)
    assert of("info(sum_over_time((a @ 3 offset 1m)[5m:1m] offset 2m))") == (3_000, 60_000)


def verdicts(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "info.test"
    path.write_text(text)
    (report,) = run_files([path])
    return [report.error] if report.error else [v.reason for v in report.verdicts]
