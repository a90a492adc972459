"""The server's configuration file. `load_config(path)` is the door; a loaded Config is complete and never changed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from narthex.config.alerting import AlertingConfig
from narthex.config.scalars import FilePath, Int
from narthex.config.scrape import GlobalConfig, ScrapeConfig, check_label_names, complete
from narthex.config.strict import Document, Section, parse, read, validate, wrong
from narthex.errors import ConfigError, ConfigProblem

_GLOB = re.compile(r"[^*]*(\*[^/]*)?\Z")


class RuntimeConfig(Section):
    gogc: Int = 75


class Config(Section):
    """Everything that stands in the file, defaults filled in. Relative paths start at the file's directory."""

    global_: GlobalConfig = Field(default=GlobalConfig(), alias="global")
    runtime: RuntimeConfig = RuntimeConfig()
    alerting: AlertingConfig = AlertingConfig()
    rule_files: list[FilePath] = Field(default_factory=list)
    scrape_config_files: list[FilePath] = Field(default_factory=list)
    scrape_configs: list[ScrapeConfig] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> Config:
        for key in ("rule_files", "scrape_config_files"):
            for i, path in enumerate(getattr(self, key)):
                if not _GLOB.match(path):
                    raise wrong(f'"{path}" cannot be used: * may stand only in the last part of a path', key, i)
        return self


def load_config(path: Path, *, environment: Mapping[str, str] | None = None) -> Config:
    """Reads and checks a configuration file. Raises ConfigError with every mistake found."""
    return parse_config(read(path), str(path), environment=environment)


def parse_config(
    data: bytes | str, file: str = "prometheus.yml", *, environment: Mapping[str, str] | None = None
) -> Config:
    """As load_config, from text. Relative paths are taken from the directory of `file`."""
    document = parse(data, file)
    variables = os.environ if environment is None else environment
    context = {"directory": str(Path(file).parent), "environment": variables}
    config = validate(Config, document, context)
    problems: list[ConfigProblem] = []
    jobs = _jobs(config, document, problems)
    _check_alerting(config, document, problems)
    if problems:
        raise ConfigError(sorted(problems, key=lambda p: p.line))
    return config.model_copy(update={"scrape_configs": jobs})


def _jobs(config: Config, document: Document, problems: list[ConfigProblem]) -> list[ScrapeConfig]:
    names: set[str] = set()
    jobs = []
    for i, job in enumerate(config.scrape_configs):
        at = ("scrape_configs", i)
        try:
            jobs.append(complete(job, config.global_))
        except PydanticCustomError as e:
            problems.append(_problem(document, at, e))
        if job.job_name in names:
            problems.append(document.problem((*at, "job_name"), f'a second job is named "{job.job_name}"'))
        names.add(job.job_name)
    return jobs


def _check_alerting(config: Config, document: Document, problems: list[ConfigProblem]) -> None:
    legacy = config.global_.legacy_names
    try:
        check_label_names(config.alerting.alert_relabel_configs, legacy, "alert_relabel_configs")
        for i, manager in enumerate(config.alerting.alertmanagers):
            for key in ("relabel_configs", "alert_relabel_configs"):
                check_label_names(getattr(manager, key), legacy, "alertmanagers", i, key)
    except PydanticCustomError as e:
        problems.append(_problem(document, ("alerting",), e))


def _problem(document: Document, at: tuple[str | int, ...], error: PydanticCustomError) -> ConfigProblem:
    context = error.context or {}
    return document.problem((*at, *context.get("keys", ())), error.message())
