"""The server's configuration file. `load_config(path)` is the door; a loaded Config is complete and never changed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from narthex.config.alerting import AlertingConfig
from narthex.config.globs import matching_files
from narthex.config.later import Later
from narthex.config.remote import RemoteReadConfig, RemoteWriteConfig
from narthex.config.scalars import FilePath, Int
from narthex.config.scrape import GlobalConfig, ScrapeConfig, check_label_names, complete
from narthex.config.storage import UTF8_STRATEGIES, OTLPConfig, StorageConfig, TracingConfig
from narthex.config.strict import Document, Loc, Section, parse, read, validate, wrong
from narthex.errors import ConfigError, ConfigProblem

_GLOB = re.compile(r"[^*]*(\*[^/]*)?\Z")


class RuntimeConfig(Section):
    gogc: Int = 75


class Config(Section):
    """Everything that stands in the file, defaults filled in. Relative paths start at the file's directory.

    `scrape_configs` are the jobs of this file, completed from `global`; `jobs` has those of scrape_config_files too.
    """

    ALWAYS: ClassVar[frozenset[str]] = frozenset(("global_",))
    global_: GlobalConfig = Field(default=GlobalConfig(metric_name_escaping_scheme="allow-utf-8"), alias="global")
    runtime: RuntimeConfig = RuntimeConfig()
    alerting: AlertingConfig = AlertingConfig()
    rule_files: list[FilePath] = Field(default_factory=list)
    scrape_config_files: list[FilePath] = Field(default_factory=list)
    scrape_configs: list[ScrapeConfig] = Field(default_factory=list)
    storage: StorageConfig = StorageConfig()
    tracing: Annotated[TracingConfig, Later()] | None = None
    remote_write: list[Annotated[RemoteWriteConfig, Later()]] = Field(default_factory=list)
    remote_read: list[Annotated[RemoteReadConfig, Later()]] = Field(default_factory=list)
    otlp: OTLPConfig = OTLPConfig()
    _more_jobs: list[ScrapeConfig] = []  # noqa: RUF012  # a private attribute, which pydantic copies

    @model_validator(mode="after")
    def _check(self) -> Config:
        for key in ("rule_files", "scrape_config_files"):
            for i, path in enumerate(getattr(self, key)):
                if not _GLOB.match(path):
                    raise wrong(f'"{path}" cannot be used: * may stand only in the last part of a path', key, i)
        return self

    @property
    def jobs(self) -> list[ScrapeConfig]:
        """All jobs, those of scrape_config_files last."""
        return [*self.scrape_configs, *self._more_jobs]


class ScrapeConfigFile(Section):
    scrape_configs: list[ScrapeConfig] = Field(default_factory=list)


def load_config(
    path: Path,
    *,
    agent: bool = False,
    environment: Mapping[str, str] | None = None,
    global_defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Config:
    """Reads and checks a configuration file and its scrape_config_files. Raises ConfigError with every mistake.

    `global_defaults` are values of `global` where the file has none.
    """
    return parse_config(read(path), str(path), agent=agent, environment=environment, global_defaults=global_defaults)


def parse_config(
    data: bytes | str,
    file: str = "prometheus.yml",
    *,
    agent: bool = False,
    environment: Mapping[str, str] | None = None,
    global_defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Config:
    """As load_config, from text. Relative paths are taken from the directory of `file`."""
    document = parse(data, file)
    variables = os.environ if environment is None else environment
    config = validate(Config, document, {"directory": str(Path(file).parent), "environment": variables})
    told = config.global_.model_fields_set
    if missing := {name: value for name, value in global_defaults.items() if name not in told}:
        config = config.model_copy(update={"global_": config.global_.model_copy(update=missing)})
    jobs = _Jobs(config.global_)
    completed = jobs.add(config.scrape_configs, document)
    problems = [
        *jobs.problems,
        *_label_name_problems(config, document),
        *_name_problems(config, document),
        *(_agent_problems(config, document) if agent else ()),
    ]
    if config.global_.legacy_names and config.otlp.translation_strategy in UTF8_STRATEGIES:
        message = "this strategy cannot be used with the legacy name validation scheme"
        problems.append(document.problem(("otlp", "translation_strategy"), message))
    problems.sort(key=lambda p: p.line)
    jobs.problems = []
    more = _more_jobs(config, jobs)
    if problems or jobs.problems:
        raise ConfigError([*problems, *jobs.problems])
    config = config.model_copy(update={"scrape_configs": completed})
    config._more_jobs = more
    return config


class _Jobs:
    """Completes jobs from `global` and watches over their names across files."""

    def __init__(self, defaults: GlobalConfig) -> None:
        self._defaults = defaults
        self._first: dict[str, str] = {}
        self.problems: list[ConfigProblem] = []

    def add(self, jobs: list[ScrapeConfig], document: Document) -> list[ScrapeConfig]:
        out = []
        for i, job in enumerate(jobs):
            at: Loc = ("scrape_configs", i)
            try:
                out.append(complete(job, self._defaults))
            except PydanticCustomError as e:
                self.problems.append(_problem(document, at, e))
            if job.job_name in self._first:
                message = f'a second job is named "{job.job_name}", the first is in {self._first[job.job_name]}'
                self.problems.append(document.problem((*at, "job_name"), message))
            self._first.setdefault(job.job_name, document.file)
        return out


def _more_jobs(config: Config, jobs: _Jobs) -> list[ScrapeConfig]:
    out: list[ScrapeConfig] = []
    for pattern in config.scrape_config_files:
        try:
            for path in matching_files(pattern):
                document = parse(read(Path(path)), path)
                file = validate(ScrapeConfigFile, document, {"directory": str(Path(path).parent)})
                out += jobs.add(file.scrape_configs, document)
        except ConfigError as e:
            jobs.problems += e.problems
    return out


def _label_name_problems(config: Config, document: Document) -> list[ConfigProblem]:
    """Rules that write label names which the name validation scheme does not allow; jobs have checked their own."""
    legacy = config.global_.legacy_names
    lists: list[tuple[Loc, Any]] = [(("alerting", "alert_relabel_configs"), config.alerting.alert_relabel_configs)]
    for i, manager in enumerate(config.alerting.alertmanagers):
        keys = ("relabel_configs", "alert_relabel_configs")
        lists += [(("alerting", "alertmanagers", i, key), getattr(manager, key)) for key in keys]
    writes = enumerate(config.remote_write)
    lists += [(("remote_write", i, "write_relabel_configs"), write.write_relabel_configs) for i, write in writes]
    problems = []
    for at, configs in lists:
        try:
            check_label_names(configs, legacy)
        except PydanticCustomError as e:
            problems.append(_problem(document, at, e))
    return problems


def _name_problems(config: Config, document: Document) -> list[ConfigProblem]:
    problems = []
    for key in ("remote_write", "remote_read"):
        seen: set[str] = set()
        for i, section in enumerate(getattr(config, key)):
            if section.name and section.name in seen:
                problems.append(document.problem((key, i, "name"), f'a second {key} is named "{section.name}"'))
            seen.add(section.name)
    return problems


def _agent_problems(config: Config, document: Document) -> list[ConfigProblem]:
    alerting = config.alerting.alertmanagers or config.alerting.alert_relabel_configs
    used = {"alerting": alerting, "rule_files": config.rule_files, "remote_read": config.remote_read}
    return [document.problem((key,), "is not allowed in agent mode") for key, value in used.items() if value]


def _problem(document: Document, at: Loc, error: PydanticCustomError) -> ConfigProblem:
    context = error.context or {}
    return document.problem((*at, *context.get("keys", ())), error.message())
