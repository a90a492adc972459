"""relabel_configs and their kin: which fields each action takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from narthex.config.scalars import Scalar, Text, Unsigned
from narthex.config.strict import Section, wrong
from narthex.errors import MatcherError
from narthex.model.labels import is_label_name, is_utf8_name
from narthex.model.regex import compile_regex
from narthex.model.relabel import (
    ACTIONS,
    DEFAULT_REGEX,
    DEFAULT_REPLACEMENT,
    DEFAULT_SEPARATOR,
    RelabelRule,
)

_TARGET_ACTIONS = ("replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal")
_LEGACY_TARGET = re.compile(r"(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+\Z", re.ASCII)


def _action(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("expected the name of an action")
    action = value.lower()
    if action not in ACTIONS:
        raise ValueError(f'unknown relabel action "{value}": use one of {", ".join(ACTIONS)}')
    return action


def _regex(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("expected a regular expression")
    text = "" if isinstance(value, Scalar) and value.tag == "null" else str(value)
    try:
        compile_regex(text).check()
    except MatcherError as e:
        raise ValueError(str(e)) from None
    return text


class RelabelConfig(Section):
    """One relabelling rule as it stands in the file. `rule` is what works on label sets."""

    ALWAYS: ClassVar[frozenset[str]] = frozenset(("separator", "replacement"))

    source_labels: list[Text] = Field(default_factory=list)
    separator: Text = DEFAULT_SEPARATOR
    regex: Annotated[str, BeforeValidator(_regex)] = DEFAULT_REGEX
    modulus: Unsigned = 0
    target_label: Text = ""
    replacement: Text = DEFAULT_REPLACEMENT
    action: Annotated[str, BeforeValidator(_action)] = "replace"

    @model_validator(mode="after")
    def _check(self) -> RelabelConfig:
        action = self.action
        if action == "hashmod" and self.modulus == 0:
            raise wrong("action hashmod needs a modulus above 0", "modulus")
        if action in _TARGET_ACTIONS and not self.target_label:
            raise wrong(f"action {action} needs target_label", "target_label")
        if action in ("lowercase", "uppercase") and self.replacement != DEFAULT_REPLACEMENT:
            raise wrong(f"action {action} takes no replacement", "replacement")
        if action in ("keepequal", "dropequal"):
            self._only(action, "source_labels and target_label", ("regex", "modulus", "separator", "replacement"))
        if action in ("labeldrop", "labelkeep"):
            others = ("source_labels", "target_label", "modulus", "separator", "replacement")
            self._only(action, "regex", others)
        return self

    def _only(self, action: str, taken: str, others: Sequence[str]) -> None:
        fields = type(self).model_fields
        for name in others:
            if getattr(self, name) != fields[name].get_default(call_default_factory=True):
                raise wrong(f"action {action} takes only {taken}", name)

    def name_problem(self, legacy: bool) -> tuple[str, str] | None:
        """The (key, message) of a label name that is not valid under the name validation scheme, if any."""
        valid = is_label_name if legacy else is_utf8_name
        templated = (lambda t: bool(_LEGACY_TARGET.match(t))) if legacy else is_utf8_name
        target_valid = templated if self.action == "replace" and "$" in self.target_label else valid
        if self.action in _TARGET_ACTIONS and not target_valid(self.target_label):
            return "target_label", f'"{self.target_label}" is not a valid label name for action {self.action}'
        if self.action == "labelmap" and not templated(self.replacement):
            return "replacement", f'"{self.replacement}" does not make valid label names'
        return None

    def rule(self, legacy_names: bool = False) -> RelabelRule:
        """The compiled rule. Equal sections share one, and with it what it remembers of its inputs."""
        return _compiled(
            self.action,
            tuple(self.source_labels),
            self.separator,
            self.regex,
            self.modulus,
            self.target_label,
            self.replacement,
            legacy_names,
        )


@lru_cache(maxsize=4096)
def _compiled(
    action: str,
    source_labels: tuple[str, ...],
    separator: str,
    regex: str,
    modulus: int,
    target_label: str,
    replacement: str,
    legacy_names: bool,
) -> RelabelRule:
    return RelabelRule(action, source_labels, separator, regex, modulus, target_label, replacement, legacy_names)


def rules(configs: Iterable[RelabelConfig], legacy_names: bool = False) -> tuple[RelabelRule, ...]:
    """Compiled rules for `narthex.model.relabel.process`."""
    return tuple(config.rule(legacy_names) for config in configs)
