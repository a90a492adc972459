"""A server from its first start to a crash: scrape, answer, reload, stop, start again."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from support.api_server import ApiServer
from support.exporter import Exporter
from support.waiting import wait_until

Start = Callable[..., ApiServer]

_CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms, external_labels: {{site: s1}}}}
rule_files: [rules.yml]
scrape_configs:
- job_name: app
  basic_auth: {{username: u, password: very-secret}}
  static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{env: test}}}}]
- job_name: dead
  static_configs: [{{targets: ['127.0.0.1:1']}}]
{more}
"""
_RULES = """
groups:
- name: g
  rules:
  - {record: "job:requests:sum", expr: "sum by (job) (requests_total)"}
  - {alert: Down, expr: "up == 0", labels: {severity: page}, annotations: {summary: "{{ $labels.job }} is down"}}
"""
_BODY = """# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200"} 5
requests_total{code="500"} 2
# TYPE temp gauge
temp 1.5
"""


def write_config(folder: Path, exporter: Exporter, more: str = "") -> None:
    (folder / "prometheus.yml").write_text(_CONFIG.format(port=exporter.port, more=more))
    (folder / "rules.yml").write_text(_RULES)


def test_a_server_scrapes_evaluates_rules_and_answers(tmp_path: Path, exporter: Exporter, start: Start) -> None:
    exporter.body = _BODY
    write_config(tmp_path, exporter)
    server = start().ready()
    wait_until("samples", lambda: server.value('requests_total{code="200"}') == 5)
    assert server.query("temp")[0]["metric"] == {
        "__name__": "temp", "env": "test", "instance": f"127.0.0.1:{exporter.port}", "job": "app",
    }  # fmt: skip
    assert server.value('up{job="app"}') == 1
    wait_until("the dead target", lambda: server.value('up{job="dead"}') == 0)
    wait_until("the recording rule", lambda: server.value("job:requests:sum") == 7)
    alerts = wait_until("the alert", lambda: server.api("alerts")["alerts"])
    assert alerts[0]["labels"]["alertname"] == "Down" and alerts[0]["state"] == "firing"
    assert alerts[0]["annotations"] == {"summary": "dead is down"}
    wait_until("its series", lambda: server.value('ALERTS{alertname="Down",alertstate="firing"}') == 1)
    assert server.api("labels") == ["__name__", "alertname", "alertstate", "code", "env", "instance", "job", "severity"]
    assert server.api("label/code/values") == ["200", "500"]
    assert {s["code"] for s in server.api("series", **{"match[]": "requests_total"})} == {"200", "500"}
    assert server.api("metadata", metric="requests_total") == {
        "requests_total": [{"type": "counter", "help": "Requests.", "unit": ""}]
    }
    states = {t["scrapePool"]: t["health"] for t in server.api("targets")["activeTargets"]}
    assert states == {"app": "up", "dead": "down"}
    now = time.time()
    matrix = server.api("query_range", query="up", start=now - 1, end=now, step="0.2")
    assert matrix["resultType"] == "matrix" and len(matrix["result"]) == 2
    yaml = server.api("status/config")["yaml"]
    assert "very-secret" not in yaml and "<secret>" in yaml and "job_name: app" in yaml
    assert server.api("status/tsdb")["headStats"]["numSeries"] > 5
    metrics = server.request("/metrics")[1].decode()
    for name in ("prometheus_tsdb_head_series", "prometheus_target_interval_length_seconds", "process_open_fds"):
        assert f"\n{name}" in metrics
    federated = server.request("/federate", **{"match[]": "temp"})[1].decode()
    assert f'temp{{env="test",instance="127.0.0.1:{exporter.port}",job="app",site="s1"}} 1.5 ' in federated
    exporter.body = _BODY.replace("temp 1.5\n", "")
    wait_until("the stale series to end", lambda: server.value("temp") is None)
    assert server.stop() == 0
    assert "very-secret" not in server.log()


def test_a_reload_takes_a_good_file_and_refuses_a_bad_one(tmp_path: Path, exporter: Exporter, start: Start) -> None:
    exporter.body = _BODY
    write_config(tmp_path, exporter)
    server = start("--web.enable-lifecycle").ready()
    wait_until("a sample", lambda: server.value("temp"))
    more = f"- job_name: second\n  static_configs: [{{targets: ['localhost:{exporter.port}']}}]"
    write_config(tmp_path, exporter, more)
    assert server.request("/-/reload", "POST")[0] == 200
    wait_until("the second job", lambda: server.value('up{job="second"}'))
    (tmp_path / "prometheus.yml").write_text("global: {scrape_intervall: 1s}\nscrape_configs: 5\n")
    status, body = server.request("/-/reload", "POST")
    assert status == 500 and b"prometheus.yml:1: global.scrape_intervall" in body and b"prometheus.yml:2" in body
    assert b"\nprometheus_config_last_reload_successful 0\n" in server.request("/metrics")[1]
    assert server.api("status/runtimeinfo")["reloadConfigSuccess"] is False
    assert len(server.api("targets")["activeTargets"]) == 3
    write_config(tmp_path, exporter)
    os.kill(server.process.pid, signal.SIGHUP)
    wait_until("the reload", lambda: len(server.api("targets")["activeTargets"]) == 2)
    good = b"\nprometheus_config_last_reload_successful 1\n"
    wait_until("the metric", lambda: good in server.request("/metrics")[1])
    assert server.request("/-/quit", "POST")[0] == 200
    assert server.process.wait(20) == 0


def test_mistakes_in_the_configuration_end_the_start_with_every_place_named(tmp_path: Path, start: Start) -> None:
    (tmp_path / "prometheus.yml").write_text("global:\n  scrape_interval: 1x\nrule_files: [r.yml]\nbogus: 1\n")
    server = start()
    assert server.process.wait(20) == 2
    assert "prometheus.yml:2: global.scrape_interval" in server.log() and "prometheus.yml:4: bogus" in server.log()


def test_a_flag_of_the_other_mode_ends_the_start_with_code_3(start: Start) -> None:
    server = start("--storage.agent.path=x")
    assert server.process.wait(20) == 3
    assert "can only be used in agent mode" in server.log()


def test_after_kill_9_every_committed_sample_is_there_again(tmp_path: Path, exporter: Exporter, start: Start) -> None:
    exporter.body = _BODY
    write_config(tmp_path, exporter)
    server = start().ready()
    port = server.port
    wait_until("some scrapes", lambda: (server.value("count_over_time(temp[1m])") or 0) >= 5)
    at = time.time()
    before = server.api("query", query="temp[1m]", time=at)["result"][0]["values"]
    server.stop(signal.SIGKILL)
    server = start(port=port).ready()
    after = server.api("query", query="temp[1m]", time=at)["result"][0]["values"]
    assert after[: len(before)] == before
    wait_until("new samples", lambda: server.value(f"temp @ {time.time()}"))
    assert server.stop() == 0
    last = json.loads(json.dumps(after))
    server = start(port=port).ready()
    again = server.api("query", query="temp[1m]", time=at)["result"][0]["values"]
    assert again[: len(last)] == last


def test_a_taken_address_is_named(tmp_path: Path, exporter: Exporter, start: Start) -> None:
    write_config(tmp_path, exporter)
    server = start(port=exporter.port)
    assert server.process.wait(20) == 1
    assert f"127.0.0.1:{exporter.port}" in server.log() and "in use" in server.log()
