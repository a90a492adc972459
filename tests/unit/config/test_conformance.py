"""The peers' own configuration files: good ones load and print back, bad ones are refused with a message that helps."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from narthex.config.printing import config_to_yaml
from narthex.config.prometheus import Config, load_config, parse_config
from narthex.errors import ConfigError

NOT_A_SERVER_CONFIG = {"promtool-http-config-file.yml", "rbac-setup.yml", "web-config.yml"}
LOADS_WITHOUT_ITS_SECOND_FILE = {"scrape_config_files_global.bad.yml"}  # names a bad file that is not in the folder
PRINTS_EXPANDED_VARIABLES = {"external_labels.good.yml"}  # whose values have a literal $ in the end
REFUSED_BY_NAME = {
    "otlp_allow_utf8.incompatible.yml",
    "otlp_no_translation.incompatible.yml",
    "config_with_deprecated_am_api_config.yml",
}

# What the message must say: a piece of it for each bad file.
EXPECTED = {
    "agent_mode.with_alert_manager.yml": "alerting: is not allowed in agent mode",
    "agent_mode.with_alert_relabels.yml": "alerting: is not allowed in agent mode",
    "agent_mode.with_remote_reads.yml": "remote_read: is not allowed in agent mode",
    "agent_mode.with_rule_files.yml": "rule_files: is not allowed in agent mode",
    "azure_authentication_method.bad.yml": 'unknown authentication method "invalid"',
    "azure_bearertoken_basicauth.bad.yml": "bearer_token cannot be set together with basic_auth",
    "azure_client_id_missing.bad.yml": "needs client_id",
    "azure_client_secret_missing.bad.yml": "needs client_secret",
    "azure_subscription_id_missing.bad.yml": "needs subscription_id",
    "bearertoken.bad.yml": "at most one of bearer_token and bearer_token_file",
    "bearertoken_basicauth.bad.yml": "bearer_token cannot be set together with basic_auth",
    "config_with_deprecated_am_api_config.yml": "expected 'v2', got \"v1\"",
    "dropequal.bad.yml": "action dropequal needs target_label",
    "ec2_filters_empty_values.bad.yml": "values of a filter cannot be empty",
    "ec2_token_file.bad.yml": "at most one of bearer_token and bearer_token_file",
    "empty_alert_relabel_config.bad.yml": "alert_relabel_configs[0]: empty or null section",
    "empty_alertmanager_relabel_config.bad.yml": "relabel_configs[0]: empty or null section",
    "empty_metric_relabel_config.bad.yml": "metric_relabel_configs[0]: empty or null section",
    "empty_rw_config.bad.yml": "remote_write[0]: empty or null section",
    "empty_rw_relabel_config.bad.yml": "write_relabel_configs[0]: empty or null section",
    "empty_scrape_config.bad.yml": "scrape_configs[0]: empty or null section",
    "empty_scrape_config_action.bad.yml": 'unknown relabel action ""',
    "empty_static_config.bad.yml": "static_configs[0]: empty or null section",
    "eureka_invalid_server.bad.yml": '"eureka.com" must start with http',
    "eureka_no_server.bad.yml": "server: must be set",
    "hetzner_role.bad.yml": 'unknown role "invalid": use one of robot, hcloud',
    "http_token_file.bad.yml": "at most one of bearer_token and bearer_token_file",
    "http_url_bad_scheme.bad.yml": "must start with http:// or https://",
    "http_url_no_host.bad.yml": "has no host",
    "http_url_no_scheme.bad.yml": "must start with http:// or https://",
    "jobname.bad.yml": "a job needs a name",
    "jobname_dup.bad.yml": 'a second job is named "prometheus"',
    "keepequal.bad.yml": "action keepequal needs target_label",
    "keepequal1.bad.yml": "action keepequal takes only source_labels and target_label",
    "kubernetes_api_server_with_own_namespace.bad.yml": "api_server and namespaces.own_namespace cannot",
    "kubernetes_bearertoken.bad.yml": "at most one of bearer_token and bearer_token_file",
    "kubernetes_bearertoken_basicauth.bad.yml": "bearer_token cannot be set together with basic_auth",
    "kubernetes_http_config_without_api_server.bad.yml": "HTTP client settings need api_server",
    "kubernetes_kubeconfig_with_apiserver.bad.yml": "kubeconfig_file and api_server cannot be set together",
    "kubernetes_kubeconfig_with_own_namespace.bad.yml": "kubeconfig_file and namespaces.own_namespace cannot",
    "kubernetes_namespace_discovery.bad.yml": 'unknown key "foo"',
    "kubernetes_role.bad.yml": 'unknown role "vacation"',
    "kubernetes_selectors_duplicated_role.bad.yml": 'a second selector has role "pod"',
    "kubernetes_selectors_incorrect_selector.bad.yml": '"metadata.status-Running" is not a field selector',
    "kubernetes_selectors_ingress.bad.yml": "role ingress takes only ingress selectors",
    "kubernetes_selectors_node.bad.yml": "role node takes only node selectors",
    "kubernetes_selectors_pod.bad.yml": "role pod takes only pod, node selectors",
    "kubernetes_selectors_service.bad.yml": "role service takes only service selectors",
    "labeldrop.bad.yml": "action labeldrop takes only regex",
    "labeldrop3.bad.yml": "action labeldrop takes only regex",
    "labeldrop4.bad.yml": "action labeldrop takes only regex",
    "labeldrop5.bad.yml": "action labeldrop takes only regex",
    "labelkeep.bad.yml": "action labelkeep takes only regex",
    "labelkeep2.bad.yml": "action labelkeep takes only regex",
    "labelkeep4.bad.yml": "action labelkeep takes only regex",
    "labelkeep5.bad.yml": "action labelkeep takes only regex",
    "labelmap.bad.yml": "!!binary value is not",
    "labelname.bad.yml": "!!binary value is not UTF-8 text",
    "labelvalue.bad.yml": "!!binary value is not UTF-8 text",
    "lowercase.bad.yml": "action lowercase needs target_label",
    "lowercase3.bad.yml": "action lowercase takes no replacement",
    "marathon_authtoken_authtokenfile.bad.yml": "at most one of auth_token, auth_token_file",
    "marathon_authtoken_basicauth.bad.yml": "at most one of auth_token, auth_token_file, basic_auth",
    "marathon_authtoken_bearertoken.bad.yml": "at most one of auth_token, auth_token_file, basic_auth",
    "marathon_no_servers.bad.yml": "marathon discovery needs servers",
    "metric_name_validation_scheme.bad.yml": "expected '', 'utf8' or 'legacy', got \"invalid_scheme\"",
    "oci_authentication_method.bad.yml": 'unknown auth method "invalid": use one of api_key, instance_principal',
    "openstack_availability.bad.yml": 'unknown availability "invalid"',
    "openstack_role.bad.yml": 'unknown role "invalid"',
    "otlp_allow_utf8.bad.yml": 'unknown translation strategy "Invalid"',
    "otlp_allow_utf8.incompatible.yml": "cannot be used with the legacy name validation scheme",
    "otlp_ignore_resource_attributes_without_promote_all.bad.yml": "needs promote_all_resource_attributes",
    "otlp_no_translation.incompatible.yml": "cannot be used with the legacy name validation scheme",
    "otlp_promote_all_resource_attributes.bad.yml": "together with promote_all_resource_attributes",
    "otlp_sanitize_ignore_resource_attributes.bad.yml": '"k8s.job.name" stands twice in the list',
    "otlp_sanitize_promote_resource_attributes.bad.yml": '"k8s.job.name" stands twice in the list',
    "outscale_no_secret.bad.yml": "one of secret_key and secret_key_file must be set",
    "outscale_two_secrets.bad.yml": "at most one of secret_key, secret_key_file",
    "ovhcloud_bad_service.bad.yml": 'unknown service "fakeservice"',
    "ovhcloud_no_secret.bad.yml": "needs application_secret",
    "puppetdb_bad_url.bad.yml": "has no host",
    "puppetdb_no_scheme.bad.yml": "must start with http:// or https://",
    "puppetdb_no_url.bad.yml": "url: must be set",
    "puppetdb_token_file.bad.yml": "at most one of bearer_token and bearer_token_file",
    "regex.bad.yml": "invalid regular expression 'abc(def': missing )",
    "remote_read_dup.bad.yml": 'a second remote_read is named "queue1"',
    "remote_read_url_missing.bad.yml": "the url of remote_read must be set",
    "remote_write_authorization_header.bad.yml": "instead of an authorization header",
    "remote_write_dup.bad.yml": 'a second remote_write is named "queue1"',
    "remote_write_header.bad.yml": 'header "x-prometheus-remote-write-version" is set by the client itself',
    "remote_write_queue_capacity_zero.bad.yml": "capacity: must be above 0",
    "remote_write_queue_max_samples_per_send_zero.bad.yml": "max_samples_per_send: must be above 0",
    "remote_write_queue_max_shards_zero.bad.yml": "max_shards: must be above 0",
    "remote_write_queue_min_shards_greater_than_max.bad.yml": "min_shards: must not be above max_shards",
    "remote_write_queue_min_shards_zero.bad.yml": "min_shards: must be above 0",
    "remote_write_wrong_msg.bad.yml": 'unknown remote write message "io.prometheus.writet.v2.Request"',
    "rules.bad.yml": "* may stand only in the last part of a path",
    "scaleway_role.bad.yml": 'unknown role "invalid"',
    "scaleway_two_secrets.bad.yml": "at most one of secret_key, secret_key_file",
    "scrape_body_size_limit.bad.yml": "unknown unit  in 100",
    "scrape_config_files_double_import.bad.yml": 'a second job is named "prometheus"',
    "scrape_config_files_duplicate.bad.yml": 'a second job is named "prometheus"',
    "scrape_config_files_fallback_scrape_protocol2.bad.yml": "fallback_scrape_protocol: unknown scrape protocol",
    "scrape_config_files_glob.bad.yml": "* may stand only in the last part of a path",
    "scrape_config_files_global_duplicate.bad.yml": 'a second job is named "prometheus"',
    "scrape_config_files_scrape_protocols.bad.yml": 'unknown scrape protocol "prometheusproto"',
    "scrape_config_files_scrape_protocols2.bad.yml": "OpenMetricsText1.0.0 stands twice in the list",
    "scrape_config_utf8_conflicting.bad.yml": "cannot be used with the legacy name validation scheme",
    "scrape_interval.bad.yml": "the scrape timeout is greater than the scrape interval",
    "stackit_endpoint.bad.yml": '"://invalid" must start with http',
    "static_config.bad.yml": "!!binary value is not UTF-8 text",
    "target_label_hashmod_missing.bad.yml": "action hashmod needs target_label",
    "target_label_missing.bad.yml": "action replace needs target_label",
    "tracing_invalid_authorization_header.bad.yml": 'header "authorization" is set by the client itself',
    "tracing_invalid_header.bad.yml": 'header "x-prometheus-remote-write-version" is set by the client itself',
    "tracing_missing_endpoint.bad.yml": "the endpoint of tracing must be set",
    "tsdb_chunk_encoding_floats.bad.yml": 'unknown encoding "xor3": use one of xor, xor2',
    "tsdb_chunk_encoding_floats_wrong_case.bad.yml": 'unknown encoding "XOR"',
    "tsdb_chunk_encoding_floats_wrong_case_xor2.bad.yml": 'unknown encoding "XOR2"',
    "tsdb_retention_percentage.bad.yml": "percentage: must be from 0 to 100",
    "tsdb_retention_percentage_negative.bad.yml": "percentage: must be from 0 to 100",
    "tsdb_retention_size.bad.yml": "size: units: invalid -1GB",
    "unknown_attr.bad.yml": 'unknown key "consult_sd_configs": did you mean "consul_sd_configs"?',
    "unknown_global_attr.bad.yml": 'unknown key "nonexistent_field"',
    "uppercase.bad.yml": "action uppercase needs target_label",
    "uppercase3.bad.yml": "action uppercase takes no replacement",
    "url_in_targetgroup.bad.yml": '"http://bad" is not a valid hostname',
    "uyuni_token_file.bad.yml": "at most one of bearer_token and bearer_token_file",
}


def load(path: Path) -> Config:
    return load_config(path, agent="agent_mode" in path.name, environment={"TEST": "x"})


def is_bad(path: Path) -> bool:
    return ".bad." in path.name or path.name in REFUSED_BY_NAME or "agent_mode.with" in path.name


def configs(conformance: Path) -> list[Path]:
    folder = conformance / "prometheus-config"
    found = [*folder.glob("*.yml"), *(folder / "examples").glob("*.yml")]
    return sorted(p for p in found if p.name not in NOT_A_SERVER_CONFIG)


def test_good_files_load_and_print_back_to_an_equal_configuration(conformance: Path) -> None:
    good = [p for p in configs(conformance) if not is_bad(p)]
    assert len(good) >= 70
    for path in good:
        config = load(path)
        text = config_to_yaml(config)
        if path.name in PRINTS_EXPANDED_VARIABLES:
            continue
        again = parse_config(text, str(path))
        assert config_to_yaml(again) == text, path.name
        if "<secret>" not in text and "xxxxx" not in text:
            assert again == config, path.name


def test_bad_files_are_refused_at_a_line_with_a_message_that_names_the_mistake(conformance: Path) -> None:
    bad = {p.name: p for p in configs(conformance) if is_bad(p)}
    assert set(bad) - set(EXPECTED) == LOADS_WITHOUT_ITS_SECOND_FILE
    for name, expected in EXPECTED.items():
        with pytest.raises(ConfigError) as caught:
            load(bad[name])
        text = str(caught.value)
        assert expected in text, f"{name}: {text}"
        assert re.match(r".+\.ya?ml:[1-9][0-9]*: ", text), f"{name}: {text}"


def test_secrets_of_the_big_file_are_not_printed(conformance: Path) -> None:
    text = config_to_yaml(load(conformance / "prometheus-config" / "conf.good.yml"))
    for secret in ("mysecret", "multiline", '"456"', "foobaz", "testAppSecret"):
        assert f": {secret}" not in text
    assert text.count("<secret>") > 20


ODD = [
    None,
    "",
    [],
    {},
    -1,
    1e400,
    "x" * 300,
    ["a", None],
    {"a": {"b": [1]}},
    True,
    "http://[",
    "\0",
    "${X",
    "1" * 5000,
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, dict):
        return {k: changed(v, path[1:], new) if k == path[0] else v for k, v in value.items()}
    return [changed(v, path[1:], new) if i == path[0] else v for i, v in enumerate(value)]


def test_no_single_change_gives_anything_but_a_configuration_or_its_mistakes(conformance: Path) -> None:
    whole = yaml.safe_load((conformance / "prometheus-config" / "conf.good.yml").read_text())
    choose = random.Random(20)
    sections = [{"scrape_configs": [job]} for job in whole.pop("scrape_configs")] + [{k: v} for k, v in whole.items()]
    for section in sections:
        for path in choose.choices(list(paths(section)), k=3):
            text = yaml.safe_dump(changed(section, path, choose.choice(ODD)), allow_unicode=True)
            try:
                printed = config_to_yaml(parse_config(text, "x.yml", environment={}))
            except ConfigError as e:
                assert all(p.line and p.message for p in e.problems), text
            else:
                parse_config(printed, "x.yml", environment={})
