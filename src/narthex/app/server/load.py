"""Reading everything a server runs with: the configuration file and the rule files it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from narthex.app.flags import Flags
from narthex.config.globs import matching_files
from narthex.config.prometheus import Config, load_config
from narthex.config.scrape import PROTOBUF_FIRST
from narthex.errors import ConfigError, ConfigProblem
from narthex.promql.syntax import ParserOptions
from narthex.rules.loader import load_rule_files
from narthex.rules.spec import GroupSpec

_WANT_STARTS = frozenset(("created-timestamp-zero-ingestion", "st-storage"))


@dataclass(frozen=True)
class Loaded:
    """A complete configuration. `files` are all files that were read, for --config.auto-reload."""

    config: Config
    groups: Sequence[GroupSpec]
    files: tuple[Path, ...]


def load(flags: Flags) -> Loaded:
    """Reads and checks all files. Raises ConfigError with every mistake found."""
    path = Path(flags.text("config.file"))
    config = load_config(path, global_defaults=_global_defaults(flags))
    if flags.on("agent"):
        _check_agent(path, config)
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


def _global_defaults(flags: Flags) -> dict[str, Any]:
    """What --enable-feature changes in `global` where the file says nothing. Protobuf carries start times best."""
    features = frozenset(flags.items("enable-feature"))
    out: dict[str, Any] = {}
    if not _WANT_STARTS.isdisjoint(features):
        out["scrape_protocols"] = list(PROTOBUF_FIRST)
    if "extra-scrape-metrics" in features:
        out["extra_scrape_metrics"] = True
    return out


def _check_agent(path: Path, config: Config) -> None:
    """Raises ConfigError, in Prometheus' words, for a section that an agent has no use for."""
    sections = {
        "alerting": config.alerting.alertmanagers or config.alerting.alert_relabel_configs,
        "rule_files": config.rule_files,
        "remote_read": config.remote_read,
    }
    for name, content in sections.items():
        if content:
            problem = ConfigProblem(str(path), 0, "", f"field {name} is not allowed in agent mode")
            raise ConfigError([problem])


def _matching(patterns: Sequence[str]) -> list[str]:
    """Files of all patterns, each once, in order."""
    return list(dict.fromkeys(path for pattern in patterns for path in matching_files(pattern)))


def parser_options(flags: Flags) -> ParserOptions:
    """The language that --enable-feature gives."""
    return ParserOptions.of_features(flags.items("enable-feature"))
