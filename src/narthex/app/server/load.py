"""Reading everything a server runs with: the configuration file and the rule files it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from narthex.app.flags import Flags
from narthex.config.globs import matching_files
from narthex.config.prometheus import Config, load_config
from narthex.promql.syntax import ParserOptions
from narthex.rules.loader import load_rule_files
from narthex.rules.spec import GroupSpec


@dataclass(frozen=True)
class Loaded:
    """A complete configuration. `files` are all files that were read, for --config.auto-reload."""

    config: Config
    groups: Sequence[GroupSpec]
    files: tuple[Path, ...]


def load(flags: Flags) -> Loaded:
    """Reads and checks all files. Raises ConfigError with every mistake found."""
    path = Path(flags.text("config.file"))
    config = load_config(path)
    rule_files = _matching(config.rule_files)
    groups = load_rule_files(
        rule_files,
        interval_ms=config.global_.evaluation_interval,
        query_offset_ms=config.global_.rule_query_offset,
        legacy_names=config.global_.legacy_names,
        parser=parser_options(flags),
    )
    files = (path, *map(Path, rule_files), *map(Path, _matching(config.scrape_config_files)))
    return Loaded(config, groups, files)


def _matching(patterns: Sequence[str]) -> list[str]:
    """Files of all patterns, each once, in order."""
    return list(dict.fromkeys(path for pattern in patterns for path in matching_files(pattern)))


def parser_options(flags: Flags) -> ParserOptions:
    """The language that --enable-feature gives."""
    names = flags.items("enable-feature")
    return ParserOptions(
        experimental_functions="promql-experimental-functions" in names,
        extended_range_selectors="promql-extended-range-selectors" in names,
        fill_modifiers="promql-binop-fill-modifiers" in names,
    )
