"""Rule files: what they become and what is said about bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from narthex.errors import ConfigError
from narthex.model.labels import Labels
from narthex.rules import load_rule_files
from narthex.rules.loader import load_rule_file

GOOD = """\
groups:
- name: g
  interval: 30s
  query_offset: 10s
  limit: 5
  labels: {team: t, severity: none}
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - alert: Down
    expr: up == 0
    for: 1m30s
    keep_firing_for: 5m
    labels: {severity: page}
    annotations: {summary: "{{ $labels.instance }} is down"}
- name: h
  rules: []
"""


def test_a_file_becomes_groups() -> None:
    first, second = load_rule_file("f.yml", GOOD, interval_ms=60_000, query_offset_ms=1000)
    assert (first.interval_ms, first.query_offset_ms, first.limit) == (30_000, 10_000, 5)
    assert (second.interval_ms, second.query_offset_ms, second.rules) == (60_000, 1000, ())
    record, alert = first.rules
    assert (record.alerting, record.labels) == (False, Labels({"team": "t", "severity": "none"}))
    assert alert.labels == Labels({"team": "t", "severity": "page"})
    assert (alert.for_ms, alert.keep_firing_for_ms) == (90_000, 300_000)


def test_slots_lie_on_the_groups_own_grid() -> None:
    (group, _) = load_rule_file("f.yml", GOOD, interval_ms=60_000)
    now = 1_700_000_000_123
    slot = group.slot(now)
    assert now - 30_000 < slot <= now
    assert slot % 30_000 == group.offset_ms
    assert group.slot(slot) == slot
    assert group.slot(slot + 30_000) == slot + 30_000


@pytest.mark.parametrize(
    ("rule", "place", "message"),
    [
        ("{record: a, expr: 'rate(x)'}", "f.yml:4: groups[0].rules[0].expr", 'group "g", rule 1, "a": could not parse'),
        ("{alert: A, expr: up, labels: {a: '{{ $x }}'}}", "f.yml:4: groups[0].rules[0].labels.a", "undefined variable"),
        ("{record: a, alert: b, expr: x}", "f.yml:4: groups[0].rules[0]", "only one of 'record' and 'alert'"),
        ("{expr: x}", "f.yml:4: groups[0].rules[0]", "one of 'record' or 'alert' must be set"),
        ("{record: a}", "f.yml:4: groups[0].rules[0].expr", "field 'expr' must be set"),
        ("{record: a, expr: x, for: 1m}", "f.yml:4: groups[0].rules[0].for", "invalid field 'for' in recording rule"),
        ("{record: 'a{b=\"c\"}', expr: x}", "f.yml:4: groups[0].rules[0].record", "braces present"),
        ("{record: a, expr: x, labels: {__name__: b}}", "f.yml:4: groups[0].rules[0].labels.__name__", "invalid label"),
        ("{alert: a, expr: x, fore: 1m}", "f.yml:4: groups[0].rules[0].fore", 'unknown key "fore": did you mean "for"'),
        ("{alert: a, expr: x, for: 1q}", "f.yml:4: groups[0].rules[0].for", 'unknown unit "q" in duration'),
    ],
)
def test_mistakes_name_file_line_and_key(rule: str, place: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_rule_file("f.yml", f"groups:\n- name: g\n  rules:\n  - {rule}\n", interval_ms=1000)
    assert str(caught.value).startswith(place + ":")
    assert message in str(caught.value)


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    names = []
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text(
            "groups:\n- name: g\n  rules:\n  - {record: a, expr: 'x{'}\n  - {alert: b, expr: )}\n"
        )
        names.append(str(tmp_path / name))
    with pytest.raises(ConfigError) as caught:
        load_rule_files([*names, str(tmp_path / "missing.yml")], interval_ms=1000)
    assert len(caught.value.problems) == 5


def test_names_of_groups_are_unique_in_a_file() -> None:
    with pytest.raises(ConfigError, match='"g" is repeated in the same file'):
        load_rule_file("f.yml", "groups: [{name: g}, {name: g}]", interval_ms=1000)


def test_conformance_files(conformance: Path) -> None:
    """Bad files are refused; everything else loads. Classic names are only demanded where the scheme says so."""
    for path in sorted((conformance / "rule-files").glob("*/*.yaml")):
        legacy = path.name.startswith("legacy_")
        bad = ".bad." in path.name or path.name == "invalid_rules.yaml"
        try:
            load_rule_files([str(path)], interval_ms=60_000, legacy_names=legacy)
            refused = False
        except ConfigError as e:
            refused = True
            assert all(p.line > 0 and p.file == str(path) for p in e.problems)
        assert refused == bad, path.name
