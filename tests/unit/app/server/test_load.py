"""Reading all files of a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from narthex.app.flags import parse_flags
from narthex.app.server.flag_table import SERVER_FLAGS
from narthex.app.server.load import Loaded, load
from narthex.errors import ConfigError


def load_files(folder: Path, *flags: str) -> Loaded:
    return load(parse_flags(SERVER_FLAGS, [f"--config.file={folder / 'prometheus.yml'}", *flags]))


def test_rule_files_of_all_patterns_are_read_once_in_order(tmp_path: Path) -> None:
    config = "global: {evaluation_interval: 7s}\nrule_files: ['b*.yml', '*.yml', absent.yml]\n"
    (tmp_path / "prometheus.yml").write_text(config)
    (tmp_path / "rules").mkdir()
    (tmp_path / "prometheus.yml").write_text(config.replace("'b*", "'rules/b*").replace("'*.", "'rules/*."))
    for name in ("a", "b"):
        (tmp_path / "rules" / f"{name}.yml").write_text(f"groups: [{{name: {name}, rules: [{{record: x, expr: y}}]}}]")
    loaded = load_files(tmp_path)
    assert [group.name for group in loaded.groups] == ["b", "a"]
    assert {group.interval_ms for group in loaded.groups} == {7000}
    assert [path.name for path in loaded.files] == ["prometheus.yml", "b.yml", "a.yml"]


def test_mistakes_of_all_rule_files_are_reported_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text("rule_files: [r.yml, s.yml]\n")
    (tmp_path / "r.yml").write_text("groups:\n- name: g\n  rules:\n  - {record: a, expr: 'sum('}\n")
    (tmp_path / "s.yml").write_text("groups:\n- name: g\n  bogus: 1\n")
    with pytest.raises(ConfigError) as caught:
        load_files(tmp_path)
    text = str(caught.value)
    assert "r.yml:4" in text and "parse error" in text and "s.yml:3" in text


def test_experimental_functions_in_rules_need_their_feature(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text("rule_files: [r.yml]\n")
    (tmp_path / "r.yml").write_text("groups: [{name: g, rules: [{record: a, expr: 'mad_over_time(x[5m])'}]}]")
    with pytest.raises(ConfigError):
        load_files(tmp_path)
    assert len(load_files(tmp_path, "--enable-feature=promql-experimental-functions").groups) == 1


def test_a_missing_configuration_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"prometheus\.yml"):
        load_files(tmp_path)


@pytest.mark.parametrize(
    ("feature", "first"),
    [
        ("created-timestamp-zero-ingestion", "PrometheusProto"),
        ("st-storage", "PrometheusProto"),
        ("exemplar-storage", "OpenMetricsText1.0.0"),
    ],
)
def test_features_that_want_start_times_put_protobuf_first_in_global(tmp_path: Path, feature: str, first: str) -> None:
    (tmp_path / "prometheus.yml").write_text("scrape_configs: [{job_name: a, scrape_native_histograms: false}]\n")
    config = load_files(tmp_path, f"--enable-feature={feature}").config
    assert config.jobs[0].scrape_protocols[0] == first
    assert bool(config.global_.scrape_protocols) == (first == "PrometheusProto")


def test_extra_scrape_metrics_is_on_with_its_feature_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    flag = "--enable-feature=extra-scrape-metrics"
    for text, wanted in (("", True), ("global: {extra_scrape_metrics: false}", False)):
        (tmp_path / "prometheus.yml").write_text(f"{text}\nscrape_configs: [{{job_name: a}}]\n")
        assert load_files(tmp_path, flag).config.jobs[0].extra_scrape_metrics is wanted
    assert load_files(tmp_path).config.jobs[0].extra_scrape_metrics is False
