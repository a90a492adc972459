"""The rules for LLM serving, judged by Debian's promtool: on their unit tests, and on what the simulator exposes."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import yaml

from narthex.config.rule_file import RuleFile
from narthex.config.strict import load
from narthex.llm.simulator import Instance, profile_of
from narthex.rules.loader import load_rule_file
from support.process import needs

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "src/narthex/llm/rules/llm-serving.rules.yml"
TESTS = ROOT / "tests/rules/llm-serving.test.yml"
STEP, FAULT_AT, FAULT_LASTS = 5, 60, 60

needs_promtool = needs("promtool")


def promtool(*arguments: str) -> str:
    """Output of a run that must succeed."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_promtool_accepts_the_rules() -> None:
    assert "SUCCESS: 28 rules found" in promtool("check", "rules", str(RULES))


@needs_promtool
def test_their_unit_tests_pass() -> None:
    promtool("test", "rules", str(TESTS))


def test_every_alert_has_a_unit_test_and_tells_what_to_do() -> None:
    tested = {t["alertname"] for case in yaml.safe_load(TESTS.read_text())["tests"] for t in case["alert_rule_test"]}
    alerts = [r for g in load(RuleFile, RULES.read_text(), RULES.name).groups for r in g.rules if r.alert]
    assert {a.alert for a in alerts} == tested
    for alert in alerts:
        assert alert.labels["severity"] in ("critical", "warning", "info")
        assert len(alert.annotations["description"]) > 80
        assert "{{" in alert.annotations["summary"]
    assert len(load_rule_file("f", RULES.read_text(), interval_ms=5000)) == 1


FAULTY = {  # instance: fault, an alert that must fire within a minute, by which second of the test it has ended
    "storm": ("error-storm", "LLMHighErrorRatio", 240),
    "burst": ("queue-burst", "LLMQueueLong", 0),
    "full": ("kv-full", "LLMKVCacheFull", 270),
    "slow": ("slow-decode", "LLMGPUThrottled", 180),
}
SECONDS = 270


def scraped(instance: Instance) -> list[dict[str, str]]:
    """What scrapes every STEP seconds would see of it, as series of a promtool test."""
    keep = ("llm_", "DCGM_FI_DEV_SM", "DCGM_FI_DEV_GPU_UTIL", "container_")
    series: dict[str, list[str]] = {}
    for count, now in enumerate(range(0, SECONDS + 1, STEP)):
        instance.advance(float(now))
        for line in instance.expose().decode().splitlines():
            if line.startswith(keep):
                name, value = line.rsplit(" ", 1)
                name = name.replace("{", f'{{instance="{instance.name}",', 1)
                series.setdefault(name, ["_"] * count).append(value)
    return [{"series": name, "values": " ".join(values)} for name, values in series.items()]


def instance(name: str, model: str) -> Instance:
    return Instance(name, replace(profile_of("llama-3-70b"), model=model), 4.0, 1)


@needs_promtool
def test_alerts_follow_what_goes_wrong_and_nothing_else(tmp_path: Path) -> None:
    """Five servers at once, one of them calm: each fault fires its alert, on its own server, and the storm's ends."""
    calm = instance("calm", "calm")
    inputs = scraped(calm)
    expected: list[tuple[int, str, int]] = [
        (SECONDS, f'count(last_over_time(ALERTS{{model="calm"}}[{SECONDS}s]))', 0),
        (SECONDS, f'count(last_over_time(ALERTS{{Hostname="node-calm-0"}}[{SECONDS}s]))', 0),
        (FAULT_AT, 'count(ALERTS{alertstate="firing"})', 0),
    ]
    for name, (fault, alert, ended) in FAULTY.items():
        faulty = instance(name, name)
        faulty.faults.add(fault, FAULT_AT, FAULT_LASTS)
        inputs += scraped(faulty)
        where = f'Hostname="node-{name}-0"' if "GPU" in alert else f'model="{name}"'
        firing = f'count(ALERTS{{alertname="{alert}", alertstate="firing", {where}}}) > bool 0'
        expected.append((FAULT_AT + 55, firing, 1))
        if ended:
            expected.append((ended, firing, 0))
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{STEP}s",
        "tests": [
            {
                "interval": f"{STEP}s",
                "input_series": inputs,
                "promql_expr_test": [
                    {
                        "eval_time": f"{at}s",
                        "expr": expression,
                        "exp_samples": [{"labels": "{}", "value": value}] if value else [],
                    }
                    for at, expression, value in expected
                ],
            }
        ],
    }
    path = tmp_path / "simulated.test.yml"
    path.write_text(yaml.safe_dump(test, width=1_000_000))
    promtool("test", "rules", str(path))
