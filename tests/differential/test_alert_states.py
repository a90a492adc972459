"""The life of alerts against Debian's promtool: the same rules over the same random series give the same ALERTS."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from typing import Any

import yaml

from narthex.rules.alerting import AlertingRule, External
from narthex.rules.contract import Sample
from narthex.rules.loader import load_rule_file
from support.process import needs

STEP, STEPS, INSTANCES = 10, 40, 12
RULES = """
groups:
- name: g
  rules:
  - {alert: AtOnce, expr: x > 0}
  - {alert: Waits, expr: x > 0, for: 30s, labels: {severity: "{{ if gt $value 5.0 }}page{{ else }}mail{{ end }}"}}
  - {alert: Keeps, expr: x > 0, keep_firing_for: 25s}
  - {alert: Both, expr: x > 0, for: 20s, keep_firing_for: 40s, labels: {who: "{{ $labels.i }}"}}
  - {alert: Odd, expr: x > 0, for: 15s, keep_firing_for: 5s}
"""


def timeline(seed: int) -> list[int]:
    """Values of one series: runs of 0 and of something above."""
    draw = random.Random(seed)
    out: list[int] = []
    while len(out) < STEPS:
        out += [draw.choice((0, 0, 3, 9))] * draw.randint(1, 6)
    return out[:STEPS]


def ours(values: dict[str, list[int]]) -> list[list[dict[str, Any]]]:
    """ALERTS and ALERTS_FOR_STATE after each step, as expected samples of a promtool test."""
    (group,) = load_rule_file("r.yml", RULES, interval_ms=STEP * 1000)
    rules = [AlertingRule(spec, External(), restored=True) for spec in group.rules]
    out = []
    for step in range(STEPS):
        vector = [Sample({"__name__": "x", "i": i}, float(v[step])) for i, v in values.items() if v[step] > 0]
        series: dict[Any, float] = {}
        for rule in rules:
            series |= rule.evaluate(lambda _expr, _time, vector=vector: vector, step * STEP * 1000, 0, 0)
        out.append([{"labels": _selector(labels), "value": value} for labels, value in series.items()])
    return out


def _selector(labels: Any) -> str:
    inner = ", ".join(f'{n}="{v}"' for n, v in labels.items() if n != "__name__")
    return f"{labels['__name__']}{{{inner}}}"


@needs("promtool")
def test_states_equal_promtools_at_every_step(tmp_path: Path) -> None:
    values = {f"i{n}": timeline(n) for n in range(INSTANCES)}
    expected = ours(values)
    assert sum(len(samples) for samples in expected) > 1000
    test = {
        "rule_files": ["r.yml"],
        "evaluation_interval": f"{STEP}s",
        "tests": [
            {
                "interval": f"{STEP}s",
                "input_series": [
                    {"series": f'x{{i="{i}"}}', "values": " ".join(map(str, v))} for i, v in values.items()
                ],
                "promql_expr_test": [
                    {
                        "eval_time": f"{step * STEP}s",
                        "expr": '{__name__=~"ALERTS|ALERTS_FOR_STATE"}',
                        "exp_samples": samples,
                    }
                    for step, samples in enumerate(expected)
                ],
            }
        ],
    }
    (tmp_path / "r.yml").write_text(RULES)
    (tmp_path / "t.yml").write_text(yaml.safe_dump(test, width=1_000_000))
    command = ["promtool", "test", "rules", str(tmp_path / "t.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (done.stdout + done.stderr)[:3000]
