"""`promtool tsdb create-blocks-from openmetrics`: good files, and bad ones with their lines."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex.app.promtool.import_blocks import ImportOptions, import_openmetrics
from narthex.app.promtool.text_import import pieces
from narthex.tsdb.block import Block

HOUR = 3_600_000


def imported(tmp_path: Path, text: str | bytes, **options: Any) -> tuple[int, list[Block]]:
    source, output = tmp_path / "in.om", tmp_path / "out"
    source.write_bytes(text.encode() if isinstance(text, str) else text)
    code = import_openmetrics(source, ImportOptions(output, **options))
    blocks = [Block.open(p) for p in output.iterdir()] if output.exists() else []
    return code, sorted(blocks, key=lambda b: b.meta.min_time)


def content(blocks: list[Block]) -> dict[str, list[tuple[int, float]]]:
    out: dict[str, list[tuple[int, float]]] = {}
    for block in blocks:
        batch = block.querier(-(2**62), 2**62).select([])
        for row in range(len(batch)):
            times, values = batch.samples(row, -(2**63), 2**63 - 1)
            key = ",".join(f"{n}={v}" for n, v in batch.labels[row].items())
            out.setdefault(key, []).extend(zip(times.tolist(), values.tolist(), strict=True))
    return out


def test_samples_become_blocks_of_two_hours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "# TYPE a counter\na_total 1 0\na_total 2 7199.999\na_total 3 7200\n# EOF\n"
    code, blocks = imported(tmp_path, text)
    assert code == 0
    assert content(blocks) == {"__name__=a_total": [(0, 1.0), (7_199_999, 2.0), (7_200_000, 3.0)]}
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["BLOCK", *(b.meta.ulid for b in blocks)]


def test_order_of_samples_is_free_and_labels_may_come_in_any_order(tmp_path: Path) -> None:
    text = 'a{x="1",y="2"} 2 60\na{y="2",x="1"} 1 30\na{x="1",y="2",z=""} 3 90\n# EOF\n'
    code, blocks = imported(tmp_path, text, quiet=True)
    assert code == 0
    assert content(blocks) == {"__name__=a,x=1,y=2": [(30_000, 1.0), (60_000, 2.0), (90_000, 3.0)]}


def test_labels_of_the_command_line_win(tmp_path: Path) -> None:
    code, blocks = imported(tmp_path, 'a{x="1"} 2 60\n# EOF\n', labels={"x": "new", "job": "old"}, quiet=True)
    assert code == 0
    assert list(content(blocks)) == ["__name__=a,job=old,x=new"]


def test_bounds_of_histograms_take_their_float_form_over_pieces(tmp_path: Path) -> None:
    body = "".join(f'h_bucket{{le="{k}"}} 1 {k}\n' for k in range(1, 400))
    filler = "".join(f'h_bucket{{le="+Inf",pad="{"x" * 9000}{k}"}} 1 1\n' for k in range(1200))
    code, blocks = imported(tmp_path, f"# TYPE h histogram\n{filler}{body}# EOF\n", quiet=True)
    assert code == 0
    assert [v for v in blocks[0].reader.label_values("le") if v.startswith("399")] == ["399.0"]


def test_an_empty_file_gives_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(tmp_path, "# EOF\n") == (0, [])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "in.om:1: the body does not end with # EOF"),
        ("a 1 1\nb 2 2\n", "in.om:3: the body does not end with # EOF"),
        ("a 1 1\nb 2\n# EOF\n", "in.om:2: expected a timestamp"),
        ("a 1 1\nb x 2\n# EOF\n", "in.om:2: expected a number"),
        ("a 1 1\n\n# EOF\n", "in.om:2: "),
        ("a 1 1\nb 2 soon\n# EOF\n", "in.om:2: expected a timestamp in seconds"),
        ('a{b="} 1 1\n# EOF\n', "in.om:1: "),
        ("a 1 1\n# EOF\nb 1 1\n", "in.om:3: unexpected data after # EOF"),
        (b'a{b="\xff"} 1 1\n# EOF\n', "in.om:1: invalid UTF-8"),
        (b"\x00\x01\x02" * 100, "in.om:1: "),
        ("a 1 1e300\n# EOF\n", "in.om:1: expected a timestamp in seconds"),
    ],
)
def test_a_bad_line_is_named_and_no_block_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, error: str
) -> None:
    assert imported(tmp_path, text) == (1, [])
    assert error in capsys.readouterr().err


def test_a_bad_line_far_into_a_large_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = "".join(f'a{{b="{"x" * 1000}{k}"}} 1 1\n' for k in range(20_000))
    assert imported(tmp_path, good + "broken\n" + good + "# EOF\n") == (1, [])
    assert "in.om:20001: " in capsys.readouterr().err


def test_a_line_longer_than_any_series_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(tmp_path, f'a{{b="{"x" * (20 << 20)}"}} 1 1\n# EOF\n') == (1, [])
    assert "in.om:1: the series is too long" in capsys.readouterr().err


def test_a_missing_file_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_openmetrics(tmp_path / "none", ImportOptions(tmp_path)) == 1
    assert "none: No such file" in capsys.readouterr().err
    assert import_openmetrics(tmp_path, ImportOptions(tmp_path / "out")) == 1
    assert "Is a directory" in capsys.readouterr().err


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    fifo, output = tmp_path / "fifo", tmp_path / "out"
    os.mkfifo(fifo)
    command = [sys.executable, "-m", "narthex", "promtool", "tsdb", "create-blocks-from", "openmetrics", "-q"]
    with subprocess.Popen([*command, str(fifo), str(output)]) as process:
        with fifo.open("w") as f:
            for k in range(1000):
                f.write(f"a 1 {k}\n")
            f.write("# EOF\n")
        assert process.wait(30) == 0
    (block,) = map(Block.open, output.iterdir())
    assert block.meta.stats.samples == 1000


@given(st.lists(st.binary(max_size=12) | st.just(b"\n"), max_size=30).map(b"".join), st.integers(1, 9))
def test_pieces_are_whole_lines_and_add_up(data: bytes, size: int) -> None:
    found = list(pieces(io.BytesIO(data), size))
    assert b"".join(piece for piece, _ in found) == data
    assert [last for _, last in found] == [False] * (len(found) - 1) + [True]
    assert all(piece.endswith(b"\n") for piece, last in found if not last)
