"""The effective configuration is printed as Debian's Prometheus 2.42 prints it, but for keys that came later."""

from __future__ import annotations

from pathlib import Path

import pytest

from narthex.config.printing import config_to_yaml
from narthex.config.prometheus import load_config
from support.api_server import prometheus_server

LATER_KEYS = (
    "track_timestamps_staleness",
    "scrape_native_histograms",
    "always_scrape_classic_histograms",
    "convert_classic_histograms_to_nhcb",
    "extra_scrape_metrics",
    "enable_compression",
    "metric_name_validation_scheme",
    "metric_name_escaping_scheme",
    "scrape_failure_log_file",
    "protobuf_message",
    "chunked_read_limit",
    "outofordertimewindow",
)
LATER_LISTS = ("scrape_protocols", "runtime", "otlp")
CHANGED = ("regex: (.*)", 'replacement: ""', "client_secret_file:", "capacity:", "max_shards:", "max_samples_per_send:")

CONFIG = """
global:
  scrape_interval: 15s
  query_log_file: q.log
  external_labels:
    a: on
    b: 1_000
    c: 10:20
    d: 010
    e: ~
    h: 2024-01-01
    i: 0x1F
    k: 1.50
    l: 'true'
    m: "multi\\nline"
    n: "tab\\there"
    o: ": x"
    p: "#x"
    q: é测
    r: .5
    s: y
    t: "~"
    u: ""
    v: " lead"
    w: "trail "
    a10: "- dash"
    a2: "it's"
    x: "*star"
    z: "100%"
    aa: "a: b"
    ab: "[x]"
    ac: "1e3"
    ad: "0o17"
    ae: "+1"
    af: "="
    ag: "!x"
    ah: "a long value with many words that goes over the width of a line of eighty characters, and on"
rule_files: ["rules/*.yml", /abs/x.yml]
scrape_configs:
- job_name: prometheus
  static_configs:
  - targets: ['localhost:9090', 'localhost:9191']
    labels: {my: label, your: "1"}
- job_name: 'two'
  honor_labels: true
  honor_timestamps: false
  scrape_interval: 1m30s
  scrape_timeout: 5s
  metrics_path: /m
  scheme: https
  sample_limit: 5
  label_limit: 6
  basic_auth: {username: u, password: p}
  proxy_url: http://user:pw@localhost:3128/
  params: {"match[]": [a, b], x: ["1"]}
  tls_config: {insecure_skip_verify: true, server_name: x}
  file_sd_configs:
  - files: [a.json, 'd/*.yml']
    refresh_interval: 10m
  dns_sd_configs:
  - names: [x.y]
  - {names: [z], type: A, port: 80}
  http_sd_configs:
  - url: http://x/
    authorization: {type: Bearer, credentials: secret}
  relabel_configs:
  - {action: labeldrop, regex: foo}
  - {source_labels: [a], action: hashmod, modulus: 8, target_label: z, regex: x}
  - {source_labels: [__address__], target_label: __param_target, regex: "(.+):\\\\d+"}
  - {target_label: a, replacement: "", regex: a}
  metric_relabel_configs:
  - {source_labels: [a,b], action: keep, regex: "a|b", separator: ","}
- job_name: three
  authorization: {type: Token, credentials: x}
- job_name: four
  oauth2: {client_id: a, client_secret: b, token_url: http://t/, scopes: [s], endpoint_params: {a: b}}
  follow_redirects: false
  enable_http2: false
  body_size_limit: 15MB
alerting:
  alert_relabel_configs:
  - {source_labels: [x], regex: y, action: drop}
  alertmanagers:
  - path_prefix: /am
    timeout: 3s
    static_configs:
    - targets: ["a:9093"]
remote_write:
- url: http://x/api
  name: w
  headers: {X-A: b}
  enable_http2: true
  write_relabel_configs:
  - {source_labels: [__name__], regex: "x.*", action: drop}
remote_read:
- url: http://u:p@x/api
  required_matchers: {job: special}
  read_recent: true
storage: {tsdb: {out_of_order_time_window: 30m}, exemplars: {max_exemplars: 7}}
tracing: {endpoint: "x:1", sampling_fraction: 0.5, insecure: true}
"""


def normalised(text: str) -> list[str]:
    """Lines in one order of sections and of the keys that moved, without what came later."""
    lines: list[str] = []
    skipped: int | None = None
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip(" "))
        bare = line.strip().removeprefix("- ")
        if skipped is not None and (indent > skipped or (indent == skipped and line.strip().startswith("- "))):
            continue
        skipped = None
        key = bare.partition(":")[0]
        if key in LATER_LISTS:
            skipped = indent
        elif key not in LATER_KEYS and not bare.startswith(CHANGED):
            lines.append(line)
    return lines


def peer_prints(folder: Path) -> str:
    with prometheus_server(Path("prometheus.yml"), folder / "data") as server:
        text: str = server.ready().api("status/config")["yaml"]
        return text


def test_common_configurations_print_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prometheus.yml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    theirs = normalised(peer_prints(tmp_path))
    ours = normalised(config_to_yaml(load_config(Path("prometheus.yml"))))
    assert [line for line in ours if "proxy_url" not in line] == [line for line in theirs if "proxy_url" not in line]
    assert [line for line in ours if "proxy_url" in line] == [line for line in theirs if "proxy_url" in line]
