"""Chains of relabelling rules give the labels that Debian's promtool 2.42 gives for the same targets."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import yaml

from narthex.config.prometheus import load_config
from narthex.config.relabel import rules
from narthex.config.scrape import ScrapeConfig
from narthex.model.relabel import process
from support.process import needs

JOBS, RULES, TARGETS = 6, 40, 8
NAMES = ["a", "b", "ab", "meta_a", "meta_b", "z", "instance", "__tmp_x", "__address__"]
# No line breaks: the dot matches them only since Prometheus 3.
VALUES = ["x", "y", "xy", "x;y", "A-b", "straße İ ŉ ᾳ ǆ", "long-value-1", "web-7d9-x2", "$1", "é9_"]
REGEXES = ["(.*)", "x", "x|y", "(x)(.*)", "meta_(.*)", ".+", "(?:a|meta_)(.)", "(.)b?", "([^;]*);(.*)", "a"]
REGEXES += ["(?P<n>[a-z]+).*", "(.*)-[0-9]+", "(?i)(a).*", "[\\w]+"]
TEMPLATES = ["$1", "${1}", "$1$2", "plain", "a$1", "${1}x", "$1x", "$$", "$", "", "${n}", "$n_", "$0", "$01", "${1"]


def random_rule(choose: random.Random) -> dict[str, Any]:
    action = choose.choice(
        ["replace"] * 6 + ["hashmod", "labelmap", "lowercase", "uppercase", "labeldrop", "keepequal"]
    )
    if action == "labeldrop":
        return {"action": action, "regex": choose.choice(["z", "meta_b", "a|b", "nothing"])}
    if action == "labelmap":
        regex = choose.choice(["meta_(.*)", "(a|b)", "(.)b"])
        # One name for several labels is left out: which of them wins depends on the order of a map in the peer.
        return {"action": action, "regex": regex, "replacement": choose.choice(["m_$1", "${1}_x"])}
    rule: dict[str, Any] = {
        "action": action,
        "source_labels": choose.sample(NAMES, choose.randint(1, 3)),
        "target_label": choose.choice(NAMES[:-1]),
    }
    if action == "keepequal":  # of a label with itself: nothing is dropped
        return {**rule, "source_labels": [rule["target_label"]]}
    if choose.random() < 0.3:
        rule["separator"] = choose.choice(["", ",", "-"])
    if action == "hashmod":
        rule["modulus"] = choose.choice([1, 7, 1000, 2**64 - 1])
    if action == "replace":
        rule["regex"], rule["replacement"] = choose.choice(REGEXES), choose.choice(TEMPLATES)
        if choose.random() < 0.2:
            rule["target_label"] = choose.choice(["t_${1}", "${1}", "t$1"])
    return rule


def random_job(name: str, choose: random.Random) -> dict[str, Any]:
    labels = NAMES[:-1]
    groups = [
        {"targets": [f"host-{i}:80"], "labels": {n: choose.choice(VALUES) for n in choose.sample(labels, 5)}}
        for i in range(TARGETS)
    ]
    chain = [random_rule(choose) for _ in range(RULES)]
    if choose.random() < 0.5:
        action = choose.choice(["keep", "drop"])
        chain.append({"action": action, "source_labels": ["__address__"], "regex": "host-[0-3]:.*"})
    return {"job_name": name, "static_configs": groups, "relabel_configs": chain}


def ours(job: ScrapeConfig) -> dict[str, dict[str, str]]:
    """Final labels of each target by its address at first, {} where it is dropped."""
    out = {}
    for group in job.discovery.static_configs:
        for target in group.targets:
            before = {
                "job": job.job_name,
                "__address__": target,
                "__metrics_path__": job.metrics_path,
                "__scheme__": job.scheme,
                "__scrape_interval__": "1m",
                "__scrape_timeout__": "10s",
                **group.labels,
            }
            after = process(dict(sorted(before.items())), rules(job.relabel_configs, legacy_names=True))
            labels = {} if after is None else after.as_dict()
            if labels:
                labels.setdefault("instance", labels["__address__"])
            out[target] = {n: v for n, v in labels.items() if not n.startswith("__meta_")}
    return out


async def theirs(file: Path, job: str) -> dict[str, dict[str, str]]:
    process = await asyncio.create_subprocess_exec(
        "promtool", "check", "service-discovery", "--timeout=1s", str(file), job,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return {target["discoveredLabels"]["__address__"]: target.get("labels") or {} for target in json.loads(out)}


@needs("promtool")
async def test_random_chains_of_rules_agree_with_promtool(tmp_path: Path) -> None:
    choose = random.Random(242)
    jobs = [random_job(f"job{i}", choose) for i in range(JOBS)]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump({"scrape_configs": jobs}, allow_unicode=True))
    config = load_config(file)
    answers = await asyncio.gather(*(theirs(file, job["job_name"]) for job in jobs))
    for job, answer in zip(config.scrape_configs, answers, strict=True):
        assert answer == ours(job), job.job_name
