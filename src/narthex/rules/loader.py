"""Rule files to group specs. Finds every mistake of every file before it complains."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from narthex.config.rule_file import LEGACY_NAMES, RuleConfig, RuleFile, RuleGroupConfig
from narthex.config.strict import Document, Loc, parse, read, validate
from narthex.errors import ConfigError, ConfigProblem, PromQLError, TemplateError
from narthex.model.labels import Labels
from narthex.promql.syntax import ParserOptions, parse_expr
from narthex.rules.spec import GroupSpec, RuleSpec


def load_rule_files(
    files: Iterable[str],
    *,
    interval_ms: int,
    query_offset_ms: int = 0,
    legacy_names: bool = False,
    parser: ParserOptions | None = None,
) -> list[GroupSpec]:
    """Groups of all files in order; `interval_ms` and `query_offset_ms` are the global settings.

    Raises ConfigError with all problems; each names file, line, group and rule.
    """
    problems: list[ConfigProblem] = []
    groups: list[GroupSpec] = []
    for file in files:
        try:
            groups += load_rule_file(
                file,
                read(Path(file)),
                interval_ms=interval_ms,
                query_offset_ms=query_offset_ms,
                legacy_names=legacy_names,
                parser=parser,
            )
        except ConfigError as e:
            problems += e.problems
    if problems:
        raise ConfigError(problems)
    return groups


def load_rule_file(
    file: str,
    data: bytes | str,
    *,
    interval_ms: int,
    query_offset_ms: int = 0,
    legacy_names: bool = False,
    parser: ParserOptions | None = None,
) -> list[GroupSpec]:
    """As load_rule_files, for the text of one file."""
    document = parse(data, file)
    model = validate(RuleFile, document, {LEGACY_NAMES: legacy_names})
    problems: list[ConfigProblem] = []
    groups = []
    for index, group in enumerate(model.groups):
        checker = _Checker(document, group, index, parser or ParserOptions(), problems)
        groups.append(
            GroupSpec(
                file=file,
                name=group.name,
                interval_ms=group.interval or interval_ms,
                rules=tuple(checker.rule(i, rule) for i, rule in enumerate(group.rules)),
                query_offset_ms=query_offset_ms if group.query_offset is None else group.query_offset,
                limit=group.limit,
            )
        )
    if problems:
        raise ConfigError(problems)
    return groups


class _Checker:
    """Turns the rules of one group into specs and notes what is wrong with them."""

    def __init__(
        self,
        document: Document,
        group: RuleGroupConfig,
        index: int,
        parser: ParserOptions,
        problems: list[ConfigProblem],
    ) -> None:
        self._document, self._group, self._index = document, group, index
        self._parser, self._problems = parser, problems

    def rule(self, index: int, rule: RuleConfig) -> RuleSpec:
        name = rule.alert or rule.record
        at: Loc = ("groups", self._index, "rules", index)
        who = f'group "{self._group.name}", rule {index + 1}, "{name}"'
        try:
            parse_expr(rule.expr, self._parser)
        except PromQLError as e:
            self._add((*at, "expr"), f"{who}: could not parse expression: {e}")
        if rule.alert:
            for part, texts in (("labels", rule.labels), ("annotations", rule.annotations)):
                for key, text in texts.items():
                    if "{{" in text:
                        self._check_template(name, text, (*at, part, key), f'{who}: {part.removesuffix("s")} "{key}"')
        return RuleSpec(
            name=name,
            expr=rule.expr,
            alerting=bool(rule.alert),
            labels=Labels({**self._group.labels, **rule.labels}),
            for_ms=rule.for_ms,
            keep_firing_for_ms=rule.keep_firing_for,
            annotations=tuple(rule.annotations.items()),
        )

    def _check_template(self, name: str, text: str, at: Loc, who: str) -> None:
        from narthex.rules.expansion import check_template  # the template language is slow to import and rarely used

        try:
            check_template(name, text)
        except TemplateError as e:
            self._add(at, f"{who}: {e}")

    def _add(self, at: Loc, message: str) -> None:
        self._problems.append(self._document.problem(at, message))
