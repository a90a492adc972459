"""`promtool tsdb create-blocks-from jsonl` and `prometheus`: what VictoriaMetrics exports."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from narthex.app.promtool.import_blocks import ImportOptions, import_jsonl, import_prometheus
from narthex.tsdb.block import Block

HOUR = 3_600_000
ODD = 'say "values":[9] \\'


def content(output: Path) -> dict[str, list[tuple[int, float]]]:
    out: dict[str, list[tuple[int, float]]] = {}
    for block in sorted(map(Block.open, output.iterdir()), key=lambda b: b.meta.min_time):
        batch = block.querier(-(2**62), 2**62).select([])
        for row in range(len(batch)):
            times, values = batch.samples(row, -(2**63), 2**63 - 1)
            key = ",".join(f"{n}={v}" for n, v in batch.labels[row].items())
            out.setdefault(key, []).extend(zip(times.tolist(), values.tolist(), strict=True))
    return out


def test_lines_become_blocks(tmp_path: Path) -> None:
    lines = [
        {"metric": {"__name__": "a", "x": ODD}, "values": [1, 2.5, -3e-7], "timestamps": [1, 2, 3 * HOUR]},
        {"metric": {"__name__": "b"}, "values": [None, "Infinity", "-Infinity", 4], "timestamps": [5, 6, 7, 8]},
        {"timestamps": [4], "values": [7], "metric": {"x": ODD, "__name__": "a"}},
    ]  # fmt: skip
    (tmp_path / "in").write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    assert import_jsonl(tmp_path / "in", ImportOptions(tmp_path / "out", quiet=True, labels={"job": "j"})) == 0
    found = content(tmp_path / "out")
    assert found[f"__name__=a,job=j,x={ODD}"] == [(1, 1.0), (2, 2.5), (4, 7.0), (3 * HOUR, -3e-7)]
    (nan, *rest) = found["__name__=b,job=j"]
    assert math.isnan(nan[1]) and rest == [(6, math.inf), (7, -math.inf), (8, 4.0)]


@pytest.mark.parametrize(
    "line",
    [
        "{", "[]", "7", "{}", '{"metric":{},"values":[1],"timestamps":[1]}',
        '{"metric":{"__name__":"a"},"values":[1],"timestamps":[1,2]}',
        '{"metric":{"__name__":"a"},"values":[1-2],"timestamps":[1]}',
        '{"metric":{"__name__":"a"},"values":[1],"timestamps":[1.5]}',
        '{"metric":{"__name__":"a"},"values":[true],"timestamps":[1]}',
        '{"metric":{"__name__":"a"},"values":["x"],"timestamps":[1]}',
        '{"metric":{"__name__":5},"values":[1],"timestamps":[1]}',
        '{"metric":"a","values":[1],"timestamps":[1]}',
        '{"metric":{"__name__":"a"},"values":[1]}',
    ],
)  # fmt: skip
def test_a_bad_line_is_named_and_no_block_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    good = '{"metric":{"__name__":"a"},"values":[1],"timestamps":[1]}'
    (tmp_path / "in").write_text(f"{good}\n{line}\n")
    assert import_jsonl(tmp_path / "in", ImportOptions(tmp_path / "out")) == 1
    assert f"{tmp_path / 'in'}:2: not a series in JSON" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_prometheus_text_has_milliseconds(tmp_path: Path) -> None:
    (tmp_path / "in").write_text('a{x="1"} 2 1500\na{x="1"} 3 2500\n')
    assert import_prometheus(tmp_path / "in", ImportOptions(tmp_path / "out", quiet=True)) == 0
    assert content(tmp_path / "out") == {"__name__=a,x=1": [(1500, 2.0), (2500, 3.0)]}
