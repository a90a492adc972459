"""The server's file: defaults, what jobs inherit, rules across fields and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from narthex.config.prometheus import Config, load_config, parse_config
from narthex.config.scrape import DEFAULT_PROTOCOLS, PROTOBUF_FIRST, ScrapeConfig
from narthex.errors import ConfigError, ConfigProblem

JOB = "scrape_configs: [{job_name: a}]"


def job(text: str, global_: str = "{}") -> ScrapeConfig:
    return parse_config(f"global: {global_}\nscrape_configs:\n- {{job_name: a, {text}}}\n").scrape_configs[0]


def problems(text: str) -> list[ConfigProblem]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    return caught.value.problems


@pytest.mark.parametrize("text", ["", "global:\n", "global: {}\n"])
def test_an_empty_file_has_prometheus_defaults(text: str) -> None:
    config = parse_config(text)
    assert config.global_.scrape_interval == 60_000
    assert config.global_.scrape_timeout == 10_000
    assert config.global_.evaluation_interval == 60_000
    assert config.scrape_configs == []
    assert config.storage.tsdb is None


def test_a_job_inherits_what_it_does_not_set() -> None:
    made = job(
        "label_limit: 7",
        "{scrape_interval: 5s, sample_limit: 9, label_limit: 3, body_size_limit: 1MB, scrape_native_histograms: true,"
        " scrape_failure_log_file: fail.log}",
    )
    assert (made.scrape_interval, made.scrape_timeout) == (5000, 5000)
    assert (made.sample_limit, made.label_limit, made.body_size_limit) == (9, 7, 2**20)
    assert made.scrape_native_histograms is True
    assert made.scrape_protocols == ["PrometheusProto", *DEFAULT_PROTOCOLS]
    assert made.scrape_failure_log_file == "fail.log"
    assert (made.metric_name_validation_scheme, made.metric_name_escaping_scheme) == ("utf8", "allow-utf-8")


@pytest.mark.parametrize("where", ["job", "global"])
def test_a_list_of_protocols_that_equals_the_default_is_not_taken_for_the_default(where: str) -> None:
    told = f"scrape_protocols: [{', '.join(DEFAULT_PROTOCOLS)}]"
    own, inherited = (told, "{}") if where == "job" else ("", "{" + told + "}")
    made = job(f"{own}{', ' if own else ''}scrape_native_histograms: true", inherited)
    assert made.scrape_protocols == list(DEFAULT_PROTOCOLS)


def test_a_default_for_global_counts_only_where_the_file_says_nothing() -> None:
    def read(text: str) -> list[str]:
        config = parse_config(text, global_defaults={"scrape_protocols": list(PROTOBUF_FIRST)})
        return config.scrape_configs[0].scrape_protocols

    jobs = "scrape_configs: [{job_name: a%s}]"
    assert read(jobs % "") == list(PROTOBUF_FIRST)
    assert read("global: {scrape_protocols: [PrometheusText0.0.4]}\n" + jobs % "") == ["PrometheusText0.0.4"]
    assert read(jobs % ", scrape_protocols: [OpenMetricsText1.0.0]") == ["OpenMetricsText1.0.0"]


@pytest.mark.parametrize(
    ("text", "global_", "interval", "timeout"),
    [
        ("", "{}", 60_000, 10_000),
        ("scrape_interval: 5s", "{}", 5000, 5000),
        ("scrape_interval: 20s", "{scrape_timeout: 15s}", 20_000, 15_000),
        ("scrape_interval: 20s, scrape_timeout: 20s", "{}", 20_000, 20_000),
        ("scrape_interval: 0s", "{scrape_interval: 30s}", 30_000, 10_000),
    ],
)
def test_a_timeout_that_is_not_set_is_at_most_the_interval(
    text: str, global_: str, interval: int, timeout: int
) -> None:
    made = job(text, global_)
    assert (made.scrape_interval, made.scrape_timeout) == (interval, timeout)


@pytest.mark.parametrize(
    ("text", "global_", "validation", "escaping"),
    [
        ("", "{metric_name_validation_scheme: legacy}", "legacy", "underscores"),
        (
            "metric_name_validation_scheme: legacy",
            "{metric_name_escaping_scheme: dots}",
            "legacy",
            "underscores",
        ),
        ("", "{metric_name_escaping_scheme: values}", "utf8", "values"),
        ("metric_name_validation_scheme: utf8", "{metric_name_validation_scheme: legacy}", "utf8", "allow-utf-8"),
        ("metric_name_escaping_scheme: dots", "{}", "utf8", "dots"),
    ],
)
def test_the_escaping_scheme_follows_the_validation_scheme(
    text: str, global_: str, validation: str, escaping: str
) -> None:
    made = job(text, global_)
    assert (made.metric_name_validation_scheme, made.metric_name_escaping_scheme) == (validation, escaping)


def test_all_mistakes_of_all_sections_are_reported_in_file_order() -> None:
    found = problems(
        "global: {scrape_interval: 10}\n"
        "scrape_configs:\n"
        "- job_name: a\n"
        "  tls_config: {cert_file: c}\n"
        "- job_name: b\n"
        "  consul_sd_configs:\n"
        "  - {servers: x}\n"
        "alerting:\n"
        "  alertmanagers:\n"
        "  - {api_version: v1}\n"
        "remote_write:\n"
        "- {queue_config: {capacity: 0}}\n"
    )
    assert [(p.line, p.key) for p in found] == [
        (1, "global.scrape_interval"),
        (4, "scrape_configs[0].tls_config"),
        (7, "scrape_configs[1].consul_sd_configs[0].servers"),
        (10, "alerting.alertmanagers[0].api_version"),
        (12, "remote_write[0].queue_config.capacity"),
    ]
    assert (
        found[1].message == "a certificate is set without its key: set cert or cert_file together with key or key_file"
    )
    assert found[2].message == 'unknown key "servers": did you mean "server"?'


def test_the_second_round_reports_all_its_mistakes_too() -> None:
    found = problems(
        "global: {metric_name_validation_scheme: legacy}\n"
        "scrape_configs:\n"
        "- {job_name: a, scrape_interval: 5s, scrape_timeout: 6s}\n"
        "- {job_name: a}\n"
        "- {job_name: b, relabel_configs: [{target_label: a.b}]}\n"
        "alerting: {alert_relabel_configs: [{target_label: 'x-y'}]}\n"
    )
    assert [(p.line, p.key.split(".")[-1]) for p in found] == [
        (3, "scrape_timeout"),
        (4, "job_name"),
        (5, "target_label"),
        (6, "target_label"),
    ]


def test_targets_are_checked_only_where_no_rule_may_take_them_apart() -> None:
    text = "scrape_configs: [{{job_name: a, static_configs: [{{targets: ['http://x/y']}}]{}}}]"
    assert "is not a valid hostname" in problems(text.format(""))[0].message
    parse_config(text.format(", relabel_configs: [{target_label: a, replacement: b}]"))


def test_external_labels_expand_variables() -> None:
    text = "global: {external_labels: {a: '${X}-$X', b: '$$X', c: 'x${GONE}', d: plain}}"
    config = parse_config(text, environment={"X": "1"})
    assert config.global_.external_labels == {"a": "1-1", "b": "$X", "c": "x", "d": "plain"}


def test_paths_start_at_the_directory_of_the_file() -> None:
    text = (
        "rule_files: [rules/*.yml, /abs/r.yml]\n"
        "scrape_configs:\n"
        "- job_name: a\n"
        "  authorization: {credentials_file: tok}\n"
        "  tls_config: {ca_file: ca.pem}\n"
        "  file_sd_configs: [{files: [t/*.json]}]\n"
    )
    config = parse_config(text, "/etc/p/prometheus.yml")
    made = config.scrape_configs[0]
    assert config.rule_files == ["/etc/p/rules/*.yml", "/abs/r.yml"]
    assert made.http_client.authorization is not None
    assert made.http_client.authorization.credentials_file == "/etc/p/tok"
    assert made.http_client.tls_config.ca_file == "/etc/p/ca.pem"
    assert made.discovery.file_sd_configs[0].files == ["/etc/p/t/*.json"]
    assert parse_config(text, "prometheus.yml").rule_files[0] == "rules/*.yml"


def test_jobs_of_other_files_are_read_with_their_own_directory_and_the_same_defaults(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "b.yml").write_text("scrape_configs: [{job_name: b, bearer_token_file: tok}]\n")
    main = tmp_path / "prometheus.yml"
    main.write_text(f"global: {{scrape_interval: 7s}}\nscrape_config_files: [jobs/*.yml]\n{JOB}\n")
    config = load_config(main)
    assert [j.job_name for j in config.jobs] == ["a", "b"]
    assert [j.job_name for j in config.scrape_configs] == ["a"]
    second = config.jobs[1]
    assert second.scrape_interval == 7000
    assert second.http_client.authorization is not None
    assert second.http_client.authorization.credentials_file == str(tmp_path / "jobs" / "tok")


def test_a_mistake_in_another_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "j.yml").write_text("scrape_configs:\n- {job_name: a}\n- {job_nam: b}\nglobal: {}\n")
    main = tmp_path / "prometheus.yml"
    main.write_text(f"scrape_config_files: [j.yml]\n{JOB}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(main)
    assert [(Path(p.file).name, p.line, p.message) for p in caught.value.problems] == [
        ("j.yml", 3, 'unknown key "job_nam": did you mean "job_name"?'),
        ("j.yml", 4, 'unknown key "global" (known here: scrape_configs)'),
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yml: cannot be read: No such file or directory"):
        load_config(tmp_path / "none.yml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scrape_protocols: []", "cannot be empty"),
        ("honor_labels: 1", 'expected true or false, got "1"'),
        ("honor_labels: 'true'", 'expected true or false, got "true"'),
        ("sample_limit: -1", "expected a whole number of 0 or more, got -1"),
        ("sample_limit: x", 'expected a whole number, got "x"'),
        ("scrape_interval: 1.5s", 'not a valid duration string: "1.5s"'),
        ("scrape_interval: [1s]", "expected a duration such as 30s, got a list"),
        ("static_configs: {targets: [a]}", "expected a list"),
        ("static_configs: [a]", "expected a mapping of keys to values"),
        ("params: {a: b}", "expected a list"),
        ("metrics_path: {a: b}", "expected text, got a mapping"),
        ("basic_auth: {username: u}, authorization: {credentials: x}", "at most one of basic_auth, authorization"),
        ("authorization: {type: Basic}", 'the type cannot be "basic"'),
        ("no_proxy: a", "no_proxy needs proxy_url"),
        ("proxy_url: 'http://a:x'", "is not a URL"),
        ("http_headers: {Host: {values: [a]}}", 'header "Host" is set by the client itself'),
        ("tls_config: {min_version: TLS9}", "expected '', 'TLS10', 'TLS11', 'TLS12' or 'TLS13', got \"TLS9\""),
        ("oauth2: {client_id: a}", "token_url must be set"),
        ("relabel_configs: [{action: nope}]", 'unknown relabel action "nope": use one of replace'),
        ("relabel_configs: [{regex: '(', target_label: a}]", "invalid regular expression"),
        ("relabel_configs: [{target_label: ''}]", "action replace needs target_label"),
        ("file_sd_configs: [{files: [x.txt]}]", "a path ends in .json, .yml or .yaml"),
        ("dns_sd_configs: [{names: [a], type: A}]", "a port is required"),
    ],
)
def test_mistakes_say_what_is_wrong_and_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        job(text)
    assert message in str(caught.value)
    assert caught.value.problems[0].line == 3


def test_bools_of_yaml_1_1_are_bools() -> None:
    assert job("honor_labels: yes").honor_labels is True
    assert job("honor_timestamps: off").honor_timestamps is False


def test_null_is_the_zero_value() -> None:
    made = job("honor_timestamps: , metrics_path: , tls_config: , relabel_configs: [{regex: , target_label: a}]")
    assert (made.honor_timestamps, made.metrics_path) == (False, "")
    assert made.relabel_configs[0].regex == ""


def test_a_configuration_never_changes() -> None:
    config: Config = parse_config(JOB)
    with pytest.raises(ValueError, match="frozen"):
        config.runtime = config.runtime
