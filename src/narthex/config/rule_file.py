"""Rule files: groups of recording and alerting rules. Expressions and templates are checked by `narthex.rules`."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, model_validator

from narthex.config.scalars import Int, Milliseconds, Text
from narthex.config.strict import Section, wrong
from narthex.model.labels import METRIC_NAME, is_label_name, is_metric_name, is_utf8_name

LEGACY_NAMES = "legacy_names"
"""Key of the validation context: True allows only classic names (metric_name_validation_scheme: legacy)."""


def _legacy(info: ValidationInfo) -> bool:
    return bool((info.context or {}).get(LEGACY_NAMES))


class RuleConfig(Section):
    """One rule. Durations are milliseconds; `for_ms` stands as `for` in the file."""

    record: Text = ""
    alert: Text = ""
    expr: Text = ""
    for_ms: Milliseconds = Field(default=0, alias="for")
    keep_firing_for: Milliseconds = 0
    labels: dict[Text, Text] = Field(default_factory=dict)
    annotations: dict[Text, Text] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> RuleConfig:
        if self.record and self.alert:
            raise wrong("only one of 'record' and 'alert' must be set")
        if not self.record and not self.alert:
            raise wrong("one of 'record' or 'alert' must be set")
        if not self.expr.strip():
            raise wrong("field 'expr' must be set in rule", "expr")
        legacy = _legacy(info)
        if self.record:
            self._check_record(legacy)
        _check_labels(self.labels, legacy)
        for name in self.annotations:
            if not _valid_label(name, legacy):
                raise wrong(f"invalid annotation name: {name}", "annotations", name)
        return self

    def _check_record(self, legacy: bool) -> None:
        for value, key in ((self.annotations, "annotations"), (self.for_ms, "for"),
                           (self.keep_firing_for, "keep_firing_for")):  # fmt: skip
            if value:
                raise wrong(f"invalid field '{key}' in recording rule", key)
        valid = is_metric_name(self.record) if legacy else is_utf8_name(self.record)
        if not valid:
            raise wrong(f"invalid recording rule name: {self.record}", "record")
        if "{" in self.record or "}" in self.record:
            raise wrong(f"braces present in the recording rule name; should it be in expr?: {self.record}", "record")


def _valid_label(name: str, legacy: bool) -> bool:
    return is_label_name(name) if legacy else is_utf8_name(name)


def _check_labels(labels: dict[str, str], legacy: bool) -> None:
    for name in labels:
        if not _valid_label(name, legacy) or name == METRIC_NAME:
            raise wrong(f"invalid label name: {name}", "labels", name)


class RuleGroupConfig(Section):
    """One group. `interval` and `query_offset` None stand for the global settings; durations are milliseconds."""

    name: Text = ""
    interval: Milliseconds | None = None
    query_offset: Milliseconds | None = None
    limit: Int = 0
    labels: dict[Text, Text] = Field(default_factory=dict)
    rules: list[RuleConfig] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> RuleGroupConfig:
        if not self.name:
            raise wrong("Groupname must not be empty", "name")
        _check_labels(self.labels, _legacy(info))
        return self


class RuleFile(Section):
    """The whole file."""

    groups: list[RuleGroupConfig] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> RuleFile:
        seen: set[str] = set()
        for index, group in enumerate(self.groups):
            if group.name in seen:
                raise wrong(f'groupname: "{group.name}" is repeated in the same file', "groups", index, "name")
            seen.add(group.name)
        return self
