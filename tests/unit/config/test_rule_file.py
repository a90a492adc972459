"""The peers' rule files: syntax only; expressions and templates are checked where they are understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from narthex.config.rule_file import LEGACY_NAMES, RuleFile
from narthex.config.strict import load, read
from narthex.errors import ConfigError

REFUSED = {
    "bad_field.bad.yaml": (8, 'unknown key "annotation": did you mean "annotations"?'),
    "duplicate_grp.bad.yaml": (3, 'groupname: "yolo" is repeated in the same file'),
    "invalid_label_name.bad.yaml": (7, "invalid label name: __name__"),
    "invalid_record_name.bad.yaml": (4, "braces present in the recording rule name"),
    "no_rec_alert.bad.yaml": (4, "one of 'record' or 'alert' must be set"),
    "noexpr.bad.yaml": (4, "field 'expr' must be set in rule"),
    "record_and_alert.bad.yaml": (4, "only one of 'record' and 'alert' must be set"),
    "record_and_for.bad.yaml": (6, "invalid field 'for' in recording rule"),
    "record_and_keep_firing_for.bad.yaml": (6, "invalid field 'keep_firing_for' in recording rule"),
    "legacy_validation_annotation.bad.yaml": (7, "invalid annotation name: ins-tance"),
}
NEEDS_AN_EXPRESSION_PARSER = {"bad_expr.bad.yaml"}


def rule_file(path: Path) -> RuleFile:
    return load(RuleFile, read(path), str(path), {LEGACY_NAMES: "legacy_validation" in path.name})


def test_good_files_load(conformance: Path) -> None:
    folder = conformance / "rule-files"
    files = [*(folder / "fixtures").iterdir(), *(folder / "rulefmt").iterdir()]
    good = [f for f in files if ".bad." not in f.name and f.name != "invalid_rules.yaml"]
    assert len(good) >= 18
    assert sum(len(rule_file(path).groups) for path in good) > 20


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_bad_files_are_refused_with_line_and_reason(name: str, conformance: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        rule_file(conformance / "rule-files" / "rulefmt" / name)
    line, message = REFUSED[name]
    problem = caught.value.problems[0]
    assert message in problem.message
    assert problem.line == line


def test_no_bad_file_is_forgotten(conformance: Path) -> None:
    bad = {p.name for p in (conformance / "rule-files" / "rulefmt").glob("*.bad.yaml")}
    assert bad == set(REFUSED) | NEEDS_AN_EXPRESSION_PARSER


def test_aliases_repeat_rules(conformance: Path) -> None:
    loaded = rule_file(conformance / "rule-files" / "rulefmt" / "test_aliases.yaml")
    first, record, second, third = loaded.groups[0].rules
    assert first.alert == second.alert == "HighAlert"
    assert first.labels == second.labels
    assert (record.record, third.alert) == ("new_metric", "HighAlert2")
    assert len({rule.expr for rule in loaded.groups[0].rules}) == 1


def test_only_the_first_document_of_a_rule_file_counts(conformance: Path) -> None:
    loaded = rule_file(conformance / "rule-files" / "fixtures" / "rules_multi_doc.yaml")
    assert len(loaded.groups) == 1
